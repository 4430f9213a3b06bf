//! A chain with cards and registries, and an `Access` that reads it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::{Address, B256, U256, address, keccak256};
use alloy::sol_types::SolCall;
use sovereign_contracts::delegate_registry::IDelegateRegistry::{
    delegateAllCall, delegateContractCall, delegateERC1155Call,
};
use sovereign_contracts::dev::{Anvil, DevChain};
use sovereign_contracts::nft_delegation::INFTDelegation::registerDelegationAddressCall;
use sovereign_contracts::reader::{Observer, Reader, ReaderConfig};
use sovereign_contracts::{delegate_registry, nft_delegation};
use sovereign_gate::access::{Access, AccessConfig, Basis, EntitlementQuery, Summary, Tier, Via};

pub(crate) const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub(crate) const THIS_CARD: u64 = 7;
/// Card ids that exist at the start.
pub(crate) const CARDS: u64 = 21;
pub(crate) const ALL: Address = nft_delegation::ALL_COLLECTIONS;
pub(crate) const FOREVER: u64 = u64::MAX;
pub(crate) const RIGHT: B256 = B256::repeat_byte(0x56);

/// Counts the calls that reach the chain.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicUsize);

impl Observer for Counter {
    fn call_ended(&self, _: &str, method: &'static str, _: &'static str, _: Duration) {
        if method == "eth_call" {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn head_seen(&self, _: Duration) {}
}

pub(crate) struct Fixture {
    pub(crate) anvil: Anvil,
    pub(crate) chain: DevChain,
    pub(crate) memes: Address,
    pub(crate) access: Arc<Access>,
    pub(crate) counter: Arc<Counter>,
    next: Mutex<u64>,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Caching is off, so that each query is a decision, unless `change` enables it.
    pub(crate) async fn start_with(change: impl FnOnce(&mut AccessConfig)) -> Self {
        Self::start_on(&[], CARDS, change).await
    }

    /// Starts the chain with these arguments and this many cards.
    pub(crate) async fn start_on(args: &[&str], cards: u64, change: impl FnOnce(&mut AccessConfig)) -> Self {
        let fixture = Self::open_unasked(args, cards, change).await;
        fixture.ask(fixture.fresh_wallet()).await;
        fixture
    }

    /// An `Access` that cannot answer any query yet.
    pub(crate) async fn open_unasked(
        args: &[&str],
        cards: u64,
        change: impl FnOnce(&mut AccessConfig),
    ) -> Self {
        let (anvil, chain) = Anvil::start_with_stand_ins(args).await.unwrap();
        let memes = chain.deploy_memes(DEPLOYER, cards).await.unwrap();
        let counter = Arc::new(Counter::default());
        let access = access(&chain, memes, Arc::clone(&counter), change);
        let fixture = Self { anvil, chain, memes, access, counter, next: Mutex::new(0) };
        let ids = Arc::clone(&fixture.access);
        tokio::spawn(async move { ids.discover_card_ids().await });
        fixture
    }

    /// Returns a fresh address.
    pub(crate) fn fresh_wallet(&self) -> Address {
        let mut next = self.next.lock().unwrap();
        *next += 1;
        Address::from_word(keccak256(next.to_be_bytes()))
    }

    pub(crate) async fn holder_of(&self, id: u64) -> Address {
        let holder = self.fresh_wallet();
        self.give(holder, id).await;
        holder
    }

    pub(crate) async fn give(&self, holder: Address, id: u64) {
        self.chain.mint(DEPLOYER, self.memes, holder, id).await.unwrap();
    }

    /// Returns the summary of the listed query.
    pub(crate) async fn ask(&self, wallet: Address) -> Summary {
        self.access.summary(wallet, None).await.unwrap()
    }

    /// Returns the summary of the named query and, unless that is the best already, of the listed one.
    pub(crate) async fn ask_naming(&self, wallet: Address, vault: Address) -> Summary {
        self.access.summary(wallet, Some(vault)).await.unwrap()
    }

    pub(crate) async fn bases(&self, question: EntitlementQuery) -> Vec<Basis> {
        self.access.entitlement(question).await.unwrap().bases.clone()
    }

    /// Returns the number of calls that `question` makes.
    pub(crate) async fn cost<T>(&self, question: impl Future<Output = T>) -> usize {
        let before = self.counter.0.load(Ordering::SeqCst);
        question.await;
        self.counter.0.load(Ordering::SeqCst) - before
    }

    pub(crate) async fn act<C: SolCall + Sync>(&self, from: Address, contract: Address, call: &C) {
        self.chain.call(from, contract, call).await.unwrap();
    }

    /// Registers a 6529 delegation for all tokens, or one.
    pub(crate) async fn register(
        &self,
        from: Address,
        to: Address,
        (collection, use_case): (Address, u64),
        expiry: u64,
        token: Option<u64>,
    ) {
        let call = registration(to, (collection, use_case), expiry, token);
        self.act(from, nft_delegation::MAINNET, &call).await;
    }

    pub(crate) async fn xyz_all(&self, from: Address, to: Address, rights: B256, enable: bool) {
        self.act(from, delegate_registry::CANONICAL, &delegateAllCall { to, rights, enable }).await;
    }

    pub(crate) async fn xyz_contract(&self, from: Address, to: Address, contract: Address, rights: B256) {
        let call = delegateContractCall { to, contract_: contract, rights, enable: true };
        self.act(from, delegate_registry::CANONICAL, &call).await;
    }

    pub(crate) async fn xyz_card(&self, from: Address, to: Address, contract: Address, id: u64, amount: u64) {
        let (id, amount) = (U256::from(id), U256::from(amount));
        let call = delegateERC1155Call { to, contract_: contract, tokenId: id, rights: B256::ZERO, amount };
        self.act(from, delegate_registry::CANONICAL, &call).await;
    }
}

pub(crate) fn access(
    chain: &DevChain,
    memes: Address,
    counter: Arc<Counter>,
    change: impl FnOnce(&mut AccessConfig),
) -> Arc<Access> {
    let reader = ReaderConfig {
        rpc_addrs: vec![chain.url().to_owned()],
        chain_id: 31337,
        timeout: Duration::from_secs(8),
        ..ReaderConfig::default()
    };
    let mut config = AccessConfig {
        memes,
        this_card: U256::from(THIS_CARD),
        rights: vec![RIGHT],
        positive_ttl: Duration::ZERO,
        negative_ttl: Duration::ZERO,
        // Discovered once; tests that need more override it.
        discovery_interval: Duration::from_secs(3600),
        deny_wallets: HashSet::new(),
        ..AccessConfig::default()
    };
    change(&mut config);
    let reader = Arc::new(Reader::new(reader, counter).unwrap());
    Arc::new(Access::new(config, reader).unwrap())
}

/// The fields that most tests compare.
pub(crate) fn outcome(summary: &Summary) -> (Tier, Option<Via>, Option<Address>) {
    (summary.tier, summary.via, summary.vault)
}

/// Identity of a basis without its cards and block.
pub(crate) type Outline = (Option<Address>, Via, Tier);

pub(crate) fn outline(bases: &[Basis]) -> Vec<Outline> {
    bases.iter().map(|basis| (basis.vault, basis.via, basis.tier)).collect()
}

pub(crate) const DENIED: (Tier, Option<Via>, Option<Address>) = (Tier::Denied, None, None);

pub(crate) fn cards(summary: &Summary) -> Vec<u64> {
    summary.cards.iter().map(|id| id.to()).collect()
}

/// A delegation to `to` at 6529, of all tokens or one.
pub(crate) fn registration(
    to: Address,
    (collection, use_case): (Address, u64),
    expiry: u64,
    token: Option<u64>,
) -> registerDelegationAddressCall {
    registerDelegationAddressCall {
        collection,
        delegate: to,
        expiry: U256::from(expiry),
        useCase: U256::from(use_case),
        allTokens: token.is_none(),
        tokenId: U256::from(token.unwrap_or_default()),
    }
}
