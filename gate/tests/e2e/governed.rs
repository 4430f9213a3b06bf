//! Policy from governance contracts: the gate follows them and keeps what it has read.

use std::time::Duration;

use alloy::primitives::{B256, U256};
use anyhow::{Context as _, Result, bail, ensure};
use sentinel_stack::actors::Wallet;
use sentinel_stack::info::GateInfo;
use sovereign_contracts::dev::Artifact;
use sovereign_contracts::system::{AccessPolicy, ParameterRegistry};

use crate::enforcement::{Guest, SOON as AT_ONCE};
use crate::stub::StubProvider;
use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, refused, set, turned_away};

const SOON: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_gate_follows_governance, a_governed_collection_comes_and_goes]
}

alloy::sol! {
    interface IGallery {
        function mint(address to, uint256 id) external;
        function transferFrom(address from, address to, uint256 id) external;
    }
}

/// Lifetime of a new binding at the gate, in seconds.
async fn lifetime(world: &World, gate: &GateInfo) -> Result<u64> {
    let binding = world.paid_at(gate).await?.binding;
    let time = |key: &str| humantime::parse_rfc3339(binding[key].as_str().unwrap_or_default());
    Ok(time("expires_at")?.duration_since(time("issued_at")?)?.as_secs())
}

/// A parameter, a pause and its end reach a running gate; without Ethereum the last values count.
async fn the_gate_follows_governance(world: &World) -> Result<()> {
    let governed = world.system().await?;
    let (system, guardian) = (governed.system, governed.plan.guardian);
    let registry = system.parameters;
    let provider = StubProvider::before(&world.stack.info().ethereum.rpc, None).await?;
    let gate = world
        .gate_with("gate-governed", |config| {
            set(config, "ethereum", "rpc_addrs", vec![provider.url()]);
            set(config, "memes", "discovery_interval", "1s");
            set(config, "governance", "parameters", registry.to_string());
            set(config, "governance", "access_policy", system.access_policy.to_string());
        })
        .await?;
    ensure!(lifetime(world, &gate).await? == 24 * 3600, "not as governed at first");

    let chain = world.ethereum.chain();
    governed.set_parameter("CREDENTIAL_TTL", U256::from(2 * 3600)).await?;
    let followed = || async {
        let lasts = lifetime(world, &gate).await?;
        ensure!(lasts == 2 * 3600, "a sign-in lasts {lasts} s");
        Ok(())
    };
    eventually("the parameter is followed", SOON, followed).await?;

    let holder = world.paid_at(&gate).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    chain.call(guardian, registry, &ParameterRegistry::pauseCall {}).await?;
    let paused = || async { turned_away(&gate, &handshake, 503, 110).await };
    eventually("the pause is followed", SOON, paused).await?;
    chain.call(guardian, registry, &ParameterRegistry::unpauseCall {}).await?;
    let over = || async { enter(&gate, &handshake).await };
    eventually("the end of the pause is followed", SOON, over).await?;

    let node = world.node().address.parse::<sentinel_proto::address::NodeAddress>()?;
    let node = (*node.as_bytes()).into();
    let entry = ParameterRegistry::blacklistNodeCall { node, reason: B256::ZERO };
    let other = world.paid_at(&gate).await?;
    let session = world.direct_session(&other.account).await?;
    let handshake = other.account.wireguard_handshake(session)?;
    chain.call(guardian, registry, &entry).await?;
    let banned = || async { turned_away(&gate, &handshake, 503, 115).await };
    eventually("the blacklist is followed", SOON, banned).await?;
    // An unreachable provider revokes nothing.
    drop(provider);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let answer = crate::world::knock(&gate, &handshake).await?;
    refused(&answer, 503, 115).context("without Ethereum")
}

/// A collection that governance adds while the gate runs: a sale ends tunnels at once, by its event. The removal of
/// the collection ends the tunnels that rest on it.
async fn a_governed_collection_comes_and_goes(world: &World) -> Result<()> {
    let ethereum = &world.ethereum;
    let system = world.system().await?.system;
    let (timelock, policy) = (system.timelock, system.access_policy);
    let curator = Wallet::fresh().address();
    let gallery = ethereum.chain().deploy(curator, Artifact::TestGallery, &[]).await?;
    let gate = world
        .gate_with("gate-gallery", |config| {
            set(config, "memes", "discovery_interval", "1s");
            // Only events can reveal a sale in time.
            set(config, "cache", "positive_ttl", "10m");
            set(config, "governance", "parameters", system.parameters.to_string());
            set(config, "governance", "access_policy", policy.to_string());
        })
        .await?;
    let mut guests = Vec::new();
    let add = AccessPolicy::addCollectionCall { token: gallery, standard: 0, tier: 1, ids: Vec::new() };
    ethereum.send(timelock, policy, &add).await?;
    for id in [1, 2] {
        let (collector, account) = (Wallet::fresh(), world.account().await?);
        let mint = IGallery::mintCall { to: collector.address(), id: U256::from(id) };
        ethereum.send(curator, gallery, &mint).await?;
        let bound = || async { world.bind(&gate, &collector, &account.address).await };
        eventually("the collection opens the gate", SOON, bound).await?;
        guests.push((collector.address(), id, Guest::arrive(world, &gate, &account).await?));
    }
    let [(seller, id, sold), (_, _, kept)] = guests.as_slice() else { bail!("two guests") };
    let sale =
        IGallery::transferFromCall { from: *seller, to: Wallet::fresh().address(), id: U256::from(*id) };
    ethereum.send(*seller, gallery, &sale).await?;
    sold.falls_silent(AT_ONCE).await?;
    kept.pings().await.context("another collector")?;
    let remove = AccessPolicy::removeCollectionCall { token: gallery };
    ethereum.send(timelock, policy, &remove).await?;
    kept.falls_silent(SOON).await.context("the collection is gone")
}
