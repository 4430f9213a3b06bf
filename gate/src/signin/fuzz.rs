//! Entry point for the fuzzer: the text of a sign-in.

use super::message::{BindingMessage, MessageTemplate, parse};
use crate::store::clock::UnixTime;

/// Fields of a parsed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedMessage {
    /// Domain that requests the signature.
    pub domain: String,
    /// URI of the sign-in page.
    pub uri: String,
    /// Chain id.
    pub chain_id: u64,
    /// Wallet that signs.
    pub wallet: String,
    /// Account that is bound.
    pub account: String,
    /// Named vault.
    pub vault: Option<String>,
    /// The nonce.
    pub nonce: String,
    /// Time of issue.
    pub issued_at: UnixTime,
    /// Time of expiry.
    pub expires_at: UnixTime,
    /// Rendering of these fields.
    pub rendered: String,
}

/// Reads a text whose domain, URI and chain are those of the template, so that the remaining fields are checked.
pub fn parse_message(text: &str) -> Option<ParsedMessage> {
    let message = parse(text).ok()?;
    let template = MessageTemplate {
        domain: message.domain.clone(),
        uri: message.uri.to_string(),
        network: "sentinel".into(),
        chain_id: message.chain_id,
        ttl: 86_400,
        challenge_ttl: 300,
    };
    let statement = BindingMessage::from_text(text, &message, &template).ok()?;
    Some(ParsedMessage {
        domain: template.domain.to_string(),
        uri: template.uri.clone(),
        chain_id: template.chain_id,
        wallet: statement.wallet.to_string(),
        account: statement.account.to_string(),
        vault: statement.vault.map(|vault| vault.to_string()),
        nonce: statement.nonce.clone(),
        issued_at: statement.issued_at,
        expires_at: statement.expires_at,
        rendered: statement.render(&template).ok()?,
    })
}
