//! State that all scenarios share: the network and a stock of funded accounts.

pub(crate) mod cleanup;
mod connected_client;
mod gate_admin;
pub(crate) mod gate_process;
mod newcomer;
pub(crate) mod node_peers;
pub(crate) mod private_chain;
mod requests;
pub(crate) mod response_time;
pub(crate) mod second_node;
pub(crate) mod signatures;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy::primitives::Address;
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Account, Ethereum, Hub, SignIn, Wallet};
use sentinel_stack::info::{GateInfo, NodeInfo};
use sentinel_stack::{Stack, StackOptions};
use serde_json::Value;
use sovereign_contracts::dev::{Deployment, DeploymentPlan};
use tokio::sync::Mutex;

use self::cleanup::Cleanup;
pub(crate) use self::connected_client::ConnectedClient;
pub(crate) use self::gate_admin::{
    edit_config, post_admin, public_url, read_metric, session_record, session_records, session_state,
    set_key, set_short_cache, unready_parts,
};
pub(crate) use self::newcomer::Newcomer;
pub(crate) use self::requests::{
    client_refusal, ensure_refusal, eventually, expect_admission, expect_refusal, random_account,
    random_peer_request, send_handshake,
};

/// Accounts funded in one transaction; a batch costs no more than a single one.
const FUNDED_ACCOUNT_BATCH: usize = 12;
/// Longest time from a block, or an ended binding, to a silent tunnel. Scenarios that run beside others add what load takes.
pub(crate) const EVICTION_LIMIT: Duration = Duration::from_secs(5);
/// Time limit for a state that must be reached, whatever the load of this machine.
pub(crate) const CONVERGENCE_LIMIT: Duration = Duration::from_secs(20);
/// For the gate to become ready after its start.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// The network with two nodes and a gate in front of each, as seen by one scenario.
pub(crate) struct Fixture {
    pub(crate) stack: Arc<Stack>,
    pub(crate) ethereum: Ethereum,
    accounts: Arc<Mutex<Vec<Account>>>,
    /// Undoes what the scenario has changed.
    pub(crate) cleanup: Cleanup,
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

impl Fixture {
    pub(crate) async fn start() -> Result<Self> {
        let options = StackOptions::default().gates(2).program(env!("CARGO_BIN_EXE_sovereign-gate"));
        let stack = Stack::start(options).await?;
        let ethereum = stack.ethereum()?;
        Ok(Self { stack: Arc::new(stack), ethereum, accounts: Arc::default(), cleanup: Cleanup::default() })
    }

    /// The same network with a cleanup list of its own, for one scenario.
    pub(crate) fn for_scenario(&self) -> Self {
        let (stack, accounts) = (Arc::clone(&self.stack), Arc::clone(&self.accounts));
        Self { stack, ethereum: self.ethereum.clone(), accounts, cleanup: Cleanup::default() }
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
    pub(crate) async fn funded_account(&self) -> Result<Account> {
        let mut accounts = self.accounts.lock().await;
        if accounts.is_empty() {
            *accounts = self.hub().accounts("scenario", FUNDED_ACCOUNT_BATCH).await?;
        }
        accounts.pop().context("no account was made")
    }

    /// Opens a session of pay-per-use with the first node.
    pub(crate) async fn open_direct_session(&self, account: &Account) -> Result<u64> {
        self.hub().direct_session(account, &self.node().address).await
    }

    /// Signs a wallet in for an account; returns the binding.
    pub(crate) async fn bind_account(
        &self,
        gate: &GateInfo,
        wallet: &Wallet,
        account: &str,
    ) -> Result<Value> {
        SignIn::at(&gate.url)?.sign_in(wallet, account).await
    }

    /// A new wallet with these cards and a funded account, signed in at the gate.
    pub(crate) async fn create_holder(&self, gate: &GateInfo, cards: &[u64]) -> Result<Holder> {
        let (wallet, account) = tokio::try_join!(self.ethereum.holder(cards), self.funded_account())?;
        let binding = self.bind_account(gate, &wallet, &account.address).await?;
        Ok(Holder { wallet, account, binding })
    }

    /// A holder of the paid tier, signed in at the default gate.
    pub(crate) async fn create_paid_holder(&self) -> Result<Holder> {
        self.create_paid_holder_at(self.gate()).await
    }

    /// A holder of the paid tier, signed in at this gate.
    pub(crate) async fn create_paid_holder_at(&self, gate: &GateInfo) -> Result<Holder> {
        self.create_holder(gate, &[self.ethereum.other_card()]).await
    }

    /// A holder of the free tier, signed in at the default gate.
    pub(crate) async fn create_free_holder(&self) -> Result<Holder> {
        self.create_holder(self.gate(), &[self.ethereum.this_card()]).await
    }

    /// A vault of the paid tier, the hot wallet to which it delegated, and a funded account.
    pub(crate) async fn create_delegated_wallet(&self) -> Result<(Wallet, Wallet, Account)> {
        let (vault, hot) = (self.ethereum.holder(&[self.ethereum.other_card()]).await?, Wallet::fresh());
        self.ethereum.delegate_6529(vault.address(), hot.address()).await?;
        Ok((vault, hot, self.funded_account().await?))
    }

    /// Restarts a gate, with its clock shifted or in real time, and waits until it is ready.
    pub(crate) async fn restart_gate(&self, gate: &GateInfo, shift: Option<&str>) -> Result<()> {
        self.stack.restart_program(&gate.name, shift).await?;
        self.wait_until_ready(gate).await
    }

    /// Starts every program of the network that has stopped, and waits until its gates are ready.
    pub(crate) async fn revive_network(&self) -> Result<()> {
        self.stack.revive().await?;
        for gate in &self.stack.info().gates {
            self.wait_until_ready(gate).await?;
        }
        Ok(())
    }

    /// Waits until a gate admits handshakes.
    pub(crate) async fn wait_until_ready(&self, gate: &GateInfo) -> Result<()> {
        let ready = || async {
            let missing = unready_parts(gate).await?;
            ensure!(missing.is_empty(), "missing: {missing:?}");
            Ok(())
        };
        eventually("the gate is ready", READY_LIMIT, ready).await
    }

    /// Starts a further gate in front of the first node with a configuration of its own; the gate ends with the
    /// scenario. A number is appended to `name`, so that no two scenarios share a home directory.
    pub(crate) async fn start_gate(
        &self,
        name: &str,
        edit: impl FnOnce(&mut toml::Table),
    ) -> Result<GateInfo> {
        self.start_gate_named(&unique_name(name), edit).await
    }

    /// The same with exactly this name, which [`unique_name`] has made.
    pub(crate) async fn start_gate_named(
        &self,
        name: &str,
        edit: impl FnOnce(&mut toml::Table),
    ) -> Result<GateInfo> {
        self.cleanup.remove_gate(name).await;
        self.stack.add_gate(name, 0, edit).await
    }

    /// Deploys the contracts of a system of its own: governance acts of the scenario then affect no other scenario.
    pub(crate) async fn deploy_system(&self) -> Result<Deployment> {
        let random_address = || Wallet::fresh().address();
        let plan = DeploymentPlan {
            deployer: random_address(),
            core: random_address(),
            executor: random_address(),
            guardian: random_address(),
            ..DeploymentPlan::local(self.ethereum.memes())
        };
        Ok(Deployment::make(self.ethereum.chain(), plan).await?)
    }
}

/// Address of a contract of the network.
pub(crate) fn contract_address(fixture: &Fixture, name: &str) -> Result<Address> {
    let contracts = &fixture.stack.info().ethereum.contracts;
    Ok(contracts.get(name).with_context(|| format!("the network has no contract {name}"))?.parse()?)
}

/// A name that nothing else in this network has.
pub(crate) fn unique_name(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
