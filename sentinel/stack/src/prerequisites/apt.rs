//! Debian's packages.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::{Need, find, run};

/// A package and the sign that it is installed.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    name: &'static str,
    sign: Sign,
}

#[derive(Debug, Clone, Copy)]
enum Sign {
    Program(&'static str),
    Library(fn() -> bool),
}

impl Package {
    const fn program(name: &'static str, program: &'static str) -> Self {
        Self { name, sign: Sign::Program(program) }
    }

    fn is_installed(&self) -> bool {
        match self.sign {
            Sign::Program(program) => find(program),
            Sign::Library(found) => found(),
        }
    }
}

const NETWORK: [Package; 13] = [
    Package::program("iproute2", "ip"),
    Package::program("iptables", "iptables"),
    Package::program("iputils-ping", "ping"),
    Package::program("procps", "sysctl"),
    Package::program("util-linux", "setpriv"),
    Package::program("gcc", "cc"),
    Package::program("make", "make"),
    Package::program("nftables", "nft"),
    Package::program("openssl", "openssl"),
    Package::program("openvpn", "openvpn"),
    Package::program("wireguard-go", "wireguard-go"),
    Package::program("wireguard-tools", "wg"),
    Package { name: "faketime", sign: Sign::Library(|| crate::control::library().is_some()) },
];
const BROWSER: [Package; 1] = [Package::program("chromium", "chromium")];

/// The packages behind these needs.
pub(super) fn packages(needs: &[Need]) -> Vec<Package> {
    let of = |need: &Need| match need {
        Need::Network => NETWORK.as_slice(),
        Need::Browser => BROWSER.as_slice(),
    };
    needs.iter().flat_map(of).copied().collect()
}

/// Installs what is missing.
pub(super) fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().filter(|p| !p.is_installed()).map(|p| p.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    if !find("apt-get") {
        bail!("these programs are missing, named as Debian packages: {}", missing.join(", "));
    }
    tracing::info!("installing Debian packages: {}", missing.join(", "));
    let log = crate::paths::stock().join("apt.log");
    let script = format!("apt-get update && {command}");
    run(&script, Path::new("/"), Some(&log))
        .with_context(|| format!("missing packages, to be installed with: apt-get update && {command}"))
}
