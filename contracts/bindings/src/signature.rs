//! Signatures of contract wallets: ERC-1271, and ERC-6492 for wallets that are not deployed yet.
//!
//! One `eth_call` runs `SignatureCheck` (in `contracts/src/reader`) as creation code. Wallet and factory are hostile
//! and get bounded gas: reverts, garbage and burnt gas are a "no", whereas a provider that fails is an error.

use std::sync::LazyLock;

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolValue;

use crate::reader::{ReadError, Reader};

/// Longest signature that is sent. Passkey and multi-owner wallets need one or two kilobytes, ERC-6492 wraps the
/// deployment besides.
pub const MAX_SIGNATURE_BYTES: usize = 8 * 1024;

/// Twice what the check gives to the factory and the wallet each, and something for itself.
const GAS: u64 = 12_000_000;

/// Creation code of `SignatureCheck`. The file is part of this crate's source, and a test reads it.
static CODE: LazyLock<Bytes> = LazyLock::new(|| {
    let artifact: serde_json::Value =
        serde_json::from_str(include_str!("../../artifacts/SignatureCheck.json")).unwrap_or_default();
    artifact["bytecode"].as_str().and_then(|code| code.parse().ok()).unwrap_or_default()
});

/// What the wallet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// It accepts the signature.
    Valid,
    /// It does not, or cannot.
    Invalid,
}

/// Asks contract wallet `wallet` whether it accepts `signature` for `hash`.
///
/// A wallet without code and without an ERC-6492 wrapping is [`SignatureVerdict::Invalid`]: signatures of plain keys are
/// checked without asking the chain.
pub async fn check_signature(
    reader: &Reader,
    wallet: Address,
    hash: B256,
    signature: &[u8],
) -> Result<SignatureVerdict, ReadError> {
    if signature.is_empty() || signature.len() > MAX_SIGNATURE_BYTES {
        return Ok(SignatureVerdict::Invalid);
    }
    let arguments = (wallet, hash, Bytes::copy_from_slice(signature)).abi_encode_params();
    let accepted = reader.run([CODE.as_ref(), &arguments].concat().into(), GAS).await?;
    Ok(if accepted { SignatureVerdict::Valid } else { SignatureVerdict::Invalid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifact_contains_creation_code() {
        assert!(CODE.len() > 500);
    }
}
