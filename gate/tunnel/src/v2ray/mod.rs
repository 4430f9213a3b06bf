//! V2Ray and Xray: blocking removes a user from every inbound, then cuts all open flows.
//!
//! Both are needed: a removed user cannot start a handshake, but open flows go on, and a multiplexed connection even
//! opens new streams. The owner of a flow cannot be seen from outside, so a cut ends all flows, and the other clients
//! reconnect by themselves, at once. Evictions within a few seconds share one cut.
//!
//! A client that reaches the service's API can add users, and every client reaches it through the service: [`Tunnel::maintain`]
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
use super::error_log::ErrorLog;
use super::net_namespace::NetNamespace;
use super::openvpn::is_uuid;
use super::{Peer, Presence, RestoreOutcome, Tunnel, TunnelConfig, TunnelError};

/// Minimum time between two cuts: evictions within it share one cut.
const MIN_CUT_INTERVAL: Duration = Duration::from_secs(3);
/// Interval at which the rules that guard the API are renewed.
const GUARD_INTERVAL: Duration = Duration::from_secs(1);
/// Tolerance for uptimes, which the service reports in whole seconds.
const UPTIME_TOLERANCE: Duration = Duration::from_secs(2);

pub(super) struct V2Ray {
    dialect: Dialect,
    config: PathBuf,
    api_addr: Option<SocketAddr>,
    namespace: NetNamespace,
    firewall: Firewall,
    /// Blocked users whose flows are cut.
    out: tokio::sync::Mutex<HashMap<String, BlockedUser>>,
    /// Traffic of the users at the last listing.
    seen: tokio::sync::Mutex<Option<(Instant, Traffic)>>,
    /// When the last cut began.
    cut: tokio::sync::Mutex<Option<Instant>>,
    /// Uptime of the service at the last check.
    ran: tokio::sync::Mutex<Option<(Instant, Duration)>>,
}

/// A blocked user.
#[derive(Debug, Clone, Copy)]
struct BlockedUser {
    /// When the user was removed.
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
        let namespace = NetNamespace::new(config.namespace.clone());
        Self {
            dialect,
            config: config.node_home.join(home).join("server.json"),
            api_addr: config.api_addr,
            firewall: Firewall::new(namespace.clone(), config.node_api_guard),
            namespace,
            out: tokio::sync::Mutex::default(),
            seen: tokio::sync::Mutex::default(),
            cut: tokio::sync::Mutex::default(),
            ran: tokio::sync::Mutex::default(),
        }
    }

    async fn api(&self, inbounds: &Inbounds) -> Result<Api, TunnelError> {
        let usual = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), inbounds.api_port);
        Api::connect(self.dialect, &self.namespace, self.api_addr.unwrap_or(usual)).await
    }

    /// Ends every flow that was open at the time of the call.
    async fn cut(&self, inbounds: &Inbounds) -> Result<(), TunnelError> {
        let wanted = Instant::now();
        let mut last = self.cut.lock().await;
        // A concurrent cut began after the user was removed.
        if last.is_some_and(|begun| begun >= wanted) {
            return Ok(());
        }
        if let Some(begun) = *last {
            tokio::time::sleep_until(begun + MIN_CUT_INTERVAL).await;
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
                // Absent and cut before: no flow is open.
                if found || !out.contains_key(*name) {
                    out.remove(*name);
                    removed.push(((*name).clone(), BlockedUser { since: Instant::now(), was_there: found }));
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

    async fn restore(&self, name: &str) -> Result<RestoreOutcome, TunnelError> {
        let inbounds = Inbounds::read(&self.config).await?;
        let mut out = self.out.lock().await;
        let mut api = self.api(&inbounds).await?;
        // A restarted node has lost its users and would not meter their traffic.
        let ours = match out.get(name) {
            Some(out) if out.was_there => api.uptime().await? + UPTIME_TOLERANCE > out.since.elapsed(),
            _ => false,
        };
        if !ours && !api.knows(name).await? {
            return Ok(RestoreOutcome::NotThere);
        }
        for inbound in &inbounds.users {
            api.add(inbound, name).await?;
        }
        out.remove(name);
        Ok(RestoreOutcome::Passing)
    }

    /// Whether a user is in each of the inbounds.
    async fn inbounds_with_user(&self, name: &str) -> Result<Vec<bool>, TunnelError> {
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
        // The gate's own connections must not be mistaken for the node's.
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
            // A user that was added again has flows that are not cut.
            for peer in peers.iter().filter(|peer| peer.passing) {
                out.remove(&peer.peer_id);
            }
            *seen = Some(now);
            Ok(Presence { peers, all: listed.is_some(), names_evicted: false, server_key: None })
        }
        .boxed()
    }

    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        async { Ok(self.inbounds_with_user(&peer.peer_id).await?.contains(&true)) }.boxed()
    }

    fn rebuild_answer<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        async {
            // All clients get the same answer: the addresses of the inbounds.
            let places = self.inbounds_with_user(&peer.peer_id).await?;
            let told = another["metadata"].as_array().map_or(0, Vec::len);
            // A node that crashed while it added the peer may have added it to some inbounds only.
            let whole = !places.is_empty() && places.len() == told && !places.contains(&false);
            Ok(whole.then(|| another.clone()))
        }
        .boxed()
    }

    fn block<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async {
            let names: Vec<&String> =
                peers.iter().map(|peer| &peer.peer_id).filter(|name| is_uuid(name)).collect();
            if names.is_empty() { Ok(()) } else { self.evict(&names).await }
        }
        .boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.block(peers)
    }

    fn restore<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>> {
        async {
            if !is_uuid(&peer.peer_id) {
                return Ok(RestoreOutcome::NotThere);
            }
            self.restore(&peer.peer_id).await
        }
        .boxed()
    }

    fn restarted_since(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async {
            let inbounds = Inbounds::read(&self.config).await?;
            let _out = self.out.lock().await;
            let uptime = self.api(&inbounds).await?.uptime().await?;
            let before = self.ran.lock().await.replace((Instant::now(), uptime));
            // Before the first check nothing is known: peers admitted before this start are lost.
            let anew = before.is_none_or(|(looked, then)| was_restarted(then, looked.elapsed(), uptime));
            Ok(anew.then_some(uptime))
        }
        .boxed()
    }

    fn maintain(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move {
            let mut errors = ErrorLog::default();
            loop {
                errors.note(self.guard().await, |error| {
                    tracing::warn!(%error, "the API of the tunnel service is not guarded");
                });
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(GUARD_INTERVAL) => {}
                }
            }
            // Without the gate a restarted node could not connect.
            if let Err(error) = self.firewall.allow_node_restart().await {
                tracing::warn!(%error, "the API of the tunnel service stays closed to a node that is started again");
            }
        }
        .boxed()
    }
}

/// Whether a service whose uptime was `then`, `since` ago, and is `now`, restarted in between. Uptimes are whole
/// seconds, so a very recent restart is detected by the next check.
fn was_restarted(then: Duration, since: Duration, now: Duration) -> bool {
    now + UPTIME_TOLERANCE < then + since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_restart_by_short_uptime() {
        let seconds = Duration::from_secs;
        assert!(!was_restarted(seconds(100), seconds(5), seconds(105)));
        assert!(!was_restarted(seconds(100), seconds(5), seconds(103)), "it counts whole seconds");
        assert!(was_restarted(seconds(100), seconds(5), seconds(3)));
        assert!(!was_restarted(seconds(0), seconds(1), seconds(1)));
    }
}
