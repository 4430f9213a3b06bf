//! OpenVPN's management interface.
//!
//! It serves one client at a time, and the node asks it every second: a node that waits five seconds for its turn
//! gives up and dies. So every visit is connect, ask, leave, and has less than a second.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Take};
use tokio::net::TcpStream;

use crate::enforce::tunnel::TunnelError;
use crate::enforce::tunnel::place::Place;

/// How long the node, which comes every second, may keep us waiting for our turn.
const TURN: Duration = Duration::from_secs(3);
/// How long we may keep the node waiting.
const VISIT: Duration = Duration::from_millis(800);
/// How long it takes OpenVPN to tell clients to start again.
const NOTICE: Duration = Duration::from_millis(100);
/// Clients cut in one visit.
pub(super) const AT_ONCE: usize = 200;
/// A thousand clients take about 200 kB.
const LONGEST: u64 = 4 * 1024 * 1024;

const WHAT: &str = "OpenVPN's management";

/// Cuts the clients of these names, a number of them at a time, and tells how many were connected.
pub(super) async fn kill(
    place: &Place,
    address: SocketAddr,
    names: &BTreeSet<String>,
) -> Result<usize, TunnelError> {
    let stream = place.connect(address, WHAT).await?;
    let mut visit = Visit { stream: BufReader::new(stream.take(LONGEST)) };
    let banner = tokio::time::timeout(TURN, visit.line()).await;
    if !banner.map_err(|_| TunnelError::too_slow(WHAT))??.starts_with(">INFO:") {
        return Err(TunnelError::malformed(WHAT, "no greeting"));
    }
    let work = tokio::time::timeout(VISIT, visit.kill(names)).await;
    work.map_err(|_| TunnelError::too_slow(WHAT))?
}

struct Visit {
    stream: BufReader<Take<TcpStream>>,
}

impl Visit {
    /// Tells the clients to start again, then ends them here. Without the former they would notice only after a
    /// minute of silence, which matters when they are let back; with it alone they could go on for five seconds.
    async fn kill(&mut self, names: &BTreeSet<String>) -> Result<usize, TunnelError> {
        let found = self.clients(names).await?;
        let now = &found[..found.len().min(AT_ONCE)];
        let connected: Vec<&Client> = now.iter().filter(|client| client.connected).collect();
        if !connected.is_empty() {
            self.order(connected.iter().map(|client| format!("client-kill {}\n", client.number))).await?;
            tokio::time::sleep(NOTICE).await;
        }
        let names: BTreeSet<&str> = now.iter().map(|client| client.name.as_str()).collect();
        self.order(names.into_iter().map(|name| format!("kill {name}\n"))).await?;
        Ok(found.iter().filter(|client| client.connected).count())
    }

    /// Gives orders and reads as many replies. An error says that a client has just gone by itself; whoever is left
    /// is seen the next time. There is no "quit", which would swallow the replies.
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

    /// The clients of these names, those that are still shaking hands included.
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

    /// The next line that is no announcement.
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
    /// Whether it has an address in the tunnel. A refused one is on the list for a while, without.
    connected: bool,
}

impl Client {
    /// From a line of `status 2`.
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
    fn a_client_is_read_from_its_line() {
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
