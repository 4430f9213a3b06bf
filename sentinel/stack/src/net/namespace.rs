//! One namespace: its link to the bridge, and the way to run something inside it.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::ip;

/// A network namespace that behaves like a machine of its own.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
    address: Ipv4Addr,
    enter: PathBuf,
}

impl Namespace {
    pub(super) fn create(
        number: u8,
        name: &str,
        address: Ipv4Addr,
        bridge: &str,
        gateway: Ipv4Addr,
        home: &Path,
    ) -> Result<Self> {
        let namespace = format!("sg{number}-{name}");
        let link = format!("sg{number}v{}", address.octets()[3]);
        ip::run(&["netns", "add", &namespace])?;
        ip::run(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
        ip::run(&["link", "set", &link, "master", bridge, "up"])?;
        let inside = |args: &[&str]| ip::run(&[&["-n", namespace.as_str()], args].concat());
        inside(&["link", "set", "lo", "up"])?;
        inside(&["addr", "add", &format!("{address}/24"), "dev", "eth0"])?;
        inside(&["link", "set", "eth0", "up"])?;
        inside(&["route", "add", "default", "via", &gateway.to_string()])?;
        let enter = write_enter(home, &namespace)?;
        Ok(Self { name: namespace, address, enter })
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the bridge.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The directory that takes the place of `/var/run/wireguard` inside.
    pub(crate) fn control_sockets(&self) -> PathBuf {
        self.enter.with_file_name("wireguard")
    }

    /// The command line that runs `command` inside.
    pub fn enter<A: Into<OsString>>(&self, command: impl IntoIterator<Item = A>) -> Vec<OsString> {
        std::iter::once(self.enter.clone().into()).chain(command.into_iter().map(Into::into)).collect()
    }
}

/// Writes the program that enters the namespace. Each has files of its own where the whole machine has one:
/// control sockets of WireGuard (they are named after the interface only, and every node calls it `wg0`), the
/// table of hosts and the resolver. What stands before `wg` there is told in the shim itself.
fn write_enter(home: &Path, namespace: &str) -> Result<PathBuf> {
    std::fs::create_dir_all("/var/run/wireguard")?;
    std::fs::create_dir_all(home.join("wireguard"))?;
    std::fs::write(home.join("hosts"), "127.0.0.1 localhost ip-api.com\n")?;
    std::fs::write(home.join("resolv.conf"), "")?;
    let home = home.display();
    let shims = crate::paths::repository().join("sentinel/shims");
    let shims = shims.display();
    let script = format!(
        r#"#!/bin/sh
# Runs its arguments inside the network namespace {namespace}.
exec ip netns exec {namespace} sh -c '
  mount --bind "$0/wireguard" /var/run/wireguard &&
  mount --bind "$0/hosts" /etc/hosts &&
  mount --bind "$0/resolv.conf" /etc/resolv.conf || exit 125
  export PATH="$1:$PATH" WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go
  shift
  exec "$@"' '{home}' '{shims}' "$@"
"#
    );
    let path = PathBuf::from(format!("{home}/enter"));
    write_program(&path, &script)?;
    Ok(path)
}

pub(crate) fn write_program(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    Ok(())
}
