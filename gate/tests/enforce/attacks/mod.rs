//! Attacks on the promises of docs/rights.md that once succeeded.

mod sales;
mod strangers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use axum::extract::State;
use axum::response::IntoResponse as _;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::{Handshake, PeerId, PeerRequest, PublicKey, Service};
use sentinel_proto::hub::SessionKind::{Direct, Plan};
use sha2::{Digest as _, Sha256};
use sovereign_gate::admission::{Admitted, Outcome};
use sovereign_gate::enforce::RepeatOutcome;
use sovereign_gate::refusal::Refusal;
use sovereign_gate::store::{EvictionCause, SessionRecord, SessionState};

use crate::fixture::{FREE_PLAN, Fixture, GateHandle, NODE, OTHER, THIS};
use crate::{DAY, delegate};

const EVICTION_LIMIT: Duration = Duration::from_secs(5);

/// A client with a key of its own.
struct Client {
    secret: secp256k1::SecretKey,
    key: PublicKey,
}

impl Client {
    fn new() -> Self {
        let (secret, public) = secp256k1::Secp256k1::new().generate_keypair(&mut rand::rng());
        Self { secret, key: PublicKey::Secp256k1(public.serialize()) }
    }

    fn account(&self) -> AccountAddress {
        self.key.account()
    }

    /// A handshake for `session`, and its tunnel key.
    fn handshake(&self, session: u64) -> (String, String) {
        self.handshake_with(session, PeerId::Key(rand::random()))
    }

    fn handshake_with(&self, session: u64, peer: PeerId) -> (String, String) {
        let data = PeerRequest { id: peer }.to_json(Service::WireGuard).into_bytes();
        let digest: [u8; 32] = Sha256::digest(Handshake::message(session, &data)).into();
        let message = secp256k1::Message::from_digest(digest);
        let signature = secp256k1::Secp256k1::new().sign_ecdsa(message, &self.secret).serialize_compact();
        let body = Handshake { session_id: session, data, pub_key: self.key, signature }.to_json();
        (body, peer.to_string())
    }
}

async fn decide(gate: &GateHandle, body: &str) -> Result<Admitted, Refusal> {
    let verified = gate.admission.verify(body.to_owned().into(), Service::WireGuard)?;
    match gate.admission.decide(verified).await? {
        Outcome::Admitted(admitted) => Ok(*admitted),
        other => panic!("{other:?}"),
    }
}

/// What the edge does with an admitted first handshake.
async fn admit(fixture: &Fixture, gate: &GateHandle, body: &str, key: &str) -> Result<(), Refusal> {
    let admitted = decide(gate, body).await?;
    fixture.tunnel.peers().insert(key.to_owned(), true);
    let verified = admitted.verified();
    let basis = gate.admission.recorded_basis(admitted.grant());
    let slot_holder = basis.holder();
    let record = SessionRecord {
        session_id: verified.session_id(),
        account: verified.account(),
        wallet: basis.wallet,
        vault: basis.vault,
        via: basis.via.map(str::to_owned),
        collection: basis.collection,
        card: basis.card,
        tier: basis.tier.to_owned(),
        plan: basis.plan,
        service: verified.service().to_string(),
        peer_id: key.to_owned(),
        addresses: vec![format!("10.0.1.{}/32", verified.session_id())],
        handshake_hash: verified.fingerprint(),
        slot_holder,
        admitted_at: crate::fixture::now().cast_signed(),
        decision_block: basis.block,
        expires_at: basis.expires_at,
        state: SessionState::Live,
        cause: None,
        evicted_at: None,
        signed_in_after: None,
        own_key: verified.own_key(),
    };
    gate.store.sessions().record(record, b"answer".to_vec()).await.unwrap();
    gate.admission.touch_binding(admitted.grant());
    gate.enforcer.confirm_admission(&admitted).await
}

fn is_live(gate: &GateHandle, session: u64) -> bool {
    gate.store.sessions().get(session).is_some_and(|record| record.is_live())
}

fn states(
    gate: &GateHandle,
    sessions: &[u64],
) -> Vec<(u64, &'static str, Option<EvictionCause>, Option<Address>)> {
    let records = sessions.iter().filter_map(|id| gate.store.sessions().get(*id));
    records.map(|one| (one.session_id, one.state.label(), one.cause, one.holder())).collect()
}

/// Every answer of Ethereum takes so long, in milliseconds.
async fn slow_provider(fixture: &Fixture) -> Arc<AtomicU64> {
    let (delay, url) = (Arc::new(AtomicU64::new(0)), fixture.anvil.url());
    let forward = |State((url, delay)): State<(String, Arc<AtomicU64>)>, body: String| async move {
        if body.contains("eth_call") {
            tokio::time::sleep(Duration::from_millis(delay.load(Ordering::SeqCst))).await;
        }
        let sent =
            reqwest::Client::new().post(&url).header("content-type", "application/json").body(body).send();
        ([("content-type", "application/json")], sent.await.unwrap().bytes().await.unwrap()).into_response()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    *fixture.provider.lock().unwrap() = Some(format!("http://{}", listener.local_addr().unwrap()));
    let router = axum::Router::new().fallback(forward).with_state((url, Arc::clone(&delay)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    delay
}
