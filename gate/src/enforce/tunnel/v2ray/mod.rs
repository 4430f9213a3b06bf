//! V2Ray and Xray: a user is removed from every inbound, then the flows that are open are cut.
//!
//! Both are needed: without the user nobody can shake hands any more, but what is open goes on, and over a multiplexed
//! connection even opens new streams. Which flow is whose cannot be seen from outside, so the cut ends all of them, and
//! the other clients connect again by themselves, at once. Evictions within a few seconds share one cut.
//!
//! Whoever reaches the service's API can add users, and through the service everybody reaches it: [`Tunnel::keep`]
//! closes it to all but the node and us, and the node's own API to all but us.

mod api;
mod firewall;
mod inbounds;
mod present;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use sentinel_proto::handshake::Service;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::api::{Api, Dialect, Traffic};
use self::firewall::Firewall;
use self::inbounds::Inbounds;
use super::openvpn::is_uuid;
use super::place::Place;
use super::{Peer, Presence, Restored, Tunnel, TunnelConfig, TunnelError};

/// Evictions within this time share one cut.
const SHARED: Duration = Duration::from_secs(3);
/// How often the guard of the API is looked after.
const EVERY: Duration = Duration::from_secs(1);
/// The service counts its own life in whole seconds.
const SLACK: Duration = Duration::from_secs(2);

pub(super) struct V2Ray {
    dialect: Dialect,
    config: PathBuf,
    api_addr: Option<SocketAddr>,
    place: Place,
    firewall: Firewall,
    /// Peers whose flows are known to be cut.
    out: tokio::sync::Mutex<HashMap<String, Out>>,
    /// What users had sent when they were looked at last.
    seen: tokio::sync::Mutex<Option<(Instant, Traffic)>>,
    /// When the last cut began.
    cut: tokio::sync::Mutex<Option<Instant>>,
    /// How long it had been running when it was looked at last.
    ran: tokio::sync::Mutex<Option<(Instant, Duration)>>,
}

/// A peer that is out.
#[derive(Debug, Clone, Copy)]
struct Out {
    /// When its user was removed.
    since: Instant,
    /// Whether there was a user to remove.
    was_there: bool,
}

impl V2Ray {
    pub(super) fn new(service: Service, config: &TunnelConfig) -> Self {
        let (dialect, home) = match service {
            Service::Xray => (Dialect::Xray, "xray"),
            _ => (Dialect::V2Ray, "v2ray"),
        };
        let place = Place::new(config.namespace.clone());
        Self {
            dialect,
            config: config.node_home.join(home).join("server.json"),
            api_addr: config.api_addr,
            firewall: Firewall::new(place.clone(), config.door),
            place,
            out: tokio::sync::Mutex::default(),
            seen: tokio::sync::Mutex::default(),
            cut: tokio::sync::Mutex::default(),
            ran: tokio::sync::Mutex::default(),
        }
    }

    async fn api(&self, inbounds: &Inbounds) -> Result<Api, TunnelError> {
        let usual = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), inbounds.api_port);
        Api::connect(self.dialect, &self.place, self.api_addr.unwrap_or(usual)).await
    }

    /// Ends every flow that was open when this was called.
    async fn cut(&self, inbounds: &Inbounds) -> Result<(), TunnelError> {
        let wanted = Instant::now();
        let mut last = self.cut.lock().await;
        // Somebody else's cut came after our user was gone.
        if last.is_some_and(|begun| begun >= wanted) {
            return Ok(());
        }
        if let Some(begun) = *last {
            tokio::time::sleep_until(begun + SHARED).await;
        }
        let begun = Instant::now();
        self.firewall.cut(inbounds).await?;
        *last = Some(begun);
        Ok(())
    }

    async fn evict(&self, names: &[&String]) -> Result<(), TunnelError> {
        let inbounds = Inbounds::read(&self.config).await?;
        let mut removed = Vec::new();
        {
            let mut out = self.out.lock().await;
            let mut api = self.api(&inbounds).await?;
            for name in names {
                let mut found = false;
                for inbound in &inbounds.users {
                    found |= api.remove(&inbound.tag, name).await?;
                }
                // Not there and cut before: nothing is open.
                if found || !out.contains_key(*name) {
                    out.remove(*name);
                    removed.push(((*name).clone(), Out { since: Instant::now(), was_there: found }));
                }
            }
        }
        if removed.is_empty() {
            return Ok(());
        }
        self.cut(&inbounds).await?;
        self.out.lock().await.extend(removed);
        Ok(())
    }

    async fn restore(&self, name: &str) -> Result<Restored, TunnelError> {
        let inbounds = Inbounds::read(&self.config).await?;
        let mut out = self.out.lock().await;
        let mut api = self.api(&inbounds).await?;
        // A node that was started again has forgotten its users, and would not count what they use.
        let ours = match out.get(name) {
            Some(out) if out.was_there => api.uptime().await? + SLACK > out.since.elapsed(),
            _ => false,
        };
        if !ours && !api.knows(name).await? {
            return Ok(Restored::NotThere);
        }
        for inbound in &inbounds.users {
            api.add(inbound, name).await?;
        }
        out.remove(name);
        Ok(Restored::Passing)
    }

    /// Whether a user is in each of the inbounds.
    async fn places(&self, name: &str) -> Result<Vec<bool>, TunnelError> {
        if !is_uuid(name) {
            return Ok(Vec::new());
        }
        let inbounds = Inbounds::read(&self.config).await?;
        let _out = self.out.lock().await;
        let mut api = self.api(&inbounds).await?;
        let mut places = Vec::with_capacity(inbounds.users.len());
        for inbound in &inbounds.users {
            places.push(api.has(inbound, name).await?);
        }
        Ok(places)
    }

    async fn guard(&self) -> Result<(), TunnelError> {
        let inbounds = Inbounds::read(&self.config).await?;
        // Our own connections must not be taken for the node's.
        let _out = self.out.lock().await;
        self.firewall.guard(&inbounds).await
    }
}

impl Tunnel for V2Ray {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        async {
            let inbounds = Inbounds::read(&self.config).await?;
            let mut out = self.out.lock().await;
            let mut seen = self.seen.lock().await;
            let mut api = self.api(&inbounds).await?;
            let now = (Instant::now(), api.traffic().await?);
            let listed = api.listed(&inbounds.users).await?;
            let peers = present::compare(seen.as_ref(), &now.1, &out, listed.as_ref());
            // Whoever got in again has flows that are not cut.
            for peer in peers.iter().filter(|peer| peer.passing) {
                out.remove(&peer.peer_id);
            }
            *seen = Some(now);
            Ok(Presence { peers, all: listed.is_some(), names_evicted: false, server_key: None })
        }
        .boxed()
    }

    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        async { Ok(self.places(&peer.peer_id).await?.contains(&true)) }.boxed()
    }

    fn retell<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        async {
            // Everybody is told the same: where the inbounds are.
            let places = self.places(&peer.peer_id).await?;
            let told = another["metadata"].as_array().map_or(0, Vec::len);
            // A node that broke down while it added the peer has not added it everywhere.
            let whole = !places.is_empty() && places.len() == told && !places.contains(&false);
            Ok(whole.then(|| another.clone()))
        }
        .boxed()
    }

    fn shut_out<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async {
            let names: Vec<&String> =
                peers.iter().map(|peer| &peer.peer_id).filter(|name| is_uuid(name)).collect();
            if names.is_empty() { Ok(()) } else { self.evict(&names).await }
        }
        .boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.shut_out(peers)
    }

    fn let_back<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Restored, TunnelError>> {
        async {
            if !is_uuid(&peer.peer_id) {
                return Ok(Restored::NotThere);
            }
            self.restore(&peer.peer_id).await
        }
        .boxed()
    }

    fn renewed(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async {
            let inbounds = Inbounds::read(&self.config).await?;
            let _out = self.out.lock().await;
            let uptime = self.api(&inbounds).await?.uptime().await?;
            let before = self.ran.lock().await.replace((Instant::now(), uptime));
            // Nobody knows what was before the first look: who was admitted earlier than that start is gone.
            let anew = before.is_none_or(|(looked, then)| is_anew(then, looked.elapsed(), uptime));
            Ok(anew.then_some(uptime))
        }
        .boxed()
    }

    fn keep(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move {
            let mut trouble = String::new();
            loop {
                match self.guard().await {
                    Ok(()) => trouble.clear(),
                    Err(error) => {
                        let told = error.to_string();
                        if told != trouble {
                            tracing::warn!(%error, "the API of the tunnel service is not guarded");
                        }
                        trouble = told;
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
            // Without us nobody would let a node in that is started again.
            if let Err(error) = self.firewall.open().await {
                tracing::warn!(%error, "the API of the tunnel service stays closed to a node that is started again");
            }
        }
        .boxed()
    }
}

/// Whether a service that had run for `then`, `since` ago, and runs for `now`, was started in between. Whole seconds
/// are all that it tells, so a start that was sooner is found with the next one.
fn is_anew(then: Duration, since: Duration, now: Duration) -> bool {
    now + SLACK < then + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_told_by_a_life_that_is_too_short() {
        let seconds = Duration::from_secs;
        assert!(!is_anew(seconds(100), seconds(5), seconds(105)));
        assert!(!is_anew(seconds(100), seconds(5), seconds(103)), "it counts whole seconds");
        assert!(is_anew(seconds(100), seconds(5), seconds(3)));
        assert!(!is_anew(seconds(0), seconds(1), seconds(1)));
    }
}
