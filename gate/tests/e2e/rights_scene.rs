//! A gate in front of a stub hub and a fake node, which are cheap enough for hundreds of sequences and end sessions
//! on request. Cards and delegations are on the real EVM chain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, Bytes, U256, hex};
use alloy::sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::handshake::PublicKey;
use sentinel_proto::hub::SessionKind;
use sentinel_proto::stub::{State, StubHub};
use sentinel_stack::actors::{Answer, Caller, Ethereum, Handshake, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sovereign_contracts::delegate_registry::IDelegateRegistry::delegateAllCall;
use sovereign_contracts::nft_delegation::INFTDelegation::revokeDelegationAddressCall;
use sovereign_contracts::nft_delegation::USE_CASE_ALL;
use sovereign_contracts::{delegate_registry, nft_delegation};

use crate::fake_node::FakeNode;
use crate::rights_fixture::Registry;
use crate::world::{World, set};

const CHAIN: &str = "random-1";
/// The first session id: messages contain no other number as large.
pub(crate) const FIRST_SESSION: u64 = 100_000;
/// Time limit for transient refusals, which a loaded machine may cause: Ethereum, the hub or the node did not answer
/// in time.
const RETRY_LIMIT: Duration = Duration::from_secs(8);

alloy::sol! {
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
}

/// An account of the hub that exists in this process only.
#[derive(Debug, Clone)]
pub(crate) struct LocalAccount {
    key: Wallet,
    public_key: String,
    pub(crate) address: AccountAddress,
}

impl LocalAccount {
    pub(crate) fn fresh() -> Result<Self> {
        let key = Wallet::fresh();
        let secret = secp256k1::SecretKey::from_byte_array(key.key().0)?;
        let point = secret.public_key(&secp256k1::Secp256k1::signing_only()).serialize();
        let public_key = format!("secp256k1:{}", STANDARD.encode(point));
        let address = PublicKey::parse(&public_key)?.account();
        Ok(Self { key, public_key, address })
    }

    /// A handshake with a new tunnel key, and that key.
    pub(crate) fn handshake(&self, session: u64) -> Result<(Handshake, String)> {
        let key = STANDARD.encode(rand::random::<[u8; 32]>());
        let request = format!(r#"{{"public_key":"{key}"}}"#);
        let mut hash = Sha256::new();
        hash.update(session.to_be_bytes());
        hash.update(request.as_bytes());
        let signature = hex::decode(self.key.sign_hash(&B256::from_slice(&hash.finalize()))?)?;
        let handshake = Handshake {
            id: session,
            data: STANDARD.encode(request),
            pub_key: self.public_key.clone(),
            signature: STANDARD.encode(signature.get(..64).context("a signature has 64 bytes")?),
        };
        Ok((handshake, key))
    }
}

/// Sessions that must be live at every moment, and observed violations.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// Tunnel key of each session.
    pub(crate) expected: BTreeMap<u64, String>,
    pub(crate) violations: BTreeMap<u64, String>,
    /// Number of completed checks.
    looks: u64,
}

/// A gate, its hub and its node, for concurrent sequences.
pub(crate) struct Scene {
    pub(crate) ethereum: Ethereum,
    hub: StubHub,
    pub(crate) node: FakeNode,
    node_address: NodeAddress,
    gate: GateInfo,
    pub(crate) url: String,
    pub(crate) caller: Caller,
    next_session: AtomicU64,
    watched: Arc<Mutex<Watched>>,
    pub(crate) free_plan: u64,
    pub(crate) paid_plan: u64,
}

impl Scene {
    pub(crate) async fn start(world: &World, name: &str) -> Result<Arc<Self>> {
        let (hub, node) =
            (StubHub::start(State::new(CHAIN))?, FakeNode::like(&world.node().plain_url).await?);
        let gate = world
            .gate_with(name, |config| {
                node.configure(config);
                set(config, "hub", "grpc_addrs", vec![format!("http://{}", hub.addr())]);
                set(config, "hub", "chain_id", CHAIN);
                // All sequences send from one address.
                for key in ["per_ip_per_second", "burst"] {
                    set(config, "limits", key, 100_000);
                }
                set(config, "limits", "connections_per_ip", 0);
            })
            .await?;
        let plans = world.stack.info().plans;
        let scene = Arc::new(Self {
            ethereum: world.ethereum.clone(),
            hub,
            node,
            node_address: world.node().address.parse()?,
            url: gate.url.replace("https://", "http://"),
            gate,
            caller: Caller::anywhere()?,
            next_session: AtomicU64::new(FIRST_SESSION),
            watched: Arc::default(),
            free_plan: plans.free,
            paid_plan: plans.paid,
        });
        Ok(scene)
    }

    pub(crate) fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks all expected sessions continuously, until dropped.
    pub(crate) async fn watch_sessions(&self) -> Result<()> {
        loop {
            let before: BTreeSet<u64> = self.watched().expected.keys().copied().collect();
            let answer = self.caller.get(&format!("{}/sessions", self.gate.admin)).await?;
            let records = answer.body["sessions"].as_array().context("/sessions has no list")?;
            let records: BTreeMap<u64, &Value> =
                records.iter().filter_map(|record| Some((record["session_id"].as_u64()?, record))).collect();
            self.compare(&before, &records);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Records which of the sessions that were expected before the query are not served.
    fn compare(&self, before: &BTreeSet<u64>, records: &BTreeMap<u64, &Value>) {
        let mut guard = self.watched();
        let watched = &mut *guard;
        for (session, key) in watched.expected.iter().filter(|(session, _)| before.contains(session)) {
            let violation = match records.get(session) {
                None => Some("it has no record".to_owned()),
                Some(record) if record["state"] != "live" => Some(record.to_string()),
                Some(record) if !self.node.passes(key) => Some(format!("its packets are dropped: {record}")),
                Some(_) => None,
            };
            if let Some(violation) = violation {
                watched.violations.entry(*session).or_insert(violation);
            }
        }
        watched.looks += 1;
    }

    /// Waits for two complete checks.
    pub(crate) async fn look(&self) -> Result<()> {
        let until = self.watched().looks + 2;
        let begun = Instant::now();
        while self.watched().looks < until {
            ensure!(begun.elapsed() < Duration::from_secs(20), "the sessions of the gate cannot be read");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Opens a session on the hub.
    pub(crate) fn open_session(&self, account: AccountAddress, kind: SessionKind) -> u64 {
        let session = self.next_session.fetch_add(1, Ordering::SeqCst);
        let mut state = self.hub.state();
        state.put(session, account, self.node_address, kind);
        state.height += 1;
        self.node.expect_session(session, account);
        session
    }

    /// Cancels a session on the hub.
    pub(crate) fn cancel_session(&self, session: u64, account: AccountAddress, kind: SessionKind) {
        let mut state = self.hub.state();
        state.cancel(session, account, self.node_address, kind);
        state.height += 1;
    }

    /// Removes a session from the hub and its peer from the node's table.
    pub(crate) fn end_session(&self, session: u64) {
        self.forget_session(session);
        self.node.end_session(session);
    }

    /// Removes a session from the hub; the node has not checked yet.
    pub(crate) fn forget_session(&self, session: u64) {
        let mut state = self.hub.state();
        state.sessions.remove(&session);
        state.height += 1;
    }

    pub(crate) async fn knock(&self, handshake: &Handshake) -> Result<Answer> {
        self.caller.post(&format!("{}/", self.url), handshake).await
    }

    /// Sends a handshake, and repeats it while the refusal is one that a loaded machine may cause.
    pub(crate) async fn knock_patiently(&self, handshake: &Handshake, also: &[u64]) -> Result<Answer> {
        let begun = Instant::now();
        loop {
            let answer = self.knock(handshake).await?;
            let transient = answer
                .code()
                .is_some_and(|code| [111, 112, 113, 114].contains(&code) || also.contains(&code));
            if !transient || begun.elapsed() > RETRY_LIMIT {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Signs in; returns the answer to the signed message, or to the challenge request if that is refused.
    pub(crate) async fn sign_in(
        &self,
        wallet: &Wallet,
        account: AccountAddress,
        vault: Option<Address>,
    ) -> Result<Answer> {
        let begun = Instant::now();
        loop {
            let answer = self.try_sign_in(wallet, account, vault).await?;
            let transient = answer.code().is_some_and(|code| [111, 113].contains(&code));
            if !transient || begun.elapsed() > RETRY_LIMIT {
                return Ok(answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn try_sign_in(
        &self,
        wallet: &Wallet,
        account: AccountAddress,
        vault: Option<Address>,
    ) -> Result<Answer> {
        let named = vault.map(|vault| format!("&vault={vault}")).unwrap_or_default();
        let query = format!("wallet={}&account={account}{named}", wallet.address());
        let answer = self.caller.get(&format!("{}/gate/challenge?{query}", self.url)).await?;
        let Some(message) = answer.body["result"]["message"].as_str() else { return Ok(answer) };
        let body = json!({ "message": message, "signature": wallet.sign(message)? });
        self.caller.post(&format!("{}/gate/bindings", self.url), &body).await
    }

    pub(crate) async fn unbind(&self, token: &str) -> Result<()> {
        let url = format!("{}/gate/binding", self.url);
        self.caller.send(self.caller.http().delete(url).bearer_auth(token)).await.map(drop)
    }

    pub(crate) async fn delegate(&self, registry: Registry, vault: Address, wallet: Address) -> Result<()> {
        let (to, data) = registry.call(self.ethereum.memes(), wallet);
        // Each sender acts in one sequence only, so its transactions are sequential.
        Ok(self.ethereum.chain().send(vault, to, data).await?)
    }

    pub(crate) async fn revoke(&self, registry: Registry, vault: Address, wallet: Address) -> Result<()> {
        let (to, data) = match registry {
            Registry::Nft6529 => {
                let call = revokeDelegationAddressCall {
                    collection: self.ethereum.memes(),
                    delegate: wallet,
                    useCase: U256::from(USE_CASE_ALL),
                };
                (nft_delegation::MAINNET, call.abi_encode())
            }
            Registry::DelegateXyz => {
                let call = delegateAllCall { to: wallet, rights: B256::ZERO, enable: false };
                (delegate_registry::CANONICAL, call.abi_encode())
            }
        };
        Ok(self.ethereum.chain().send(vault, to, data.into()).await?)
    }

    pub(crate) async fn transfer(&self, from: Address, to: Address, card: u64) -> Result<()> {
        let (id, amount) = (U256::from(card), U256::from(1));
        let call = safeTransferFromCall { from, to, id, amount, data: Bytes::new() };
        Ok(self.ethereum.chain().call(from, self.ethereum.memes(), &call).await?)
    }

    pub(crate) fn card(&self, this: bool) -> u64 {
        if this { self.ethereum.this_card() } else { self.ethereum.other_card() }
    }

    /// A session kind that the tier of a card may use.
    pub(crate) fn kind(&self, this: bool, of_plan: bool) -> SessionKind {
        match (of_plan, this) {
            (false, _) => SessionKind::Direct,
            (true, true) => SessionKind::Plan(self.free_plan),
            (true, false) => SessionKind::Plan(self.paid_plan),
        }
    }
}
