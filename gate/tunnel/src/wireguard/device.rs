//! Peers of a WireGuard interface, in the kernel or in userspace.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::TunnelPeer;

/// A public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) [u8; 32]);

impl Key {
    /// Parses the canonical form; any other text names no peer.
    pub(super) fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).ok()?;
        Some(Self(key))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// An address with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

impl Network {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let network = Self { address: address.parse().ok()?, length: length.parse().ok()? };
        (network.length <= network.max_length()).then_some(network)
    }

    /// Parses the addresses that the node gave to one peer. `None` if there are none or one is a wider network: with it
    /// the peer would receive the traffic of others.
    pub(super) fn hosts(addresses: &[String]) -> Option<Vec<Self>> {
        let host = |text: &String| {
            if text.contains('/') {
                return Self::parse(text).filter(|network| network.length == network.max_length());
            }
            let network = Self { address: text.parse().ok()?, length: 0 };
            Some(Self { length: network.max_length(), ..network })
        };
        let all: Vec<Self> = addresses.iter().map(host).collect::<Option<_>>()?;
        (!all.is_empty()).then_some(all)
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let shorter = self.length.min(other.length);
        let bits = |network: &Self| match network.address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, true),
            IpAddr::V6(address) => (address.to_bits(), false),
        };
        let ((own, v4), (others, v4_too)) = (bits(self), bits(other));
        let differ = (own ^ others).checked_shr(128 - u32::from(shorter)).unwrap_or(0);
        v4 == v4_too && differ == 0
    }

    fn max_length(&self) -> u8 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A peer of the interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DevicePeer {
    pub(super) key: Key,
    pub(super) networks: Vec<Network>,
}

impl DevicePeer {
    pub(super) fn into_present(self) -> TunnelPeer {
        TunnelPeer {
            peer_id: self.key.to_string(),
            passing: !self.networks.is_empty(),
            addresses: self.networks.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Device {
    /// Its own public key, if it has one.
    pub(super) public_key: Option<Key>,
    pub(super) peers: Vec<DevicePeer>,
}

/// Operation on an existing peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Change(Change),
    /// Removes the peer with its counters.
    Remove(Key),
}

/// New networks of an existing peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) networks: Vec<Network>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    #[test]
    fn accepts_only_single_addresses() {
        let hosts =
            |list: &[&str]| Network::hosts(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_eq!(hosts(&["10.1.2.3/32"]), Some(vec![network("10.1.2.3/32")]));
        assert_eq!(
            hosts(&["10.1.2.3", "fd00::3"]),
            Some(vec![network("10.1.2.3/32"), network("fd00::3/128")])
        );
        for wide in ["0.0.0.0/0", "10.1.2.3/24", "fd00::3/64", "10.1.2.3/33", "10.1.2", "", "::/0"] {
            assert_eq!(hosts(&["10.1.2.3/32", wide]), None, "{wide}");
        }
        assert_eq!(hosts(&[]), None);
    }

    #[test]
    fn networks_overlap_when_one_contains_the_other() {
        let overlaps = |a: &str, b: &str| {
            assert_eq!(network(a).overlaps(&network(b)), network(b).overlaps(&network(a)));
            network(a).overlaps(&network(b))
        };
        assert!(overlaps("10.1.2.3/32", "10.1.2.3/32"));
        assert!(overlaps("10.1.2.3/32", "10.1.2.0/24"));
        assert!(overlaps("10.1.2.3/32", "0.0.0.0/0"));
        assert!(overlaps("fd00::1/128", "fd00::/64"));
        assert!(!overlaps("10.1.2.3/32", "10.1.2.4/32"));
        assert!(!overlaps("10.1.2.3/32", "10.1.3.0/24"));
        assert!(!overlaps("10.1.2.3/32", "::/0"));
        assert!(!overlaps("fd00::1/128", "fd00::2/128"));
    }

    #[test]
    fn only_canonical_keys_name_a_peer() {
        let text = STANDARD.encode([7; 32]);
        assert_eq!(Key::parse(&text).unwrap().to_string(), text);
        for odd in [format!("{text} "), text.replace('=', ""), STANDARD.encode([7; 31]), String::new()] {
            assert_eq!(Key::parse(&odd), None, "{odd}");
        }
    }
}
