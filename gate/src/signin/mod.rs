//! Sign-in: by one signature, a wallet lets an account use the network.
//!
//! A challenge needs no state: its nonce proves what was issued and when ([`nonce`]), so issuing writes nothing and a
//! restart loses nothing. Only a redeemed nonce is stored, in one transaction with the binding. A failure before that
//! leaves the nonce usable.

mod config;
mod error;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod limit;
mod message;
mod nonce;
mod response;
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
use tracing::instrument;

pub use self::config::{DeviceLimits, RateLimit, SignInConfig, SignInConfigError, TierDevices};
pub use self::error::{NonceError, SignInError};
pub use self::limit::SignInRateLimiter;
pub use self::message::MessageError;
pub use self::response::{BindingInfo, Challenge, DeviceUsage, Eligibility};
pub use self::signature::{ContractSignatures, SignatureError};

use self::limit::LimitedAction;
use self::message::{BindingMessage, MessageTemplate};
use self::nonce::IssuedNonce;
use self::signature::{KeyPairVerifier, MAX_SIGNATURE_BYTES};
use crate::access::{Access, AccessError, Summary, Tier};
use crate::client_key::ClientKey;
use crate::governance::Governance;
use crate::redact::ShortAddress;
use crate::request_span;
use crate::store::clock::{Clock, UnixTime};
use crate::store::{
    Binding, BindingProof, MAX_HOLDERS, MAX_PER_ACCOUNT, NonceState, Redemption, Store, StoreError,
};

/// Tolerated clock skew in seconds: a challenge from further in the future was issued before the clock was set back.
const CLOCK_SKEW: i64 = 60;

/// Concurrency and time limit of the checks of a full account's bindings.
const MAX_CONCURRENT_CHECKS: usize = 8;
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Source of the entitlements of wallets.
pub trait EntitlementSource: Send + Sync + 'static {
    /// Returns the best entitlement of a wallet and its named vault, and all holders of the cards behind it.
    fn summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> BoxFuture<'_, Result<(Summary, Vec<Address>), AccessError>>;
}

impl EntitlementSource for Access {
    fn summary(
        &self,
        wallet: Address,
        vault: Option<Address>,
    ) -> BoxFuture<'_, Result<(Summary, Vec<Address>), AccessError>> {
        self.summary_with_holders(wallet, vault).boxed()
    }
}

/// Components that a [`SignIn`] needs.
pub struct SignInDeps {
    /// Bindings and redeemed nonces.
    pub store: Store,
    /// Entitlements of wallets.
    pub entitlements: Arc<dyn EntitlementSource>,
    /// Signatures of contract wallets.
    pub contracts: Arc<dyn ContractSignatures>,
    /// Current time.
    pub clock: Arc<dyn Clock>,
    /// Parameters of governance.
    pub governance: Governance,
}

/// Issues challenges and turns signed ones into bindings.
pub struct SignIn {
    template: MessageTemplate,
    max_accounts: usize,
    devices: Arc<RwLock<DeviceLimits>>,
    store: Store,
    entitlements: Arc<dyn EntitlementSource>,
    contracts: Arc<dyn ContractSignatures>,
    clock: Arc<dyn Clock>,
    key_pairs: KeyPairVerifier,
    limits: Arc<SignInRateLimiter>,
    governance: Governance,
}

impl SignIn {
    /// Creates the sign-in. Fails for invalid settings.
    pub fn new(config: &SignInConfig, deps: SignInDeps) -> Result<Self, SignInConfigError> {
        let SignInDeps { store, entitlements, contracts, clock, governance } = deps;
        Ok(Self {
            template: config.message_template()?,
            max_accounts: config.max_accounts,
            devices: Arc::new(RwLock::new(config.devices.clone())),
            store,
            entitlements,
            contracts,
            clock,
            key_pairs: KeyPairVerifier::new(),
            limits: Arc::new(SignInRateLimiter::new(config.rate)),
            governance,
        })
    }

    /// Issues a message for the wallet to sign. Writes nothing.
    pub fn challenge(
        &self,
        wallet: Address,
        account: AccountAddress,
        vault: Option<Address>,
        client: ClientKey,
    ) -> Result<Challenge, SignInError> {
        self.limit(wallet, LimitedAction::RequestChallenge(client))?;
        let now = self.clock.unix();
        let vault = vault.filter(|vault| *vault != wallet);
        let template = self.message_template();
        let expires_at = now + template.ttl;
        let statement =
            BindingMessage { wallet, account, vault, nonce: String::new(), issued_at: now, expires_at };
        let blank = statement.render(&template)?;
        let nonce = nonce::seal(&self.store.bindings().nonce_key(), &nonce::generate(now), &blank);
        let message = nonce::fill(&blank, &nonce);
        Ok(Challenge { message, nonce, expires_at: now + self.template.challenge_ttl })
    }

    /// Turns a signed challenge into a binding. The order of the checks is part of the interface: form of the message,
    /// nonce, message as issued, signature, cards, number of accounts.
    pub async fn bind(
        &self,
        message: &str,
        signature: &str,
        client: ClientKey,
    ) -> Result<BindingInfo, SignInError> {
        let (issued, statement) = self.parse_challenge(message)?;
        request_span::record_account(statement.account);
        request_span::record_wallet(statement.wallet);
        self.limit(statement.wallet, LimitedAction::RedeemChallenge(client))?;
        let signature = decode_signature(signature)?;
        self.verify(&statement, message, &signature, client).await?;
        self.limit(statement.wallet, LimitedAction::VerifiedSignature)?;

        let (summary, mut holders) = self.entitlements.summary(statement.wallet, statement.vault).await?;
        let Some(devices) = self.devices_of(&summary) else {
            return Err(SignInError::NoCard { wallet: statement.wallet });
        };
        holders.truncate(MAX_HOLDERS);
        self.mark_refused_bindings(&statement.account).await;
        let redemption = Redemption {
            nonce: Some(issued.nonce),
            account: statement.account,
            wallet: statement.wallet,
            vault: statement.vault,
            holders,
            proof: BindingProof { message: message.to_owned(), signature },
            issued_at: statement.issued_at,
            expires_at: statement.expires_at,
            max_accounts: self.max_accounts,
        };
        let (binding, token) =
            self.store.bindings().redeem(redemption).await.map_err(|error| self.store_error(error))?;
        Ok(BindingInfo { binding, summary, devices, token: Some(token) })
    }

    /// Marks bindings of a full account that no longer give access: they are displaced first.
    async fn mark_refused_bindings(&self, account: &AccountAddress) {
        let bindings = self.store.bindings().of_account(account);
        if bindings.len() < MAX_PER_ACCOUNT {
            return;
        }
        let untried =
            bindings.iter().filter(|binding| binding.last_used_at.is_none() && binding.refused_at.is_none());
        let asked = stream::iter(untried).for_each_concurrent(MAX_CONCURRENT_CHECKS, |binding| async move {
            let found = self.entitlements.summary(binding.wallet, binding.vault).await;
            if found.is_ok_and(|(summary, _)| summary.tier == Tier::Denied) {
                self.store.bindings().mark_refused(&binding.key());
            }
        });
        if tokio::time::timeout(CHECK_TIMEOUT, asked).await.is_err() {
            tracing::debug!("not all bindings of a full account could be checked in time");
        }
    }

    /// Returns the binding of a bearer token with its current entitlement.
    pub async fn binding(&self, token: &str) -> Result<BindingInfo, SignInError> {
        let binding = self.find_binding(token).await?;
        let (summary, _) = self.entitlements.summary(binding.wallet, binding.vault).await?;
        let devices = self.devices_of(&summary).unwrap_or_default();
        Ok(BindingInfo { binding, summary, devices, token: None })
    }

    /// Ends the binding of a bearer token and returns it, so that the sessions that rest on it can be re-evaluated.
    pub async fn unbind(&self, token: &str) -> Result<Binding, SignInError> {
        let binding = self.find_binding(token).await?;
        self.store.bindings().delete(&binding).await.map_err(SignInError::Store)?;
        Ok(binding)
    }

    async fn find_binding(&self, token: &str) -> Result<Binding, SignInError> {
        let binding = self.store.bindings().by_token(token).await.map_err(SignInError::Store)?;
        binding.filter(|binding| !binding.expired(self.clock.unix())).ok_or(SignInError::Token)
    }

    /// Parses a redeemable challenge. The seal covers every byte, so a sealed text is spelled as issued; any other text is
    /// compared completely, so that errors are reported in the documented order.
    fn parse_challenge(&self, text: &str) -> Result<(IssuedNonce, BindingMessage), SignInError> {
        let message = message::parse(text)?;
        let sealed = self.check_nonce(&message.nonce).and_then(|issued| {
            if !issued.belongs_to(&self.store.bindings().nonce_key(), text) {
                return Err(SignInError::AlteredMessage);
            }
            Ok((issued, BindingMessage::from_message(&message, &self.message_template())?))
        });
        sealed.map_err(|error| {
            let known = match error {
                SignInError::AlteredMessage => {
                    BindingMessage::from_text(text, &message, &self.message_template()).map(drop)
                }
                _ => message::check_canonical_form(text, &message),
            };
            known.err().map_or(error, SignInError::from)
        })
    }

    /// Returns the challenge of a redeemable nonce.
    fn check_nonce(&self, nonce: &str) -> Result<IssuedNonce, SignInError> {
        let refused = |why| Err(SignInError::Nonce(why));
        let Some(issued) = IssuedNonce::parse(&self.store.bindings().nonce_key(), nonce) else {
            return refused(NonceError::Unknown);
        };
        match self.store.bindings().nonce_state(&issued.nonce) {
            NonceState::Fresh => {}
            NonceState::Used => return refused(NonceError::Used),
            NonceState::Forgotten => return refused(NonceError::Expired),
        }
        let age = self.clock.unix() - issued.nonce.issued_at;
        if age >= self.template.challenge_ttl || age < -CLOCK_SKEW {
            return refused(NonceError::Expired);
        }
        Ok(issued)
    }

    /// Verifies the signature by the key of the wallet first, because that needs no call; else by a contract wallet.
    #[instrument(level = "debug", skip_all, fields(chain = self.template.chain_id, wallet = %ShortAddress(statement.wallet)))]
    async fn verify(
        &self,
        statement: &BindingMessage,
        message: &str,
        signature: &[u8],
        client: ClientKey,
    ) -> Result<(), SignInError> {
        let hash = eip191_hash_message(message);
        let Err(reason) = self.key_pairs.verify(statement.wallet, &hash, signature) else { return Ok(()) };
        self.limit(statement.wallet, LimitedAction::ContractCall(client))?;
        let verdict = self.contracts.verify(statement.wallet, hash, signature).await;
        if verdict.map_err(AccessError::from)? { Ok(()) } else { Err(SignInError::Signature(reason)) }
    }

    /// Returns the current template; governance may change the lifetime.
    fn message_template(&self) -> MessageTemplate {
        let file = Duration::from_secs(self.template.ttl.unsigned_abs());
        let ttl =
            UnixTime::try_from(self.governance.credential_ttl(file).as_secs()).unwrap_or(self.template.ttl);
        MessageTemplate { ttl, ..self.template.clone() }
    }

    /// Returns the rate limiter, for periodic removal of idle entries.
    pub fn rate_limiter(&self) -> Arc<SignInRateLimiter> {
        Arc::clone(&self.limits)
    }

    /// Returns the shared device limits, which a reload replaces.
    pub fn device_limits(&self) -> Arc<RwLock<DeviceLimits>> {
        Arc::clone(&self.devices)
    }

    /// Returns the device usage; `None` without an entitlement.
    fn devices_of(&self, holder: &Summary) -> Option<DeviceUsage> {
        let devices = self.devices.read().unwrap_or_else(PoisonError::into_inner);
        let file = devices.for_tier(holder.tier)?;
        let limit = self.governance.devices(holder.tier, file.limit);
        let of_plan = |(plan, file)| (plan, self.governance.plan_devices(holder.tier, file));
        let plans = file.plans.iter().map(of_plan).filter(|(_, devices)| *devices != limit).collect();
        let used = self.store.sessions().in_device_slots(holder.holder()).len();
        Some(DeviceUsage { used, limit, plans })
    }

    fn limit(&self, wallet: Address, kind: LimitedAction) -> Result<(), SignInError> {
        self.limits.check(wallet, kind).map_err(|retry_after| SignInError::TooMany { retry_after })
    }

    fn store_error(&self, error: StoreError) -> SignInError {
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

fn decode_signature(signature: &str) -> Result<Vec<u8>, SignInError> {
    let digits =
        signature.strip_prefix("0x").ok_or(SignInError::Malformed("signature must begin with 0x"))?;
    if digits.len() > 2 * MAX_SIGNATURE_BYTES {
        return Err(SignInError::Malformed("signature is too long"));
    }
    if digits.starts_with("0x") {
        // The decoder would strip the prefix a second time.
        return Err(SignInError::Malformed("signature is not hex"));
    }
    alloy::hex::decode(digits).map_err(|error| match error {
        FromHexError::OddLength => SignInError::Signature(SignatureError::InvalidLength),
        _ => SignInError::Malformed("signature is not hex"),
    })
}
