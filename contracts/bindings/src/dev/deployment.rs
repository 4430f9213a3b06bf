//! The whole system on a development chain, and the people who act in it.

use alloy::primitives::utils::parse_ether;
use alloy::primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};

use super::plan::FACTORY;
use super::{DeploymentPlan, DevChain, DevError, DevKey, SystemAddresses};
use crate::system::{NodeRegistry, ParameterRegistry, ReputationOracle, TieredTimelock};

/// Size of the committee that parameters ask for at first.
const MEMBERS: usize = 9;

/// A system in place: its addresses, and the keys of its committee.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Where it is.
    pub chain: DevChain,
    /// The contracts.
    pub system: SystemAddresses,
    /// From what it was deployed; the timelock, guardian and so on sign without keys on a development chain.
    pub plan: DeploymentPlan,
    /// Members of the committee, ascending by address.
    pub committee: Vec<DevKey>,
}

impl Deployment {
    /// Deploys what is missing of `plan`, wires it, and bonds a committee of nine.
    pub async fn make(chain: &DevChain, plan: DeploymentPlan) -> Result<Self, DevError> {
        let (system, codes) = plan.make();
        for ((_, address), code) in system.named().into_iter().zip(codes) {
            if !chain.has_code(address).await? {
                let data = [B256::ZERO.as_slice(), &code].concat();
                chain.send(plan.deployer, FACTORY, data.into()).await?;
            }
        }
        let mut committee =
            (0..MEMBERS).map(|n| DevKey::from_name(&format!("member {n}"))).collect::<Vec<_>>();
        committee.sort_by_key(DevKey::address);
        let deployment = Self { chain: chain.clone(), system, plan, committee };
        deployment.wire().await?;
        Ok(deployment)
    }

    /// Registers `node` with a proof by its key; `operator` stakes `stake` wei.
    pub async fn register(&self, node: &DevKey, operator: &DevKey, stake: U256) -> Result<(), DevError> {
        let question =
            NodeRegistry::registrationMessageCall { node: node.node(), operator: operator.address() };
        let text = self.chain.view(self.system.nodes, &question).await?;
        let registration = NodeRegistry::registerNodeCall {
            node: node.node(),
            pubKey33: node.public_key().into(),
            signature: node.sign_text(&text),
            form: 0,
        };
        self.chain.pay(operator.address(), self.system.nodes, &registration, stake).await
    }

    /// Sets a node's score in the committee's place, without an epoch.
    pub async fn score(&self, node: FixedBytes<20>, score: u16) -> Result<(), DevError> {
        let call = NodeRegistry::updateReputationScoreCall { node, score };
        self.chain.call(self.system.oracle, self.system.nodes, &call).await
    }

    /// Sets one parameter as the timelock, without its delay; `key` is the name, for example `MIN_STAKE`.
    pub async fn set_parameter(&self, key: &str, value: U256) -> Result<(), DevError> {
        let call = ParameterRegistry::setCall { key: keccak256(key), value };
        self.chain.call(self.system.timelock, self.system.parameters, &call).await
    }

    /// Signatures by the first `count` members over an EIP-712 struct hash, and the signers, as contracts take them.
    pub async fn votes(
        &self,
        struct_hash: B256,
        count: usize,
    ) -> Result<(Vec<Address>, Vec<Bytes>), DevError> {
        let question = ReputationOracle::digestCall { structHash: struct_hash };
        let digest = self.chain.view(self.system.oracle, &question).await?;
        Ok(self.committee.iter().take(count).map(|key| (key.address(), key.sign(digest))).unzip())
    }

    /// Each wiring is possible once, by the deployer alone.
    async fn wire(&self) -> Result<(), DevError> {
        let Self { chain, system, plan, .. } = self;
        if chain.view(system.timelock, &TieredTimelock::delayPolicyCall {}).await?.is_zero() {
            let call = TieredTimelock::wireDelayPolicyCall { policy: system.parameters };
            chain.call(plan.deployer, system.timelock, &call).await?;
        }
        if chain.view(system.parameters, &ParameterRegistry::standingListenerCall {}).await?.is_zero() {
            let call = ParameterRegistry::wireStandingListenerCall { listener: system.nodes };
            chain.call(plan.deployer, system.parameters, &call).await?;
        }
        if chain.view(system.nodes, &NodeRegistry::rewardSinkCall {}).await?.is_zero() {
            let call = NodeRegistry::wireCall {
                reporter: system.oracle,
                slasher: system.slashing,
                sink: system.splitter,
            };
            chain.call(plan.deployer, system.nodes, &call).await?;
        }
        if chain.view(system.oracle, &ReputationOracle::membersCall {}).await?.is_empty() {
            self.wire_committee().await?;
        }
        Ok(())
    }

    async fn wire_committee(&self) -> Result<(), DevError> {
        let Self { chain, system, plan, committee } = self;
        let key = keccak256("COMMITTEE_BOND");
        let bond = chain.view(system.parameters, &ParameterRegistry::getCall { key }).await?;
        for member in committee {
            let call = ReputationOracle::bondCall { member: member.address() };
            chain.pay(plan.deployer, system.oracle, &call, bond).await?;
        }
        let members = committee.iter().map(DevKey::address).collect();
        let call = ReputationOracle::wireCall { slasher: system.slashing, firstMembers: members };
        chain.call(plan.deployer, system.oracle, &call).await
    }
}

/// Ether in wei, for tests.
#[allow(clippy::expect_used, reason = "a development tool")]
pub fn ether(amount: &str) -> U256 {
    parse_ether(amount).expect("an amount of ether")
}
