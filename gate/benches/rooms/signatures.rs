//! CPU cost of one signature on this machine with the same library: most of an admission or a sign-in, and the
//! reference for the rest.

use std::hint::black_box;

use secp256k1::ecdsa::{RecoverableSignature, Signature};
use secp256k1::{Message, PublicKey, Secp256k1, SecretKey};

use crate::fixture::key;
use crate::measure::{cpu_time, micros_each};

const SIGNATURES: usize = 5000;

/// Verification by a public key: an account's signature at a handshake.
pub(crate) fn verifying() -> f64 {
    let secp = Secp256k1::new();
    let signed: Vec<(Message, Signature, PublicKey)> =
        signed().map(|(hash, key)| (hash, secp.sign_ecdsa(hash, &key), key.public_key(&secp))).collect();
    let before = cpu_time();
    for (hash, signature, key) in &signed {
        black_box(secp.verify_ecdsa(*hash, signature, key)).unwrap();
    }
    micros_each(cpu_time().saturating_sub(before), SIGNATURES)
}

/// Recovery of a public key: a wallet's signature at a sign-in.
pub(crate) fn recovering() -> f64 {
    let secp = Secp256k1::new();
    let signed: Vec<(Message, RecoverableSignature)> =
        signed().map(|(hash, key)| (hash, secp.sign_ecdsa_recoverable(hash, &key))).collect();
    let before = cpu_time();
    for (hash, signature) in &signed {
        black_box(secp.recover_ecdsa(*hash, signature)).unwrap();
    }
    micros_each(cpu_time().saturating_sub(before), SIGNATURES)
}

fn signed() -> impl Iterator<Item = (Message, SecretKey)> {
    (1..=SIGNATURES).map(|number| {
        let mut hash = [7; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        (Message::from_digest(hash), key(u64::try_from(number).unwrap()))
    })
}
