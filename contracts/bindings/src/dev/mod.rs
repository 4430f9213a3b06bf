//! For tests and the local network: bytecode of the stand-ins and test tokens, a client that places and calls
//! them, a deployer of the whole system of contracts with the people who act in it, and a runner of anvil. Never
//! part of a release build.

mod anvil;
mod artifact;
mod chain;
mod deployment;
mod key;
mod plan;

pub use anvil::Anvil;
pub use artifact::Artifact;
pub use chain::DevChain;
pub use deployment::{Deployment, ether};
pub use key::DevKey;
pub use plan::{DeploymentPlan, SystemAddresses};

use alloy::primitives::Address;

use crate::{delegate_registry, multicall, nft_delegation};

/// What goes wrong with a development chain.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// anvil is not installed, does not start or does not answer.
    #[error("anvil: {0}")]
    Anvil(String),
    /// The HTTP exchange failed.
    #[error("{method}: {source}")]
    Http {
        /// JSON-RPC method.
        method: String,
        /// What reqwest says.
        source: reqwest::Error,
    },
    /// The chain refused.
    #[error("{method}: {message}")]
    Refused {
        /// JSON-RPC method.
        method: String,
        /// The chain's answer.
        message: String,
    },
}

/// Which stand-in stands where on a development chain: the addresses are those of mainnet.
pub fn placements() -> [(Address, Artifact); 3] {
    [
        (multicall::CANONICAL, Artifact::Aggregator),
        (nft_delegation::MAINNET, Artifact::NftDelegation),
        (delegate_registry::CANONICAL, Artifact::DelegateRegistry),
    ]
}
