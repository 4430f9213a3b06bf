//! Errors of the sign-in.

use std::time::Duration;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use super::message::MessageError;
use super::signature::SignatureError;
use crate::access::AccessError;
use crate::redact::ShortAddress;
use crate::refusal::Refusal;
use crate::store::StoreError;

/// A refused sign-in. The nonce stays usable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// A field is malformed.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// The message does not have the form of this gate's messages.
    #[error("{0}")]
    Message(#[from] MessageError),
    /// The message has the right form, but differs from the one that was issued with this nonce.
    #[error("another text was issued with this nonce")]
    AlteredMessage,
    /// The nonce belongs to no redeemable challenge.
    #[error("nonce {0}")]
    Nonce(NonceError),
    /// The signature is not the wallet's.
    #[error("{0}")]
    Signature(SignatureError),
    /// Neither the wallet nor a vault of it holds a card.
    #[error("no qualifying card")]
    NoCard {
        /// The wallet.
        wallet: Address,
    },
    /// Live sessions rest on every binding that this one could displace.
    #[error("live sessions rest on all bindings of the account or the card")]
    NoRoomForBinding {
        /// The account of the new binding.
        account: AccountAddress,
    },
    /// The wallet is bound to the maximum number of accounts.
    #[error("the wallet has bound {} accounts already", bound.len())]
    TooManyAccounts {
        /// Maximum number of accounts.
        limit: usize,
        /// Accounts that the wallet is bound to.
        bound: Vec<AccountAddress>,
    },
    /// Rate limit exceeded.
    #[error("too many requests")]
    TooMany {
        /// Delay until the next attempt.
        retry_after: Duration,
    },
    /// Ethereum is unavailable.
    #[error("{0}")]
    Ethereum(#[from] AccessError),
    /// The token belongs to no live binding.
    #[error("bearer token missing or no longer valid")]
    Token,
    /// The database failed.
    #[error("{0}")]
    Store(StoreError),
}

/// Problem of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not issued by this gate.
    #[error("unknown")]
    Unknown,
    /// Already redeemed.
    #[error("used")]
    Used,
    /// Expired, or issued in the future by the gate's clock.
    #[error("expired")]
    Expired,
}

impl SignInError {
    /// Returns the refusal to answer with. The caller logs the cause of an internal one.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Malformed(what) => Refusal::Malformed(what.to_owned()),
            Self::Message(error) => Refusal::Message(error.to_string()),
            Self::AlteredMessage => Refusal::Message(self.to_string()),
            Self::Nonce(NonceError::Unknown) => Refusal::Nonce("unknown"),
            Self::Nonce(NonceError::Used) => Refusal::Nonce("used"),
            Self::Nonce(NonceError::Expired) => Refusal::Nonce("expired"),
            Self::Signature(error) => Refusal::WalletSignature(error.to_string()),
            Self::NoCard { wallet } => Refusal::NoCard { wallet: ShortAddress(wallet).to_string() },
            Self::NoRoomForBinding { account } => Refusal::NoRoomForBinding { account: account.to_string() },
            Self::TooManyAccounts { limit, bound } => {
                let accounts: Vec<String> = bound.iter().map(ToString::to_string).collect();
                Refusal::TooManyAccounts { limit, accounts: accounts.join(", ") }
            }
            Self::TooMany { retry_after } => Refusal::TooMany { retry_after },
            Self::Ethereum(_) => Refusal::EthereumUnavailable,
            Self::Token => Refusal::Token,
            Self::Store(_) => Refusal::Internal,
        }
    }
}
