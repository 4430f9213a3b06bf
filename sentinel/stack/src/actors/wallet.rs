//! A wallet: an Ethereum key.

use alloy::primitives::{Address, B256, hex};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use anyhow::Result;

/// A wallet with its key at hand.
#[derive(Debug, Clone)]
pub struct Wallet {
    signer: PrivateKeySigner,
}

impl Wallet {
    /// A new one.
    pub fn fresh() -> Self {
        Self { signer: PrivateKeySigner::random() }
    }

    /// The one of this private key.
    pub fn of(key: &str) -> Result<Self> {
        Ok(Self { signer: key.parse()? })
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs a text the way wallets do (EIP-191); 65 bytes in hexadecimal.
    pub fn sign(&self, text: &str) -> Result<String> {
        Ok(hex::encode_prefixed(self.signer.sign_message_sync(text.as_bytes())?.as_bytes()))
    }

    /// Signs a hash as it is, which no wallet does for a page; 65 bytes in hexadecimal.
    pub fn sign_hash(&self, hash: &B256) -> Result<String> {
        Ok(hex::encode_prefixed(self.signer.sign_hash_sync(hash)?.as_bytes()))
    }

    /// Its private key.
    pub fn key(&self) -> B256 {
        self.signer.to_bytes()
    }

    pub(super) fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }
}
