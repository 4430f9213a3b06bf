//! `WireGuard` and `AmneziaWG`: a peer is shut out softly, by taking its addresses away.
//!
//! The peer itself stays, so its counters go on from where they were: the hub refuses usage that falls, and the
//! node reports all sessions in one transaction. Packets from a peer without addresses are dropped, and none is
//! routed to it. Nothing here can add a peer.

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

use self::device::{Change, Device, Key, Network, Order, Seen};
use super::place::Place;
use super::{Peer, Presence, Restored, Tunnel, TunnelConfig, TunnelError};

/// Longest time for one order, whatever the number of peers.
const LONGEST: Duration = Duration::from_secs(5);

pub(super) struct WireGuard {
    service: Service,
    interface: String,
    place: Place,
    /// Between looking and changing nobody else of us changes anything.
    turn: tokio::sync::Mutex<()>,
}

impl WireGuard {
    pub(super) fn new(service: Service, config: &TunnelConfig) -> Self {
        let usual = if service == Service::AmneziaWg { "awg0" } else { "wg0" };
        Self {
            service,
            interface: config.interface.clone().unwrap_or_else(|| usual.to_owned()),
            place: Place::new(config.namespace.clone()),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The control socket of an implementation outside of the kernel, whether it is there or not.
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

    /// Whether the kernel may have it. The interface of its `AmneziaWG` is another one, which we do not speak.
    fn kernel(&self) -> Option<&str> {
        let named = !self.interface.starts_with('/');
        (named && self.service == Service::WireGuard).then_some(self.interface.as_str())
    }

    async fn read(&self) -> Result<Device, TunnelError> {
        match (socket::exchange(&self.socket(), protocol::GET).await, self.kernel()) {
            (Ok(answer), _) => protocol::parse(&answer),
            (Err(socket::Failure::NotThere(_)), Some(interface)) => {
                let interface = interface.to_owned();
                self.place.run(move || kernel::read(&interface)).await?
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
                self.place.run(move || kernel::write(&interface, &orders)).await?
            }
            (Err(failure), _) => Err(failure.into()),
        }
    }

    async fn restore(&self, peer: &Peer) -> Result<Restored, TunnelError> {
        let Some(key) = Key::parse(&peer.peer_id) else { return Ok(Restored::NotThere) };
        let Some(wanted) = Network::hosts(&peer.addresses) else { return Ok(Restored::AddressTaken) };
        let seen = self.read().await?.peers;
        let Some(own) = seen.iter().find(|seen| seen.key == key) else { return Ok(Restored::NotThere) };
        if own.networks == wanted {
            return Ok(Restored::Passing);
        }
        let others = || seen.iter().filter(|seen| seen.key != key).flat_map(|seen| &seen.networks);
        if wanted.iter().any(|wanted| others().any(|other| other.overlaps(wanted))) {
            return Ok(Restored::AddressTaken);
        }
        self.write(vec![Order::Change(Change { key, networks: wanted })]).await?;
        Ok(Restored::Passing)
    }

    /// The same order for each of `peers` that has a key; what has none is no peer here.
    async fn order_each(&self, peers: &[Peer], order: impl Fn(Key) -> Order) -> Result<(), TunnelError> {
        // The same key may not come twice in one order.
        let keys: BTreeSet<Key> = peers.iter().filter_map(|peer| Key::parse(&peer.peer_id)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        self.within(self.write(keys.into_iter().map(order).collect())).await
    }

    /// Nothing takes longer than the node itself would bear.
    async fn within<T>(&self, work: impl Future<Output = Result<T, TunnelError>>) -> Result<T, TunnelError> {
        let all = async {
            let _turn = self.turn.lock().await;
            work.await
        };
        let what = || format!("{} on {}", self.service, self.interface);
        tokio::time::timeout(LONGEST, all).await.unwrap_or_else(|_| Err(TunnelError::too_slow(what())))
    }
}

impl Tunnel for WireGuard {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        self.within(async {
            let seen = self.read().await?;
            Ok(Presence {
                peers: seen.peers.into_iter().map(Seen::into_present).collect(),
                all: true,
                names_evicted: true,
                server_key: seen.public_key.map(|key| key.to_string()),
            })
        })
        .boxed()
    }

    fn retell<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        // Its addresses are all that is its own.
        let like = || {
            let mut answer = another.clone();
            *answer.get_mut("addrs")? = json!(peer.addresses);
            Some(answer)
        };
        let answer = if peer.addresses.is_empty() { None } else { like() };
        async { Ok(answer) }.boxed()
    }

    fn shut_out<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.order_each(peers, |key| Order::Change(Change { key, networks: Vec::new() })).boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.order_each(peers, Order::Remove).boxed()
    }

    fn let_back<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Restored, TunnelError>> {
        self.within(self.restore(peer)).boxed()
    }
}
