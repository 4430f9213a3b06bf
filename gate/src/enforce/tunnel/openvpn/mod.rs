//! OpenVPN: a peer's certificate is put on the list of revoked ones, then its connection is cut.
//!
//! Both are needed: a connection that stands is not checked against the list again, and a client that was merely cut
//! comes back. Entries of ours are told from the node's by their reason, "on hold", so they survive a restart of the
//! gate. The node writes the list from its own memory whenever it revokes somebody itself, and lets it run out after
//! a day, whereupon OpenVPN refuses every new client: [`Tunnel::keep`] mends both.

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
use super::place::Place;
use super::{Peer, Presence, Present, Restored, Tunnel, TunnelConfig, TunnelError};

/// Where stock nodes let OpenVPN take orders.
const MANAGEMENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2323);
/// How often the list is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// Looks between two that also ask whether the list runs out or somebody got in meanwhile.
const ROUNDS: u32 = 5;
/// How often clients are cut until none is left; none may come back in between.
const CUTS: usize = 4;

pub(super) struct OpenVpn {
    pki: Arc<Pki>,
    status: PathBuf,
    management: SocketAddr,
    place: Place,
    turn: tokio::sync::Mutex<()>,
}

impl OpenVpn {
    pub(super) fn new(config: &TunnelConfig) -> Self {
        let home = config.node_home.join("openvpn");
        Self {
            pki: Arc::new(Pki::new(home.join("pki"))),
            status: home.join("server.log"),
            management: config.api_addr.unwrap_or(MANAGEMENT),
            place: Place::new(config.namespace.clone()),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Reads and writes files, which may block.
    async fn files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pki) -> Result<T, TunnelError> + Send + 'static,
    ) -> Result<T, TunnelError> {
        let pki = Arc::clone(&self.pki);
        let done = tokio::task::spawn_blocking(move || work(&pki)).await;
        done.map_err(|error| TunnelError::unreachable("OpenVPN's files", error))?
    }

    /// Cuts these clients until none of them is connected.
    async fn cut(&self, names: &BTreeSet<String>) -> Result<(), TunnelError> {
        for _ in 0..CUTS + names.len() / management::AT_ONCE {
            if management::kill(&self.place, self.management, names).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(TunnelError::refused("OpenVPN", "a revoked client is still connected"))
    }

    async fn look(&self, thoroughly: bool) -> Result<(), TunnelError> {
        let _turn = self.turn.lock().await;
        let written = self.files(move |pki| pki.mend(thoroughly)).await?;
        if !written && !thoroughly {
            return Ok(());
        }
        let held = self.files(Pki::held_names).await?;
        if held.is_empty() {
            return Ok(());
        }
        // The file tells it without taking the one place at the management.
        let inside = status::read(&self.status).await;
        if written || inside.iter().any(|client| held.contains(&client.name)) {
            self.cut(&held).await?;
        }
        Ok(())
    }
}

/// The answer to another peer of the same start of the node, with this one's certificate and key. A node that is started
/// anew has another authority and another static key, and tells both.
fn like(another: &Value, own: &pki::Credentials) -> Option<Value> {
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
            let present = |certificate: pki::Known| Present {
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

    fn retell<'a>(
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
            Ok(like(another, &own))
        }
        .boxed()
    }

    fn shut_out<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async {
            // What is no uuid is no peer here, and no name of a file either.
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
        self.shut_out(peers)
    }

    fn let_back<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Restored, TunnelError>> {
        async {
            if !pki::is_name(&peer.peer_id) {
                return Ok(Restored::NotThere);
            }
            let _turn = self.turn.lock().await;
            let name = peer.peer_id.clone();
            let there = self.files(move |pki| pki.release(&name)).await?;
            // Its address is a new one, from the node's pool, when its client connects again.
            Ok(if there { Restored::Passing } else { Restored::NotThere })
        }
        .boxed()
    }

    fn keep(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move {
            let mut trouble = String::new();
            for round in (0..ROUNDS).cycle() {
                match self.look(round == 0).await {
                    Ok(()) => trouble.clear(),
                    Err(error) => {
                        let told = error.to_string();
                        if told != trouble {
                            tracing::warn!(%error, "the list of revoked certificates cannot be kept");
                        }
                        trouble = told;
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        }
        .boxed()
    }
}
