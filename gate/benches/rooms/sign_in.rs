//! Warm sign-ins: the challenge and the durable binding, for wallets that renew theirs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_proto::address::AccountAddress;
use serde_json::json;
use sovereign_gate::access::Access;
use sovereign_gate::client_key::ClientKey;
use sovereign_gate::config::PolicySection;
use sovereign_gate::governance::Governance;
use sovereign_gate::signin::{DeviceLimits, RateLimit, SignIn, SignInConfig, SignInDeps};
use sovereign_gate::store::Store;
use sovereign_gate::store::clock::SystemClock;
use tokio::task::JoinSet;

use crate::admission::personal_sign;
use crate::fixture::{Fixture, OTHER_CARD, key, wallet_of};
use crate::measure::{cpu_time, micros_each, print_figures};
use crate::signatures::recovering;

const WALLETS: u64 = 400;
const ACCOUNTS: u8 = 5;
const ROUNDS: usize = 10;
/// Concurrent sign-ins: a whole round, so that there is work during disk writes.
const CONCURRENT_SIGN_INS: usize = 2000;

/// One client address suffices: the listener limits addresses.
pub(crate) fn client() -> ClientKey {
    IpAddr::V4(Ipv4Addr::LOCALHOST).into()
}

pub(crate) fn settings() -> SignInConfig {
    SignInConfig {
        public_url: "https://gate.example:8585/gate/".into(),
        domain: None,
        network: "bench".into(),
        chain_id: 1,
        ttl: Duration::from_secs(86_400),
        challenge_ttl: Duration::from_secs(300),
        max_accounts: ACCOUNTS.into(),
        devices: DeviceLimits::from(&PolicySection::default()),
        rate: RateLimit { burst: 1_000_000, per_minute: 1_000_000 },
    }
}

/// Creates the sign-in on `store`, without governance.
pub(crate) fn open_sign_in(store: Store, access: Arc<Access>, fixture: &Fixture) -> SignIn {
    let deps = SignInDeps {
        store,
        entitlements: access,
        contracts: fixture.reader(),
        clock: Arc::new(SystemClock),
        governance: Governance::none(),
    };
    SignIn::new(&settings(), deps).unwrap()
}

pub(crate) async fn run() {
    let fixture = Fixture::start().await;
    let wallets: Vec<_> = (1..=WALLETS).map(wallet_of).collect();
    fixture.give(&wallets, OTHER_CARD).await;
    let access = fixture.access(&fixture.url(), |_| ()).await;
    for wallet in &wallets {
        access.summary(*wallet, None).await.unwrap();
    }
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let sign_in = Arc::new(open_sign_in(store, Arc::clone(&access), &fixture));

    let (mut asking, mut binding, mut wall) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for round in 0..=ROUNDS {
        let (before, begin) = (cpu_time(), Instant::now());
        let mut challenges = Vec::new();
        // Different wallets sign in concurrently, not one with all its accounts.
        for account in 0..ACCOUNTS {
            for number in 1..=WALLETS {
                let mut bytes = [account; 20];
                bytes[..8].copy_from_slice(&number.to_be_bytes());
                let account = AccountAddress::new(bytes);
                let wallet = wallets[usize::try_from(number - 1).unwrap()];
                challenges.push((number, sign_in.challenge(wallet, account, None, client()).unwrap()));
            }
        }
        let (asked, took) = (cpu_time().saturating_sub(before), begin.elapsed());
        // The wallets' signatures are not measured.
        let signed: Vec<_> = challenges
            .into_iter()
            .map(|(number, challenge)| (personal_sign(&key(number), &challenge.message), challenge.message))
            .collect();
        let (before, begin) = (cpu_time(), Instant::now());
        // Spawned, like the gate's connections: a future outside of the workers wakes a thread at each answer.
        tokio::spawn(bind_all(Arc::clone(&sign_in), signed)).await.unwrap();
        // The first round creates bindings, the others renew them, which is the common case.
        if round > 0 {
            asking += asked;
            binding += cpu_time().saturating_sub(before);
            wall += begin.elapsed() + took;
        }
    }
    let signature = recovering();
    let count = ROUNDS * wallets.len() * usize::from(ACCOUNTS);
    let per_second = (f64::from(u32::try_from(count).unwrap()) / wall.as_secs_f64()).round();
    print_figures(
        "sign-in",
        &json!({ "sign_ins": count, "at_once": CONCURRENT_SIGN_INS, "challenge_cpu_us": micros_each(asking, count),
            "binding_cpu_us": micros_each(binding, count), "cpu_us_each": micros_each(asking + binding, count),
            "signature_alone_cpu_us": signature, "per_second": per_second }),
    );
}

async fn bind_all(sign_in: Arc<SignIn>, signed: Vec<(String, String)>) {
    let mut under_way = JoinSet::new();
    for (signature, message) in signed {
        if under_way.len() == CONCURRENT_SIGN_INS {
            under_way.join_next().await.unwrap().unwrap();
        }
        let sign_in = Arc::clone(&sign_in);
        under_way.spawn(async move { sign_in.bind(&message, &signature, client()).await.map(drop).unwrap() });
    }
    under_way.join_all().await;
}
