//! Keys and tokens that the store creates and keeps.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rand::RngCore;
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::clock::UnixTime;
use super::error::StoreError;
use super::sql;

/// Stored hash of a bearer's secret.
pub(super) type TokenHash = [u8; 32];

const NONCE_KEY: &str = "nonce_key";
const TOKEN_KEY: &str = "token_key";
const HORIZON: &str = "nonce_horizon";

/// The key under which challenges are issued. It never leaves the gate.
#[derive(Clone)]
pub struct NonceKey(Arc<[u8; 32]>);

impl NonceKey {
    pub(crate) fn random() -> Self {
        Self(Arc::new(random()))
    }

    /// A message authentication code under this key.
    pub fn mac(&self) -> Hmac<Sha256> {
        mac(&self.0)
    }

    pub(super) fn save(&self, connection: &Connection) -> Result<(), StoreError> {
        sql::set_meta(connection, NONCE_KEY, &*self.0)
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(…)")
    }
}

/// Bearer token that shows and ends its binding. Shown once; only a hash of its secret is stored.
#[derive(Clone)]
pub(super) struct BearerToken {
    id: i64,
    secret: [u8; 32],
}

impl BearerToken {
    pub(super) fn secret() -> [u8; 32] {
        random()
    }

    pub(super) fn hash(secret: &[u8; 32]) -> TokenHash {
        Sha256::digest(secret).into()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Encodes and decodes tokens. A token contains the row number, so that no index of hashes is needed; the number is
/// masked, so that sign-ins cannot be counted by it.
pub(super) struct TokenKey([u8; 32]);

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

impl TokenKey {
    pub(super) fn seal(&self, id: i64, secret: [u8; 32]) -> String {
        let mut bytes = [0; 40];
        let (row, rest) = bytes.split_at_mut(8);
        row.copy_from_slice(&(id ^ self.mask(&secret)).to_be_bytes());
        rest.copy_from_slice(&secret);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn open(&self, token: &str) -> Option<BearerToken> {
        let mut bytes = [0; 40];
        // Longer input does not fit and fails before it is decoded.
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        let (row, secret) = bytes.split_first_chunk::<8>()?;
        let secret: [u8; 32] = secret.try_into().ok()?;
        (length == 40).then(|| BearerToken { id: i64::from_be_bytes(*row) ^ self.mask(&secret), secret })
    }

    fn mask(&self, secret: &[u8; 32]) -> i64 {
        let tag = mac(&self.0).chain_update(secret).finalize().into_bytes();
        tag.iter().take(8).fold(0, |word, byte| word << 8 | i64::from(*byte))
    }
}

impl BearerToken {
    pub(super) fn id(&self) -> i64 {
        self.id
    }

    pub(super) fn matches(&self, hash: &[u8]) -> bool {
        Self::hash(&self.secret).ct_eq(hash).into()
    }
}

/// The keys and the horizon of used nonces, created on the first start.
pub(super) fn load(connection: &Connection) -> Result<(NonceKey, TokenKey, UnixTime), StoreError> {
    let nonce = NonceKey(Arc::new(load_key(connection, NONCE_KEY)?));
    let token = TokenKey(load_key(connection, TOKEN_KEY)?);
    let horizon = match sql::meta(connection, HORIZON)? {
        Some(bytes) => i64::from_be_bytes(bytes.try_into().map_err(|_| sql::corrupt("a bad horizon"))?),
        None => 0,
    };
    Ok((nonce, token, horizon))
}

fn load_key(connection: &Connection, name: &str) -> Result<[u8; 32], StoreError> {
    if let Some(key) = sql::meta(connection, name)? {
        return key.try_into().map_err(|_| sql::corrupt("a key of the wrong length"));
    }
    let key = random();
    sql::set_meta(connection, name, &key)?;
    Ok(key)
}

pub(super) fn set_horizon(connection: &Connection, horizon: UnixTime) -> Result<(), StoreError> {
    sql::set_meta(connection, HORIZON, &horizon.to_be_bytes())
}

/// A key shorter than a block is the same key with zeros behind it.
fn mac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decodes_any_text_without_panic(text in "\\PC{0,80}") {
            let _ = TokenKey([7; 32]).open(&text);
        }

        /// A token leads to its row and nowhere else, and has one spelling.
        #[test]
        fn token_round_trips_with_one_spelling(id: i64, secret: [u8; 32], at in 0..54_usize, letter in "[A-Za-z0-9_=+/. -]") {
            let key = TokenKey([7; 32]);
            let text = key.seal(id, secret);
            let token = key.open(&text).unwrap();
            prop_assert_eq!(token.id(), id);
            prop_assert!(token.matches(&BearerToken::hash(&secret)));
            prop_assert!(!token.matches(&BearerToken::hash(&[0; 32])) || secret == [0; 32]);
            let mut other = text.clone();
            other.replace_range(at..=at, &letter);
            let same = key.open(&other).is_some_and(|found| found.id() == id && found.matches(&BearerToken::hash(&secret)));
            prop_assert_eq!(same, other == text, "{} is read as {}", other, text);
            for longer in [format!("{text}A"), format!("{text}="), format!(" {text}"), text[1..].to_owned()] {
                prop_assert!(key.open(&longer).is_none(), "{}", longer);
            }
            prop_assert!(TokenKey([8; 32]).open(&text).is_some_and(|token| token.id() != id), "the number is not masked");
        }
    }
}
