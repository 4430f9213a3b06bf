//! `WireGuard` and `AmneziaWG`: blocking a peer removes its allowed addresses.
//!
//! The peer itself stays and keeps its counters: the hub rejects usage that falls, and the node reports all sessions in
//! one transaction. Packets from a peer without addresses are dropped, and none is routed to it. This driver never adds
//! a peer.

mod device;
mod kernel;
mod protocol;
mod socket;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use sentinel_proto::handshake::Service;
use serde_json::{Value, json};

use self::device::{Change, Device, DevicePeer, Key, Network, Order};
use super::net_namespace::NetNamespace;
use super::{Peer, Presence, RestoreOutcome, Tunnel, TunnelConfig, TunnelError};

/// Maximum time for one operation, whatever the number of peers.
const ORDER_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct WireGuard {
    service: Service,
    interface: String,
    namespace: NetNamespace,
    /// Held from reading to writing, so that the driver makes no concurrent changes.
    turn: tokio::sync::Mutex<()>,
}

impl WireGuard {
    pub(super) fn new(service: Service, config: &TunnelConfig) -> Self {
        let usual = if service == Service::AmneziaWg { "awg0" } else { "wg0" };
        Self {
            service,
            interface: config.interface.clone().unwrap_or_else(|| usual.to_owned()),
            namespace: NetNamespace::new(config.namespace.clone()),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Path of the control socket of a userspace implementation, whether it exists or not.
    fn socket(&self) -> PathBuf {
        if self.interface.starts_with('/') {
            return PathBuf::from(&self.interface);
        }
        let directory = match self.service {
            Service::AmneziaWg => "/var/run/amneziawg",
            _ => "/var/run/wireguard",
        };
        Path::new(directory).join(format!("{}.sock", self.interface))
    }

    /// The interface's name, if the kernel may have it. The kernel's `AmneziaWG` has another API, which is not supported.
    fn kernel(&self) -> Option<&str> {
        let named = !self.interface.starts_with('/');
        (named && self.service == Service::WireGuard).then_some(self.interface.as_str())
    }

    async fn read(&self) -> Result<Device, TunnelError> {
        match (socket::exchange(&self.socket(), protocol::GET).await, self.kernel()) {
            (Ok(answer), _) => protocol::parse(&answer),
            (Err(socket::Failure::NotThere(_)), Some(interface)) => {
                let interface = interface.to_owned();
                self.namespace.run(move || kernel::read(&interface)).await?
            }
            (Err(failure), _) => Err(failure.into()),
        }
    }

    async fn write(&self, orders: Vec<Order>) -> Result<(), TunnelError> {
        let order = protocol::set(&orders);
        match (socket::exchange(&self.socket(), &order).await, self.kernel()) {
            (Ok(answer), _) => protocol::parse(&answer).map(drop),
            (Err(socket::Failure::NotThere(_)), Some(interface)) => {
                let interface = interface.to_owned();
                self.namespace.run(move || kernel::write(&interface, &orders)).await?
            }
            (Err(failure), _) => Err(failure.into()),
        }
    }

    async fn restore(&self, peer: &Peer) -> Result<RestoreOutcome, TunnelError> {
        let Some(key) = Key::parse(&peer.peer_id) else { return Ok(RestoreOutcome::NotThere) };
        let Some(wanted) = Network::hosts(&peer.addresses) else { return Ok(RestoreOutcome::AddressTaken) };
        let seen = self.read().await?.peers;
        let Some(own) = seen.iter().find(|seen| seen.key == key) else { return Ok(RestoreOutcome::NotThere) };
        if own.networks == wanted {
            return Ok(RestoreOutcome::Passing);
        }
        let others = || seen.iter().filter(|seen| seen.key != key).flat_map(|seen| &seen.networks);
        if wanted.iter().any(|wanted| others().any(|other| other.overlaps(wanted))) {
            return Ok(RestoreOutcome::AddressTaken);
        }
        self.write(vec![Order::Change(Change { key, networks: wanted })]).await?;
        Ok(RestoreOutcome::Passing)
    }

    /// Sends one order for each of `peers`; peers without a WireGuard key are skipped.
    async fn order_each(&self, peers: &[Peer], order: impl Fn(Key) -> Order) -> Result<(), TunnelError> {
        // A key may occur only once in a request.
        let keys: BTreeSet<Key> = peers.iter().filter_map(|peer| Key::parse(&peer.peer_id)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        self.within(self.write(keys.into_iter().map(order).collect())).await
    }

    /// Runs an operation under the lock and within [`ORDER_TIMEOUT`], so that the node never waits for long.
    async fn within<T>(&self, work: impl Future<Output = Result<T, TunnelError>>) -> Result<T, TunnelError> {
        let all = async {
            let _turn = self.turn.lock().await;
            work.await
        };
        let what = || format!("{} on {}", self.service, self.interface);
        tokio::time::timeout(ORDER_TIMEOUT, all).await.unwrap_or_else(|_| Err(TunnelError::too_slow(what())))
    }
}

impl Tunnel for WireGuard {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        self.within(async {
            let seen = self.read().await?;
            Ok(Presence {
                peers: seen.peers.into_iter().map(DevicePeer::into_present).collect(),
                all: true,
                names_evicted: true,
                server_key: seen.public_key.map(|key| key.to_string()),
            })
        })
        .boxed()
    }

    fn rebuild_answer<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        // Only the addresses differ between clients.
        let like = || {
            let mut answer = another.clone();
            *answer.get_mut("addrs")? = json!(peer.addresses);
            Some(answer)
        };
        let answer = if peer.addresses.is_empty() { None } else { like() };
        async { Ok(answer) }.boxed()
    }

    fn block<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.order_each(peers, |key| Order::Change(Change { key, networks: Vec::new() })).boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.order_each(peers, Order::Remove).boxed()
    }

    fn restore<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>> {
        self.within(self.restore(peer)).boxed()
    }
}
