//! Decisions that read from Ethereum with a latency of 200 ms.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use futures::future::join_all;
use serde_json::json;
use sovereign_contracts::nft_delegation::INFTDelegation::registerDelegationAddressCall;
use sovereign_contracts::nft_delegation::{MAINNET, USE_CASE_ALL};
use sovereign_gate::access::{Access, Tier};

use crate::fixture::{Fixture, OTHER_CARD, wallet_of};
use crate::measure::{percentiles, print_figures};
use crate::provider::DistantProvider;

const LATENCY: Duration = Duration::from_millis(200);
const CONCURRENT_WALLETS: u64 = 50;
/// Rate and duration of a flood of distinct wallets through a provider with a call limit.
const FLOOD_WALLETS_PER_SECOND: u64 = 500;
const FLOOD_SECONDS: u64 = 8;
const PROVIDER_CALLS_PER_SECOND: usize = 50;

pub(crate) async fn run() {
    let fixture = Fixture::start().await;
    let direct: Vec<_> = (1000..1000 + CONCURRENT_WALLETS).map(wallet_of).collect();
    let vaults: Vec<_> = (2000..2000 + CONCURRENT_WALLETS).map(wallet_of).collect();
    let hot: Vec<_> = (3000..3000 + CONCURRENT_WALLETS).map(wallet_of).collect();
    let unentitled: Vec<_> = (4000..4000 + CONCURRENT_WALLETS).map(wallet_of).collect();
    let first: Vec<_> = (5000..5000 + CONCURRENT_WALLETS).map(wallet_of).collect();
    fixture.give(&direct, OTHER_CARD).await;
    fixture.give(&vaults, OTHER_CARD).await;
    for (vault, hot) in vaults.iter().zip(&hot) {
        delegate(&fixture, *vault, *hot).await;
    }
    // No call limit: the flood below measures it.
    let provider = DistantProvider::start(fixture.url(), LATENCY, None).await;
    let access = fixture.access(provider.url(), |reader| reader.calls_per_second = 1000).await;
    // Open the provider's connections before the measurement.
    join_all(first.iter().map(|wallet| ask(&access, *wallet, Tier::Denied))).await;
    for (name, wallets, tier) in [
        ("cold, a card of one's own", &direct, Tier::Paid),
        ("cold, nothing", &unentitled, Tier::Denied),
        ("cold, a vault that delegated", &hot, Tier::Paid),
    ] {
        provider.calls();
        let times = join_all(wallets.iter().map(|wallet| ask(&access, *wallet, tier))).await;
        let (calls, _) = provider.calls();
        print_figures(
            name,
            &json!({ "at_once": CONCURRENT_WALLETS, "calls": calls, "time": percentiles(times) }),
        );
    }
    access.invalidate_all(0);
    provider.calls();
    let times = join_all((0..CONCURRENT_WALLETS).map(|_| ask(&access, direct[0], Tier::Paid))).await;
    print_figures(
        "cold, one wallet 50 times",
        &json!({ "calls": provider.calls().0, "time": percentiles(times) }),
    );
    flood(&fixture).await;
}

async fn ask(access: &Access, wallet: Address, tier: Tier) -> Duration {
    let begin = Instant::now();
    let summary = access.summary(wallet, None).await.unwrap();
    assert_eq!(summary.tier, tier);
    begin.elapsed()
}

async fn flood(fixture: &Fixture) {
    let provider =
        DistantProvider::start(fixture.url(), Duration::from_millis(50), Some(PROVIDER_CALLS_PER_SECOND))
            .await;
    let access = fixture.access(provider.url(), |_| ()).await;
    provider.calls();
    let mut beat =
        tokio::time::interval(Duration::from_secs(1) / u32::try_from(FLOOD_WALLETS_PER_SECOND).unwrap());
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..FLOOD_WALLETS_PER_SECOND * FLOOD_SECONDS {
        beat.tick().await;
        let access = Arc::clone(&access);
        let wallet = wallet_of(100_000 + number);
        tasks.push(tokio::spawn(async move { ask(&access, wallet, Tier::Denied).await }));
    }
    let times: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let (calls, refused) = provider.calls();
    print_figures(
        "cold, 500 wallets a second, 50 calls sold",
        &json!({ "seconds": begin.elapsed().as_secs_f64().round(), "calls": calls, "refused": refused,
            "time": percentiles(times) }),
    );
}

/// Registers a 6529 delegation from the vault to the hot wallet.
async fn delegate(fixture: &Fixture, vault: Address, hot: Address) {
    let call = registerDelegationAddressCall {
        collection: fixture.memes,
        delegate: hot,
        expiry: U256::from(u64::MAX),
        useCase: U256::from(USE_CASE_ALL),
        allTokens: true,
        tokenId: U256::ZERO,
    };
    fixture.chain.call(vault, MAINNET, &call).await.unwrap();
}
