//! Sign-ins, warm: challenge, and the binding durably on the disk, of wallets that renew theirs.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_proto::address::AccountAddress;
use serde_json::json;
use sovereign_gate::client::Client;
use sovereign_gate::config::Policy;
use sovereign_gate::signin::{DeviceLimits, Rate, SignIn, SignInConfig};
use sovereign_gate::store::Store;
use sovereign_gate::store::clock::SystemClock;
use tokio::task::JoinSet;

use crate::admission::personal_sign;
use crate::measure::{cpu, micros, tell};
use crate::signatures::recovering;
use crate::town::{OTHER_CARD, Town, key, wallet_of};

const WALLETS: u64 = 400;
const ACCOUNTS: u8 = 5;
const ROUNDS: usize = 10;
/// Sign-ins under way at the same time: all of a round, so that there is work while the disk is waited for.
const AT_ONCE: usize = 2000;

/// One address is as good as any: the limit for addresses is the door's.
pub(crate) fn client() -> Client {
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
        devices: DeviceLimits::from(&Policy::default()),
        rate: Rate { burst: 1_000_000, per_minute: 1_000_000 },
    }
}

pub(crate) async fn run() {
    let town = Town::open().await;
    let wallets: Vec<_> = (1..=WALLETS).map(wallet_of).collect();
    town.give(&wallets, OTHER_CARD).await;
    let access = town.access(&town.url(), |_| ()).await;
    for wallet in &wallets {
        access.summary(*wallet, None).await.unwrap();
    }
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open(home.path()).await.unwrap();
    let clock = Arc::new(SystemClock);
    let sign_in =
        Arc::new(SignIn::new(&settings(), store, Arc::clone(&access) as _, town.reader(), clock).unwrap());

    let (mut asking, mut binding, mut wall) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for round in 0..=ROUNDS {
        let (before, begin) = (cpu(), Instant::now());
        let mut challenges = Vec::new();
        // Different people sign in at the same time, not one with all his accounts.
        for account in 0..ACCOUNTS {
            for number in 1..=WALLETS {
                let mut bytes = [account; 20];
                bytes[..8].copy_from_slice(&number.to_be_bytes());
                let account = AccountAddress::new(bytes);
                let wallet = wallets[usize::try_from(number - 1).unwrap()];
                challenges.push((number, sign_in.challenge(wallet, account, None, client()).unwrap()));
            }
        }
        let (asked, took) = (cpu().saturating_sub(before), begin.elapsed());
        // The wallets' own work does not count.
        let signed: Vec<_> = challenges
            .into_iter()
            .map(|(number, challenge)| (personal_sign(&key(number), &challenge.message), challenge.message))
            .collect();
        let (before, begin) = (cpu(), Instant::now());
        // As a task, like the gate's connections: what waits outside of the workers wakes a thread at each answer.
        tokio::spawn(bind_all(Arc::clone(&sign_in), signed)).await.unwrap();
        // The first round has new bindings, the others renew: what a gate does all day.
        if round > 0 {
            asking += asked;
            binding += cpu().saturating_sub(before);
            wall += begin.elapsed() + took;
        }
    }
    let signature = recovering();
    let count = ROUNDS * wallets.len() * usize::from(ACCOUNTS);
    let per_second = (f64::from(u32::try_from(count).unwrap()) / wall.as_secs_f64()).round();
    tell(
        "sign-in",
        &json!({ "sign_ins": count, "at_once": AT_ONCE, "challenge_cpu_us": micros(asking, count),
            "binding_cpu_us": micros(binding, count), "cpu_us_each": micros(asking + binding, count),
            "signature_alone_cpu_us": signature, "per_second": per_second }),
    );
}

async fn bind_all(sign_in: Arc<SignIn>, signed: Vec<(String, String)>) {
    let mut under_way = JoinSet::new();
    for (signature, message) in signed {
        if under_way.len() == AT_ONCE {
            under_way.join_next().await.unwrap().unwrap();
        }
        let sign_in = Arc::clone(&sign_in);
        under_way.spawn(async move { sign_in.bind(&message, &signature, client()).await.map(drop).unwrap() });
    }
    under_way.join_all().await;
}
