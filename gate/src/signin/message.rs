//! The EIP-4361 text that a holder signs: written by us, read back strictly.
//!
//! The parser of the `siwe` crate follows the standard, which leaves much open: other spellings of
//! numbers and times, addresses without checksum, fields that may be there or not. Here a text must equal
//! the one written again from what was read: first as a message of the standard ([`spelling`]), then as one
//! of this gate ([`Statement::read`]). Of a text that the gate knows for its own by its seal, only the fields
//! are looked at ([`Statement::of`]).

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use siwe::{Message, TimeStamp, Version};

use crate::store::clock::{UnixTime, rfc3339};

/// No text of ours is longer.
pub(super) const MAX_MESSAGE: usize = 4096;
const ACCOUNT: &str = "sentinel:account:";
const NETWORK: &str = "sentinel:network:";
const VAULT: &str = "sentinel:vault:";

/// What is the same in every message of this gate.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) domain: http::uri::Authority,
    pub(super) uri: String,
    pub(super) network: String,
    pub(super) chain_id: u64,
    pub(super) ttl: UnixTime,
    pub(super) challenge_ttl: UnixTime,
}

/// What one message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) wallet: Address,
    pub(super) account: AccountAddress,
    pub(super) vault: Option<Address>,
    pub(super) nonce: String,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// Why a text is not a message of this gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than any message.
    #[error("longer than {MAX_MESSAGE} bytes")]
    TooLong,
    /// Not the form of the standard.
    #[error("not EIP-4361: {0}")]
    Form(String),
    /// Readable, but not spelt or ordered as it is issued.
    #[error("{0} is not as issued")]
    Field(&'static str),
}

impl Statement {
    /// The text to sign.
    pub(super) fn text(&self, terms: &Terms) -> Result<String, MessageError> {
        let uri = |text: String| text.parse().map_err(|_| MessageError::Field("a resource"));
        let time = |time| rfc3339(time).parse::<TimeStamp>().map_err(|_| MessageError::Field("a time"));
        let mut resources =
            vec![uri(format!("{ACCOUNT}{}", self.account))?, uri(format!("{NETWORK}{}", terms.network))?];
        if let Some(vault) = self.vault {
            resources.push(uri(format!("{VAULT}{vault}"))?);
        }
        let message = Message {
            scheme: None,
            domain: terms.domain.clone(),
            address: self.wallet.into_array(),
            address_raw: None,
            statement: Some(self.plain_words(terms)),
            uri: terms.uri.parse().map_err(|_| MessageError::Field("the URI"))?,
            version: Version::V1,
            chain_id: terms.chain_id,
            nonce: self.nonce.clone(),
            issued_at: time(self.issued_at)?,
            expiration_time: Some(time(self.expires_at)?),
            not_before: None,
            request_id: None,
            resources,
            warnings: Vec::new(),
        };
        Ok(message.to_string())
    }

    /// What the wallet shows on top. It names the account, because a holder who is made to sign for
    /// somebody else's account gives his devices away.
    fn plain_words(&self, terms: &Terms) -> String {
        format!(
            "I let the Sentinel account {} use the {} network with the Memes cards of this wallet until {}. \
             Sign only if this account is yours. This moves nothing and costs nothing.",
            self.account,
            terms.network,
            rfc3339(self.expires_at)
        )
    }

    /// What `text` says, if it was written under these terms.
    pub(super) fn read(text: &str, message: &Message, terms: &Terms) -> Result<Self, MessageError> {
        spelling(text, message)?;
        let statement = Self::of(message, terms)?;
        // Whatever is left: the words, the spelling of times.
        if statement.text(terms).as_deref() == Ok(text) {
            Ok(statement)
        } else {
            Err(MessageError::Field("the text"))
        }
    }

    /// What the fields of a message say, if they are of these terms. Nothing of the words between them.
    pub(super) fn of(message: &Message, terms: &Terms) -> Result<Self, MessageError> {
        let field = |good: bool, name| if good { Ok(()) } else { Err(MessageError::Field(name)) };
        field(message.scheme.is_none(), "the scheme")?;
        field(message.domain.as_str() == terms.domain.as_str(), "the domain")?;
        field(message.uri.as_str() == terms.uri, "the URI")?;
        field(message.chain_id == terms.chain_id, "the chain id")?;
        field(message.not_before.is_none() && message.request_id.is_none(), "an optional field")?;
        let expires = message.expiration_time.as_ref().ok_or(MessageError::Field("the expiration time"))?;
        let (account, vault) = resources(message, terms)?;
        let statement = Self {
            wallet: Address::from(message.address),
            account,
            vault,
            nonce: message.nonce.clone(),
            issued_at: message.issued_at.as_ref().unix_timestamp(),
            expires_at: expires.as_ref().unix_timestamp(),
        };
        let lifetime = statement.expires_at.checked_sub(statement.issued_at);
        field(lifetime.is_some_and(|lifetime| (1..=terms.ttl).contains(&lifetime)), "the time window")?;
        Ok(statement)
    }
}

/// Reads a text that is a message of the standard, in whatever spelling.
pub(super) fn parse(text: &str) -> Result<Message, MessageError> {
    if text.len() > MAX_MESSAGE {
        return Err(MessageError::TooLong);
    }
    if let Some(odd) = text.chars().find(|c| !matches!(c, '\n' | ' '..='~')) {
        return Err(MessageError::Form(format!("character U+{:04X}", u32::from(odd))));
    }
    text.parse().map_err(|error: siwe::ParseError| MessageError::Form(error.to_string()))
}

/// Whether `text`, from which `message` was read, is in its one canonical spelling.
pub(super) fn spelling(text: &str, message: &Message) -> Result<(), MessageError> {
    // Kept when its letters are of one case, which a few addresses' are with their checksum too.
    let checksummed = Address::from(message.address).to_checksum(None);
    if message.address_raw.as_ref().is_some_and(|given| checksummed[2..] != *given) {
        return Err(MessageError::Form("the address has no EIP-55 checksum".into()));
    }
    if message.to_string() == text {
        Ok(())
    } else {
        Err(MessageError::Form("not in its one spelling".into()))
    }
}

fn resources(message: &Message, terms: &Terms) -> Result<(AccountAddress, Option<Address>), MessageError> {
    let bad = || MessageError::Field("a resource");
    let mut resources = message.resources.iter().map(|resource| resource.as_str());
    let mut next =
        |prefix| resources.next().map(|text| text.strip_prefix(prefix).ok_or_else(bad)).transpose();
    let account = next(ACCOUNT)?.ok_or_else(bad)?.parse().map_err(|_| bad())?;
    if next(NETWORK)?.ok_or_else(bad)? != terms.network {
        return Err(bad());
    }
    let vault =
        next(VAULT)?.map(|vault| Address::parse_checksummed(vault, None).map_err(|_| bad())).transpose()?;
    if resources.next().is_some() { Err(bad()) } else { Ok((account, vault)) }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
