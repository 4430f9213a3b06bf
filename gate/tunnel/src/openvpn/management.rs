//! OpenVPN's management interface.
//!
//! It serves one client at a time, and the node queries it every second: a node that waits five seconds for a
//! connection exits. So every use connects, sends its commands, disconnects, and takes less than a second.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Take};
use tokio::net::TcpStream;

use crate::TunnelError;
use crate::net_namespace::NetNamespace;

/// Maximum wait for the greeting while the node uses the interface.
const GREETING_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum time for which the gate uses the interface.
const CONNECTION_LIMIT: Duration = Duration::from_millis(800);
/// Time that OpenVPN takes to send clients the restart notice.
const RESTART_NOTICE_DELAY: Duration = Duration::from_millis(100);
/// Maximum clients killed on one connection.
pub(super) const MAX_KILLS_PER_CONNECTION: usize = 200;
/// A thousand clients take about 200 kB.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

const WHAT: &str = "OpenVPN's management";

/// Kills clients of these names, at most [`MAX_KILLS_PER_CONNECTION`], and returns how many were connected.
pub(super) async fn kill(
    namespace: &NetNamespace,
    address: SocketAddr,
    names: &BTreeSet<String>,
) -> Result<usize, TunnelError> {
    let stream = namespace.connect(address, WHAT).await?;
    let mut visit = Visit { stream: BufReader::new(stream.take(MAX_ANSWER_BYTES)) };
    let banner = tokio::time::timeout(GREETING_TIMEOUT, visit.line()).await;
    if !banner.map_err(|_| TunnelError::too_slow(WHAT))??.starts_with(">INFO:") {
        return Err(TunnelError::malformed(WHAT, "no greeting"));
    }
    let work = tokio::time::timeout(CONNECTION_LIMIT, visit.kill(names)).await;
    work.map_err(|_| TunnelError::too_slow(WHAT))?
}

struct Visit {
    stream: BufReader<Take<TcpStream>>,
}

impl Visit {
    /// Sends the clients a restart notice, then kills their connections. Without the notice they would reconnect only
    /// after a minute of silence, which matters once they are restored; with it alone they could go on for five seconds.
    async fn kill(&mut self, names: &BTreeSet<String>) -> Result<usize, TunnelError> {
        let found = self.clients(names).await?;
        let now = &found[..found.len().min(MAX_KILLS_PER_CONNECTION)];
        let connected: Vec<&Client> = now.iter().filter(|client| client.connected).collect();
        if !connected.is_empty() {
            self.order(connected.iter().map(|client| format!("client-kill {}\n", client.number))).await?;
            tokio::time::sleep(RESTART_NOTICE_DELAY).await;
        }
        let names: BTreeSet<&str> = now.iter().map(|client| client.name.as_str()).collect();
        self.order(names.into_iter().map(|name| format!("kill {name}\n"))).await?;
        Ok(found.iter().filter(|client| client.connected).count())
    }

    /// Sends commands and reads as many replies. An error reply means that a client has just disconnected; remaining
    /// clients are found by the next round. "quit" is never sent, because it would discard the replies.
    async fn order(&mut self, orders: impl ExactSizeIterator<Item = String>) -> Result<(), TunnelError> {
        let count = orders.len();
        self.send(&orders.collect::<String>()).await?;
        for _ in 0..count {
            let reply = self.reply().await?;
            if !reply.starts_with("SUCCESS:") && !reply.starts_with("ERROR:") {
                return Err(TunnelError::malformed(WHAT, "neither success nor error"));
            }
        }
        Ok(())
    }

    /// Lists the clients of these names, including those in a handshake.
    async fn clients(&mut self, names: &BTreeSet<String>) -> Result<Vec<Client>, TunnelError> {
        self.send("status 2\n").await?;
        let mut found = Vec::new();
        loop {
            let line = self.reply().await?;
            if line == "END" {
                return Ok(found);
            }
            if line.starts_with("ERROR:") {
                return Err(TunnelError::refused(WHAT, "status"));
            }
            found.extend(Client::parse(&line).filter(|client| names.contains(&client.name)));
        }
    }

    async fn send(&mut self, orders: &str) -> Result<(), TunnelError> {
        let sent = self.stream.get_mut().get_mut().write_all(orders.as_bytes()).await;
        sent.map_err(|error| TunnelError::unreachable(WHAT, error))
    }

    /// Reads the next line that is not a real-time notification.
    async fn reply(&mut self) -> Result<String, TunnelError> {
        loop {
            let line = self.line().await?;
            if !line.starts_with('>') {
                return Ok(line);
            }
        }
    }

    async fn line(&mut self) -> Result<String, TunnelError> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await;
        if read.map_err(|error| TunnelError::unreachable(WHAT, error))? == 0 {
            return Err(TunnelError::malformed(WHAT, "it breaks off"));
        }
        Ok(line.trim_end().to_owned())
    }
}

/// A client in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Client {
    name: String,
    number: u64,
    /// Whether it has an address in the tunnel. A refused client is listed for a while without one.
    connected: bool,
}

impl Client {
    /// Parses a line of `status 2`.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.strip_prefix("CLIENT_LIST,")?.split(',').collect();
        let field = |index: usize| fields.get(index).copied();
        Some(Self {
            name: field(0)?.to_owned(),
            number: field(9)?.parse().ok()?,
            connected: !field(2)?.is_empty() || !field(3)?.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_client_line() {
        let line = |address: &str| {
            format!(
                "CLIENT_LIST,some-name,10.0.0.2:55,{address},,3,4,2026-01-01 00:00:00,1767225600,UNDEF,17,0,AES-256-GCM"
            )
        };
        let client = |connected| Client { name: "some-name".to_owned(), number: 17, connected };
        assert_eq!(Client::parse(&line("10.8.0.2")), Some(client(true)));
        assert_eq!(Client::parse(&line("")), Some(client(false)));
        for odd in
            ["", "CLIENT_LIST,a", "HEADER,CLIENT_LIST,Common Name", "ROUTING_TABLE,10.8.0.2,some-name,x,y"]
        {
            assert_eq!(Client::parse(odd), None, "{odd}");
        }
    }
}
