//! For the fuzzer: the text of a sign-in.

use super::message::{Statement, Terms, parse};
use crate::store::clock::UnixTime;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who asks for it.
    pub domain: String,
    /// The same as a link.
    pub uri: String,
    /// Of which chain.
    pub chain_id: u64,
    /// Who signs.
    pub wallet: String,
    /// For whom.
    pub account: String,
    /// With whose cards.
    pub vault: Option<String>,
    /// The nonce.
    pub nonce: String,
    /// Since when.
    pub issued_at: UnixTime,
    /// Until when.
    pub expires_at: UnixTime,
    /// The text that says this.
    pub again: String,
}

/// Reads a text under terms whose domain, URI and chain are its own, so that the rest of it is looked at.
pub fn read(text: &str) -> Option<Said> {
    let message = parse(text).ok()?;
    let terms = Terms {
        domain: message.domain.clone(),
        uri: message.uri.to_string(),
        network: "sentinel".into(),
        chain_id: message.chain_id,
        ttl: 86_400,
        challenge_ttl: 300,
    };
    let statement = Statement::read(text, &message, &terms).ok()?;
    Some(Said {
        domain: terms.domain.to_string(),
        uri: terms.uri.clone(),
        chain_id: terms.chain_id,
        wallet: statement.wallet.to_string(),
        account: statement.account.to_string(),
        vault: statement.vault.map(|vault| vault.to_string()),
        nonce: statement.nonce.clone(),
        issued_at: statement.issued_at,
        expires_at: statement.expires_at,
        again: statement.text(&terms).ok()?,
    })
}
