//! A gate's enforcement on a real EVM, with a hub that says what it is told and a tunnel that only takes notes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, U256, address, keccak256};
use alloy::sol;
use futures::FutureExt;
use futures::future::BoxFuture;
use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::hub::{HubClient, HubConfig, SessionKind};
use sentinel_proto::stub::{State, StubHub};
use sovereign_contracts::dev::{Anvil, DevChain};
use sovereign_contracts::follower::{ChangeAccumulator, Follower, FollowerConfig};
use sovereign_contracts::reader::{Observer, Reader, ReaderConfig};
use sovereign_gate::access::{Access, AccessConfig};
use sovereign_gate::admission::sessions::Follower as SessionFollower;
use sovereign_gate::admission::{Admission, AdmissionDeps, AdmissionPolicy, AdmissionSettings, Sessions};
use sovereign_gate::config::{self, ForeignPeers, SessionRule, TierSection};
use sovereign_gate::enforce::{Enforcer, EnforcerDeps, Evictor};
use sovereign_gate::store::clock::{Clock, UnixTime};
use sovereign_gate::store::{
    BindingProof, EvictionCause, Redemption, SessionRecord, SessionState, Store, StoreOptions,
};
use sovereign_tunnel::Tunnel;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::fake_tunnel::FakeTunnel;

pub(crate) const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub(crate) const THIS: u64 = 7;
pub(crate) const OTHER: u64 = 3;
/// The plan that only the free tier may use.
pub(crate) const FREE_PLAN: u64 = 1;
pub(crate) const NODE: NodeAddress = NodeAddress::new([9; 20]);
const DAY: UnixTime = 24 * 3600;
/// The address that the tunnel names for everybody in it.
pub(crate) const GIVEN: &str = "10.0.0.99/32";
/// The node's answer to a handshake: `{"addrs":["10.0.0.2/32"],"metadata":[{"port":1}]}` for the address 127.0.0.1.
const ANSWER: &str = concat!(
    r#"{"success":true,"result":{"addrs":["127.0.0.1"],"#,
    r#""data":"eyJhZGRycyI6WyIxMC4wLjAuMi8zMiJdLCJtZXRhZGF0YSI6W3sicG9ydCI6MX1dfQ=="}}"#
);

sol! {
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
    function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data) external;
}

/// The machine's clock, moved.
#[derive(Debug, Default)]
pub(crate) struct ShiftedClock(AtomicU64);

impl ShiftedClock {
    pub(crate) fn ahead(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> SystemTime {
        SystemTime::now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// The parts of a running gate; dropped, it is as after `kill -9`.
pub(crate) struct GateHandle {
    pub(crate) store: Store,
    pub(crate) enforcer: Arc<Enforcer>,
    pub(crate) admission: Arc<Admission>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl GateHandle {
    /// Ends it and lets go of the home.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }
}

/// Counts what Ethereum is asked about cards.
#[derive(Debug, Default)]
pub(crate) struct CallCounter(AtomicU64);

impl CallCounter {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Observer for CallCounter {
    fn call_ended(&self, _: &str, method: &'static str, _: &'static str, _: Duration) {
        if method == "eth_call" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn head_seen(&self, _: Duration) {}
}

/// Everything around a gate.
pub(crate) struct Fixture {
    home: tempfile::TempDir,
    pub(crate) anvil: Anvil,
    pub(crate) chain: DevChain,
    pub(crate) memes: Address,
    pub(crate) hub: StubHub,
    pub(crate) tunnel: Arc<FakeTunnel>,
    pub(crate) clock: Arc<ShiftedClock>,
    pub(crate) asked: Arc<CallCounter>,
    /// A provider in the place of anvil.
    pub(crate) provider: std::sync::Mutex<Option<String>>,
    /// Milliseconds that the node takes to answer; and how often it was asked.
    pub(crate) node_delay: Arc<AtomicU64>,
    pub(crate) node_asked: Arc<AtomicU64>,
    next: AtomicU64,
}

impl Fixture {
    pub(crate) async fn build() -> Self {
        Self::build_with(&[]).await
    }

    pub(crate) async fn build_with(anvil: &[&str]) -> Self {
        let (anvil, chain) = Anvil::start_with_stand_ins(anvil).await.unwrap();
        let memes = chain.deploy_memes(DEPLOYER, 8).await.unwrap();
        Self {
            home: tempfile::tempdir().unwrap(),
            anvil,
            chain,
            memes,
            hub: StubHub::start(State::new("sentinel-test")).unwrap(),
            tunnel: Arc::default(),
            clock: Arc::default(),
            asked: Arc::default(),
            provider: std::sync::Mutex::default(),
            node_delay: Arc::default(),
            node_asked: Arc::default(),
            next: AtomicU64::new(1),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A gate that follows the chain by socket, with both tiers' devices as given.
    pub(crate) async fn gate(&self) -> GateHandle {
        self.gate_with(|_| {}, 60).await
    }

    pub(crate) async fn gate_with(
        &self,
        change: impl FnOnce(&mut config::PolicySection),
        poll: u64,
    ) -> GateHandle {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let store = Store::open_with(self.home(), StoreOptions::default(), Arc::clone(&clock)).await.unwrap();
        let provider = self.provider.lock().unwrap().clone().unwrap_or_else(|| self.anvil.url());
        let reader = ReaderConfig { rpc_addrs: vec![provider], chain_id: 31337, ..ReaderConfig::default() };
        let reader = Arc::new(Reader::new(reader, Arc::clone(&self.asked) as _).unwrap());
        let access = AccessConfig {
            memes: self.memes,
            this_card: U256::from(THIS),
            discovery_interval: Duration::from_secs(3600),
            ..AccessConfig::default()
        };
        let access = Arc::new(Access::new(access, Arc::clone(&reader)).unwrap());
        let hub = HubConfig {
            grpc_addrs: vec![format!("http://{}", self.hub.addr())],
            chain_id: "sentinel-test".to_owned(),
            timeout: Duration::from_secs(2),
        };
        let sessions = Arc::new(Sessions::new(HubClient::new(hub).unwrap()));
        let tunnel: Arc<dyn Tunnel> = Arc::clone(&self.tunnel) as _;
        let (delay, asked) = (Arc::clone(&self.node_delay), Arc::clone(&self.node_asked));
        let answers = move || {
            let (delay, asked) = (Arc::clone(&delay), Arc::clone(&asked));
            async move {
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(delay.load(Ordering::SeqCst))).await;
                true
            }
            .boxed()
        };
        let evictor = Arc::new(Evictor::new(store.clone(), tunnel).with_node_check(Arc::new(answers)));
        let mut policy = config::PolicySection {
            free: TierSection {
                sessions: vec![SessionRule::Direct, SessionRule::Plan(FREE_PLAN)],
                ..TierSection::default()
            },
            paid: TierSection { sessions: vec![SessionRule::Direct], ..TierSection::default() },
            ..config::PolicySection::default()
        };
        change(&mut policy);
        let admission = Arc::new(Admission::new(
            AdmissionDeps {
                access: Arc::clone(&access),
                sessions: Arc::clone(&sessions),
                store: store.clone(),
                evictor: Arc::clone(&evictor) as _,
                clock: Arc::clone(&clock),
            },
            AdmissionPolicy::from(&policy),
            AdmissionSettings {
                sign_in_url: "https://gate.example/gate/".to_owned(),
                unbound_ttl: Duration::from_secs(3600),
            },
        ));
        let contracts = access.watched_contracts();
        let (events, mut ended) = tokio::sync::mpsc::channel(64);
        let sessions_follower = SessionFollower::new(Arc::clone(&sessions), || Some(NODE), events);
        let enforcer = Enforcer::new(&EnforcerDeps {
            store: store.clone(),
            access: Arc::clone(&access),
            admission: Arc::clone(&admission),
            sessions,
            evictor,
            clock,
            foreign_peers: ForeignPeers::ShutOut,
        });
        let inbox = Arc::new(ChangeAccumulator::default());
        let follow = FollowerConfig {
            contracts: contracts.into(),
            ws_addrs: vec![format!("ws://127.0.0.1:{}", self.anvil.port())],
            poll_interval: Duration::from_secs(poll),
        };
        let cursor = store.progress().ethereum_cursor().await.unwrap();
        let follower = Follower::new(follow, reader, cursor, Arc::clone(&inbox));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let until = |stop: CancellationToken, work: BoxFuture<'static, ()>| async move {
            tokio::select! { () = stop.cancelled() => {}, () = work => {} }
        };
        tasks.spawn(until(stop.clone(), async move { access.discover_card_ids().await }.boxed()));
        tasks.spawn(until(stop.clone(), follower.run().boxed()));
        tasks.spawn(until(stop.clone(), async move { while ended.recv().await.is_some() {} }.boxed()));
        tasks.spawn(sessions_follower.run(stop.clone()));
        tasks.spawn(Arc::clone(&enforcer).follow(inbox, stop.clone()));
        tasks.spawn(Arc::clone(&enforcer).run(stop.clone()));
        GateHandle { store, enforcer, admission, stop, tasks }
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn new_wallet(&self) -> Address {
        Address::from_word(keccak256(self.next_id().to_be_bytes()))
    }

    pub(crate) async fn mint_card(&self, to: Address, card: u64) {
        self.chain.mint(DEPLOYER, self.memes, to, card).await.unwrap();
    }

    pub(crate) async fn holder(&self, cards: &[u64]) -> Address {
        let wallet = self.new_wallet();
        for card in cards {
            self.mint_card(wallet, *card).await;
        }
        wallet
    }

    pub(crate) async fn transfer(&self, from: Address, to: Address, card: u64) {
        let (id, amount) = (U256::from(card), U256::from(1));
        let call = safeTransferFromCall { from, to, id, amount, data: Vec::new().into() };
        self.chain.call(from, self.memes, &call).await.unwrap();
    }

    /// A sign-in of `wallet` for `account`, which ends in `seconds`.
    pub(crate) async fn bind(
        &self,
        gate: &GateHandle,
        account: AccountAddress,
        wallet: Address,
        seconds: i64,
    ) {
        let signed = BindingProof { message: "signed".to_owned(), signature: vec![1] };
        self.redeem(gate, account, (wallet, None), signed, seconds).await;
    }

    /// The same for a day, with a vault that it names.
    pub(crate) async fn bind_with(
        &self,
        gate: &GateHandle,
        account: AccountAddress,
        wallet: Address,
        vault: Address,
    ) {
        let signed = BindingProof { message: format!("sentinel:vault:{vault}"), signature: vec![1] };
        self.redeem(gate, account, (wallet, Some(vault)), signed, DAY).await;
    }

    async fn redeem(
        &self,
        gate: &GateHandle,
        account: AccountAddress,
        (wallet, vault): (Address, Option<Address>),
        proof: BindingProof,
        seconds: i64,
    ) {
        let now = self.clock.unix();
        let redemption = Redemption {
            nonce: None,
            account,
            wallet,
            vault,
            holders: Vec::new(),
            proof,
            issued_at: now,
            expires_at: now + seconds,
            max_accounts: 6,
        };
        gate.store.bindings().redeem(redemption).await.unwrap();
        gate.enforcer.account_changed(&account);
    }

    /// A live session of an account, as admission would have recorded it.
    pub(crate) async fn session(
        &self,
        gate: &GateHandle,
        account: AccountAddress,
        wallet: Address,
        vault: Option<Address>,
        (tier, kind): (&str, SessionKind),
    ) -> u64 {
        let record = self.peer_record(gate, account, (wallet, vault), (tier, kind));
        let id = record.session_id;
        gate.store.sessions().record(record, ANSWER.into()).await.unwrap();
        id
    }

    /// A session whose peer is in the tunnel, as admission is about to record it.
    pub(crate) fn peer_record(
        &self,
        gate: &GateHandle,
        account: AccountAddress,
        (wallet, vault): (Address, Option<Address>),
        (tier, kind): (&str, SessionKind),
    ) -> SessionRecord {
        let id = self.next_id();
        self.hub.state().put(id, account, NODE, kind);
        let peer_id = format!("peer {id}");
        self.tunnel.peers().insert(peer_id.clone(), true);
        let now = self.clock.unix();
        let bindings = gate.store.bindings().of_account(&account);
        let binding = bindings.iter().find(|binding| binding.wallet == wallet);
        SessionRecord {
            session_id: id,
            account,
            wallet: Some(wallet),
            vault,
            via: None,
            collection: None,
            card: None,
            tier: tier.to_owned(),
            plan: kind.plan(),
            service: "wireguard".to_owned(),
            peer_id,
            addresses: vec![format!("10.0.0.{id}/32")],
            handshake_hash: [1; 32],
            slot_holder: vault.or(Some(wallet)),
            admitted_at: now + i64::try_from(id).unwrap() - 1_000_000,
            decision_block: 1,
            expires_at: binding.map_or(now + DAY, |binding| binding.expires_at),
            state: SessionState::Live,
            cause: None,
            evicted_at: None,
            signed_in_after: None,
            own_key: None,
        }
    }

    /// A holder of a card whose handshake the node has taken, and whose record was never written.
    pub(crate) async fn forward_handshake(&self, gate: &GateHandle) -> (Address, u64) {
        let (wallet, account) = (self.holder(&[OTHER]).await, self.account());
        self.bind(gate, account, wallet, DAY).await;
        let record = self.peer_record(gate, account, (wallet, None), ("paid", SessionKind::Direct));
        gate.store.intents().record(record.clone()).await.unwrap();
        (wallet, record.session_id)
    }

    /// A session leaves the hub.
    pub(crate) fn remove_from_hub(&self, session: u64) {
        let mut hub = self.hub.state();
        hub.sessions.remove(&session);
        hub.height += 1;
    }

    /// A session that is on the hub only.
    pub(crate) fn hub_session(&self, account: AccountAddress) -> u64 {
        let id = self.next_id();
        let mut hub = self.hub.state();
        hub.put(id, account, NODE, SessionKind::Direct);
        hub.height += 1;
        id
    }

    /// A holder of these cards with a sign-in and a direct session.
    pub(crate) async fn holder_with_session(&self, gate: &GateHandle, cards: &[u64]) -> (Address, u64) {
        let wallet = self.holder(cards).await;
        let tier = if cards.contains(&THIS) { "free" } else { "paid" };
        let account = self.account();
        self.bind(gate, account, wallet, DAY).await;
        (wallet, self.session(gate, account, wallet, None, (tier, SessionKind::Direct)).await)
    }

    pub(crate) fn account(&self) -> AccountAddress {
        let mut bytes = [7; 20];
        bytes[..8].copy_from_slice(&self.next_id().to_be_bytes());
        AccountAddress::new(bytes)
    }

    pub(crate) fn passes(&self, session: u64) -> bool {
        self.tunnel.peers().get(&format!("peer {session}")).copied().unwrap_or(false)
    }

    /// Waits until a session's peer is out, and says for which cause.
    pub(crate) async fn wait_until_evicted(&self, gate: &GateHandle, session: u64) -> Option<EvictionCause> {
        self.wait_until(&format!("session {session} is out"), || {
            let record = gate.store.sessions().get(session);
            !self.passes(session) && record.is_some_and(|record| record.state == SessionState::Evicted)
        })
        .await;
        gate.store.sessions().get(session).and_then(|record| record.cause)
    }

    /// Waits until a session's peer is in.
    pub(crate) async fn wait_until_live(&self, gate: &GateHandle, session: u64) {
        self.wait_until(&format!("session {session} is in"), || {
            let record = gate.store.sessions().get(session);
            self.passes(session) && record.is_some_and(|record| record.state == SessionState::Live)
        })
        .await;
    }

    pub(crate) async fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done() {
            assert!(Instant::now() < deadline, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until everything that happened up to now was acted on.
    pub(crate) async fn wait_for_events(&self, gate: &GateHandle) {
        let head = self.chain.rpc("eth_blockNumber", serde_json::json!([])).await.unwrap();
        let head: U256 = head.as_str().unwrap().parse().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let cursor = gate.store.progress().ethereum_cursor().await.unwrap();
            if cursor.is_some_and(|cursor| U256::from(cursor.number) >= head) {
                return;
            }
            assert!(Instant::now() < deadline, "events are not acted on: {cursor:?} of {head}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Seconds since 1970 by the machine's clock.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn counted<T: std::hash::Hash + Eq>(items: impl IntoIterator<Item = T>) -> HashMap<T, usize> {
    items.into_iter().fold(HashMap::new(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}
