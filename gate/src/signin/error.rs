//! Why a sign-in is refused.

use std::time::Duration;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use super::message::MessageError;
use super::signature::SignatureError;
use crate::access::AccessError;
use crate::redact::ShortAddress;
use crate::refusal::Refusal;
use crate::store::StoreError;

/// A sign-in that did not happen. None of these uses up the nonce.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// A field is not what it should be.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// Not a message of this gate's form.
    #[error("{0}")]
    Message(#[from] MessageError),
    /// A message of its form, but not the one that was issued with this nonce.
    #[error("another text was issued with this nonce")]
    Changed,
    /// No challenge of this gate stands behind the nonce any more.
    #[error("nonce {0}")]
    Nonce(NonceError),
    /// The wallet did not sign this.
    #[error("{0}")]
    Signature(SignatureError),
    /// The wallet holds no card, and no vault of it does.
    #[error("no qualifying card")]
    NoCard {
        /// The wallet.
        wallet: Address,
    },
    /// Live sessions rest on every binding that could give way to this one.
    #[error("live sessions rest on all bindings of the account or the card")]
    NoRoomForBinding {
        /// The account of the new binding.
        account: AccountAddress,
    },
    /// The wallet is bound to as many accounts as one may.
    #[error("the wallet has bound {} accounts already", bound.len())]
    TooManyAccounts {
        /// How many it may.
        limit: usize,
        /// Those that it is bound to.
        bound: Vec<AccountAddress>,
    },
    /// Too often.
    #[error("too many requests")]
    TooMany {
        /// When it may come again.
        retry_after: Duration,
    },
    /// Ethereum cannot be asked.
    #[error("{0}")]
    Ethereum(#[from] AccessError),
    /// No binding behind the token.
    #[error("bearer token missing or no longer valid")]
    Token,
    /// The database failed.
    #[error("{0}")]
    Store(StoreError),
}

/// What is wrong with a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not issued here.
    #[error("unknown")]
    Unknown,
    /// Redeemed before.
    #[error("used")]
    Used,
    /// Its time is over, or our clock says that it has not come yet.
    #[error("expired")]
    Expired,
}

impl SignInError {
    /// The refusal to answer with. Logging the cause of an internal one is the caller's part.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::Malformed(what) => Refusal::Malformed(what.to_owned()),
            Self::Message(error) => Refusal::Message(error.to_string()),
            Self::Changed => Refusal::Message(self.to_string()),
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
