//! The stock client on a holder's machine.

use std::ffi::OsString;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use tokio::process::Command;

use super::Account;
use crate::client::Machine;
use crate::net::Namespace;

/// A machine with the stock client.
#[derive(Debug)]
pub struct Client {
    machine: Machine,
}

/// A tunnel that is up.
#[derive(Debug, Clone, Deserialize)]
pub struct Tunnel {
    /// The session that it belongs to.
    pub session: u64,
    /// Its interface.
    pub interface: String,
    /// The client's addresses in it.
    pub addresses: Vec<String>,
    /// The node's addresses in it.
    pub gateways: Vec<String>,
    /// Where the node's end is.
    pub endpoint: String,
    /// The client's key.
    pub public_key: String,
}

/// Refusal as shown by the stock client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its last line.
    pub text: String,
}

impl Refusal {
    /// The code in it.
    pub fn code(&self) -> Option<u64> {
        let digits = self.text.split("code=").nth(1)?;
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// The message of the gate, without the text that the client adds.
    pub fn message(&self) -> &str {
        self.text.split_once("message=").map_or(self.text.as_str(), |(_, message)| message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

impl Client {
    pub(crate) fn on(machine: Machine) -> Self {
        Self { machine }
    }

    /// Its network namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.machine.namespace
    }

    /// Connects through the gate or node at `url`. The outer error is ours, the inner one what the client shows.
    pub async fn connect(
        &self,
        url: &str,
        session: u64,
        account: &Account,
        node: &str,
    ) -> Result<Result<Tunnel, Refusal>> {
        self.connect_with(url, session, &account.key, node, &[]).await
    }

    /// The same with further flags, such as `--tunnel-key-file`.
    pub async fn connect_with(
        &self,
        url: &str,
        session: u64,
        key: &str,
        node: &str,
        flags: &[&str],
    ) -> Result<Result<Tunnel, Refusal>> {
        let session = session.to_string();
        let fields = [("{url}", url), ("{session}", &session), ("{key}", key), ("{node}", node)];
        let fill = |word: String| fields.iter().fold(word, |word, (field, value)| word.replace(field, value));
        let line: Vec<String> = self.machine.connect().into_iter().map(fill).collect();
        let (program, args) = line.split_first().context("an empty command line")?;
        let output = Command::new(program).args(args).args(flags).kill_on_drop(true).output().await?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            let tunnel = serde_json::from_str(out.trim()).with_context(|| format!("not a tunnel: {out}"))?;
            return Ok(Ok(tunnel));
        }
        let text = err.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if output.status.code() != Some(1) || text.is_empty() {
            bail!("the client did not run ({}): {err}", output.status);
        }
        Ok(Err(Refusal { text: text.trim_start_matches("Error: ").to_owned() }))
    }

    /// Pings the node's end through the tunnel, until an answer comes or the limit is over.
    pub async fn ping(&self, tunnel: &Tunnel, limit: Duration) -> Result<Duration> {
        let gateway = tunnel.gateways.first().context("the node has no address in the tunnel")?;
        let deadline = Instant::now() + limit;
        loop {
            let output =
                self.run(&["ping", "-n", "-c", "1", "-W", "1", "-I", &tunnel.interface, gateway]).await;
            match output {
                Ok(text) => {
                    return round_trip(&text).with_context(|| format!("not an answer of ping: {text}"));
                }
                Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error.context("nothing comes through the tunnel")),
            }
        }
    }

    /// Takes the tunnel down.
    pub async fn disconnect(&self, tunnel: &Tunnel) -> Result<()> {
        let binary = self.machine.binary.display().to_string();
        self.run(&[&binary, "disconnect", "--interface", &tunnel.interface]).await.map(drop)
    }

    /// Runs anything on this machine and gives what it prints; fails with what it says.
    pub async fn run(&self, command: &[&str]) -> Result<String> {
        let line: Vec<OsString> = self.machine.namespace.enter(command.iter().copied());
        let (program, args) = line.split_first().context("an empty command line")?;
        let output = Command::new(program).args(args).kill_on_drop(true).output().await?;
        if !output.status.success() {
            let err = String::from_utf8_lossy(&output.stderr);
            return Err(anyhow!("`{}` ({}): {}", command.join(" "), output.status, err.trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// `time=0.684 ms` in the line of an answer.
fn round_trip(text: &str) -> Option<Duration> {
    let milliseconds: f64 = text.split("time=").nth(1)?.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_code_and_message_of_a_refusal() {
        let text = "run: performing init handshake request for session 6: response body contains error: \
            code=103, message=no sign-in for sent1x; sign in at https://10.77.0.1:8585/gate/";
        let refusal = Refusal { text: text.to_owned() };
        assert_eq!(refusal.code(), Some(103));
        assert_eq!(refusal.message(), "no sign-in for sent1x; sign in at https://10.77.0.1:8585/gate/");
        assert_eq!(Refusal { text: "unexpected EOF".to_owned() }.code(), None);
    }

    #[test]
    fn parses_round_trip_time_of_ping() {
        let text = "64 bytes from 10.12.102.1: icmp_seq=1 ttl=64 time=0.684 ms";
        assert_eq!(round_trip(text), Some(Duration::from_nanos(684_000)));
        assert_eq!(round_trip("nothing"), None);
    }
}
