//! Starts and ends an anvil.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{DevChain, DevError};

/// A running anvil, which ends when this is dropped.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
    /// Old states of a killed anvil would stay in the person's own cache for ever.
    _states: TempDir,
}

impl Anvil {
    /// Where the binary is: `ANVIL_BIN`, or inside npm's platform package (not npm's shim, whose child would
    /// outlive it).
    pub fn binary() -> PathBuf {
        if let Some(path) = std::env::var_os("ANVIL_BIN") {
            return path.into();
        }
        let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        contracts.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil")
    }

    /// Starts one on a free port, with `args` besides (for example `--chain-id 5`).
    pub async fn start(args: &[&str]) -> Result<Self, DevError> {
        Self::start_on(0, args).await
    }

    /// Starts one on `port`.
    pub async fn start_on(port: u16, args: &[&str]) -> Result<Self, DevError> {
        let binary = Self::binary();
        let states = tempfile::tempdir().map_err(|error| DevError::Anvil(error.to_string()))?;
        let child = Command::new(&binary)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .arg("--cache-path")
            .arg(states.path())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                DevError::Anvil(format!("{}: {error}; run npm ci in contracts/", binary.display()))
            })?;
        // From here on dropping ends the child, also when it never tells its port.
        let mut anvil = Self { child, port: 0, _states: states };
        let stdout = anvil.child.stdout.take();
        let told =
            tokio::task::spawn_blocking(move || stdout.and_then(|out| listening_port(BufReader::new(out))));
        let port = tokio::time::timeout(Duration::from_secs(20), told).await;
        anvil.port = port
            .ok()
            .and_then(|joined| joined.ok().flatten())
            .ok_or_else(|| DevError::Anvil("does not say where it listens".to_owned()))?;
        Ok(anvil)
    }

    /// Starts one with the stand-ins in place.
    pub async fn start_with_stand_ins(args: &[&str]) -> Result<(Self, DevChain), DevError> {
        let anvil = Self::start(args).await?;
        let chain = anvil.chain();
        chain.place_stand_ins().await?;
        Ok((anvil, chain))
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its JSON-RPC address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client of it.
    pub fn chain(&self) -> DevChain {
        DevChain::new(self.url())
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads "Listening on 127.0.0.1:12345", then keeps emptying the pipe, since anvil blocks on a full one.
fn listening_port(mut out: impl BufRead + Send + 'static) -> Option<u16> {
    let mut line = String::new();
    while out.read_line(&mut line).ok()? > 0 {
        if let Some(address) = line.trim().strip_prefix("Listening on ") {
            let port = address.rsplit(':').next()?.parse().ok();
            std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
            return port;
        }
        line.clear();
    }
    None
}

/// reqwest is built without a TLS provider of its own; programs install one, tests may not have.
pub(super) fn install_crypto() {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
