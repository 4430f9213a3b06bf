//! A tunnel that only takes notes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use sovereign_tunnel::{Peer, Presence, RestoreOutcome, Tunnel, TunnelError, TunnelPeer};

use crate::fixture::GIVEN;

/// A tunnel that notes who passes.
#[derive(Debug, Default)]
pub(crate) struct FakeTunnel {
    passing: Mutex<BTreeMap<String, bool>>,
    pub(crate) broken: AtomicBool,
    pub(crate) orders: AtomicU64,
    /// Milliseconds that it takes to let a peer back.
    pub(crate) delay_of_restores: AtomicU64,
    /// Restores that have begun, and those that are done.
    pub(crate) restores: AtomicU64,
    pub(crate) restores_done: AtomicU64,
    /// Names those only who are shut out.
    pub(crate) reserved: AtomicBool,
    /// Started anew so long ago, and not told yet.
    pub(crate) anew: Mutex<Option<Duration>>,
}

impl FakeTunnel {
    pub(crate) fn peers(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.passing.lock().unwrap()
    }

    fn refuse(&self) -> Result<(), TunnelError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(TunnelError::TooSlow { what: "the tunnel of the test".to_owned() });
        }
        Ok(())
    }
}

impl Tunnel for FakeTunnel {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        let present = |(id, passing): (&String, &bool)| TunnelPeer {
            peer_id: id.clone(),
            passing: *passing,
            addresses: if *passing { vec![GIVEN.to_owned()] } else { Vec::new() },
        };
        let reserved = self.reserved.load(Ordering::SeqCst);
        let named = |(_, passing): &(&String, &bool)| !reserved || !**passing;
        let peers = || self.peers().iter().filter(named).map(present).collect();
        let told = self.refuse().map(|()| Presence {
            peers: peers(),
            all: !reserved,
            names_evicted: true,
            server_key: None,
        });
        async move { told }.boxed()
    }

    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        let told = self.refuse().map(|()| self.peers().contains_key(&peer.peer_id));
        async { told }.boxed()
    }

    fn rebuild_answer<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        let mut told = another.clone();
        told["addrs"] = json!(peer.addresses);
        async { Ok(Some(told)) }.boxed()
    }

    fn restarted_since(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async { Ok(self.anew.lock().unwrap().take()) }.boxed()
    }

    fn block<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async move {
            self.refuse()?;
            self.orders.fetch_add(1, Ordering::SeqCst);
            let mut passing = self.peers();
            for peer in peers {
                passing.entry(peer.peer_id.clone()).and_modify(|passes| *passes = false);
            }
            Ok(())
        }
        .boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.block(peers)
    }

    fn restore<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>> {
        async move {
            self.refuse()?;
            self.restores.fetch_add(1, Ordering::SeqCst);
            let delay = Duration::from_millis(self.delay_of_restores.load(Ordering::SeqCst));
            tokio::time::sleep(delay).await;
            self.restores_done.fetch_add(1, Ordering::SeqCst);
            Ok(match self.peers().get_mut(&peer.peer_id) {
                Some(passes) => {
                    *passes = true;
                    RestoreOutcome::Passing
                }
                None => RestoreOutcome::NotThere,
            })
        }
        .boxed()
    }
}
