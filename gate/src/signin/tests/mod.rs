//! The sign-in as its callers see it, with wallets that sign and a world that answers what a test wants.

mod binding;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use alloy::primitives::{Address, B256, U256, eip191_hash_message};
use futures::future::{BoxFuture, FutureExt};
use secp256k1::{Secp256k1, SecretKey};
use sovereign_contracts::reader::ReadError;
use tempfile::TempDir;

use super::*;
use crate::access::{Summary, Tier, Via};
use crate::config::PlanDevices;
use crate::store::Options;
use crate::store::clock::UnixTime;
use crate::store::clock::manual::ManualClock;
use crate::store::tests::{NOW, account};

/// A wallet with a key.
struct Wallet(SecretKey);

impl Wallet {
    fn new(n: u8) -> Self {
        Self(SecretKey::from_byte_array([n; 32]).unwrap())
    }

    fn address(&self) -> Address {
        let key = self.0.public_key(&Secp256k1::new());
        Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
    }

    /// As wallets do it: `personal_sign`.
    fn sign(&self, text: &str) -> String {
        let hash = secp256k1::Message::from_digest(eip191_hash_message(text).0);
        let (id, rs) = Secp256k1::new().sign_ecdsa_recoverable(hash, &self.0).serialize_compact();
        format!("0x{}{:02x}", hex::encode(rs), 27 + i32::from(id))
    }
}

/// Cards and contract wallets. Every wallet but one holds a card.
#[derive(Default)]
struct World {
    down: AtomicBool,
    asked_contracts: AtomicUsize,
}

impl World {
    fn denied(wallet: Address) -> bool {
        wallet == Wallet::new(66).address()
    }
}

impl EntitlementSource for World {
    fn summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> BoxFuture<'_, Result<(Summary, Vec<Address>), AccessError>> {
        let denied = Self::denied(wallet);
        let summary = Summary {
            tier: if denied { Tier::Denied } else { Tier::Paid },
            via: (!denied).then_some(if vault.is_some() { Via::DelegateXyz } else { Via::Own }),
            wallet,
            vault,
            cards: if denied { vec![] } else { vec![U256::from(7)] },
            more_cards: false,
            block: 123,
            expires_at: None,
            delegations_unread: false,
        };
        let (down, holder) = (self.down.load(Ordering::SeqCst), summary.holder());
        async move {
            if down { Err(AccessError::CardsUnknown("down".into())) } else { Ok((summary, vec![holder])) }
        }
        .boxed()
    }
}

/// The contract wallet of the tests takes one signature.
const CONTRACT: Address = Address::repeat_byte(0xcc);
const CONTRACT_SIGNATURE: &[u8] = b"any bytes that the contract takes";

impl ContractSignatures for World {
    fn verify<'a>(
        &'a self,
        wallet: Address,
        _: B256,
        signature: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, ReadError>> {
        self.asked_contracts.fetch_add(1, Ordering::SeqCst);
        let down = self.down.load(Ordering::SeqCst);
        let good = wallet == CONTRACT && signature == CONTRACT_SIGNATURE;
        async move { if down { Err(ReadError::Timeout("test".into())) } else { Ok(good) } }.boxed()
    }
}

/// A gate's sign-in on a home of its own.
struct Gate {
    home: TempDir,
    clock: Arc<ManualClock>,
    world: Arc<World>,
    store: Store,
    sign_in: SignIn,
}

fn config() -> SignInConfig {
    SignInConfig {
        public_url: "https://gate.example:8585/".into(),
        domain: None,
        network: "sentinel".into(),
        chain_id: 1,
        ttl: Duration::from_secs(86_400),
        challenge_ttl: Duration::from_secs(300),
        max_accounts: 2,
        devices: DeviceLimits {
            free: TierDevices { limit: 5, plans: PlanDevices::default() },
            paid: TierDevices { limit: 2, plans: PlanDevices::from_iter([(7, 2), (9, 4)]) },
        },
        rate: RateLimit::default(),
    }
}

impl Gate {
    async fn new() -> Self {
        Self::with(&config()).await
    }

    async fn with(config: &SignInConfig) -> Self {
        Self::on(tempfile::tempdir().unwrap(), config, NOW).await
    }

    async fn on(home: TempDir, config: &SignInConfig, now: UnixTime) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let world = Arc::new(World::default());
        let store = Store::open_with(home.path(), Options::default(), clock.clone()).await.unwrap();
        let sign_in =
            SignIn::new(config, store.clone(), world.clone(), world.clone(), clock.clone()).unwrap();
        Self { home, clock, world, store, sign_in }
    }

    async fn restart(self, config: &SignInConfig) -> Self {
        let now = self.clock.unix();
        self.store.close().await;
        Self::on(self.home, config, now).await
    }

    fn challenge(&self, wallet: &Wallet, owner: u8) -> Challenge {
        self.sign_in.challenge(wallet.address(), account(owner), None, client()).unwrap()
    }

    async fn bind(&self, message: &str, signature: &str) -> Result<BindingInfo, SignInError> {
        self.sign_in.bind(message, signature, client()).await
    }

    /// The code of the interface.
    async fn code(&self, message: &str, signature: &str) -> u32 {
        match self.bind(message, signature).await {
            Ok(_) => 0,
            Err(error) => error.refusal().code(),
        }
    }

    async fn sign_in(&self, wallet: &Wallet, owner: u8) -> Result<BindingInfo, SignInError> {
        let message = self.challenge(wallet, owner).message;
        self.bind(&message, &wallet.sign(&message)).await
    }
}

fn client() -> ClientKey {
    std::net::IpAddr::from([192, 0, 2, 1]).into()
}
