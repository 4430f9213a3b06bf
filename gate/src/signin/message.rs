//! The EIP-4361 message of a binding: rendering and strict parsing.
//!
//! The parser of the `siwe` crate follows the standard, which allows several spellings of numbers and times, addresses
//! without checksum and optional fields. Here a text must equal the one rendered from its parsed fields: first as a
//! message of the standard ([`check_canonical_form`]), then as one of this gate ([`BindingMessage::from_text`]). The seal
//! of a text proves that the gate issued it; then only the fields are parsed ([`BindingMessage::from_message`]).

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use siwe::{Message, TimeStamp, Version};

use crate::store::clock::{UnixTime, rfc3339};

/// Maximum size of a message in bytes.
pub(super) const MAX_MESSAGE_BYTES: usize = 4096;
const ACCOUNT_PREFIX: &str = "sentinel:account:";
const NETWORK_PREFIX: &str = "sentinel:network:";
const VAULT_PREFIX: &str = "sentinel:vault:";

/// Fields common to every message of this gate.
#[derive(Debug, Clone)]
pub(super) struct MessageTemplate {
    pub(super) domain: http::uri::Authority,
    pub(super) uri: String,
    pub(super) network: String,
    pub(super) chain_id: u64,
    pub(super) ttl: UnixTime,
    pub(super) challenge_ttl: UnixTime,
}

/// Fields of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BindingMessage {
    pub(super) wallet: Address,
    pub(super) account: AccountAddress,
    pub(super) vault: Option<Address>,
    pub(super) nonce: String,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
}

/// Reason why a text is not a message of this gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The text exceeds the maximum size.
    #[error("longer than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
    /// The text does not conform to EIP-4361.
    #[error("not EIP-4361: {0}")]
    Form(String),
    /// A field differs from the issued form.
    #[error("{0} is not as issued")]
    Field(&'static str),
}

impl BindingMessage {
    /// Renders the text to sign.
    pub(super) fn render(&self, template: &MessageTemplate) -> Result<String, MessageError> {
        let uri = |text: String| text.parse().map_err(|_| MessageError::Field("a resource"));
        let time = |time| rfc3339(time).parse::<TimeStamp>().map_err(|_| MessageError::Field("a time"));
        let mut resources = vec![
            uri(format!("{ACCOUNT_PREFIX}{}", self.account))?,
            uri(format!("{NETWORK_PREFIX}{}", template.network))?,
        ];
        if let Some(vault) = self.vault {
            resources.push(uri(format!("{VAULT_PREFIX}{vault}"))?);
        }
        let message = Message {
            scheme: None,
            domain: template.domain.clone(),
            address: self.wallet.into_array(),
            address_raw: None,
            statement: Some(self.statement(template)),
            uri: template.uri.parse().map_err(|_| MessageError::Field("the URI"))?,
            version: Version::V1,
            chain_id: template.chain_id,
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

    /// Returns the EIP-4361 statement, which wallets show first. It names the account, because a holder tricked into signing
    /// for another account gives that account the devices.
    fn statement(&self, template: &MessageTemplate) -> String {
        format!(
            "I let the Sentinel account {} use the {} network with the Memes cards of this wallet until {}. \
             Sign only if this account is yours. This moves nothing and costs nothing.",
            self.account,
            template.network,
            rfc3339(self.expires_at)
        )
    }

    /// Parses `text`, which must equal its rendering with this template.
    pub(super) fn from_text(
        text: &str,
        message: &Message,
        template: &MessageTemplate,
    ) -> Result<Self, MessageError> {
        check_canonical_form(text, message)?;
        let statement = Self::from_message(message, template)?;
        // Covers the rest: the statement and the spelling of times.
        if statement.render(template).as_deref() == Ok(text) {
            Ok(statement)
        } else {
            Err(MessageError::Field("the text"))
        }
    }

    /// Reads the fields of a message, which must match the template. Does not check the statement.
    pub(super) fn from_message(message: &Message, template: &MessageTemplate) -> Result<Self, MessageError> {
        let field = |good: bool, name| if good { Ok(()) } else { Err(MessageError::Field(name)) };
        field(message.scheme.is_none(), "the scheme")?;
        field(message.domain.as_str() == template.domain.as_str(), "the domain")?;
        field(message.uri.as_str() == template.uri, "the URI")?;
        field(message.chain_id == template.chain_id, "the chain id")?;
        field(message.not_before.is_none() && message.request_id.is_none(), "an optional field")?;
        let expires = message.expiration_time.as_ref().ok_or(MessageError::Field("the expiration time"))?;
        let (account, vault) = parse_resources(message, template)?;
        let statement = Self {
            wallet: Address::from(message.address),
            account,
            vault,
            nonce: message.nonce.clone(),
            issued_at: message.issued_at.as_ref().unix_timestamp(),
            expires_at: expires.as_ref().unix_timestamp(),
        };
        let lifetime = statement.expires_at.checked_sub(statement.issued_at);
        field(lifetime.is_some_and(|lifetime| (1..=template.ttl).contains(&lifetime)), "the time window")?;
        Ok(statement)
    }
}

/// Parses a message of the standard in any spelling.
pub(super) fn parse(text: &str) -> Result<Message, MessageError> {
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(MessageError::TooLong);
    }
    if let Some(odd) = text.chars().find(|c| !matches!(c, '\n' | ' '..='~')) {
        return Err(MessageError::Form(format!("character U+{:04X}", u32::from(odd))));
    }
    text.parse().map_err(|error: siwe::ParseError| MessageError::Form(error.to_string()))
}

/// Checks that `text`, from which `message` was parsed, is in its canonical form.
pub(super) fn check_canonical_form(text: &str, message: &Message) -> Result<(), MessageError> {
    // Present if the letters are of one case, which holds for the checksum form of a few addresses too.
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

fn parse_resources(
    message: &Message,
    template: &MessageTemplate,
) -> Result<(AccountAddress, Option<Address>), MessageError> {
    let bad = || MessageError::Field("a resource");
    let mut resources = message.resources.iter().map(|resource| resource.as_str());
    let mut next =
        |prefix| resources.next().map(|text| text.strip_prefix(prefix).ok_or_else(bad)).transpose();
    let account = next(ACCOUNT_PREFIX)?.ok_or_else(bad)?.parse().map_err(|_| bad())?;
    if next(NETWORK_PREFIX)?.ok_or_else(bad)? != template.network {
        return Err(bad());
    }
    let vault = next(VAULT_PREFIX)?
        .map(|vault| Address::parse_checksummed(vault, None).map_err(|_| bad()))
        .transpose()?;
    if resources.next().is_some() { Err(bad()) } else { Ok((account, vault)) }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
