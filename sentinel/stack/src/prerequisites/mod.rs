//! Prerequisites of the network: installed where possible, else reported.

mod apt;
mod npm;
mod stock;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

pub use apt::Package;

/// Purpose that needs prerequisites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The running network.
    Network,
    /// The tests of the page, which need a browser.
    Browser,
}

/// Makes sure that everything is there. One at a time: several runs may be started together.
pub fn ensure(needs: &[Need]) -> Result<()> {
    require_root()?;
    let stock = crate::paths::stock();
    std::fs::create_dir_all(&stock)?;
    let lock = File::create(stock.join("install.lock"))?;
    lock.lock().context("cannot take the lock of the installation")?;
    apt::ensure(&apt::packages(needs))?;
    require_tun()?;
    require("go", "install Go from https://go.dev/dl (1.26 or newer)")?;
    require("npm", "install Node.js 20 or newer, with npm")?;
    npm::ensure(&crate::paths::repository().join("contracts"))?;
    if needs.contains(&Need::Browser) {
        npm::ensure(&crate::paths::repository().join("gate/tests/page"))?;
    }
    stock::ensure(&stock)
}

/// Only the packages of the contracts: for forge.
pub fn ensure_contracts() -> Result<()> {
    require("npm", "install Node.js 20 or newer, with npm")?;
    npm::ensure(&crate::paths::repository().join("contracts"))
}

fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!(
        "the local network lives in namespaces of its own: run this as root (in a container, with NET_ADMIN and SYS_ADMIN)"
    )
}

fn require_tun() -> Result<()> {
    if Path::new("/dev/net/tun").exists() {
        return Ok(());
    }
    let made = run("mkdir -p /dev/net && mknod /dev/net/tun c 10 200", Path::new("/"), None);
    made.context("/dev/net/tun is missing: load the kernel module `tun`, or give the container that device")
}

fn require(program: &str, advice: &str) -> Result<()> {
    if find(program) { Ok(()) } else { bail!("{program} is missing: {advice}") }
}

/// Whether the program is on the PATH.
pub(crate) fn find(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Root's PATH has these on Debian; that of `su` without a dash has not.
    let more = ["/usr/sbin".into(), "/sbin".into()];
    std::env::split_paths(&path).chain(more).any(|dir| dir.join(program).is_file())
}

/// Runs a step of an installation. What it prints goes to `log`, and into the error if it fails.
fn run(script: &str, directory: &Path, log: Option<&Path>) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(directory).stdin(Stdio::null());
    command.env("DEBIAN_FRONTEND", "noninteractive");
    let Some(log) = log else {
        let output = command.output()?;
        if !output.status.success() {
            bail!("`{script}`: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        return Ok(());
    };
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = command.stdout(out.try_clone()?).stderr(out).status()?;
    if !status.success() {
        let lines = crate::process::tail(log, 15);
        bail!("`{script}` in {} failed ({status}), log: {}\n{lines}", directory.display(), log.display());
    }
    Ok(())
}
