//! Keys of a development chain's people: operators of nodes, members of the committee, users.

use alloy::primitives::{Address, B256, Bytes, FixedBytes, keccak256};
use ripemd::Ripemd160;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, Secp256k1, SecretKey};
use sha2::{Digest as _, Sha256};

/// A secp256k1 key made from a name, so that tests are repeatable. Not for money.
#[derive(Clone)]
pub struct DevKey(SecretKey);

impl std::fmt::Debug for DevKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key").field(&self.address()).finish()
    }
}

impl DevKey {
    /// The key of this name, the same each time.
    ///
    /// # Panics
    /// Never in practice: a hash that is no scalar has yet to be found.
    #[allow(clippy::expect_used, reason = "a development tool")]
    pub fn from_name(name: &str) -> Self {
        Self::from_secret(keccak256(name)).expect("a hash is a scalar")
    }

    /// The key with this secret, unless it is zero or beyond the order.
    pub fn from_secret(secret: B256) -> Option<Self> {
        SecretKey::from_byte_array(secret.0).ok().map(Self)
    }

    /// The 32 secret bytes, for programs that read a key from a file.
    pub fn secret(&self) -> B256 {
        self.0.secret_bytes().into()
    }

    /// Its Ethereum address.
    pub fn address(&self) -> Address {
        Address::from_raw_public_key(&self.public().serialize_uncompressed()[1..])
    }

    /// The compressed public key.
    pub fn public_key(&self) -> [u8; 33] {
        self.public().serialize()
    }

    /// The 20 bytes of its `sent1…` and `sentnode1…` addresses.
    pub fn node(&self) -> FixedBytes<20> {
        <[u8; 20]>::from(Ripemd160::digest(Sha256::digest(self.public_key()))).into()
    }

    /// Ethereum's 65 bytes r, s, v over a digest.
    pub fn sign(&self, digest: B256) -> Bytes {
        let (parity, signature) = self.recoverable(digest).serialize_compact();
        let v = if parity == RecoveryId::Zero { 27 } else { 28 };
        [signature.as_slice(), &[v]].concat().into()
    }

    /// Cosmos's 64 bytes r, s over the sha256 of a text.
    pub fn sign_text(&self, text: &str) -> Bytes {
        let digest = <[u8; 32]>::from(Sha256::digest(text));
        self.recoverable(digest.into()).to_standard().serialize_compact().into()
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_secret_key(&Secp256k1::signing_only(), &self.0)
    }

    fn recoverable(&self, digest: B256) -> RecoverableSignature {
        Secp256k1::signing_only().sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used, reason = "tests")]
    fn known_addresses() {
        // Anvil's first account.
        let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80".parse().unwrap();
        let key = DevKey::from_secret(secret).unwrap();
        assert_eq!(key.address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(key.secret(), secret);
        let digest = B256::repeat_byte(3);
        let signature = alloy::primitives::Signature::from_raw(&key.sign(digest)).unwrap();
        assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), key.address());
    }
}
