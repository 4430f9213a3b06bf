//! State that all scenarios share (the network and a stock of funded accounts) and the steps that most of them take.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use sentinel_proto::address::AccountAddress;
use sentinel_stack::actors::{Account, Answer, Caller, Ethereum, Handshake, Hub, Refusal, SignIn, Wallet};
use sentinel_stack::info::{GateInfo, NodeInfo};
use sentinel_stack::{Stack, StackOptions};
use serde::Serialize;
use serde_json::Value;
use sovereign_contracts::dev::{Deployment, DeploymentPlan};
use tokio::sync::Mutex;

pub(crate) use crate::gates::{metric, not_ready, public_url, record, rewrite, set};
use crate::leavings::Leavings;

/// Accounts funded in one transaction; a batch costs no more than a single one.
const BATCH: usize = 12;
/// Longest time for the gate to answer, refusals included: stock clients give up after 5 s, and the node needs its
/// part of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The network with two nodes and a gate in front of each, as seen by one scenario.
pub(crate) struct World {
    pub(crate) stack: Arc<Stack>,
    pub(crate) ethereum: Ethereum,
    accounts: Arc<Mutex<Vec<Account>>>,
    /// Undoes what the scenario has changed.
    pub(crate) leavings: Leavings,
}

/// A wallet with cards that has signed in for an account.
pub(crate) struct Holder {
    pub(crate) wallet: Wallet,
    pub(crate) account: Account,
    /// The gate's answer to the sign-in.
    pub(crate) binding: Value,
}

impl Holder {
    /// Bearer token of the binding.
    pub(crate) fn token(&self) -> &str {
        self.binding["token"].as_str().unwrap_or_default()
    }
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let options = StackOptions::default().gates(2).program(env!("CARGO_BIN_EXE_sovereign-gate"));
        let stack = Stack::start(options).await?;
        let ethereum = stack.ethereum()?;
        Ok(Self { stack: Arc::new(stack), ethereum, accounts: Arc::default(), leavings: Leavings::default() })
    }

    /// The same network with a cleanup list of its own, for one scenario.
    pub(crate) fn for_trial(&self) -> Self {
        let (stack, accounts) = (Arc::clone(&self.stack), Arc::clone(&self.accounts));
        Self { stack, ethereum: self.ethereum.clone(), accounts, leavings: Leavings::default() }
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.stack.hub()
    }

    /// The gate with the network's default configuration.
    pub(crate) fn gate(&self) -> &GateInfo {
        &self.stack.info().gates[0]
    }

    /// The node behind [`Self::gate`].
    pub(crate) fn node(&self) -> &NodeInfo {
        &self.stack.info().nodes[0]
    }

    /// The second node, for scenarios that need sessions of another node or break one.
    pub(crate) fn other_node(&self) -> &NodeInfo {
        &self.stack.info().nodes[1]
    }

    /// A funded account that no other scenario uses.
    pub(crate) async fn account(&self) -> Result<Account> {
        let mut accounts = self.accounts.lock().await;
        if accounts.is_empty() {
            *accounts = self.hub().accounts("trial", BATCH).await?;
        }
        accounts.pop().context("no account was made")
    }

    /// Opens a session of pay-per-use with the first node.
    pub(crate) async fn direct_session(&self, account: &Account) -> Result<u64> {
        self.hub().direct_session(account, &self.node().address).await
    }

    /// Signs a wallet in for an account; returns the binding.
    pub(crate) async fn bind(&self, gate: &GateInfo, wallet: &Wallet, account: &str) -> Result<Value> {
        SignIn::at(&gate.url)?.sign_in(wallet, account).await
    }

    /// A new wallet with these cards and a funded account, signed in at the gate.
    pub(crate) async fn holder(&self, gate: &GateInfo, cards: &[u64]) -> Result<Holder> {
        let (wallet, account) = tokio::try_join!(self.ethereum.holder(cards), self.account())?;
        let binding = self.bind(gate, &wallet, &account.address).await?;
        Ok(Holder { wallet, account, binding })
    }

    /// A holder of the paid tier, signed in at the default gate.
    pub(crate) async fn paid(&self) -> Result<Holder> {
        self.paid_at(self.gate()).await
    }

    /// A holder of the paid tier, signed in at this gate.
    pub(crate) async fn paid_at(&self, gate: &GateInfo) -> Result<Holder> {
        self.holder(gate, &[self.ethereum.other_card()]).await
    }

    /// A holder of the free tier, signed in at the default gate.
    pub(crate) async fn free(&self) -> Result<Holder> {
        self.holder(self.gate(), &[self.ethereum.this_card()]).await
    }

    /// A vault of the paid tier, the hot wallet to which it delegated, and a funded account.
    pub(crate) async fn delegated(&self) -> Result<(Wallet, Wallet, Account)> {
        let (vault, hot) = (self.ethereum.holder(&[self.ethereum.other_card()]).await?, Wallet::fresh());
        self.ethereum.delegate_6529(vault.address(), hot.address()).await?;
        Ok((vault, hot, self.account().await?))
    }

    /// Restarts a gate, with its clock shifted or in real time, and waits until it is ready.
    pub(crate) async fn restart(&self, gate: &GateInfo, shift: Option<&str>) -> Result<()> {
        self.stack.restart_program(&gate.name, shift).await?;
        self.until_ready(gate).await
    }

    /// Starts every program of the network that has stopped, and waits until its gates are ready.
    pub(crate) async fn mend(&self) -> Result<()> {
        self.stack.revive().await?;
        for gate in &self.stack.info().gates {
            self.until_ready(gate).await?;
        }
        Ok(())
    }

    /// Waits until a gate admits handshakes.
    pub(crate) async fn until_ready(&self, gate: &GateInfo) -> Result<()> {
        let ready = || async {
            let missing = not_ready(gate).await?;
            ensure!(missing.is_empty(), "missing: {missing:?}");
            Ok(())
        };
        eventually("the gate is ready", Duration::from_secs(30), ready).await
    }

    /// Starts a further gate in front of the first node with a configuration of its own; the gate ends with the
    /// scenario. A number is appended to `name`, so that no two scenarios share a home directory.
    pub(crate) async fn gate_with(
        &self,
        name: &str,
        edit: impl FnOnce(&mut toml::Table),
    ) -> Result<GateInfo> {
        self.gate_called(&own(name), edit).await
    }

    /// The same with exactly this name, which [`unique_name`] has made.
    pub(crate) async fn gate_called(
        &self,
        name: &str,
        edit: impl FnOnce(&mut toml::Table),
    ) -> Result<GateInfo> {
        self.leavings.gate(name).await;
        self.stack.add_gate(name, 0, edit).await
    }

    /// Deploys the contracts of a system of its own: governance acts of the scenario then affect no other scenario.
    pub(crate) async fn system(&self) -> Result<Deployment> {
        let somebody = || Wallet::fresh().address();
        let plan = DeploymentPlan {
            deployer: somebody(),
            core: somebody(),
            executor: somebody(),
            guardian: somebody(),
            ..DeploymentPlan::local(self.ethereum.memes())
        };
        Ok(Deployment::make(self.ethereum.chain(), plan).await?)
    }
}

/// A name that nothing else in this network has.
pub(crate) fn own(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A peer request with a fresh tunnel key, as a client sends it.
pub(crate) fn peer_request() -> String {
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>());
    format!(r#"{{"public_key":"{key}"}}"#)
}

/// An account that does not exist on the hub: enough for a sign-in.
pub(crate) fn some_account() -> String {
    AccountAddress::new(rand::random()).to_string()
}

/// Address of a contract of the network.
pub(crate) fn contract(world: &World, name: &str) -> Result<Address> {
    let contracts = &world.stack.info().ethereum.contracts;
    Ok(contracts.get(name).with_context(|| format!("no {name}"))?.parse()?)
}

/// Sends a handshake from a client address that has not been used before.
pub(crate) async fn knock(gate: &GateInfo, handshake: &(impl Serialize + Sync)) -> Result<Answer> {
    Caller::fresh()?.post(&format!("{}/", gate.url), handshake).await
}

/// Sends a handshake and requires that the gate admits it.
pub(crate) async fn enter(gate: &GateInfo, handshake: &Handshake) -> Result<Answer> {
    let answer = knock(gate, handshake).await?;
    answer.result().with_context(|| format!("session {}", handshake.id))?;
    Ok(answer)
}

/// Requires a refusal with this status and code, in the envelope and with a message.
pub(crate) fn refused(answer: &Answer, status: u16, code: u64) -> Result<()> {
    let body = String::from_utf8_lossy(&answer.bytes);
    ensure!(
        answer.refusal() == (status, Some(code)),
        "answered {} {body}, not {status} with code {code}",
        answer.status
    );
    ensure!(answer.body["success"] == false && !answer.message().is_empty(), "not the envelope: {body}");
    Ok(())
}

/// Sends a handshake and requires a refusal with this status and code; returns the message.
pub(crate) async fn turned_away(
    gate: &GateInfo,
    handshake: &(impl Serialize + Sync),
    status: u16,
    code: u64,
) -> Result<String> {
    let answer = knock(gate, handshake).await?;
    refused(&answer, status, code)?;
    Ok(answer.message().to_owned())
}

/// Repeats `attempt` until it succeeds or `limit` has passed.
pub(crate) async fn eventually<T, F: Future<Output = Result<T>>>(
    what: &str,
    limit: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if Instant::now() > deadline => bail!("{what}: not within {limit:?}: {error:#}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The refusal that the stock client prints for this session, run on a machine of its own.
pub(crate) async fn shown(
    world: &World,
    gate: &GateInfo,
    session: u64,
    account: &Account,
) -> Result<Refusal> {
    let client = world.stack.client().await?;
    match client.connect(&gate.url, session, account, &gate.node).await? {
        Err(refusal) => Ok(refusal),
        Ok(tunnel) => bail!("a tunnel instead of a refusal: {tunnel:?}"),
    }
}
