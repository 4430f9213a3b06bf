//! An account of the hub, and the handshake that its key signs.

use alloy::primitives::{Address, B256};
use alloy::signers::SignerSync as _;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Wallet;

/// A funded account. Its key is in the hub's keyring and here.
#[derive(Debug, Clone)]
pub struct Account {
    /// Name of the key in the keyring.
    pub key: String,
    /// `sent1…`
    pub address: String,
    pub(super) wallet: Wallet,
}

/// The body of a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Session.
    pub id: u64,
    /// The peer request, in base64.
    pub data: String,
    /// `secp256k1:` and base64.
    pub pub_key: String,
    /// Base64 of r and s.
    pub signature: String,
}

impl Account {
    /// The Ethereum address of the same key.
    pub fn ethereum(&self) -> Address {
        self.wallet.address()
    }

    /// The handshake for a session, with this peer request as it is.
    pub fn handshake(&self, session: u64, request: &str) -> Result<Handshake> {
        let mut hash = Sha256::new();
        hash.update(session.to_be_bytes());
        hash.update(request.as_bytes());
        let signer = self.wallet.signer();
        let signature = signer.sign_hash_sync(&B256::from_slice(&hash.finalize()))?.as_bytes();
        let point = signer.credential().verifying_key().to_encoded_point(true);
        Ok(Handshake {
            id: session,
            data: BASE64.encode(request),
            pub_key: format!("secp256k1:{}", BASE64.encode(point.as_bytes())),
            signature: BASE64.encode(signature.get(..64).context("a signature has 64 bytes")?),
        })
    }

    /// The same with a new `WireGuard` key.
    pub fn wireguard_handshake(&self, session: u64) -> Result<Handshake> {
        let key = BASE64.encode(Wallet::fresh().key());
        self.handshake(session, &format!(r#"{{"public_key":"{key}"}}"#))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_covers_session_and_request() {
        let wallet =
            Wallet::of("0x0101010101010101010101010101010101010101010101010101010101010101").unwrap();
        let account = Account { key: "test".to_owned(), address: "sent1".to_owned(), wallet };
        let one = account.handshake(1, "{}").unwrap();
        assert_eq!(one.pub_key, "secp256k1:AxuExVZ7EmRAmV0+1aq6BWXXHhg0YEgZ/5wX9enV3QeP");
        assert_eq!(BASE64.decode(&one.signature).unwrap().len(), 64);
        assert_eq!(one, account.handshake(1, "{}").unwrap());
        assert_ne!(one.signature, account.handshake(2, "{}").unwrap().signature);
        assert_ne!(one.signature, account.handshake(1, "{ }").unwrap().signature);
    }
}
