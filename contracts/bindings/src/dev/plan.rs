//! Where each contract of a system is, and what it is created from: the deploy script's plan (`SystemPlan.sol`),
//! told a second time, so that tests need no forge. A test holds the two together.

use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::sol_types::SolValue;

use crate::system::{
    AccessPolicy, NodeRegistry, ParameterRegistry, PaymentSplitter, ReputationOracle, SessionManager,
    SlashingManager, TieredTimelock,
};
use crate::{delegate_registry, nft_delegation};

/// Deterministic deployment proxy, the same on every chain.
pub(super) const FACTORY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// What a system is deployed from. The defaults are those of `script/config/local.json`.
#[derive(Debug, Clone)]
pub struct DeploymentPlan {
    /// Who deploys and wires, and has no power afterwards.
    pub deployer: Address,
    /// Proposes to the timelock.
    pub core: Address,
    /// Executes what was proposed.
    pub executor: Address,
    /// Pauses and blacklists for a while.
    pub guardian: Address,
    /// The collection of cards.
    pub memes: Address,
    /// 6529's NFTDelegation; zero switches it off.
    pub nft_delegation: Address,
    /// delegate.xyz; zero switches it off.
    pub delegate_xyz: Address,
    /// Highest card id minted already.
    pub highest_card: u64,
    /// Gets slashed stake and its share; `None` stands for the timelock.
    pub treasury: Option<Address>,
    /// Accepted besides ETH.
    pub tokens: Vec<Address>,
}

impl DeploymentPlan {
    /// For a development chain with the stand-ins in place, and `memes`.
    pub fn local(memes: Address) -> Self {
        Self {
            deployer: address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            core: address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
            executor: address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
            guardian: address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
            memes,
            nft_delegation: nft_delegation::MAINNET,
            delegate_xyz: delegate_registry::CANONICAL,
            highest_card: 21,
            treasury: None,
            tokens: Vec::new(),
        }
    }

    /// Where everything will be, and the creation codes in order.
    pub fn make(&self) -> (SystemAddresses, [Bytes; 8]) {
        let (timelock, timelock_code) = at(
            &TieredTimelock::BYTECODE,
            &(vec![self.core], vec![self.executor], self.deployer).abi_encode_params(),
        );
        let (access_policy, access_code) = at(
            &AccessPolicy::BYTECODE,
            &(timelock, self.memes, self.nft_delegation, self.delegate_xyz, U256::from(self.highest_card))
                .abi_encode_params(),
        );
        let treasury = self.treasury.unwrap_or(timelock);
        let (parameters, parameters_code) = at(
            &ParameterRegistry::BYTECODE,
            &(timelock, self.guardian, self.deployer, access_policy, treasury, self.tokens.clone())
                .abi_encode_params(),
        );
        let (nodes, nodes_code) =
            at(&NodeRegistry::BYTECODE, &(parameters, timelock, self.deployer).abi_encode_params());
        let (oracle, oracle_code) = at(
            &ReputationOracle::BYTECODE,
            &(parameters, nodes, timelock, self.deployer).abi_encode_params(),
        );
        let (slashing, slashing_code) =
            at(&SlashingManager::BYTECODE, &(parameters, nodes, oracle, timelock).abi_encode_params());
        let (splitter, splitter_code) =
            at(&PaymentSplitter::BYTECODE, &(parameters, nodes).abi_encode_params());
        let (sessions, sessions_code) =
            at(&SessionManager::BYTECODE, &(parameters, nodes, oracle, splitter).abi_encode_params());
        let system = SystemAddresses {
            memes: self.memes,
            timelock,
            access_policy,
            parameters,
            nodes,
            oracle,
            slashing,
            splitter,
            sessions,
        };
        let codes = [
            timelock_code,
            access_code,
            parameters_code,
            nodes_code,
            oracle_code,
            slashing_code,
            splitter_code,
            sessions_code,
        ];
        (system, codes)
    }
}

/// All contracts of one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the contracts")]
pub struct SystemAddresses {
    pub memes: Address,
    pub timelock: Address,
    pub access_policy: Address,
    pub parameters: Address,
    pub nodes: Address,
    pub oracle: Address,
    pub slashing: Address,
    pub splitter: Address,
    pub sessions: Address,
}

impl SystemAddresses {
    /// With the names of the addresses file, in the order of their creation.
    pub fn named(&self) -> [(&'static str, Address); 8] {
        [
            ("TimelockController", self.timelock),
            ("AccessPolicy", self.access_policy),
            ("ParameterRegistry", self.parameters),
            ("NodeRegistry", self.nodes),
            ("ReputationOracle", self.oracle),
            ("SlashingManager", self.slashing),
            ("PaymentSplitter", self.splitter),
            ("SessionManager", self.sessions),
        ]
    }
}

/// The CREATE2 address of a contract with these arguments, and its creation code.
fn at(code: &Bytes, arguments: &[u8]) -> (Address, Bytes) {
    let code = Bytes::from([code.as_ref(), arguments].concat());
    (FACTORY.create2(B256::ZERO, keccak256(&code)), code)
}
