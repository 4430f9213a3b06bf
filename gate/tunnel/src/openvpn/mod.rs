//! OpenVPN: blocking a peer adds its certificate to the revocation list (CRL), then kills its connection.
//!
//! Both are needed: an established connection is not checked against the list again, and a client that was only killed
//! reconnects. The gate's entries differ from the node's by their reason, "certificate hold", so they survive a restart
//! of the gate. The node rewrites the list from its own memory whenever it revokes a certificate, and lets it expire
//! after a day, whereupon OpenVPN refuses every new client: [`Tunnel::maintain`] mends both.

mod crl;
mod management;
mod pki;
mod status;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::pki::Pki;
pub(super) use self::pki::is_name as is_uuid;
use super::error_log::ErrorLog;
use super::net_namespace::NetNamespace;
use super::{Peer, Presence, RestoreOutcome, Tunnel, TunnelConfig, TunnelError, TunnelPeer};

/// Address of OpenVPN's management interface on stock nodes.
const MANAGEMENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2323);
/// Interval of the check of the revocation list.
const CRL_CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// Every this many checks, a full check also tests whether the list expires soon or a blocked client is connected.
const CHECKS_PER_FULL_CHECK: u32 = 5;
/// Maximum rounds of killing clients until none is connected.
const MAX_KILL_ROUNDS: usize = 4;

pub(super) struct OpenVpn {
    pki: Arc<Pki>,
    status: PathBuf,
    management: SocketAddr,
    namespace: NetNamespace,
    turn: tokio::sync::Mutex<()>,
}

impl OpenVpn {
    pub(super) fn new(config: &TunnelConfig) -> Self {
        let home = config.node_home.join("openvpn");
        Self {
            pki: Arc::new(Pki::new(home.join("pki"))),
            status: home.join("server.log"),
            management: config.api_addr.unwrap_or(MANAGEMENT),
            namespace: NetNamespace::new(config.namespace.clone()),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Runs blocking work on the node's files.
    async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pki) -> Result<T, TunnelError> + Send + 'static,
    ) -> Result<T, TunnelError> {
        let pki = Arc::clone(&self.pki);
        let done = tokio::task::spawn_blocking(move || work(&pki)).await;
        done.map_err(|error| TunnelError::unreachable("OpenVPN's files", error))?
    }

    /// Kills these clients until none of them is connected.
    async fn cut(&self, names: &BTreeSet<String>) -> Result<(), TunnelError> {
        for _ in 0..MAX_KILL_ROUNDS + names.len() / management::MAX_KILLS_PER_CONNECTION {
            if management::kill(&self.namespace, self.management, names).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(TunnelError::refused("OpenVPN", "a revoked client is still connected"))
    }

    async fn maintain_crl(&self, thoroughly: bool) -> Result<(), TunnelError> {
        let _turn = self.turn.lock().await;
        let written = self.files(move |pki| pki.repair_crl(thoroughly)).await?;
        if !written && !thoroughly {
            return Ok(());
        }
        let held = self.files(Pki::held_names).await?;
        if held.is_empty() {
            return Ok(());
        }
        // The status file is read first, because the management interface serves one client at a time.
        let inside = status::read(&self.status).await;
        if written || inside.iter().any(|client| held.contains(&client.name)) {
            self.cut(&held).await?;
        }
        Ok(())
    }
}

/// The answer to another peer with this peer's certificate and key. `None` if the node has restarted since that answer:
/// then it has another authority and another static key.
fn answer_like(another: &Value, own: &pki::Credentials) -> Option<Value> {
    let mut answer = another.clone();
    let authority = STANDARD.encode(&own.authority);
    let told = answer.get("metadata")?.as_array()?;
    if told.is_empty() || told.iter().any(|server| server["ca"] != authority.as_str()) {
        return None;
    }
    *answer.get_mut("cert")? = json!(STANDARD.encode(&own.certificate));
    *answer.get_mut("key")? = json!(STANDARD.encode(&own.key));
    Some(answer)
}

impl Tunnel for OpenVpn {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        async {
            let connected = status::read(&self.status).await;
            let certificates = self.files(Pki::certificates).await?;
            let present = |certificate: pki::CertifiedPeer| TunnelPeer {
                addresses: connected
                    .iter()
                    .filter(|client| client.name == certificate.name)
                    .filter_map(|client| client.address.clone())
                    .collect(),
                peer_id: certificate.name,
                passing: !certificate.held,
            };
            let peers = certificates.into_iter().map(present).collect();
            Ok(Presence { peers, all: true, names_evicted: true, server_key: None })
        }
        .boxed()
    }

    fn rebuild_answer<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        async {
            let name = peer.peer_id.clone();
            if !pki::is_name(&name) {
                return Ok(None);
            }
            let Some(own) = self.files(move |pki| pki.credentials(&name)).await? else { return Ok(None) };
            Ok(answer_like(another, &own))
        }
        .boxed()
    }

    fn block<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async {
            // Only a uuid names a peer; any other text must not become a file name.
            let names: BTreeSet<String> =
                peers.iter().map(|peer| &peer.peer_id).filter(|id| pki::is_name(id)).cloned().collect();
            if names.is_empty() {
                return Ok(());
            }
            let _turn = self.turn.lock().await;
            let held = names.clone();
            self.files(move |pki| pki.hold(&held)).await?;
            self.cut(&names).await
        }
        .boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        self.block(peers)
    }

    fn restore<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>> {
        async {
            if !pki::is_name(&peer.peer_id) {
                return Ok(RestoreOutcome::NotThere);
            }
            let _turn = self.turn.lock().await;
            let name = peer.peer_id.clone();
            let there = self.files(move |pki| pki.release(&name)).await?;
            // The client gets a new address from the node's pool when it reconnects.
            Ok(if there { RestoreOutcome::Passing } else { RestoreOutcome::NotThere })
        }
        .boxed()
    }

    fn maintain(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move {
            let mut errors = ErrorLog::default();
            for round in (0..CHECKS_PER_FULL_CHECK).cycle() {
                errors.note(self.maintain_crl(round == 0).await, |error| {
                    tracing::warn!(%error, "the list of revoked certificates cannot be kept");
                });
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(CRL_CHECK_INTERVAL) => {}
                }
            }
        }
        .boxed()
    }
}
