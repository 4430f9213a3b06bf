//! A chain with cards, and its readers.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256, address, keccak256};
use alloy::sol_types::SolValue as _;
use secp256k1::{Secp256k1, SecretKey};
use serde_json::json;
use sovereign_contracts::dev::{Anvil, DevChain};
use sovereign_contracts::reader::{Observer, Reader, ReaderConfig};
use sovereign_gate::access::{Access, AccessConfig};

const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// Number of cards, about that of The Memes.
const CARDS: u64 = 350;
pub(crate) const THIS_CARD: u64 = 7;
pub(crate) const OTHER_CARD: u64 = 8;

/// Observer without effect.
struct NoopObserver;

impl Observer for NoopObserver {
    fn call_ended(&self, _: &str, _: &'static str, _: &'static str, _: Duration) {}
    fn head_seen(&self, _: Duration) {}
}

pub(crate) struct Fixture {
    anvil: Anvil,
    pub(crate) chain: DevChain,
    pub(crate) memes: Address,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let (anvil, chain) = Anvil::start_with_stand_ins(&[]).await.unwrap();
        let memes = chain.deploy_memes(DEPLOYER, CARDS).await.unwrap();
        Self { anvil, chain, memes }
    }

    pub(crate) fn url(&self) -> String {
        self.anvil.url()
    }

    /// Returns a reader of the chain itself.
    pub(crate) fn reader(&self) -> Arc<Reader> {
        reader(&self.url(), |_| ())
    }

    /// Returns an `Access` that reads through the provider at `url`.
    pub(crate) async fn access(&self, url: &str, change: impl FnOnce(&mut ReaderConfig)) -> Arc<Access> {
        let config = AccessConfig {
            memes: self.memes,
            this_card: U256::from(THIS_CARD),
            discovery_interval: Duration::from_secs(3600),
            ..AccessConfig::default()
        };
        let access = Arc::new(Access::new(config, reader(url, change)).unwrap());
        let ids = Arc::clone(&access);
        tokio::spawn(async move { ids.discover_card_ids().await });
        while access.summary(wallet_of(0), None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        access
    }

    /// Writes a card into each of these wallets: one transaction each would take minutes.
    pub(crate) async fn give(&self, wallets: &[Address], card: u64) {
        // `_balances` is the first variable of OpenZeppelin's ERC1155.
        let of_card = keccak256((U256::from(card), U256::ZERO).abi_encode());
        for wallet in wallets {
            let place = keccak256((*wallet, of_card).abi_encode());
            let one = B256::with_last_byte(1);
            self.chain.rpc("anvil_setStorageAt", json!([self.memes, place, one])).await.unwrap();
        }
        self.chain.rpc("evm_mine", json!([])).await.unwrap();
    }
}

fn reader(url: &str, change: impl FnOnce(&mut ReaderConfig)) -> Arc<Reader> {
    let mut config = ReaderConfig {
        rpc_addrs: vec![url.to_owned()],
        chain_id: 31337,
        timeout: Duration::from_secs(8),
        ..ReaderConfig::default()
    };
    change(&mut config);
    Arc::new(Reader::new(config, Arc::new(NoopObserver)).unwrap())
}

/// Key number `n`.
pub(crate) fn key(n: u64) -> SecretKey {
    SecretKey::from_byte_array(keccak256(n.to_be_bytes()).0).unwrap()
}

/// The wallet of key number `n`.
pub(crate) fn wallet_of(n: u64) -> Address {
    let point = key(n).public_key(&Secp256k1::signing_only()).serialize_uncompressed();
    Address::from_raw_public_key(&point[1..])
}
