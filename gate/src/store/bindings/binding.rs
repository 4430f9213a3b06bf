//! Bindings and their redemption.

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use crate::store::bindings::nonces::Nonce;
use crate::store::clock::UnixTime;

/// A wallet lets an account use the network until a time. Kept small, as there may be hundreds of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Row number; a newer binding of the same wallet and account has a higher one.
    pub id: i64,
    /// Account that may use the network.
    pub account: AccountAddress,
    /// Wallet that signed.
    pub wallet: Address,
    /// Vault named by the signer. A hint: it is checked like any other vault.
    pub vault: Option<Address>,
    /// When it was signed.
    pub issued_at: UnixTime,
    /// When it ends.
    pub expires_at: UnixTime,
    /// When a handshake of the account was last admitted through it.
    pub last_used_at: Option<UnixTime>,
    /// Set while the last handshake that tried it was not admitted through it.
    pub refused_at: Option<UnixTime>,
}

impl Binding {
    /// Whether the binding has ended.
    pub fn expired(&self, now: UnixTime) -> bool {
        now >= self.expires_at
    }

    /// Key of the binding.
    pub fn key(&self) -> BindingKey {
        BindingKey { account: self.account, wallet: self.wallet }
    }
}

/// A wallet has at most one binding to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingKey {
    /// Account that may use the network.
    pub account: AccountAddress,
    /// Wallet that signed.
    pub wallet: Address,
}

impl BindingKey {
    /// Lowest key in the order of keys.
    pub(in crate::store) const FIRST: Self =
        Self { account: AccountAddress::new([0; 20]), wallet: Address::ZERO };
}

/// Signed text and signature, which prove a binding to any gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingProof {
    /// The EIP-4361 text.
    pub message: String,
    /// The wallet's signature of it.
    pub signature: Vec<u8>,
}

/// Origin of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingSource {
    /// Signed in at this gate.
    SignIn,
    /// Carried here by a relay.
    Relay,
}

impl BindingSource {
    pub(in crate::store) fn label(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Relay => "relay",
        }
    }
}

/// A verified signed challenge, which is turned into a binding once.
#[derive(Debug, Clone)]
pub struct Redemption {
    /// Nonce of the challenge. `None` for a relayed message: another gate has used the nonce.
    pub nonce: Option<Nonce>,
    /// Account that may use the network.
    pub account: AccountAddress,
    /// Wallet that signed.
    pub wallet: Address,
    /// Vault named by the signer.
    pub vault: Option<Address>,
    /// Addresses that hold the cards behind it, at most five; empty stands for the wallet itself.
    pub holders: Vec<Address>,
    /// Text and signature.
    pub proof: BindingProof,
    /// When it was signed.
    pub issued_at: UnixTime,
    /// When it ends.
    pub expires_at: UnixTime,
    /// Maximum live bindings of the wallet, this one included.
    pub max_accounts: usize,
}

impl Redemption {
    pub(in crate::store) fn key(&self) -> BindingKey {
        BindingKey { account: self.account, wallet: self.wallet }
    }

    /// The holders, unless it is the wallet alone.
    pub(in crate::store) fn foreign_holders(&self) -> Option<&[Address]> {
        let is_own = matches!(self.holders.as_slice(), [] | [_])
            && self.holders.first().is_none_or(|holder| *holder == self.wallet);
        (!is_own).then_some(self.holders.as_slice())
    }

    pub(in crate::store) fn source(&self) -> BindingSource {
        if self.nonce.is_some() { BindingSource::SignIn } else { BindingSource::Relay }
    }
}
