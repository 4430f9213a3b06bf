//! Policy from the chain: read, applied, kept during an outage of Ethereum, and bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use alloy::primitives::{Address, FixedBytes, U256};
use sovereign_contracts::dev::{Artifact, Deployment, DeploymentPlan};
use sovereign_contracts::reader::{Reader, ReaderConfig};
use sovereign_contracts::system::{AccessPolicy, ParameterRegistry};
use sovereign_gate::access::Tier;
use sovereign_gate::governance::{Governance, GovernanceContracts, GovernanceFollower};
use sovereign_gate::refusal::Refusal;
use tokio_util::sync::CancellationToken;

use crate::fixture::*;

const NODE: FixedBytes<20> = FixedBytes::repeat_byte(0x17);
const FILE: Duration = Duration::from_secs(86_400);

/// The contract system on the fixture's chain, and the gate's view of it.
struct Governed {
    deployment: Deployment,
    governance: Governance,
    stop: CancellationToken,
}

impl Drop for Governed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Governed {
    async fn follow(fixture: &Fixture) -> Self {
        let deployment =
            Deployment::make(&fixture.chain, DeploymentPlan::local(fixture.memes)).await.unwrap();
        let governed = Self::of(fixture, deployment, fixture.memes);
        let known = eventually(|| governed.governance.problem().is_none()).await;
        assert!(known, "{:?}", governed.governance.problem());
        governed
    }

    fn of(fixture: &Fixture, deployment: Deployment, memes: Address) -> Self {
        let access = Arc::clone(&fixture.access);
        let apply = move |governed: &sovereign_gate::governance::GovernedPolicy| {
            access.apply_governance(|config| governed.apply(config)).map_err(|error| error.to_string())
        };
        Self::applied(fixture, deployment, memes, apply)
    }

    fn applied(
        fixture: &Fixture,
        deployment: Deployment,
        memes: Address,
        apply: impl Fn(&sovereign_gate::governance::GovernedPolicy) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let contracts = GovernanceContracts {
            parameters: deployment.system.parameters,
            access_policy: Some(deployment.system.access_policy),
            memes,
        };
        let reader = ReaderConfig {
            rpc_addrs: vec![fixture.chain.url().to_owned()],
            chain_id: 31337,
            timeout: Duration::from_millis(500),
            ..ReaderConfig::default()
        };
        let reader = Arc::new(Reader::new(reader, Arc::clone(&fixture.counter) as _).unwrap());
        let (follower, governance) = GovernanceFollower::new(contracts, reader, Duration::from_millis(50));
        let stop = CancellationToken::new();
        let until = stop.clone();
        tokio::spawn(async move {
            follower.run(|| Some(NODE), apply, until).await;
        });
        Self { deployment, governance, stop }
    }

    fn ttl(&self) -> u64 {
        self.governance.credential_ttl(FILE).as_secs()
    }

    async fn now(&self) -> i64 {
        self.deployment.chain.now().await.unwrap().cast_signed()
    }
}

async fn eventually(mut good: impl FnMut() -> bool) -> bool {
    for _ in 0..200 {
        if good() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn parameters_are_followed_and_kept_during_an_ethereum_outage() {
    let fixture = Fixture::start().await;
    let governed = Governed::follow(&fixture).await;
    assert_eq!((governed.ttl(), governed.governance.devices(Tier::Free, 9)), (86_400, 3));

    governed.deployment.set_parameter("CREDENTIAL_TTL", U256::from(7200)).await.unwrap();
    governed.deployment.set_parameter("DEVICE_LIMIT_PAID", U256::from(1)).await.unwrap();
    assert!(eventually(|| governed.ttl() == 7200).await);
    assert!(eventually(|| governed.governance.devices(Tier::Paid, 9) == 1).await);

    let Fixture { anvil, .. } = fixture;
    drop(anvil);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((governed.ttl(), governed.governance.devices(Tier::Paid, 9)), (7200, 1));
    assert_eq!(governed.governance.refusal(0), None);
}

#[tokio::test]
async fn failed_policy_is_retried_while_other_parameters_apply() {
    let fixture = Fixture::start().await;
    let deployment = Deployment::make(&fixture.chain, DeploymentPlan::local(fixture.memes)).await.unwrap();
    let shared = Arc::new((AtomicUsize::new(0), AtomicBool::new(true)));
    let used = Arc::clone(&shared);
    let apply = move |_: &sovereign_gate::governance::GovernedPolicy| {
        used.0.fetch_add(1, Ordering::SeqCst);
        if used.1.load(Ordering::SeqCst) { Err("too many cards".to_owned()) } else { Ok(()) }
    };
    let governed = Governed::applied(&fixture, deployment, fixture.memes, apply);
    let (counter, refuses) = &*shared;
    let tries = || counter.load(Ordering::SeqCst);
    assert!(eventually(|| tries() > 3).await, "tried {} times", tries());
    governed.deployment.set_parameter("CREDENTIAL_TTL", U256::from(7200)).await.unwrap();
    assert!(eventually(|| governed.ttl() == 7200).await, "what has nothing to do with cards");
    refuses.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let done = tries();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tries(), done, "applied again and again");
}

#[tokio::test]
async fn pause_and_blacklist_refuse_handshakes() {
    let fixture = Fixture::start().await;
    let governed = Governed::follow(&fixture).await;
    let Deployment { chain, system, plan, .. } = &governed.deployment;
    let (guardian, now) = (plan.guardian, governed.now().await);
    let refusal = || governed.governance.refusal(now);
    assert_eq!(refusal(), None);

    chain.call(guardian, system.parameters, &ParameterRegistry::pauseCall {}).await.unwrap();
    assert!(eventually(|| refusal() == Some(Refusal::Paused)).await);
    chain.call(guardian, system.parameters, &ParameterRegistry::unpauseCall {}).await.unwrap();
    assert!(eventually(|| refusal().is_none()).await);

    let other = FixedBytes::repeat_byte(0x18);
    for (node, expected) in [(other, None), (NODE, Some(Refusal::NotInGoodStanding))] {
        let call = ParameterRegistry::blacklistNodeCall { node, reason: FixedBytes::ZERO };
        chain.call(guardian, system.parameters, &call).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(eventually(|| refusal() == expected).await, "{node}");
    }
}

#[tokio::test]
async fn governed_collection_gives_its_tier_without_waiting_for_the_cache() {
    // Cached for long, so that only the change itself can update the answer.
    let fixture = Fixture::start_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(600), Duration::from_secs(600));
    })
    .await;
    let governed = Governed::follow(&fixture).await;
    let (chain, system) = (&governed.deployment.chain, &governed.deployment.system);
    let gallery = chain.deploy(DEPLOYER, Artifact::TestGallery, &[]).await.unwrap();
    let (collector, holder) = (fixture.fresh_wallet(), fixture.holder_of(3).await);
    let mint = [
        &alloy::primitives::keccak256("mint(address,uint256)")[..4],
        &alloy::sol_types::SolValue::abi_encode_params(&(collector, U256::from(1))),
    ];
    chain.send(DEPLOYER, gallery, mint.concat().into()).await.unwrap();
    assert_eq!(fixture.ask(collector).await.tier, Tier::Denied);
    assert_eq!(fixture.ask(holder).await.tier, Tier::Paid);

    let add = AccessPolicy::addCollectionCall { token: gallery, standard: 0, tier: 1, ids: Vec::new() };
    chain.call(system.timelock, system.access_policy, &add).await.unwrap();
    let choose = AccessPolicy::setThisCardTokenIdCall { tokenId: U256::from(3) };
    chain.call(system.timelock, system.access_policy, &choose).await.unwrap();
    let mut tiers = (Tier::Denied, Tier::Paid);
    for _ in 0..100 {
        tiers = (fixture.ask(collector).await.tier, fixture.ask(holder).await.tier);
        if tiers == (Tier::Paid, Tier::Free) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(tiers, (Tier::Paid, Tier::Free));
}

#[tokio::test]
async fn refuses_contracts_that_govern_another_collection() {
    let fixture = Fixture::start().await;
    let deployment = Deployment::make(&fixture.chain, DeploymentPlan::local(fixture.memes)).await.unwrap();
    let governed = Governed::of(&fixture, deployment, Address::repeat_byte(5));
    let answer =
        eventually(|| governed.governance.problem().is_some_and(|why| why.contains("collection of cards")));
    assert!(answer.await, "{:?}", governed.governance.problem());
    assert_eq!(governed.governance.refusal(0), Some(Refusal::EthereumUnavailable));
    assert_eq!(governed.ttl(), FILE.as_secs());
}
