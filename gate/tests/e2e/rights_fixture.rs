//! Steps that the scenarios of rights share: crowds of delegated wallets and checks of session records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::Node;
use sentinel_stack::actors::{Account, Answer, Caller, Ethereum, Handshake, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use sovereign_contracts::delegate_registry::IDelegateRegistry::delegateAllCall;
use sovereign_contracts::nft_delegation::INFTDelegation::registerDelegationAddressCall;
use sovereign_contracts::nft_delegation::USE_CASE_ALL;
use sovereign_contracts::{delegate_registry, nft_delegation};
use tokio::sync::OnceCell;

use crate::providers::{Mood, Provider};
use crate::world::{World, enter, eventually, record, set};

/// Longest time from the end of a right on chain to the eviction of its peer.
pub(crate) const EVICTION_LIMIT: Duration = Duration::from_secs(5);
/// Places of a holder in the network's configuration.
pub(crate) const PLACES: usize = 3;
/// Peers beyond its places that a holder may keep in the node's table.
pub(crate) const SLOT_ALLOWANCE: usize = 3;
/// Interval between two checks of session records.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Delay of a distant Ethereum provider.
const PROVIDER_DELAY: Duration = Duration::from_millis(150);
/// A 6529 delegation expiry in the far future.
const NEVER: u64 = 64_060_588_800;

alloy::sol! {
    /// delegate.xyz: several calls of one sender.
    function multicall(bytes[] data) external payable returns (bytes[] results);
}

/// Registries in which a vault can delegate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registry {
    /// 6529 `NFTDelegation`, which the gate reads first.
    Nft6529,
    /// delegate.xyz v2.
    DelegateXyz,
}

impl Registry {
    /// Delegates all cards of `vault` to `wallet`.
    pub(crate) async fn delegate(self, ethereum: &Ethereum, vault: Address, wallet: Address) -> Result<()> {
        match self {
            Self::Nft6529 => ethereum.delegate_6529(vault, wallet).await,
            Self::DelegateXyz => ethereum.delegate_xyz(vault, wallet, true).await,
        }
    }

    /// Contract and calldata of a delegation of all cards to `wallet`.
    pub(crate) fn call(self, memes: Address, wallet: Address) -> (Address, Bytes) {
        match self {
            Self::Nft6529 => {
                let call = registerDelegationAddressCall {
                    collection: memes,
                    delegate: wallet,
                    expiry: U256::from(NEVER),
                    useCase: U256::from(USE_CASE_ALL),
                    allTokens: true,
                    tokenId: U256::ZERO,
                };
                (nft_delegation::MAINNET, call.abi_encode().into())
            }
            Self::DelegateXyz => {
                let call = delegateAllCall { to: wallet, rights: B256::ZERO, enable: true };
                (delegate_registry::CANONICAL, call.abi_encode().into())
            }
        }
    }
}

/// Number of wallets in a crowd: `RIGHTS_CROWD`, or `default`.
pub(crate) fn crowd_size(default: usize) -> usize {
    std::env::var("RIGHTS_CROWD").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Creates `count` wallets to which `vault` delegates at delegate.xyz, many in one transaction.
pub(crate) async fn delegated_wallets(
    ethereum: &Ethereum,
    vault: Address,
    count: usize,
) -> Result<Vec<Wallet>> {
    /// Bounded by the gas of a block.
    const DELEGATIONS_PER_TRANSACTION: usize = 50;
    let wallets: Vec<Wallet> = (0..count).map(|_| Wallet::fresh()).collect();
    for chunk in wallets.chunks(DELEGATIONS_PER_TRANSACTION) {
        let delegation = |wallet: &Wallet| Registry::DelegateXyz.call(ethereum.memes(), wallet.address()).1;
        let call = multicallCall { data: chunk.iter().map(delegation).collect() };
        ethereum.send(vault, delegate_registry::CANONICAL, &call).await?;
    }
    Ok(wallets)
}

/// Signs all of these wallets in for `account`; returns the number of accepted sign-ins. A refusal in the envelope is
/// no error: the gate bounds the sign-ins of an account and of a holder.
pub(crate) async fn sign_in_many(gate: &GateInfo, wallets: &[Wallet], account: &str) -> Result<usize> {
    // A client address may send 20 requests at once, and a sign-in is two.
    let accepted: Vec<usize> = futures::stream::iter(wallets.chunks(8))
        .map(|chunk| async move {
            let site = SignIn::at(&gate.url)?;
            let mut accepted = 0;
            for wallet in chunk {
                accepted += usize::from(try_sign_in(&site, wallet, account).await?);
            }
            Ok::<_, anyhow::Error>(accepted)
        })
        .buffer_unordered(8)
        .try_collect()
        .await?;
    Ok(accepted.into_iter().sum())
}

/// Whether the gate accepts a sign-in; anything but a refusal in the envelope is an error.
pub(crate) async fn try_sign_in(site: &SignIn, wallet: &Wallet, account: &str) -> Result<bool> {
    let answer = site.request_challenge(&wallet.address().to_string(), account, None).await?;
    let Ok(challenge) = answer.result() else { return refusal_in_envelope(&answer).map(|()| false) };
    let message = challenge["message"].as_str().context("a challenge has a message")?.to_owned();
    let answer = site.bind(&message, &wallet.sign(&message)?).await?;
    if answer.status == 201 {
        return Ok(true);
    }
    refusal_in_envelope(&answer).map(|()| false)
}

fn refusal_in_envelope(answer: &Answer) -> Result<()> {
    let body = String::from_utf8_lossy(&answer.bytes);
    ensure!(answer.code().is_some() && !answer.message().is_empty(), "answered {} {body}", answer.status);
    ensure!(answer.code() != Some(199), "an internal error: {body}");
    Ok(())
}

/// Signs in with a vault named in the message.
pub(crate) async fn sign_in_with_vault(
    gate: &GateInfo,
    wallet: &Wallet,
    account: &str,
    vault: Address,
) -> Result<Value> {
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(wallet.address(), account, Some(vault)).await?;
    let answer = site.bind(&challenge.message, &wallet.sign(&challenge.message)?).await?;
    Ok(answer.result().context("a sign-in with a vault")?.clone())
}

/// Waits until the gate has seen that the vault of a wallet holds no card any more. The wallet must have signed in:
/// until the sale reaches the gate, it may serve the cached answer.
pub(crate) async fn has_seen_sale(gate: &GateInfo, wallet: &Wallet) -> Result<()> {
    let denied = || async {
        let told = SignIn::at(&gate.url)?.eligibility(wallet.address()).await?;
        ensure!(told.result()?["tier"] == "denied", "told {}", told.body);
        Ok(())
    };
    eventually("the gate has seen the sale", Duration::from_secs(20), denied).await
}

/// A provider with a delay of 150 ms.
pub(crate) async fn distant_provider(world: &World) -> Result<Provider> {
    let provider = Provider::before(&world.stack.info().ethereum.rpc).await?;
    provider.is(Mood::Late(PROVIDER_DELAY));
    Ok(provider)
}

/// Configures a gate to query only this provider and to cache answers as long as the template says.
pub(crate) fn far_from_ethereum(config: &mut toml::Table, provider: &Provider) {
    set(config, "ethereum", "rpc_addrs", vec![provider.url()]);
    set(config, "cache", "positive_ttl", "5m");
    set(config, "cache", "negative_ttl", "15s");
}

/// Configures the tiers to evict the oldest device for a new one.
pub(crate) fn newest_device_wins(config: &mut toml::Table, devices: i64) {
    for tier in ["free", "paid"] {
        let tier = config["policy"][tier].as_table_mut().expect("a tier is a table");
        tier.insert("devices".to_owned(), devices.into());
        tier.insert("when_full".to_owned(), "drop_oldest".into());
    }
}

/// A device that the gate has admitted.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) session: u64,
    /// WireGuard public key, as the node's table lists it.
    pub(crate) key: String,
    pub(crate) handshake: Handshake,
    /// Bytes of the first answer.
    pub(crate) answer: Vec<u8>,
}

/// Connects a new device with a session, which must be admitted.
pub(crate) async fn connect(gate: &GateInfo, account: &Account, session: u64) -> Result<Device> {
    let handshake = account.wireguard_handshake(session)?;
    let answer = enter(gate, &handshake).await?.bytes;
    Ok(Device { session, key: wireguard_key(&handshake)?, handshake, answer })
}

/// Connects new devices with several sessions, one after the other.
pub(crate) async fn connect_all(gate: &GateInfo, account: &Account, sessions: &[u64]) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for session in sessions {
        devices.push(connect(gate, account, *session).await?);
    }
    Ok(devices)
}

/// The WireGuard public key in a handshake.
pub(crate) fn wireguard_key(handshake: &Handshake) -> Result<String> {
    let request: Value = serde_json::from_slice(&STANDARD.decode(&handshake.data)?)?;
    Ok(request["public_key"].as_str().context("a peer request has a key")?.to_owned())
}

/// Runs a command on a node's machine; returns its output.
pub(crate) async fn run_on_node(node: &Node, command: &[&str]) -> Result<String> {
    let line = node.namespace.enter(command.iter().copied());
    let (program, args) = line.split_first().context("an empty command line")?;
    let output = tokio::process::Command::new(program).args(args).kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Peers in a node's WireGuard table: allowed IPs by public key. Empty: packets of this peer are dropped.
pub(crate) async fn wireguard_peers(node: &Node) -> Result<BTreeMap<String, String>> {
    let text = run_on_node(node, &["wg", "show", "wg0", "allowed-ips"]).await?;
    let peer = |line: &str| {
        let (key, addresses) = line.split_once('\t')?;
        let addresses = if addresses == "(none)" { "" } else { addresses };
        Some((key.to_owned(), addresses.to_owned()))
    };
    Ok(text.lines().filter_map(peer).collect())
}

/// Whether packets of this device pass at the node.
pub(crate) async fn passes(node: &Node, device: &Device) -> Result<bool> {
    Ok(wireguard_peers(node).await?.get(&device.key).is_some_and(|addresses| !addresses.is_empty()))
}

/// Number of these keys in a node's table.
pub(crate) async fn held_slots(node: &Node, keys: &BTreeSet<String>) -> Result<usize> {
    Ok(wireguard_peers(node).await?.keys().filter(|key| keys.contains(*key)).count())
}

/// All session records of a gate.
pub(crate) async fn records(gate: &GateInfo) -> Result<Vec<Value>> {
    let answer = Caller::fresh()?.get(&format!("{}/sessions", gate.admin)).await?;
    Ok(answer.body["sessions"].as_array().context("/sessions has no list")?.clone())
}

/// The record of a device's session, which must exist.
pub(crate) async fn record_of(gate: &GateInfo, device: &Device) -> Result<Value> {
    record(gate, device.session).await?.with_context(|| format!("no record of session {}", device.session))
}

/// Requires that a session record says "evicted" for this cause, and that no packet of its peer passes.
pub(crate) async fn is_evicted(node: &Node, gate: &GateInfo, device: &Device, cause: &str) -> Result<()> {
    let now = record_of(gate, device).await?;
    ensure!(now["state"] == "evicted" && now["cause"] == cause, "session {}: {now}", device.session);
    ensure!(!passes(node, device).await?, "packets of session {} pass", device.session);
    Ok(())
}

/// Waits until a session is evicted for this cause, and requires that it stays so for a second; returns how long the
/// eviction took.
pub(crate) async fn until_evicted(
    node: &Node,
    gate: &GateInfo,
    device: &Device,
    cause: &str,
    limit: Duration,
) -> Result<Duration> {
    let begun = Instant::now();
    let took = loop {
        match is_evicted(node, gate, device, cause).await {
            Ok(()) => break begun.elapsed(),
            Err(error) => {
                ensure!(begun.elapsed() < limit, "not evicted within {limit:?}: {error:#}");
                tokio::time::sleep(POLL_INTERVAL / 2).await;
            }
        }
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    is_evicted(node, gate, device, cause).await.context("a second after the eviction")?;
    Ok(took)
}

/// Requires that these devices have live sessions and pass packets now.
pub(crate) async fn are_live(node: &Node, gate: &GateInfo, devices: &[&Device]) -> Result<()> {
    let (records, peers) = tokio::try_join!(records(gate), wireguard_peers(node))?;
    for device in devices {
        let found = records.iter().find(|record| record["session_id"] == device.session);
        let found = found.with_context(|| format!("no record of session {}", device.session))?;
        ensure!(found["state"] == "live", "session {} is not live: {found}", device.session);
        let passes = peers.get(&device.key).is_some_and(|addresses| !addresses.is_empty());
        ensure!(passes, "packets of session {} are dropped: {found}", device.session);
    }
    Ok(())
}

/// Requires that these devices stay live for some time.
pub(crate) async fn stay_live(
    node: &Node,
    gate: &GateInfo,
    devices: &[&Device],
    time: Duration,
) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        are_live(node, gate, devices).await.with_context(|| format!("after {:?}", begun.elapsed()))?;
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Requires a refusal with this code in the envelope.
pub(crate) fn refused_with_code(answer: &Answer, code: u64) -> Result<()> {
    let body = String::from_utf8_lossy(&answer.bytes);
    ensure!(answer.code() == Some(code), "answered {} {body}, not code {code}", answer.status);
    ensure!([403, 409].contains(&answer.status), "code {code} with status {}: {body}", answer.status);
    ensure!(answer.body["success"] == false && !answer.message().is_empty(), "not the envelope: {body}");
    Ok(())
}

/// Requires that a message names none of these sessions.
pub(crate) fn names_no_session_of(sentence: &str, foreign: &[u64]) -> Result<()> {
    let numbers = sentence.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse::<u64>().ok());
    let named: Vec<u64> = numbers.filter(|number| foreign.contains(number)).collect();
    ensure!(named.is_empty(), "sessions {named:?} of another account are named: {sentence}");
    Ok(())
}

/// Uses up the first session ids of the hub, so that a small number in a message is never a session id by chance.
pub(crate) async fn skip_small_session_ids(world: &World) -> Result<()> {
    const SKIPPED: usize = 16;
    static DONE: OnceCell<()> = OnceCell::const_new();
    let skip = || async {
        let account = world.account().await?;
        world.hub().direct_sessions(&account, &world.node().address, SKIPPED).await.map(drop)
    };
    DONE.get_or_try_init(skip).await.copied()
}
