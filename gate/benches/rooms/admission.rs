//! Warm admission: signature, binding, cards, session, device and key, for distinct handshakes.

use std::sync::Arc;

use alloy::primitives::eip191_hash_message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use secp256k1::{Message, Secp256k1, SecretKey};
use sentinel_proto::address::NodeAddress;
use sentinel_proto::handshake::{Handshake, Service};
use sentinel_proto::hub::{HubClient, HubConfig, SessionKind};
use sentinel_proto::stub::{State, StubHub};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sovereign_gate::admission::{
    Admission, AdmissionDeps, AdmissionPolicy, AdmissionSettings, Outcome, Sessions,
};
use sovereign_gate::config;
use sovereign_gate::enforce::Evictor;
use sovereign_gate::store::Store;
use sovereign_gate::store::clock::SystemClock;
use sovereign_tunnel::TunnelConfig;

use crate::fixture::{Fixture, OTHER_CARD, key, wallet_of};
use crate::measure::{cpu_time, micros_each, print_figures};
use crate::sign_in::{client, open_sign_in, settings};
use crate::signatures::verifying;

const HANDSHAKES: u64 = 5000;
const ROUNDS: usize = 4;
const CHAIN: &str = "bench-1";

pub(crate) async fn run() {
    let fixture = Fixture::start().await;
    let holder = 1;
    fixture.give(&[wallet_of(holder)], OTHER_CARD).await;
    let access = fixture.access(&fixture.url(), |_| ()).await;
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).await.unwrap();

    let account_key = key(1_000_000);
    let handshakes: Vec<Bytes> = (1..=HANDSHAKES).map(|session| handshake(&account_key, session)).collect();
    let account = Handshake::parse(&handshakes[0]).unwrap().verify().unwrap().account;
    let mut state = State::new(CHAIN);
    for session in 1..=HANDSHAKES {
        state.put(session, account, NodeAddress::new([9; 20]), SessionKind::Direct);
    }
    let hub = StubHub::start(state).unwrap();
    let hub_config = HubConfig {
        grpc_addrs: vec![format!("http://{}", hub.addr())],
        chain_id: CHAIN.to_owned(),
        ..config::Config::default().hub.client()
    };
    let sessions = Arc::new(Sessions::new(HubClient::new(hub_config).unwrap()));

    let clock = Arc::new(SystemClock);
    let sign_in = open_sign_in(store.clone(), Arc::clone(&access), &fixture);
    let challenge = sign_in.challenge(wallet_of(holder), account, None, client()).unwrap();
    sign_in
        .bind(&challenge.message, &personal_sign(&key(holder), &challenge.message), client())
        .await
        .unwrap();

    let policy = AdmissionPolicy::from(&config::Config::default().policy);
    // No session is evicted here, so the tunnel is never used.
    let tunnel = TunnelConfig::try_from(&config::Config::default().tunnel).unwrap();
    let tunnel = sovereign_tunnel::open(&tunnel, Box::new(|| None)).unwrap();
    let evictor = Arc::new(Evictor::new(store.clone(), tunnel));
    let settings = AdmissionSettings { sign_in_url: String::new(), unbound_ttl: settings().ttl };
    let deps = AdmissionDeps { access, sessions, store, evictor, clock };
    let admission = Admission::new(deps, policy, settings);
    let signature = verifying();
    // The first round fills the session cache from the hub.
    decide_all(&admission, &handshakes).await;
    let before = cpu_time();
    for _ in 0..ROUNDS {
        decide_all(&admission, &handshakes).await;
    }
    let each = micros_each(cpu_time().saturating_sub(before), ROUNDS * handshakes.len());
    print_figures(
        "admission",
        &json!({ "handshakes": ROUNDS * handshakes.len(), "cpu_us_each": each, "signature_alone_cpu_us": signature }),
    );
}

async fn decide_all(admission: &Admission, handshakes: &[Bytes]) {
    for body in handshakes {
        let verified = admission.verify(body.clone(), Service::WireGuard).unwrap();
        let outcome = admission.decide(verified).await.unwrap();
        assert!(matches!(outcome, Outcome::Admitted(_)), "{outcome:?}");
    }
}

/// The handshake of a stock client.
fn handshake(key: &SecretKey, session: u64) -> Bytes {
    let secp = Secp256k1::signing_only();
    let peer = BASE64.encode(Sha256::digest(session.to_be_bytes()));
    let data = format!(r#"{{"public_key":"{peer}"}}"#);
    let digest = Sha256::new().chain_update(session.to_be_bytes()).chain_update(&data).finalize();
    let signature = secp.sign_ecdsa(Message::from_digest(digest.into()), key).serialize_compact();
    let body = json!({
        "id": session,
        "data": BASE64.encode(data),
        "pub_key": format!("secp256k1:{}", BASE64.encode(key.public_key(&secp).serialize())),
        "signature": BASE64.encode(signature),
    });
    body.to_string().into()
}

/// Signs a text like a wallet.
pub(crate) fn personal_sign(key: &SecretKey, text: &str) -> String {
    let hash = Message::from_digest(eip191_hash_message(text).0);
    let (id, rs) = Secp256k1::signing_only().sign_ecdsa_recoverable(hash, key).serialize_compact();
    format!("0x{}{:02x}", hex::encode(rs), 27 + i32::from(id))
}
