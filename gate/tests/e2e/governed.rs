//! Policy from governance contracts: the gate follows them and keeps what it has read.

use std::time::Duration;

use alloy::primitives::{B256, U256};
use anyhow::{Context as _, Result, bail, ensure};
use sentinel_stack::actors::Wallet;
use sentinel_stack::info::GateInfo;
use sovereign_contracts::dev::Artifact;
use sovereign_contracts::system::{AccessPolicy, ParameterRegistry};

use crate::fixture::{
    ConnectedClient, Fixture, ensure_refusal, eventually, expect_admission, expect_refusal, set_key,
};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::faulty_provider::FaultyProvider;

const FOLLOW_LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![follows_parameters_pause_and_blacklist, follows_added_and_removed_collection]
}

alloy::sol! {
    interface IERC721 {
        function mint(address to, uint256 id) external;
        function transferFrom(address from, address to, uint256 id) external;
    }
}

/// Lifetime of a new binding at the gate, in seconds.
async fn binding_lifetime(fixture: &Fixture, gate: &GateInfo) -> Result<u64> {
    let binding = fixture.create_paid_holder_at(gate).await?.binding;
    let time = |key: &str| humantime::parse_rfc3339(binding[key].as_str().unwrap_or_default());
    Ok(time("expires_at")?.duration_since(time("issued_at")?)?.as_secs())
}

/// A parameter, a pause and its end reach a running gate; without Ethereum the last values count.
async fn follows_parameters_pause_and_blacklist(fixture: &Fixture) -> Result<()> {
    let governed = fixture.deploy_system().await?;
    let (system, guardian) = (governed.system, governed.plan.guardian);
    let registry = system.parameters;
    let provider = FaultyProvider::in_front_of(&fixture.stack.info().ethereum.rpc).await?;
    let gate = fixture
        .start_gate("gate-governed", |config| {
            set_key(config, "ethereum", "rpc_addrs", vec![provider.url()]);
            set_key(config, "memes", "discovery_interval", "1s");
            set_key(config, "governance", "parameters", registry.to_string());
            set_key(config, "governance", "access_policy", system.access_policy.to_string());
        })
        .await?;
    ensure!(binding_lifetime(fixture, &gate).await? == 24 * 3600, "not as governed at first");

    let chain = fixture.ethereum.chain();
    governed.set_parameter("CREDENTIAL_TTL", U256::from(2 * 3600)).await?;
    let followed = || async {
        let lasts = binding_lifetime(fixture, &gate).await?;
        ensure!(lasts == 2 * 3600, "a sign-in lasts {lasts} s");
        Ok(())
    };
    eventually("the parameter is followed", FOLLOW_LIMIT, followed).await?;

    let holder = fixture.create_paid_holder_at(&gate).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    chain.call(guardian, registry, &ParameterRegistry::pauseCall {}).await?;
    let paused = || async { expect_refusal(&gate, &handshake, 503, 110).await };
    eventually("the pause is followed", FOLLOW_LIMIT, paused).await?;
    chain.call(guardian, registry, &ParameterRegistry::unpauseCall {}).await?;
    let over = || async { expect_admission(&gate, &handshake).await };
    eventually("the end of the pause is followed", FOLLOW_LIMIT, over).await?;

    let node = fixture.node().address.parse::<sentinel_proto::address::NodeAddress>()?;
    let node = (*node.as_bytes()).into();
    let entry = ParameterRegistry::blacklistNodeCall { node, reason: B256::ZERO };
    let other = fixture.create_paid_holder_at(&gate).await?;
    let session = fixture.open_direct_session(&other.account).await?;
    let handshake = other.account.wireguard_handshake(session)?;
    chain.call(guardian, registry, &entry).await?;
    let banned = || async { expect_refusal(&gate, &handshake, 503, 115).await };
    eventually("the blacklist is followed", FOLLOW_LIMIT, banned).await?;
    // An unreachable provider revokes nothing.
    drop(provider);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let answer = crate::fixture::send_handshake(&gate, &handshake).await?;
    ensure_refusal(&answer, 503, 115).context("without Ethereum")
}

/// A collection that governance adds while the gate runs: a sale ends tunnels at once, by its event. The removal of
/// the collection ends the tunnels that rest on it.
async fn follows_added_and_removed_collection(fixture: &Fixture) -> Result<()> {
    let ethereum = &fixture.ethereum;
    let system = fixture.deploy_system().await?.system;
    let (timelock, policy) = (system.timelock, system.access_policy);
    let curator = Wallet::fresh().address();
    let gallery = ethereum.chain().deploy(curator, Artifact::TestGallery, &[]).await?;
    let gate = fixture
        .start_gate("gate-gallery", |config| {
            set_key(config, "memes", "discovery_interval", "1s");
            // Only events can reveal a sale in time.
            set_key(config, "cache", "positive_ttl", "10m");
            set_key(config, "governance", "parameters", system.parameters.to_string());
            set_key(config, "governance", "access_policy", policy.to_string());
        })
        .await?;
    let mut clients = Vec::new();
    let add = AccessPolicy::addCollectionCall { token: gallery, standard: 0, tier: 1, ids: Vec::new() };
    ethereum.send(timelock, policy, &add).await?;
    for id in [1, 2] {
        let (collector, account) = (Wallet::fresh(), fixture.funded_account().await?);
        let mint = IERC721::mintCall { to: collector.address(), id: U256::from(id) };
        ethereum.send(curator, gallery, &mint).await?;
        let bound = || async { fixture.bind_account(&gate, &collector, &account.address).await };
        eventually("the collection opens the gate", FOLLOW_LIMIT, bound).await?;
        clients.push((collector.address(), id, ConnectedClient::connect(fixture, &gate, &account).await?));
    }
    let [(seller, id, sold), (_, _, kept)] = clients.as_slice() else { bail!("two clients") };
    let sale =
        IERC721::transferFromCall { from: *seller, to: Wallet::fresh().address(), id: U256::from(*id) };
    ethereum.send(*seller, gallery, &sale).await?;
    sold.expect_eviction().await?;
    kept.expect_ping().await.context("another collector")?;
    let remove = AccessPolicy::removeCollectionCall { token: gallery };
    ethereum.send(timelock, policy, &remove).await?;
    kept.expect_silence(FOLLOW_LIMIT).await.context("the collection is gone")
}
