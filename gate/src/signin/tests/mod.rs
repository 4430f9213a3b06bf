//! Tests of the sign-in through its public functions, with signing wallets and a fake of Ethereum.

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
use crate::store::StoreOptions;
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

    /// Signs by `personal_sign` (EIP-191), as wallets do.
    fn sign(&self, text: &str) -> String {
        let hash = secp256k1::Message::from_digest(eip191_hash_message(text).0);
        let (id, rs) = Secp256k1::new().sign_ecdsa_recoverable(hash, &self.0).serialize_compact();
        format!("0x{}{:02x}", hex::encode(rs), 27 + i32::from(id))
    }
}

/// Cards and contract wallets. Every wallet holds a card, except the denied one.
#[derive(Default)]
struct FakeEthereum {
    down: AtomicBool,
    contract_calls: AtomicUsize,
}

impl FakeEthereum {
    fn denied(wallet: Address) -> bool {
        wallet == Wallet::new(66).address()
    }
}

impl EntitlementSource for FakeEthereum {
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

/// Contract wallet that accepts one signature.
const CONTRACT: Address = Address::repeat_byte(0xcc);
const CONTRACT_SIGNATURE: &[u8] = b"any bytes that the contract accepts";

impl ContractSignatures for FakeEthereum {
    fn verify<'a>(
        &'a self,
        wallet: Address,
        _: B256,
        signature: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, ReadError>> {
        self.contract_calls.fetch_add(1, Ordering::SeqCst);
        let down = self.down.load(Ordering::SeqCst);
        let good = wallet == CONTRACT && signature == CONTRACT_SIGNATURE;
        async move { if down { Err(ReadError::Timeout("test".into())) } else { Ok(good) } }.boxed()
    }
}

/// A sign-in with a home directory, clock and store of its own.
struct SignInFixture {
    home: TempDir,
    clock: Arc<ManualClock>,
    ethereum: Arc<FakeEthereum>,
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

impl SignInFixture {
    async fn new() -> Self {
        Self::with(&config()).await
    }

    async fn with(config: &SignInConfig) -> Self {
        Self::on(tempfile::tempdir().unwrap(), config, NOW, Governance::none()).await
    }

    async fn on(home: TempDir, config: &SignInConfig, now: UnixTime, governance: Governance) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let ethereum = Arc::new(FakeEthereum::default());
        let store = Store::open_with(home.path(), StoreOptions::default(), clock.clone()).await.unwrap();
        let deps = SignInDeps {
            store: store.clone(),
            entitlements: ethereum.clone(),
            contracts: ethereum.clone(),
            clock: clock.clone(),
            governance,
        };
        let sign_in = SignIn::new(config, deps).unwrap();
        Self { home, clock, ethereum, store, sign_in }
    }

    async fn restart(self, config: &SignInConfig) -> Self {
        self.restart_governed(config, Governance::none()).await
    }

    async fn restart_governed(self, config: &SignInConfig, governance: Governance) -> Self {
        let now = self.clock.unix();
        self.store.close().await;
        Self::on(self.home, config, now, governance).await
    }

    fn challenge(&self, wallet: &Wallet, owner: u8) -> Challenge {
        self.sign_in.challenge(wallet.address(), account(owner), None, client()).unwrap()
    }

    async fn bind(&self, message: &str, signature: &str) -> Result<BindingInfo, SignInError> {
        self.sign_in.bind(message, signature, client()).await
    }

    /// Code of the refusal; 0 if bound.
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
