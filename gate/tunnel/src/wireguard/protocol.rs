//! Text protocol of userspace WireGuard (wireguard-go and its derivatives).
//!
//! <https://www.wireguard.com/xplatform/#configuration-protocol>. The answer to `get` holds the interface's private
//! key: no part of an answer is ever logged or returned in an error.

use std::fmt::Write as _;

use curve25519_dalek::montgomery::MontgomeryPoint;

use super::device::{Change, Device, DevicePeer, Key, Network, Order};
use crate::TunnelError;

const WHAT: &str = "WireGuard";

/// Request for the interface and its peers.
pub(super) const GET: &str = "get=1\n\n";

/// Request that changes or removes existing peers and never adds one.
pub(super) fn set(orders: &[Order]) -> String {
    let mut order = String::from("set=1\n");
    for one in orders {
        let Change { key, networks } = match one {
            Order::Change(change) => change,
            Order::Remove(key) => {
                let _ = writeln!(order, "public_key={}\nupdate_only=true\nremove=true", hex::encode(key.0));
                continue;
            }
        };
        // Writing to a string does not fail.
        let _ =
            writeln!(order, "public_key={}\nupdate_only=true\nreplace_allowed_ips=true", hex::encode(key.0));
        for network in networks {
            let _ = writeln!(order, "allowed_ip={network}");
        }
    }
    order.push('\n');
    order
}

/// Parses the interface in an answer and keeps only the public key of its private key. Unknown fields are ignored:
/// derivatives of WireGuard add some.
pub(super) fn parse(answer: &str) -> Result<Device, TunnelError> {
    let mut peers: Vec<DevicePeer> = Vec::new();
    let mut public_key = None;
    let mut errno = None;
    for line in answer.lines().filter(|line| !line.is_empty()) {
        let odd = |what: &str| TunnelError::malformed(WHAT, format!("bad {what}"));
        let (key, value) = line.split_once('=').ok_or_else(|| odd("line"))?;
        match key {
            "private_key" => {
                let private = Key::from_hex(value).ok_or_else(|| odd("key"))?;
                // The protocol reports zeros for an interface without a key.
                let public = MontgomeryPoint::mul_base_clamped(private.0);
                public_key = (private.0 != [0; 32]).then_some(Key(public.0));
            }
            "public_key" => {
                let key = Key::from_hex(value).ok_or_else(|| odd("public key"))?;
                peers.push(DevicePeer { key, networks: Vec::new() });
            }
            "allowed_ip" => {
                let network = Network::parse(value).ok_or_else(|| odd("network"))?;
                peers.last_mut().ok_or_else(|| odd("order"))?.networks.push(network);
            }
            "errno" => errno = Some(value.parse::<i32>().map_err(|_| odd("errno"))?),
            _ => {}
        }
    }
    match errno {
        Some(0) => Ok(Device { public_key, peers }),
        Some(number) => {
            Err(TunnelError::refused(WHAT, std::io::Error::from_raw_os_error(number.saturating_abs())))
        }
        None => Err(TunnelError::malformed(WHAT, "it has no end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_never_adds_a_peer() {
        let networks = vec![Network::parse("10.1.2.3/32").unwrap()];
        let order = set(&[
            Order::Change(Change { key: Key([1; 32]), networks: Vec::new() }),
            Order::Change(Change { key: Key([2; 32]), networks }),
            Order::Remove(Key([3; 32])),
        ]);
        let (one, two, three) = ("01".repeat(32), "02".repeat(32), "03".repeat(32));
        assert_eq!(
            order,
            format!(
                "set=1\npublic_key={one}\nupdate_only=true\nreplace_allowed_ips=true\n\
                 public_key={two}\nupdate_only=true\nreplace_allowed_ips=true\nallowed_ip=10.1.2.3/32\n\
                 public_key={three}\nupdate_only=true\nremove=true\n\n"
            )
        );
    }

    #[test]
    fn parses_peers_with_their_networks() {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let answer = format!(
            "private_key={one}\nlisten_port=1\njc=4\npublic_key={one}\nprotocol_version=1\nrx_bytes=7\n\
             public_key={two}\nallowed_ip=10.1.2.3/32\nallowed_ip=fd00::3/128\nerrno=0\n\n"
        );
        let device = parse(&answer).unwrap();
        // X25519 of 0x01 repeated, by another implementation.
        let public = "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209";
        assert_eq!(device.public_key, Key::from_hex(public));
        let shown: Vec<_> = device.peers.into_iter().map(DevicePeer::into_present).collect();
        assert_eq!(shown.len(), 2);
        assert!(!shown[0].passing && shown[0].addresses.is_empty());
        assert!(shown[1].passing);
        assert_eq!(shown[1].addresses, ["10.1.2.3/32", "fd00::3/128"]);
    }

    #[test]
    fn malformed_answer_is_an_error_without_its_content() {
        let key = "5e".repeat(32);
        for odd in [
            String::new(),
            format!("private_key={key}\n\n"),
            format!("private_key={key}\nerrno=x\n\n"),
            format!("private_key={key}\nallowed_ip=10.1.2.3/32\nerrno=0\n\n"),
            format!("private_key={key}\npublic_key={key}\nallowed_ip=10.1.2.3/99\nerrno=0\n\n"),
            format!("private_key {key}\nerrno=0\n\n"),
            format!("private_key={key}\nerrno=1\n\n"),
        ] {
            let error = parse(&odd).unwrap_err().to_string();
            assert!(!error.contains("5e5e"), "{error}");
        }
    }
}
