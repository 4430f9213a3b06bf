//! Strangers do not interfere (R3, R4, R5, R6): delegations, gifts, sign-ins and sessions of strangers take nothing
//! from a holder, and refusals name no session of another account.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_proto::hub::SessionKind;
use sentinel_stack::actors::{Account, SignIn, Wallet};
use sentinel_stack::info::GateInfo;

use crate::rights_fixture::{
    Device, EVICTION_LIMIT, PLACES, Registry, connect, connect_all, crowd_size, delegated_wallets,
    distant_provider, far_from_ethereum, has_seen_sale, names_no_session_of, newest_device_wins, record_of,
    refused_with_code, sign_in_many, sign_in_with_vault, skip_small_session_ids, stay_live,
};
use crate::rights_scene::{LocalAccount, Scene};
use crate::trial::{Trial, trials};
use crate::world::{World, eventually, knock};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        plan_session_survives_a_6529_delegation_of_this_card,
        plan_session_survives_a_delegate_xyz_delegation_of_this_card,
        plan_session_survives_a_gift_of_this_card,
        victim_keeps_its_places_when_a_busy_vault_delegates_to_its_wallet,
        victim_gets_its_places_after_a_busy_vault_delegated_to_its_wallet,
        named_vault_is_not_overridden_by_an_eligibility_question,
        session_moves_to_its_own_card_before_drop_oldest_takes_it,
        fresh_sign_in_survives_a_crowd_of_sign_ins_for_its_account,
        refusal_behind_a_crowd_does_not_blame_ethereum,
        handshakes_for_a_session_of_another_account_do_not_delay_its_own,
    ]
}

/// Time for which a session must not change after an action of a stranger.
const OBSERVATION: Duration = Duration::from_secs(6);
/// Wallets to which one vault delegates.
const CROWD: usize = 250;

/// How a stranger adds a card of its own to the holder's.
#[derive(Debug, Clone, Copy)]
enum Gift {
    Delegation(Registry),
    Transfer,
}

/// A holder of the paid tier has a live session of the paid plan; a stranger's THIS card gives the free tier, which
/// the plan does not serve.
async fn plan_session_survives(world: &World, gift: Gift) -> Result<()> {
    let (gate, ethereum, node) = (world.gate(), &world.ethereum, &world.stack.nodes()[0]);
    let (holder, plan) = (world.paid().await?, world.stack.info().plans.paid);
    let subscription = world.hub().subscribe(&holder.account, plan).await?;
    let mut sessions = Vec::new();
    for _ in 0..=PLACES {
        let session = world.hub().start_session(&holder.account, subscription, &world.node().address).await?;
        sessions.push(session);
    }
    let first = connect(gate, &holder.account, sessions[0]).await?;

    let (stranger, wallet) = (ethereum.holder(&[ethereum.this_card()]).await?, holder.wallet.address());
    match gift {
        Gift::Delegation(registry) => registry.delegate(ethereum, stranger.address(), wallet).await?,
        Gift::Transfer => ethereum.transfer(stranger.address(), wallet, ethereum.this_card()).await?,
    }
    stay_live(node, gate, &[&first], OBSERVATION).await.with_context(|| format!("after {gift:?}"))?;

    let others = connect_all(gate, &holder.account, &sessions[1..PLACES]).await;
    let others = others.context("a further device within the holder's own places")?;
    let all: Vec<&Device> = std::iter::once(&first).chain(&others).collect();
    stay_live(node, gate, &all, Duration::from_secs(1)).await?;
    for device in all {
        let record = record_of(gate, device).await?;
        ensure!(record["tier"] == "paid" && record["plan"] == plan, "session {}: {record}", device.session);
    }
    let beyond = holder.account.wireguard_handshake(sessions[PLACES])?;
    refused_with_code(&knock(gate, &beyond).await?, 107).context("a device beyond the places")
}

async fn plan_session_survives_a_6529_delegation_of_this_card(world: &World) -> Result<()> {
    plan_session_survives(world, Gift::Delegation(Registry::Nft6529)).await
}

async fn plan_session_survives_a_delegate_xyz_delegation_of_this_card(world: &World) -> Result<()> {
    plan_session_survives(world, Gift::Delegation(Registry::DelegateXyz)).await
}

async fn plan_session_survives_a_gift_of_this_card(world: &World) -> Result<()> {
    plan_session_survives(world, Gift::Transfer).await
}

/// A wallet to which a vault delegated at delegate.xyz, and an account.
struct Victim {
    hot: Wallet,
    vault: Wallet,
    account: Account,
    /// One more than there are places.
    sessions: Vec<u64>,
}

impl Victim {
    async fn prepare(world: &World) -> Result<Self> {
        let ethereum = &world.ethereum;
        let card = [ethereum.other_card()];
        let (vault, account) = tokio::try_join!(ethereum.holder(&card), world.account())?;
        let hot = Wallet::fresh();
        Registry::DelegateXyz.delegate(ethereum, vault.address(), hot.address()).await?;
        let sessions = world.hub().direct_sessions(&account, &world.node().address, PLACES + 1).await?;
        Ok(Self { hot, vault, account, sessions })
    }
}

/// A vault with this card whose places are all in use by its own account; returns the vault and its sessions.
async fn busy_vault(world: &World, gate: &GateInfo, card: u64) -> Result<(Wallet, Vec<u64>)> {
    let holder = world.holder(gate, &[card]).await?;
    let sessions = world.hub().direct_sessions(&holder.account, &world.node().address, PLACES).await?;
    connect_all(gate, &holder.account, &sessions).await.context("the stranger's own devices")?;
    Ok((holder.wallet, sessions))
}

/// Requires that the victim's handshake beyond its places is refused with a message that names no foreign session.
async fn is_refused_without_foreign_sessions(
    gate: &GateInfo,
    victim: &Victim,
    foreign: &[u64],
) -> Result<()> {
    let beyond = victim.account.wireguard_handshake(victim.sessions[PLACES])?;
    let answer = knock(gate, &beyond).await?;
    refused_with_code(&answer, 107).context("a device beyond the places")?;
    names_no_session_of(answer.message(), foreign)
}

/// The gate reads 6529 before delegate.xyz, where the victim's own vault is.
async fn victim_keeps_its_places_when_a_busy_vault_delegates_to_its_wallet(world: &World) -> Result<()> {
    let (gate, ethereum, node) = (world.gate(), &world.ethereum, &world.stack.nodes()[0]);
    skip_small_session_ids(world).await?;
    let victim = Victim::prepare(world).await?;
    world.bind(gate, &victim.hot, &victim.account.address).await?;
    let first = connect(gate, &victim.account, victim.sessions[0]).await?;
    let (stranger, foreign) = busy_vault(world, gate, ethereum.other_card()).await?;
    Registry::Nft6529.delegate(ethereum, stranger.address(), victim.hot.address()).await?;
    stay_live(node, gate, &[&first], OBSERVATION).await.context("after the stranger's delegation")?;
    let others = connect_all(gate, &victim.account, &victim.sessions[1..PLACES]).await;
    let others = others.context("a further device within the victim's own places")?;
    let all: Vec<&Device> = std::iter::once(&first).chain(&others).collect();
    stay_live(node, gate, &all, Duration::from_secs(1)).await?;
    is_refused_without_foreign_sessions(gate, &victim, &foreign).await
}

async fn victim_gets_its_places_after_a_busy_vault_delegated_to_its_wallet(world: &World) -> Result<()> {
    let (gate, ethereum, node) = (world.gate(), &world.ethereum, &world.stack.nodes()[0]);
    skip_small_session_ids(world).await?;
    let victim = Victim::prepare(world).await?;
    let (stranger, foreign) = busy_vault(world, gate, ethereum.other_card()).await?;
    Registry::Nft6529.delegate(ethereum, stranger.address(), victim.hot.address()).await?;
    world.bind(gate, &victim.hot, &victim.account.address).await?;
    let devices = connect_all(gate, &victim.account, &victim.sessions[..PLACES]).await;
    let devices = devices.context("a device within the victim's own places")?;
    stay_live(node, gate, &devices.iter().collect::<Vec<_>>(), Duration::from_secs(2)).await?;
    is_refused_without_foreign_sessions(gate, &victim, &foreign).await
}

/// The stranger's vault gives the better tier. The gate may cache an answer without a named vault; it does not count
/// for a binding that names one.
async fn named_vault_is_not_overridden_by_an_eligibility_question(world: &World) -> Result<()> {
    let (gate, ethereum, node) = (world.gate(), &world.ethereum, &world.stack.nodes()[0]);
    skip_small_session_ids(world).await?;
    let (victim, plan) = (Victim::prepare(world).await?, world.stack.info().plans.paid);
    let vault = victim.vault.address();
    sign_in_with_vault(gate, &victim.hot, &victim.account.address, vault).await?;
    let first = connect(gate, &victim.account, victim.sessions[0]).await?;
    let rests_on_vault = |device: Device| async move {
        let record = record_of(gate, &device).await?;
        ensure!(record["vault"] == vault.to_string(), "session {} rests on {record}", device.session);
        Ok::<_, anyhow::Error>(device)
    };
    let first = rests_on_vault(first).await?;
    let (stranger, foreign) = busy_vault(world, gate, ethereum.this_card()).await?;
    Registry::Nft6529.delegate(ethereum, stranger.address(), victim.hot.address()).await?;
    // The last query finds the cache expired, so its answer is cached.
    for _ in 0..3 {
        SignIn::at(&gate.url)?.eligibility(victim.hot.address()).await?.result()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stay_live(node, gate, &[&first], OBSERVATION).await.context("after the question")?;
    let second = connect(gate, &victim.account, victim.sessions[1]).await.context("a second device")?;
    let second = rests_on_vault(second).await?;
    let session = world.hub().plan_session(&victim.account, plan, &world.node().address).await?;
    let third = connect(gate, &victim.account, session).await.context("a session of the paid plan")?;
    let third = rests_on_vault(third).await?;
    let first = rests_on_vault(first).await?;
    stay_live(node, gate, &[&first, &second, &third], Duration::from_secs(1)).await?;
    is_refused_without_foreign_sessions(gate, &victim, &foreign).await
}

/// The victim's session may rest on the stranger's wallet, whose binding is the newest; the stranger's own devices do
/// not evict it.
async fn session_moves_to_its_own_card_before_drop_oldest_takes_it(world: &World) -> Result<()> {
    let (ethereum, node) = (&world.ethereum, &world.stack.nodes()[0]);
    let devices = i64::try_from(PLACES)?;
    let gate = &world.gate_with("gate-oldest", |config| newest_device_wins(config, devices)).await?;
    let card = [ethereum.other_card()];
    let (victim, stranger) = tokio::try_join!(world.holder(gate, &card), world.holder(gate, &card))?;
    world.bind(gate, &stranger.wallet, &victim.account.address).await?;
    let session = world.direct_session(&victim.account).await?;
    let device = connect(gate, &victim.account, session).await?;
    let sessions = world.hub().direct_sessions(&stranger.account, &world.node().address, PLACES).await?;
    for (number, session) in sessions.iter().enumerate() {
        connect(gate, &stranger.account, *session).await.context("the stranger's own device")?;
        let live = stay_live(node, gate, &[&device], Duration::from_secs(1)).await;
        live.with_context(|| format!("after device {} of the stranger", number + 1))?;
    }
    stay_live(node, gate, &[&device], OBSERVATION).await.context("after the stranger's devices")?;
    let record = record_of(gate, &device).await?;
    ensure!(record["wallet"] == victim.wallet.address().to_string(), "it rests on {record}");
    Ok(())
}

/// The victim has signed in and not connected yet, which ranks below bindings that a handshake has used.
async fn fresh_sign_in_survives_a_crowd_of_sign_ins_for_its_account(world: &World) -> Result<()> {
    let (ethereum, node) = (&world.ethereum, &world.stack.nodes()[0]);
    // More than the gate keeps for one account.
    let size = crowd_size(CROWD + 12);
    let gate = &world.gate_with("gate-crowded-out", |_| ()).await?;
    let victim = world.paid_at(gate).await?;
    let session = world.direct_session(&victim.account).await?;
    let vault = ethereum.holder(&[ethereum.this_card()]).await?;
    let wallets = delegated_wallets(ethereum, vault.address(), size).await?;
    let accepted = sign_in_many(gate, &wallets, &victim.account.address).await?;
    ethereum.transfer(vault.address(), Wallet::fresh().address(), ethereum.this_card()).await?;
    has_seen_sale(gate, &wallets[0]).await?;
    let device = connect(gate, &victim.account, session).await;
    let device = device.with_context(|| format!("behind {accepted} of {size} sign-ins of strangers"))?;
    stay_live(node, gate, &[&device], Duration::from_secs(2)).await
}

/// No binding of the account has a card any more, and not all of them can be checked in time.
async fn refusal_behind_a_crowd_does_not_blame_ethereum(world: &World) -> Result<()> {
    let (provider, ethereum) = (distant_provider(world).await?, &world.ethereum);
    let gate = &world.gate_with("gate-crowd-told", |config| far_from_ethereum(config, &provider)).await?;
    let size = crowd_size(CROWD);
    let card = [ethereum.this_card()];
    let (account, vault) = tokio::try_join!(world.account(), ethereum.holder(&card))?;
    let session = world.direct_session(&account).await?;
    let wallets = delegated_wallets(ethereum, vault.address(), size).await?;
    let accepted = sign_in_many(gate, &wallets, &account.address).await?;
    ethereum.transfer(vault.address(), Wallet::fresh().address(), ethereum.this_card()).await?;
    has_seen_sale(gate, &wallets[0]).await?;
    let handshake = account.wireguard_handshake(session)?;
    // Cached answers count until the gate has seen the event; a session admitted by one is evicted then.
    let refused = || async {
        let answer = knock(gate, &handshake).await?;
        let body = String::from_utf8_lossy(&answer.bytes).into_owned();
        ensure!(answer.code().is_some(), "answered {} {body}", answer.status);
        Ok((answer, body))
    };
    eventually("the sold card opens nothing", EVICTION_LIMIT, refused).await?;
    for _ in 0..3 {
        let (answer, body) = refused().await?;
        let blames = answer.message().contains("Ethereum cannot be asked");
        ensure!(!blames, "Ethereum answers, behind {accepted} of {size} sign-ins: {body}");
    }
    Ok(())
}

/// The gate sends one handshake of a session at a time to the node, and session ids are public.
async fn handshakes_for_a_session_of_another_account_do_not_delay_its_own(world: &World) -> Result<()> {
    const HANDSHAKES: usize = 40;
    /// Half of the time that the stranger's handshakes would take at the node one after the other.
    const LIMIT: Duration = Duration::from_secs(2);
    let scene = &Scene::start(world, "gate-turns").await?;
    let account = || async {
        let (wallet, account) = (scene.ethereum.holder(&[scene.card(true)]).await?, LocalAccount::fresh()?);
        scene.sign_in(&wallet, account.address, None).await?.result().context("a sign-in")?;
        Ok::<_, anyhow::Error>(account)
    };
    let (owner, stranger) = tokio::try_join!(account(), account())?;
    let session = scene.open_session(owner.address, SessionKind::Direct);
    scene.node.slow_down(2 * LIMIT / u32::try_from(HANDSHAKES)?);

    let crowd = futures::stream::iter(0..HANDSHAKES).map(|_| async {
        let (handshake, _) = stranger.handshake(session)?;
        scene.knock(&handshake).await
    });
    let owns = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = Instant::now();
        let answer = scene.knock(&owner.handshake(session)?.0).await?;
        Ok::<_, anyhow::Error>((answer, begun.elapsed()))
    };
    let crowd = crowd.buffer_unordered(HANDSHAKES).try_collect::<Vec<_>>();
    let (answers, (own, took)) = tokio::try_join!(crowd, owns)?;
    own.result().context("the owner's handshake")?;
    ensure!(took < LIMIT, "the owner waited {took:?} behind {HANDSHAKES} handshakes of a stranger");
    for answer in answers {
        ensure!((answer.status, answer.code()) == (401, Some(6)), "not the node's refusal: {answer:?}");
    }
    Ok(())
}
