//! The key that signs.

use std::{fmt, str::FromStr};

use secp256k1::{Message, Secp256k1, SecretKey};
use sha2::{Digest, Sha256};

use crate::{address::AccountAddress, handshake::PublicKey};

/// Why a text is no key. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes in hexadecimal.
    #[error("not 64 hexadecimal digits")]
    Form,
    /// Zero, or beyond the order of the curve.
    #[error("not a secret key of secp256k1")]
    Range,
}

/// A secp256k1 key of an account. Never shown.
#[derive(Clone)]
pub struct SigningKey {
    secret: SecretKey,
    public: [u8; 33],
}

impl SigningKey {
    /// The key with this secret.
    pub fn new(secret: [u8; 32]) -> Result<Self, KeyError> {
        let secret = SecretKey::from_byte_array(secret).map_err(|_| KeyError::Range)?;
        let public = secret.public_key(&Secp256k1::signing_only()).serialize();
        Ok(Self { secret, public })
    }

    /// The public key, compressed.
    pub fn public(&self) -> &[u8; 33] {
        &self.public
    }

    /// Its account.
    pub fn account(&self) -> AccountAddress {
        PublicKey::Secp256k1(self.public).account()
    }

    /// r and s over the hash of `message`; the same for the same, and s is low.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let digest = Message::from_digest(Sha256::digest(message).into());
        Secp256k1::signing_only().sign_ecdsa(digest, &self.secret).serialize_compact()
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(bytes(text)?)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.account())
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}

/// 32 bytes in hexadecimal of either case.
pub(super) fn bytes(text: &str) -> Result<[u8; 32], KeyError> {
    let digits: Vec<u32> =
        text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>().ok_or(KeyError::Form)?;
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        })
        .collect();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(KeyError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_key_of_64_digits_in_range_and_redacts_it() {
        let text = format!("{}1", "0".repeat(63));
        let key: SigningKey = text.parse().unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("sent1w508d6qejxtdg4y5r3zarvary0c5xw7k"), "{shown}");
        for bad in ["", "1", &"0".repeat(63), &"g".repeat(64), &"1".repeat(65), &"é".repeat(32)] {
            assert_eq!(bad.parse::<SigningKey>().unwrap_err(), KeyError::Form, "{bad}");
        }
        for bad in ["0".repeat(64), "f".repeat(64)] {
            assert_eq!(bad.parse::<SigningKey>().unwrap_err(), KeyError::Range, "{bad}");
        }
    }
}
