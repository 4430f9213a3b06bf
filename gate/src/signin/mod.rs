//! Sign-in: a wallet lets an account use the network, by one signature.
//!
//! A challenge costs the gate nothing: its nonce proves by itself what was issued when ([`nonce`]), so
//! asking writes nothing and a restart loses nothing. Only a redeemed nonce is stored, in one
//! transaction with the binding. So whatever fails before leaves the nonce to its owner.

mod answer;
mod config;
mod error;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod limit;
mod message;
mod nonce;
mod signature;

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use alloy::hex::FromHexError;
use alloy::primitives::{Address, eip191_hash_message};
use futures::future::{BoxFuture, FutureExt};
use futures::{StreamExt as _, stream};
use sentinel_proto::address::AccountAddress;

pub use self::answer::{Bound, Challenge, Devices, Eligibility};
pub use self::config::{ConfigError, DeviceLimits, Rate, SignInConfig, TierDevices};
pub use self::error::{NonceError, SignInError};
pub use self::limit::Limits;
pub use self::message::MessageError;
pub use self::signature::{ContractSignatures, SignatureError};

use self::limit::Kind;
use self::message::{Statement, Terms};
use self::nonce::Issued;
use self::signature::{KeyPairs, MAX_SIGNATURE};
use crate::access::{Access, AccessError, Summary, Tier};
use crate::client::Client;
use crate::governance::Governance;
use crate::store::clock::{Clock, UnixTime};
use crate::store::{Binding, MAX_HOLDERS, MAX_PER_ACCOUNT, NonceState, Proof, Redemption, Store, StoreError};

/// A challenge from the future is one of a clock that was set back; so much may be a matter of seconds.
const CLOCK_SKEW: i64 = 60;

/// Bindings of a full account that are checked at the same time, and for how long at most.
const MAX_CONCURRENT_CHECKS: usize = 8;
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers what a wallet's cards entitle it to.
pub trait Entitlements: Send + Sync + 'static {
    /// The best that a wallet and, if it named one, its vault give, and all holders of the cards behind it.
    fn summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> BoxFuture<'_, Result<(Summary, Vec<Address>), AccessError>>;
}

impl Entitlements for Access {
    fn summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> BoxFuture<'_, Result<(Summary, Vec<Address>), AccessError>> {
        self.summary_with_holders(wallet, vault).boxed()
    }
}

/// The sign-in of this gate.
pub struct SignIn {
    terms: Terms,
    max_accounts: usize,
    devices: Arc<RwLock<DeviceLimits>>,
    store: Store,
    entitlements: Arc<dyn Entitlements>,
    contracts: Arc<dyn ContractSignatures>,
    clock: Arc<dyn Clock>,
    key_pairs: KeyPairs,
    limits: Arc<Limits>,
    governance: Governance,
}

impl SignIn {
    /// Prepares the sign-in; fails on settings that cannot be.
    pub fn new(
        config: &SignInConfig,
        store: Store,
        entitlements: Arc<dyn Entitlements>,
        contracts: Arc<dyn ContractSignatures>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            terms: config.terms()?,
            max_accounts: config.max_accounts,
            devices: Arc::new(RwLock::new(config.devices.clone())),
            store,
            entitlements,
            contracts,
            clock,
            key_pairs: KeyPairs::new(),
            limits: Arc::new(Limits::new(config.rate)),
            governance: Governance::none(),
        })
    }

    /// The same, where the contracts have a say.
    #[must_use]
    pub fn governed(self, governance: Governance) -> Self {
        Self { governance, ..self }
    }

    /// A message for this wallet to sign. Writes nothing.
    pub fn challenge(
        &self,
        wallet: Address,
        account: AccountAddress,
        vault: Option<Address>,
        client: Client,
    ) -> Result<Challenge, SignInError> {
        self.limit(wallet, Kind::Ask(client))?;
        let now = self.clock.unix();
        let vault = vault.filter(|vault| *vault != wallet);
        let terms = self.terms();
        let expires_at = now + terms.ttl;
        let statement =
            Statement { wallet, account, vault, nonce: String::new(), issued_at: now, expires_at };
        let blank = statement.text(&terms)?;
        let nonce = nonce::seal(&self.store.nonce_key(), &nonce::fresh(now), &blank);
        let message = nonce::fill(&blank, &nonce);
        Ok(Challenge { message, nonce, expires_at: now + self.terms.challenge_ttl })
    }

    /// Turns a signed challenge into a binding. The order of the checks is part of the interface: form
    /// of the message, nonce, message as issued, signature, cards, number of accounts.
    pub async fn bind(&self, message: &str, signature: &str, client: Client) -> Result<Bound, SignInError> {
        let (issued, statement) = self.stated(message)?;
        self.limit(statement.wallet, Kind::Redeem(client))?;
        let signature = decode(signature)?;
        self.verify(&statement, message, &signature, client).await?;
        self.limit(statement.wallet, Kind::Signed)?;

        let (summary, mut holders) = self.entitlements.summary(statement.wallet, statement.vault).await?;
        let Some(devices) = self.devices_of(&summary) else {
            return Err(SignInError::NoCard { wallet: statement.wallet });
        };
        holders.truncate(MAX_HOLDERS);
        self.mark_worthless(&statement.account).await;
        let redemption = Redemption {
            nonce: Some(issued.nonce),
            account: statement.account,
            wallet: statement.wallet,
            vault: statement.vault,
            holders,
            proof: Proof { message: message.to_owned(), signature },
            issued_at: statement.issued_at,
            expires_at: statement.expires_at,
            max_accounts: self.max_accounts,
        };
        let (binding, token) = self.store.redeem(redemption).await.map_err(|error| self.refused(error))?;
        Ok(Bound { binding, summary, devices, token: Some(token) })
    }

    /// Where an account has as many bindings as one may, finds those whose cards are gone: they give way first.
    async fn mark_worthless(&self, account: &AccountAddress) {
        let bindings = self.store.bindings_of(account);
        if bindings.len() < MAX_PER_ACCOUNT {
            return;
        }
        let untried =
            bindings.iter().filter(|binding| binding.last_used_at.is_none() && binding.refused_at.is_none());
        let asked = stream::iter(untried).for_each_concurrent(MAX_CONCURRENT_CHECKS, |binding| async move {
            let found = self.entitlements.summary(binding.wallet, binding.vault).await;
            if found.is_ok_and(|(summary, _)| summary.tier == Tier::Denied) {
                self.store.mark_refused(&binding.key());
            }
        });
        if tokio::time::timeout(CHECK_TIMEOUT, asked).await.is_err() {
            tracing::debug!("not all bindings of a full account could be checked in time");
        }
    }

    /// The binding of a bearer and what it is worth now.
    pub async fn binding(&self, token: &str) -> Result<Bound, SignInError> {
        let binding = self.bearer(token).await?;
        let (summary, _) = self.entitlements.summary(binding.wallet, binding.vault).await?;
        let devices = self.devices_of(&summary).unwrap_or_default();
        Ok(Bound { binding, summary, devices, token: None })
    }

    /// Ends the binding of a bearer and returns it, so that what rested on it can be ended too.
    pub async fn unbind(&self, token: &str) -> Result<Binding, SignInError> {
        let binding = self.bearer(token).await?;
        self.store.delete(&binding).await.map_err(SignInError::Store)?;
        Ok(binding)
    }

    async fn bearer(&self, token: &str) -> Result<Binding, SignInError> {
        let binding = self.store.by_token(token).await.map_err(SignInError::Store)?;
        binding.filter(|binding| !binding.expired(self.clock.unix())).ok_or(SignInError::Token)
    }

    /// What a challenge says that can be redeemed. Its seal covers every byte, so one that bears it is spelt as it
    /// was issued; any other one is compared whole, to say first what comes first.
    fn stated(&self, text: &str) -> Result<(Issued, Statement), SignInError> {
        let message = message::parse(text)?;
        let sealed = self.issued(&message.nonce).and_then(|issued| {
            if !issued.belongs_to(&self.store.nonce_key(), text) {
                return Err(SignInError::Changed);
            }
            Ok((issued, Statement::of(&message, &self.terms())?))
        });
        sealed.map_err(|error| {
            let known = match error {
                SignInError::Changed => Statement::read(text, &message, &self.terms()).map(drop),
                _ => message::spelling(text, &message),
            };
            known.err().map_or(error, SignInError::from)
        })
    }

    /// The challenge behind a nonce, while it can be redeemed.
    fn issued(&self, nonce: &str) -> Result<Issued, SignInError> {
        let refused = |why| Err(SignInError::Nonce(why));
        let Some(issued) = Issued::parse(&self.store.nonce_key(), nonce) else {
            return refused(NonceError::Unknown);
        };
        match self.store.nonce_state(&issued.nonce) {
            NonceState::Fresh => {}
            NonceState::Used => return refused(NonceError::Used),
            NonceState::Forgotten => return refused(NonceError::Expired),
        }
        let age = self.clock.unix() - issued.nonce.issued_at;
        if age >= self.terms.challenge_ttl || age < -CLOCK_SKEW {
            return refused(NonceError::Expired);
        }
        Ok(issued)
    }

    /// The wallet's own key first, because that asks nobody; else a contract wallet is asked.
    async fn verify(
        &self,
        statement: &Statement,
        message: &str,
        signature: &[u8],
        client: Client,
    ) -> Result<(), SignInError> {
        let hash = eip191_hash_message(message);
        let Err(reason) = self.key_pairs.verify(statement.wallet, &hash, signature) else { return Ok(()) };
        self.limit(statement.wallet, Kind::Contract(client))?;
        let verdict = self.contracts.verify(statement.wallet, hash, signature).await;
        if verdict.map_err(AccessError::from)? { Ok(()) } else { Err(SignInError::Signature(reason)) }
    }

    /// What is signed now.
    fn terms(&self) -> Terms {
        let file = Duration::from_secs(self.terms.ttl.unsigned_abs());
        let ttl =
            UnixTime::try_from(self.governance.credential_ttl(file).as_secs()).unwrap_or(self.terms.ttl);
        Terms { ttl, ..self.terms.clone() }
    }

    /// How often wallets have asked; whoever has this lets go of what is over.
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    /// How many devices each tier gives; whoever has this may change it.
    pub fn device_limits(&self) -> Arc<RwLock<DeviceLimits>> {
        Arc::clone(&self.devices)
    }

    /// None for a wallet that gets nothing.
    fn devices_of(&self, holder: &Summary) -> Option<Devices> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        let file = devices.of(holder.tier)?;
        let limit = self.governance.devices(holder.tier, file.limit);
        let of_plan = |(plan, file)| (plan, self.governance.plan_devices(holder.tier, file));
        let plans = file.plans.iter().map(of_plan).filter(|(_, devices)| *devices != limit).collect();
        let used = self.store.places_of(holder.holder()).len();
        Some(Devices { used, limit, plans })
    }

    fn limit(&self, wallet: Address, kind: Kind) -> Result<(), SignInError> {
        self.limits.check(wallet, kind).map_err(|retry_after| SignInError::TooMany { retry_after })
    }

    fn refused(&self, error: StoreError) -> SignInError {
        match error {
            StoreError::NonceUsed => SignInError::Nonce(NonceError::Used),
            StoreError::NonceForgotten => SignInError::Nonce(NonceError::Expired),
            StoreError::NoRoomForBinding { account } => SignInError::NoRoomForBinding { account },
            StoreError::TooManyAccounts { bound } => {
                SignInError::TooManyAccounts { limit: self.max_accounts, bound }
            }
            error => SignInError::Store(error),
        }
    }
}

fn decode(signature: &str) -> Result<Vec<u8>, SignInError> {
    let digits =
        signature.strip_prefix("0x").ok_or(SignInError::Malformed("signature must begin with 0x"))?;
    if digits.len() > 2 * MAX_SIGNATURE {
        return Err(SignInError::Malformed("signature is too long"));
    }
    if digits.starts_with("0x") {
        // Which the decoder would skip once more.
        return Err(SignInError::Malformed("signature is not hex"));
    }
    alloy::hex::decode(digits).map_err(|error| match error {
        FromHexError::OddLength => SignInError::Signature(SignatureError::Length),
        _ => SignInError::Malformed("signature is not hex"),
    })
}
