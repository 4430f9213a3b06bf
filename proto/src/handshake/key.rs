//! Public keys, the addresses that follow from them, and signatures.

use std::sync::LazyLock;

use ed25519_dalek::VerifyingKey;
use ripemd::Ripemd160;
use secp256k1::{Message, Secp256k1, VerifyOnly, ecdsa};
use sha2::{Digest, Sha256};
use sha3::Keccak256;

use super::{BadSignature, HandshakeError, Malformed, encoding};
use crate::address::{ADDRESS_BYTES, AccountAddress};

static SECP: LazyLock<Secp256k1<VerifyOnly>> = LazyLock::new(Secp256k1::verification_only);

/// Name of the field, for errors.
const FIELD: &str = "pub_key";
const SECP256K1: &str = "secp256k1";
const ED25519: &str = "ed25519";

/// A public key as a handshake names it. Only its type and length are known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// 33 bytes, compressed.
    Secp256k1([u8; 33]),
    /// 32 bytes. The hub takes no transaction from such an account.
    Ed25519([u8; 32]),
}

/// Who made a good signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// The account of the key.
    pub account: AccountAddress,
    /// The Ethereum address of the same key; only secp256k1 keys have one.
    pub ethereum: Option<[u8; 20]>,
}

impl PublicKey {
    /// Reads `type:base64`.
    pub fn parse(text: &str) -> Result<Self, HandshakeError> {
        let (kind, encoded) = text.split_once(':').ok_or(Malformed::Field(FIELD))?;
        let bytes = encoding::decode(encoded).ok_or(Malformed::Field(FIELD))?;
        match kind {
            SECP256K1 => bytes.try_into().map(Self::Secp256k1).map_err(|_| BadSignature::Key.into()),
            ED25519 => bytes.try_into().map(Self::Ed25519).map_err(|_| BadSignature::Key.into()),
            _ => Err(BadSignature::KeyType.into()),
        }
    }

    /// The account whose key this is.
    pub fn account(&self) -> AccountAddress {
        match self {
            Self::Secp256k1(key) => AccountAddress::new(Ripemd160::digest(Sha256::digest(key)).into()),
            Self::Ed25519(key) => AccountAddress::new(last(&Sha256::digest(key)[..ADDRESS_BYTES])),
        }
    }

    /// Checks `signature` (r and s, or ed25519) over `message`: whose it is.
    ///
    /// As strict as the node: a high s is refused. Stricter where that costs nobody: r and s must be below
    /// the order, and ed25519 keys and signatures must be the canonical ones.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<Signer, BadSignature> {
        let ethereum = match self {
            Self::Secp256k1(key) => {
                let key = secp256k1::PublicKey::from_slice(key).map_err(|_| BadSignature::Key)?;
                let signature =
                    ecdsa::Signature::from_compact(signature).map_err(|_| BadSignature::Mismatch)?;
                let digest = Message::from_digest(Sha256::digest(message).into());
                SECP.verify_ecdsa(digest, &signature, &key).map_err(|_| BadSignature::Mismatch)?;
                // Here, because finding the point again would cost an eighth of the check.
                Some(last(&Keccak256::digest(&key.serialize_uncompressed()[1..])))
            }
            Self::Ed25519(key) => {
                let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature::Key)?;
                key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                    .map_err(|_| BadSignature::Mismatch)?;
                None
            }
        };
        Ok(Signer { account: self.account(), ethereum })
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secp256k1(key) => write!(f, "{SECP256K1}:{}", encoding::encode(key)),
            Self::Ed25519(key) => write!(f, "{ED25519}:{}", encoding::encode(key)),
        }
    }
}

/// Signs with a new key, which is then forgotten.
pub(super) fn sign_once(message: &[u8]) -> (PublicKey, [u8; 64]) {
    let secp = Secp256k1::signing_only();
    let (secret, public) = secp.generate_keypair(&mut secp256k1::rand::rng());
    let signature = secp.sign_ecdsa(Message::from_digest(Sha256::digest(message).into()), &secret);
    (PublicKey::Secp256k1(public.serialize()), signature.serialize_compact())
}

/// The last 20 bytes.
fn last(bytes: &[u8]) -> [u8; ADDRESS_BYTES] {
    let mut address = [0; ADDRESS_BYTES];
    for (to, from) in address.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// The key with the secret 1: a vector known from everywhere.
    fn generator() -> [u8; 33] {
        let secret = secp256k1::SecretKey::from_byte_array({
            let mut one = [0; 32];
            one[31] = 1;
            one
        })
        .unwrap();
        secret.public_key(&Secp256k1::new()).serialize()
    }

    #[test]
    fn derives_both_addresses_of_the_generator_point() {
        let mut one = [0; 32];
        one[31] = 1;
        let secret = secp256k1::SecretKey::from_byte_array(one).unwrap();
        let digest = Message::from_digest(Sha256::digest(b"x").into());
        let signature = Secp256k1::new().sign_ecdsa(digest, &secret).serialize_compact();
        let signer = PublicKey::Secp256k1(generator()).verify(b"x", &signature).unwrap();
        assert_eq!(hex(&signer.ethereum.unwrap()), "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
        assert_eq!(signer.account, PublicKey::Secp256k1(generator()).account());
        // BIP-173's example is the same hash of the same key.
        let account = PublicKey::Secp256k1(generator()).account();
        assert_eq!(hex(account.as_bytes()), "751e76e8199196d454941c45d1b3a323f1433bd6");
        assert_eq!(PublicKey::Secp256k1([0; 33]).verify(b"x", &signature), Err(BadSignature::Key));
    }

    #[test]
    fn rejects_non_canonical_key_text() {
        let text = PublicKey::Secp256k1(generator()).to_string();
        assert_eq!(PublicKey::parse(&text), Ok(PublicKey::Secp256k1(generator())));
        let encoded = text.split_once(':').unwrap().1;
        for bad in [
            format!(" {text}"),
            format!("{text} "),
            format!("{text}\n"),
            format!("{text}:"),
            encoded.to_owned(),
            format!("secp256k1:{}", &encoded[..encoded.len() - 1]),
            "secp256k1:@@@@".to_owned(),
        ] {
            assert!(PublicKey::parse(&bad).is_err(), "{bad}");
        }
        let kind = PublicKey::parse(&format!("SECP256K1:{encoded}"));
        assert_eq!(kind, Err(BadSignature::KeyType.into()));
        let short = PublicKey::parse("ed25519:AAAA");
        assert_eq!(short, Err(BadSignature::Key.into()));
        let other = PublicKey::parse(&format!("ed25519:{encoded}"));
        assert_eq!(other, Err(BadSignature::Key.into()));
    }
}
