//! Kernel WireGuard over netlink. Blocking calls, to be run in the namespace of the interface.

use wireguard_uapi::set::{self, WgPeerF};
use wireguard_uapi::{DeviceInterface, WgSocket};

use super::device::{Device, DevicePeer, Key, Network, Order};
use crate::TunnelError;

/// Maximum peers in one message; the kernel's limit is 64 KiB.
const MAX_PEERS_PER_MESSAGE: usize = 200;

fn what(interface: &str) -> String {
    format!("WireGuard's interface {interface}")
}

fn connect(interface: &str) -> Result<WgSocket, TunnelError> {
    WgSocket::connect().map_err(|error| TunnelError::unreachable(what(interface), error))
}

/// Reads the interface and its peers.
pub(super) fn read(interface: &str) -> Result<Device, TunnelError> {
    let device = connect(interface)?
        .get_device(DeviceInterface::from_name(interface))
        .map_err(|error| TunnelError::unreachable(what(interface), error))?;
    let seen = |peer: wireguard_uapi::get::Peer| DevicePeer {
        key: Key(peer.public_key),
        networks: peer
            .allowed_ips
            .iter()
            .map(|network| Network { address: network.ipaddr, length: network.cidr_mask })
            .collect(),
    };
    Ok(Device { public_key: device.public_key.map(Key), peers: device.peers.into_iter().map(seen).collect() })
}

/// Changes or removes existing peers.
pub(super) fn write(interface: &str, orders: &[Order]) -> Result<(), TunnelError> {
    let mut socket = connect(interface)?;
    for some in orders.chunks(MAX_PEERS_PER_MESSAGE) {
        let peers = some.iter().map(peer).collect();
        socket
            .set_device(set::Device::from_ifname(interface).peers(peers))
            .map_err(|error| TunnelError::refused(what(interface), error))?;
    }
    Ok(())
}

fn peer(order: &Order) -> set::Peer<'_> {
    let change = match order {
        Order::Remove(key) => {
            return set::Peer::from_public_key(&key.0).flags(vec![WgPeerF::UpdateOnly, WgPeerF::RemoveMe]);
        }
        Order::Change(change) => change,
    };
    let networks = change.networks.iter();
    set::Peer::from_public_key(&change.key.0)
        .flags(vec![WgPeerF::UpdateOnly, WgPeerF::ReplaceAllowedIps])
        .allowed_ips(
            networks
                .map(|network| set::AllowedIp { ipaddr: &network.address, cidr_mask: Some(network.length) })
                .collect(),
        )
}
