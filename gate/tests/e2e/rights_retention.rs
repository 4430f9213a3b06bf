//! Retention is bounded (R1, R7): after the last card behind a session is gone, its peer is evicted within a bounded
//! time, however many bindings an attacker has added.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Account, Wallet};
use sentinel_stack::info::GateInfo;

use crate::enforcement::Guest;
use crate::rights_fixture::{
    Device, EVICTION_LIMIT, connect, crowd_size, delegated_wallets, distant_provider, far_from_ethereum,
    has_seen_sale, sign_in_many, until_evicted,
};
use crate::trial::{Trial, trials};
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        evicts_seller_behind_a_crowd_of_bindings,
        evicts_seller_behind_a_crowd_of_bindings_with_a_distant_provider,
        evicts_seller_behind_a_crowd_of_bindings_after_a_gate_restart,
        ends_the_ping_of_a_seller_behind_a_crowd_of_bindings,
        evicts_without_waiting_for_dead_bindings_of_another_account,
    ]
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
    async fn sign_in(world: &World, gate: &GateInfo) -> Result<Self> {
        let (size, ethereum) = (crowd_size(CROWD), &world.ethereum);
        let card = [ethereum.this_card()];
        let (vault, account) = tokio::try_join!(ethereum.holder(&card), world.account())?;
        let wallets = delegated_wallets(ethereum, vault.address(), size).await?;
        let accepted = sign_in_many(gate, &wallets, &account.address).await?;
        ensure!(accepted > 0, "none of {size} wallets could sign in");
        Ok(Self { vault, account, accepted, size })
    }

    async fn connect(&self, world: &World, gate: &GateInfo) -> Result<Device> {
        let session = world.direct_session(&self.account).await?;
        let device = connect(gate, &self.account, session).await;
        device.with_context(|| format!("behind {} of {} bindings", self.accepted, self.size))
    }

    async fn sell(&self, world: &World) -> Result<()> {
        let ethereum = &world.ethereum;
        let (seller, buyer) = (self.vault.address(), Wallet::fresh().address());
        ethereum.transfer(seller, buyer, ethereum.this_card()).await
    }

    fn context(&self) -> String {
        format!("after the sale behind {} accepted of {} sign-ins", self.accepted, self.size)
    }
}

/// A crowd signs in, one device connects, and the card is sold; then runs `after` and requires the eviction within
/// its limit.
async fn evicts_seller_at(
    world: &World,
    gate: &GateInfo,
    after: impl Future<Output = Result<()>>,
) -> Result<()> {
    let crowd = Crowd::sign_in(world, gate).await?;
    let device = crowd.connect(world, gate).await?;
    crowd.sell(world).await?;
    after.await?;
    let node = &world.stack.nodes()[0];
    let evicted = until_evicted(node, gate, &device, "no_card", EVICTION_LIMIT).await;
    evicted.with_context(|| crowd.context()).map(drop)
}

async fn evicts_seller_behind_a_crowd_of_bindings(world: &World) -> Result<()> {
    let gate = &world.gate_with("gate-crowd", |_| ()).await?;
    evicts_seller_at(world, gate, async { Ok(()) }).await
}

/// A delay of 150 ms, and answers cached as long as the template says.
async fn evicts_seller_behind_a_crowd_of_bindings_with_a_distant_provider(world: &World) -> Result<()> {
    let provider = distant_provider(world).await?;
    let gate = &world.gate_with("gate-crowd-far", |config| far_from_ethereum(config, &provider)).await?;
    evicts_seller_at(world, gate, async { Ok(()) }).await
}

/// The gate is killed as soon as the sale is in a block; the limit counts from its restart.
async fn evicts_seller_behind_a_crowd_of_bindings_after_a_gate_restart(world: &World) -> Result<()> {
    let provider = distant_provider(world).await?;
    let gate = &world.gate_with("gate-crowd-killed", |config| far_from_ethereum(config, &provider)).await?;
    let restart = async {
        world.stack.kill_program(&gate.name).await?;
        world.stack.start_program(&gate.name).await
    };
    evicts_seller_at(world, gate, restart).await
}

async fn ends_the_ping_of_a_seller_behind_a_crowd_of_bindings(world: &World) -> Result<()> {
    let provider = distant_provider(world).await?;
    let gate = &world.gate_with("gate-crowd-ping", |config| far_from_ethereum(config, &provider)).await?;
    let crowd = Crowd::sign_in(world, gate).await?;
    let guest = Guest::arrive(world, gate, &crowd.account).await?;
    crowd.sell(world).await?;
    guest.falls_silent(EVICTION_LIMIT).await.with_context(|| crowd.context())
}

/// Sells the card of a connected holder; returns the time until its eviction.
async fn eviction_time(world: &World, gate: &GateInfo, seller: &(Wallet, Device)) -> Result<Duration> {
    let ethereum = &world.ethereum;
    let (wallet, device) = seller;
    ethereum.transfer(wallet.address(), Wallet::fresh().address(), ethereum.other_card()).await?;
    until_evicted(&world.stack.nodes()[0], gate, device, "no_card", Duration::from_secs(20)).await
}

/// An account with as many dead bindings as the gate takes is looked at again and again, by sign-ins for it, while
/// other holders sell.
async fn evicts_without_waiting_for_dead_bindings_of_another_account(world: &World) -> Result<()> {
    const USUAL: usize = 3;
    const LOADED: usize = 4;
    const SIGN_INS: usize = 43;
    const ALLOWED_DELAY: Duration = Duration::from_secs(1);
    let (provider, ethereum) = (distant_provider(world).await?, &world.ethereum);
    let gate = &world.gate_with("gate-dead", |config| far_from_ethereum(config, &provider)).await?;
    // Its session rests on a card of its own, and its bindings are dead.
    let burdened = world.paid_at(gate).await?;
    let session = world.direct_session(&burdened.account).await?;
    connect(gate, &burdened.account, session).await?;
    let vault = ethereum.holder(&[ethereum.this_card()]).await?;
    let size = crowd_size(CROWD);
    let wallets = delegated_wallets(ethereum, vault.address(), size).await?;
    let accepted = sign_in_many(gate, &wallets, &burdened.account.address).await?;
    ethereum.transfer(vault.address(), Wallet::fresh().address(), ethereum.this_card()).await?;

    let seller = || async {
        let holder = world.paid_at(gate).await?;
        let session = world.direct_session(&holder.account).await?;
        let device = connect(gate, &holder.account, session).await?;
        Ok::<_, anyhow::Error>((holder.wallet, device))
    };
    let sellers = futures::future::try_join_all((0..USUAL + LOADED).map(|_| seller())).await?;
    has_seen_sale(gate, &wallets[0]).await?;
    // What the sale itself has started is over.
    tokio::time::sleep(Duration::from_secs(3)).await;

    let (usual, loaded) = sellers.split_at(USUAL);
    let mut usual_time = Duration::ZERO;
    for seller in usual {
        usual_time = usual_time.max(eviction_time(world, gate, seller).await?);
    }
    let mut times = Vec::new();
    for seller in loaded {
        let sign_ins = vec![burdened.wallet.clone(); SIGN_INS];
        let begun = Instant::now();
        let looks = sign_in_many(gate, &sign_ins, &burdened.account.address);
        let selling = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            eviction_time(world, gate, seller).await
        };
        let (_, time) = tokio::try_join!(looks, selling)?;
        times.push(time);
        // The next round begins with looks that have nothing of this one left.
        tokio::time::sleep(Duration::from_secs(3).saturating_sub(begun.elapsed())).await;
    }
    let worst = times.iter().max().copied().unwrap_or_default();
    ensure!(
        worst <= usual_time + ALLOWED_DELAY,
        "beside {accepted} dead bindings of another account evictions took {times:?}, otherwise {usual_time:?}"
    );
    Ok(())
}
