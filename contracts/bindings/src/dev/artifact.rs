//! The committed output of the Foundry project.

use alloy::primitives::Bytes;
use serde_json::Value;

/// A compiled test contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// Stand-in for Multicall3.
    Aggregator,
    /// Stand-in for delegate.xyz v2.
    DelegateRegistry,
    /// A wallet that refuses signatures in every bad way; constructor takes its mood (`uint8`).
    HostileWallet,
    /// Stand-in for 6529's NFTDelegation.
    NftDelegation,
    /// A wallet of one owner (ERC-1271); constructor takes the owner.
    SmartWallet,
    /// An ERC-721 collection; the deployer mints.
    TestGallery,
    /// An ERC-1155 collection; the deployer mints.
    TestMemes,
    /// Deploys `SmartWallet`s at known addresses (ERC-6492).
    WalletFactory,
}

impl Artifact {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Aggregator,
        Self::DelegateRegistry,
        Self::HostileWallet,
        Self::NftDelegation,
        Self::SmartWallet,
        Self::TestGallery,
        Self::TestMemes,
        Self::WalletFactory,
    ];

    /// Code to deploy; constructor arguments follow it ABI-encoded.
    pub fn creation_code(self) -> Bytes {
        self.code("bytecode")
    }

    /// Code to place with `anvil_setCode`. Meaningful for contracts without immutables.
    pub fn runtime_code(self) -> Bytes {
        self.code("deployedBytecode")
    }

    /// The file as JSON: `name`, `abi`, `bytecode`, `deployedBytecode`.
    ///
    /// # Panics
    /// When a committed file is not JSON, which a test excludes.
    #[allow(clippy::expect_used, reason = "the files are part of this crate's source")]
    pub fn json(self) -> Value {
        serde_json::from_str(self.text()).expect("committed artefacts are JSON")
    }

    #[allow(clippy::expect_used, reason = "the files are part of this crate's source")]
    fn code(self, field: &str) -> Bytes {
        self.json()[field].as_str().and_then(|code| code.parse().ok()).expect("committed artefacts hold code")
    }

    fn text(self) -> &'static str {
        match self {
            Self::Aggregator => include_str!("../../../artifacts/Aggregator.json"),
            Self::DelegateRegistry => include_str!("../../../artifacts/DelegateRegistry.json"),
            Self::HostileWallet => include_str!("../../../artifacts/HostileWallet.json"),
            Self::NftDelegation => include_str!("../../../artifacts/NFTDelegation.json"),
            Self::SmartWallet => include_str!("../../../artifacts/SmartWallet.json"),
            Self::TestGallery => include_str!("../../../artifacts/TestGallery.json"),
            Self::TestMemes => include_str!("../../../artifacts/TestMemes.json"),
            Self::WalletFactory => include_str!("../../../artifacts/WalletFactory.json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_artefact_holds_both_codes() {
        for artifact in Artifact::ALL {
            assert!(artifact.creation_code().len() > artifact.runtime_code().len(), "{artifact:?}");
            assert!(artifact.runtime_code().len() > 100, "{artifact:?}");
        }
    }
}
