//! A real wireguard-go with as many peers as there are sessions.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) struct WireGuard {
    namespace: String,
    interface: String,
    child: Child,
}

/// The tunnel key of a session.
pub(crate) fn key(session: usize) -> String {
    let mut key = [9; 32];
    key[..8].copy_from_slice(&session.to_be_bytes());
    STANDARD.encode(key)
}

/// The address of a session.
pub(crate) fn address(session: usize) -> String {
    format!("10.{}.{}.{}/32", 64 + session / 65_536, session / 256 % 256, session % 256)
}

fn run(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl WireGuard {
    pub(crate) fn start(peers: usize) -> Self {
        let name = format!("sgb{}", std::process::id());
        run(&["ip", "netns", "add", &name]);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name, "wireguard-go", "-f", &name]).env("LOG_LEVEL", "silent");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let wireguard = Self { namespace: name.clone(), interface: name, child };
        let begun = Instant::now();
        while !Path::new(&wireguard.socket()).exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "wireguard-go does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut config = String::new();
        for session in 1..=peers {
            writeln!(config, "[Peer]\nPublicKey = {}\nAllowedIPs = {}", key(session), address(session))
                .unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config).unwrap();
        run(&["wg", "addconf", &wireguard.interface, file.path().to_str().unwrap()]);
        wireguard
    }

    pub(crate) fn socket(&self) -> PathBuf {
        format!("/var/run/wireguard/{}.sock", self.interface).into()
    }

    /// How many peers have an address.
    pub(crate) fn passing(&self) -> usize {
        let shown = run(&["wg", "show", &self.interface, "allowed-ips"]);
        shown.lines().filter(|line| line.contains("/32")).count()
    }
}

impl Drop for WireGuard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = Command::new("ip").args(["netns", "del", &self.namespace]).status();
    }
}
