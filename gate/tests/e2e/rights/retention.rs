//! Retention is bounded (R1, R7): after the last card behind a session is gone, its peer is evicted within a bounded
//! time, however many bindings an attacker has added.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Account, Wallet};
use sentinel_stack::info::GateInfo;

use crate::fixture::{ConnectedClient, Fixture, Holder};
use crate::rights::steps::{
    Device, connect_device, create_delegated_wallets, crowd_size, set_distant_provider, sign_in_many,
    start_distant_provider, wait_until_evicted, wait_until_sale_is_seen,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = scenarios![
        evicts_seller_behind_a_crowd_of_bindings,
        ends_the_ping_of_a_seller_behind_a_crowd_of_bindings,
    ];
    // These hold evictions to their times.
    scenarios.extend(scenarios![exclusive:
        evicts_seller_behind_a_crowd_of_bindings_with_a_distant_provider,
        evicts_seller_behind_a_crowd_of_bindings_after_a_gate_restart,
        evicts_without_waiting_for_dead_bindings_of_another_account,
    ]);
    scenarios
}

/// Wallets to which one vault delegates.
const CROWD: usize = 250;

/// An account for which many wallets have signed in, all of them delegated by one vault with THIS card.
struct Crowd {
    vault: Wallet,
    account: Account,
    /// Sign-ins that the gate accepted.
    accepted: usize,
    size: usize,
}

impl Crowd {
    async fn sign_in(fixture: &Fixture, gate: &GateInfo) -> Result<Self> {
        let (size, ethereum) = (crowd_size(CROWD), &fixture.ethereum);
        let card = [ethereum.this_card()];
        let (vault, account) = tokio::try_join!(ethereum.holder(&card), fixture.funded_account())?;
        let wallets = create_delegated_wallets(ethereum, vault.address(), size).await?;
        let accepted = sign_in_many(gate, &wallets, &account.address).await?;
        ensure!(accepted > 0, "none of {size} wallets could sign in");
        Ok(Self { vault, account, accepted, size })
    }

    async fn connect(&self, fixture: &Fixture, gate: &GateInfo) -> Result<Device> {
        let session = fixture.open_direct_session(&self.account).await?;
        let device = connect_device(gate, &self.account, session).await;
        device.with_context(|| format!("behind {} of {} bindings", self.accepted, self.size))
    }

    async fn sell(&self, fixture: &Fixture) -> Result<()> {
        let ethereum = &fixture.ethereum;
        let (seller, buyer) = (self.vault.address(), Wallet::fresh().address());
        ethereum.transfer(seller, buyer, ethereum.this_card()).await
    }

    fn context(&self) -> String {
        format!("after the sale behind {} accepted of {} sign-ins", self.accepted, self.size)
    }
}

/// A crowd signs in, one device connects, and the card is sold; then runs `after` and requires the eviction within
/// its limit.
async fn expect_seller_eviction(
    fixture: &Fixture,
    gate: &GateInfo,
    after: impl Future<Output = Result<()>>,
) -> Result<()> {
    let crowd = Crowd::sign_in(fixture, gate).await?;
    let device = crowd.connect(fixture, gate).await?;
    crowd.sell(fixture).await?;
    after.await?;
    let node = &fixture.stack.nodes()[0];
    let evicted = wait_until_evicted(node, gate, &device, "no_card").await;
    evicted.with_context(|| crowd.context()).map(drop)
}

async fn evicts_seller_behind_a_crowd_of_bindings(fixture: &Fixture) -> Result<()> {
    let gate = &fixture.start_gate("gate-crowd", |_| ()).await?;
    expect_seller_eviction(fixture, gate, async { Ok(()) }).await
}

/// A delay of 150 ms, and answers cached as long as the template says.
async fn evicts_seller_behind_a_crowd_of_bindings_with_a_distant_provider(fixture: &Fixture) -> Result<()> {
    let provider = start_distant_provider(fixture).await?;
    let gate =
        &fixture.start_gate("gate-crowd-far", |config| set_distant_provider(config, &provider)).await?;
    expect_seller_eviction(fixture, gate, async { Ok(()) }).await
}

/// The gate is killed as soon as the sale is in a block; the limit counts from its restart.
async fn evicts_seller_behind_a_crowd_of_bindings_after_a_gate_restart(fixture: &Fixture) -> Result<()> {
    let provider = start_distant_provider(fixture).await?;
    let gate =
        &fixture.start_gate("gate-crowd-killed", |config| set_distant_provider(config, &provider)).await?;
    let restart = async {
        fixture.stack.kill_program(&gate.name).await?;
        fixture.stack.start_program(&gate.name).await
    };
    expect_seller_eviction(fixture, gate, restart).await
}

async fn ends_the_ping_of_a_seller_behind_a_crowd_of_bindings(fixture: &Fixture) -> Result<()> {
    let provider = start_distant_provider(fixture).await?;
    let gate =
        &fixture.start_gate("gate-crowd-ping", |config| set_distant_provider(config, &provider)).await?;
    let crowd = Crowd::sign_in(fixture, gate).await?;
    let connected = ConnectedClient::connect(fixture, gate, &crowd.account).await?;
    crowd.sell(fixture).await?;
    connected.expect_eviction().await.with_context(|| crowd.context())
}

/// Sells the card of a connected holder; returns the time until its eviction.
async fn measure_eviction(fixture: &Fixture, gate: &GateInfo, seller: &(Wallet, Device)) -> Result<Duration> {
    let ethereum = &fixture.ethereum;
    let (wallet, device) = seller;
    ethereum.transfer(wallet.address(), Wallet::fresh().address(), ethereum.other_card()).await?;
    wait_until_evicted(&fixture.stack.nodes()[0], gate, device, "no_card").await
}

/// Evictions of `sellers`, one after the other, each beside sign-ins for the account of `holder`, which make the gate
/// evaluate that account again and again.
async fn measure_evictions_beside_sign_ins(
    fixture: &Fixture,
    gate: &GateInfo,
    holder: &Holder,
    sellers: &[(Wallet, Device)],
) -> Result<Vec<Duration>> {
    const SIGN_INS: usize = 43;
    let mut times = Vec::new();
    for seller in sellers {
        let wallets = vec![holder.wallet.clone(); SIGN_INS];
        let begun = Instant::now();
        let sign_ins = sign_in_many(gate, &wallets, &holder.account.address);
        let selling = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            measure_eviction(fixture, gate, seller).await
        };
        let (_, time) = tokio::try_join!(sign_ins, selling)?;
        times.push(time);
        // The next round begins without evaluations of this one.
        tokio::time::sleep(Duration::from_secs(3).saturating_sub(begun.elapsed())).await;
    }
    Ok(times)
}

/// Beside sign-ins for an account with as many dead bindings as the gate takes, evictions need no longer than beside
/// as many sign-ins for an account without any.
async fn evicts_without_waiting_for_dead_bindings_of_another_account(fixture: &Fixture) -> Result<()> {
    const CONTROL_SALES: usize = 3;
    const SALES: usize = 4;
    const ALLOWED_DELAY: Duration = Duration::from_secs(1);
    let (provider, ethereum) = (start_distant_provider(fixture).await?, &fixture.ethereum);
    let gate = &fixture.start_gate("gate-dead", |config| set_distant_provider(config, &provider)).await?;
    // Its session rests on a card of its own, and its bindings are dead.
    let burdened = fixture.create_paid_holder_at(gate).await?;
    let session = fixture.open_direct_session(&burdened.account).await?;
    connect_device(gate, &burdened.account, session).await?;
    let unburdened = fixture.create_paid_holder_at(gate).await?;
    let session = fixture.open_direct_session(&unburdened.account).await?;
    connect_device(gate, &unburdened.account, session).await?;
    let vault = ethereum.holder(&[ethereum.this_card()]).await?;
    let size = crowd_size(CROWD);
    let wallets = create_delegated_wallets(ethereum, vault.address(), size).await?;
    let accepted = sign_in_many(gate, &wallets, &burdened.account.address).await?;
    ethereum.transfer(vault.address(), Wallet::fresh().address(), ethereum.this_card()).await?;

    let seller = || async {
        let holder = fixture.create_paid_holder_at(gate).await?;
        let session = fixture.open_direct_session(&holder.account).await?;
        let device = connect_device(gate, &holder.account, session).await?;
        Ok::<_, anyhow::Error>((holder.wallet, device))
    };
    let sellers = futures::future::try_join_all((0..CONTROL_SALES + SALES).map(|_| seller())).await?;
    wait_until_sale_is_seen(gate, &wallets[0]).await?;
    // What the sale itself has started is over.
    tokio::time::sleep(Duration::from_secs(3)).await;

    let (control_sellers, sellers) = sellers.split_at(CONTROL_SALES);
    let controls = measure_evictions_beside_sign_ins(fixture, gate, &unburdened, control_sellers).await?;
    let times = measure_evictions_beside_sign_ins(fixture, gate, &burdened, sellers).await?;
    let slowest_control = controls.iter().max().copied().unwrap_or_default();
    let worst = times.iter().max().copied().unwrap_or_default();
    ensure!(
        worst <= slowest_control + ALLOWED_DELAY,
        "beside {accepted} dead bindings of another account evictions took {times:?}, otherwise {controls:?}"
    );
    Ok(())
}
