//! Verification of wallet signatures: by key pair here, by contract wallet through a call.

use alloy::primitives::{Address, B256, U256, b256};
use futures::future::{BoxFuture, FutureExt, TryFutureExt};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Secp256k1, VerifyOnly};
use sovereign_contracts::reader::{ReadError, Reader};
pub(super) use sovereign_contracts::signature::MAX_SIGNATURE_BYTES;
use sovereign_contracts::signature::{self as contract, SignatureVerdict};

/// Half the order of the curve: of the two valid `s`, only the lower one is accepted (EIP-2).
const HALF_ORDER: B256 = b256!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

/// Verifies signatures of contract wallets, deployed or not (EIP-1271, ERC-6492).
pub trait ContractSignatures: Send + Sync + 'static {
    /// Whether the wallet's contract accepts the signature; `false` also without a contract, and if the call reverts or
    /// runs out of gas.
    fn verify<'a>(
        &'a self,
        wallet: Address,
        hash: B256,
        signature: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, ReadError>>;
}

impl ContractSignatures for Reader {
    fn verify<'a>(
        &'a self,
        wallet: Address,
        hash: B256,
        signature: &'a [u8],
    ) -> BoxFuture<'a, Result<bool, ReadError>> {
        let verdict = contract::check_signature(self, wallet, hash, signature);
        verdict.map_ok(|verdict| verdict == SignatureVerdict::Valid).boxed()
    }
}

/// Why a signature is not one of this wallet's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not 65 bytes.
    #[error("it is not 65 bytes long")]
    InvalidLength,
    /// `v` is none of 27, 28, 0, 1.
    #[error("its last byte is none of 27, 28, 0, 1")]
    InvalidRecoveryId,
    /// `s` is in the upper half, or `r` or `s` is no scalar of the curve.
    #[error("r or s is out of range")]
    OutOfRange,
    /// Made by another key.
    #[error("another wallet made it")]
    OtherSigner,
}

/// Verifies signatures of key pairs.
#[derive(Debug)]
pub(super) struct KeyPairVerifier(Secp256k1<VerifyOnly>);

impl KeyPairVerifier {
    pub(super) fn new() -> Self {
        Self(Secp256k1::verification_only())
    }

    /// Verifies that the wallet's own key made this signature.
    pub(super) fn verify(
        &self,
        wallet: Address,
        hash: &B256,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let signature: &[u8; 65] = signature.try_into().map_err(|_| SignatureError::InvalidLength)?;
        let ([rs @ .., v], [.., _]) = (signature, signature);
        let id = match *v {
            0 | 27 => RecoveryId::Zero,
            1 | 28 => RecoveryId::One,
            _ => return Err(SignatureError::InvalidRecoveryId),
        };
        let (r, s) = (U256::from_be_slice(&rs[..32]), U256::from_be_slice(&rs[32..]));
        if r.is_zero() || s.is_zero() || s > U256::from_be_bytes(HALF_ORDER.0) {
            return Err(SignatureError::OutOfRange);
        }
        let signature = RecoverableSignature::from_compact(rs, id).map_err(|_| SignatureError::OutOfRange)?;
        let message = secp256k1::Message::from_digest(hash.0);
        let key = self.0.recover_ecdsa(message, &signature).map_err(|_| SignatureError::OutOfRange)?;
        let signer = Address::from_raw_public_key(&key.serialize_uncompressed()[1..]);
        if signer == wallet { Ok(()) } else { Err(SignatureError::OtherSigner) }
    }
}

#[cfg(test)]
mod tests {
    use secp256k1::SecretKey;

    use super::*;

    fn sign(secret: u8, hash: &B256) -> (Address, Vec<u8>) {
        let secp = Secp256k1::new();
        let key = SecretKey::from_byte_array([secret; 32]).unwrap();
        let signed = secp.sign_ecdsa_recoverable(secp256k1::Message::from_digest(hash.0), &key);
        let (id, rs) = signed.serialize_compact();
        let wallet = Address::from_raw_public_key(&key.public_key(&secp).serialize_uncompressed()[1..]);
        let mut signature = rs.to_vec();
        signature.push(27 + u8::try_from(i32::from(id)).unwrap());
        (wallet, signature)
    }

    /// Returns the other valid signature: `n - s` with the other `v`.
    fn mirrored(signature: &[u8]) -> Vec<u8> {
        let order = U256::from_be_bytes(HALF_ORDER.0) * U256::from(2) + U256::ONE;
        let s = order - U256::from_be_slice(&signature[32..64]);
        let v = if signature[64] == 27 { 28 } else { 27 };
        [&signature[..32], &s.to_be_bytes::<32>(), &[v]].concat()
    }

    #[test]
    fn accepts_only_canonical_signature_of_the_wallet() {
        let pairs = KeyPairVerifier::new();
        for n in 1..40 {
            let hash = B256::repeat_byte(n);
            let (wallet, good) = sign(n, &hash);
            let check = |signature: &[u8]| pairs.verify(wallet, &hash, signature);
            let with = |at: usize, byte: u8| {
                let mut changed = good.clone();
                changed[at] = byte;
                changed
            };
            assert_eq!(check(&good), Ok(()));
            assert_eq!(check(&with(64, good[64] - 27)), Ok(()));
            for v in (0..=255).filter(|v| ![0, 1, 27, 28].contains(v)) {
                assert_eq!(check(&with(64, v)), Err(SignatureError::InvalidRecoveryId), "v {v}");
            }
            assert!(check(&with(64, 27 + 28 - good[64])).is_err());
            assert_eq!(check(&mirrored(&good)), Err(SignatureError::OutOfRange));
            assert_eq!(check(&[&[0; 32], &good[32..]].concat()), Err(SignatureError::OutOfRange));
            assert_eq!(
                check(&[&good[..32], &[0; 32], &good[64..]].concat()),
                Err(SignatureError::OutOfRange)
            );
            assert_eq!(check(&[&[0xff; 32], &good[32..]].concat()), Err(SignatureError::OutOfRange));
            assert_eq!(check(&good[..64]), Err(SignatureError::InvalidLength));
            assert_eq!(check(&[&good[..], &[0]].concat()), Err(SignatureError::InvalidLength));
            assert_eq!(check(&[]), Err(SignatureError::InvalidLength));
            assert_eq!(pairs.verify(Address::repeat_byte(9), &hash, &good), Err(SignatureError::OtherSigner));
            assert!(pairs.verify(wallet, &B256::repeat_byte(0xfe), &good).is_err());
        }
    }
}
