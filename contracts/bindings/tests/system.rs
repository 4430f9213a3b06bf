//! The system of contracts through the generated bindings: a node's life, and a session's, on a real anvil.
#![cfg(feature = "anvil")]
#![allow(clippy::unwrap_used, reason = "tests")]

use alloy::primitives::{Address, Bytes, FixedBytes, U256, address};
use alloy::sol_types::{SolStruct as _, eip712_domain};
use sovereign_contracts::dev::{Anvil, Deployment, DeploymentPlan, DevChain, DevKey, ether};
use sovereign_contracts::system::node_registry::NodeRegistry::{self, standingReturn, standingsReturn};

use sovereign_contracts::system::session_manager::ISessionManager::Terms;
use sovereign_contracts::system::{
    ParameterRegistry, PaymentSplitter, ReputationOracle, SessionManager, SlashingManager,
};

const OWNER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const ETH: Address = Address::ZERO;
const DOWNTIME: u8 = 0;
const HOUR: u64 = 3600;

alloy::sol! {
    struct ScoreReport {
        uint64 epoch;
        bytes32 root;
        uint32 count;
        uint64 committeeVersion;
    }

    struct Receipt {
        uint256 sessionId;
        bytes20 node;
        address token;
        uint256 amount;
    }
}

/// The system, one node of one operator.
struct Town {
    _anvil: Anvil,
    chain: DevChain,
    system: Deployment,
    node: DevKey,
    operator: DevKey,
    user: DevKey,
}

impl Town {
    async fn open() -> Self {
        let (anvil, chain) = Anvil::start_with_stand_ins(&[]).await.unwrap();
        let memes = chain.deploy_memes(OWNER, 21).await.unwrap();
        let system = Deployment::make(&chain, DeploymentPlan::local(memes)).await.unwrap();
        let (node, operator, user) =
            (DevKey::from_name("node"), DevKey::from_name("operator"), DevKey::from_name("user"));
        system.register(&node, &operator, ether("2")).await.unwrap();
        Self { _anvil: anvil, chain, system, node, operator, user }
    }

    async fn standing(&self) -> standingReturn {
        let call = NodeRegistry::standingCall { node: self.node.node() };
        self.chain.view(self.system.system.nodes, &call).await.unwrap()
    }

    async fn standings(&self) -> standingsReturn {
        let call = NodeRegistry::standingsCall { cursor: U256::ZERO, limit: U256::from(100) };
        self.chain.view(self.system.system.nodes, &call).await.unwrap()
    }

    async fn committee_version(&self) -> u64 {
        let oracle = self.system.system.oracle;
        self.chain.view(oracle, &ReputationOracle::committeeVersionCall {}).await.unwrap()
    }

    /// Reports an epoch that has just ended, signed by `votes` members.
    async fn post_scores(&self, votes: usize) -> Result<(), String> {
        self.chain.mine_after(2 * HOUR).await.unwrap();
        let oracle = self.system.system.oracle;
        let epoch = self.chain.now().await.unwrap() / HOUR - 1;
        let best = 10_000;
        let list = vec![ReputationOracle::Measurement {
            node: self.node.node(),
            uptime: 10_u64.pow(18),
            throughput: best,
            latency: best,
            stability: best,
            volume: 0,
        }];
        let root = ReputationOracle::rootOfCall { epoch, list: list.clone() };
        let root = self.chain.view(oracle, &root).await.unwrap();
        let version = self.committee_version().await;
        let report = ScoreReport { epoch, root, count: 1, committeeVersion: version };
        let (signers, signatures) = self.system.votes(report.eip712_hash_struct(), votes).await.unwrap();
        // What the contract has signed for this struct is EIP-712 in its own domain, nothing else.
        let domain = eip712_domain! {
            name: "Sovereign Gate Committee",
            version: "1",
            chain_id: 31337,
            verifying_contract: oracle,
        };
        let digest = report.eip712_signing_hash(&domain);
        assert_eq!(signatures[0], self.system.committee[0].sign(digest));
        let call = ReputationOracle::postEpochListCall { epoch, list, version, signers, signatures };
        self.chain.call(OWNER, oracle, &call).await.map_err(|error| error.to_string())
    }

    /// The user's session at the node, its deposit one ETH.
    async fn open_session(&self) -> U256 {
        let terms = Terms {
            node: self.node.node(),
            account: FixedBytes::ZERO,
            token: ETH,
            signer: Address::ZERO,
            amount: 10_u128.pow(18),
            duration: 24 * 3600,
        };
        let call = SessionManager::openCall { terms };
        let sessions = self.system.system.sessions;
        self.chain.pay(self.user.address(), sessions, &call, ether("1")).await.unwrap();
        self.chain.view(sessions, &SessionManager::sessionCountCall {}).await.unwrap()
    }

    /// The user's signature over `amount`, as a wallet makes it of typed data.
    fn receipt(&self, session: U256, amount: U256) -> Bytes {
        let receipt = Receipt { sessionId: session, node: self.node.node(), token: ETH, amount };
        let domain = eip712_domain! {
            name: "Sovereign Gate SessionManager",
            version: "1",
            chain_id: 31337,
            verifying_contract: self.system.system.sessions,
        };
        self.user.sign(receipt.eip712_signing_hash(&domain))
    }
}

#[tokio::test]
async fn a_node_is_registered_scored_and_slashed() {
    let town = Town::open().await;
    let standing = town.standing().await;
    assert!(standing.registered && standing.active && !standing.blacklisted);
    assert_eq!((standing.stake, standing.score), (ether("2"), 0));

    let refused = town.post_scores(5).await.unwrap_err();
    assert!(refused.contains("revert"), "four of seven are not two thirds: {refused}");
    town.post_scores(6).await.unwrap();
    // 300 uptime, 300 quality, 200 stake, 40 for a clean record.
    assert_eq!(town.standing().await.score, 840);

    let slashing = town.system.system.slashing;
    town.chain.mine_after(48 * HOUR).await.unwrap();
    let to = town.chain.now().await.unwrap();
    let (node, from, version) = (town.node.node(), to - 25 * HOUR, town.committee_version().await);
    let question = SlashingManager::offenceHashCall { node, offence: DOWNTIME, from, to, version };
    let hash = town.chain.view(slashing, &question).await.unwrap();
    let (signers, signatures) = town.system.votes(hash, 6).await.unwrap();
    let call = SlashingManager::slashAutomaticCall {
        node,
        offence: DOWNTIME,
        from,
        to,
        version,
        signers,
        signatures,
    };
    town.chain.call(OWNER, slashing, &call).await.unwrap();
    assert!(town.chain.call(OWNER, slashing, &call).await.is_err(), "one period is punished once");

    let standings = town.standings().await;
    assert_eq!(standings.next, U256::ZERO);
    let [line] = &standings.page[..] else { unreachable!("one node") };
    assert_eq!((line.node, line.stake, line.score), (node, ether("1.98"), 840));
    assert!(line.registered && line.active && !line.blacklisted);
}

#[tokio::test]
async fn a_node_needs_its_own_keys_proof() {
    let town = Town::open().await;
    let (victim, thief) = (DevKey::from_name("victim"), DevKey::from_name("thief"));
    let registration = NodeRegistry::registerNodeCall {
        node: victim.node(),
        pubKey33: victim.public_key().into(),
        signature: thief.sign_text("whatever"),
        form: 0,
    };
    let nodes = town.system.system.nodes;
    let refused = town.chain.pay(thief.address(), nodes, &registration, ether("1")).await;
    assert!(refused.is_err());
    assert_eq!(town.standings().await.page.len(), 1);
}

#[tokio::test]
async fn a_session_is_settled_and_the_rest_goes_back() {
    let town = Town::open().await;
    let system = town.system.system;
    town.system.score(town.node.node(), 800).await.unwrap();
    let session = town.open_session().await;

    let amount = ether("0.6");
    let forged = SessionManager::claimCall {
        sessionId: session,
        amount,
        signature: town.receipt(session, ether("0.5")),
    };
    let operator = town.operator.address();
    assert!(town.chain.call(operator, system.sessions, &forged).await.is_err(), "only what was signed");
    let claim =
        SessionManager::claimCall { sessionId: session, amount, signature: town.receipt(session, amount) };
    town.chain.call(operator, system.sessions, &claim).await.unwrap();
    let pending = PaymentSplitter::pendingCall { who: operator, token: ETH };
    assert_eq!(town.chain.view(system.splitter, &pending).await.unwrap(), ether("0.48"));

    let user = town.user.address();
    town.chain.call(user, system.sessions, &SessionManager::closeCall { sessionId: session }).await.unwrap();
    town.chain.mine_after(3 * 24 * HOUR).await.unwrap();
    let finalize = SessionManager::finalizeCall { sessionId: session };
    town.chain.call(OWNER, system.sessions, &finalize).await.unwrap();
    let credit = SessionManager::creditCall { who: user, token: ETH };
    assert_eq!(town.chain.view(system.sessions, &credit).await.unwrap(), ether("0.4"));
}

/// The rule is told twice, in `SystemPlan.sol` and here: the same configuration must give the same addresses.
#[tokio::test]
async fn the_deploy_script_and_this_deployer_agree() {
    let (anvil, chain) = Anvil::start_with_stand_ins(&[]).await.unwrap();
    let memes = chain.deploy_memes(OWNER, 21).await.unwrap();
    let deployment = Deployment::make(&chain, DeploymentPlan::local(memes)).await.unwrap();
    let again = Deployment::make(&chain, DeploymentPlan::local(memes)).await.unwrap();
    assert_eq!(deployment.system, again.system, "a second run changes nothing");

    // The script finds everything in place, and its own check finds it in order.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let name = format!("deployments/bindings-{}", anvil.port());
    let (config, addresses) = (format!("{name}.config.json"), format!("{name}.json"));
    std::fs::create_dir_all(folder.join("deployments")).unwrap();
    let members = deployment.committee.iter().map(|key| key.address().to_string()).collect::<Vec<_>>();
    let text = std::fs::read_to_string(folder.join("script/config/local.json")).unwrap();
    let mut text: serde_json::Value = serde_json::from_str(&text).unwrap();
    text["memes"] = memes.to_string().into();
    text["committee"] = members.into();
    std::fs::write(folder.join(&config), text.to_string()).unwrap();
    let url = anvil.url();
    let output = tokio::process::Command::new("node")
        .args(["script/deploy.mjs", "--rpc-url", &url, "--sender", &OWNER.to_string(), "--unlocked"])
        .current_dir(&folder)
        .env("SG_CONFIG", &config)
        .env("SG_ADDRESSES", &addresses)
        .output()
        .await
        .unwrap();
    let written = std::fs::read_to_string(folder.join(&addresses));
    std::fs::remove_file(folder.join(&config)).unwrap();
    let _ = std::fs::remove_file(folder.join(&addresses));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let written: serde_json::Value = serde_json::from_str(&written.unwrap()).unwrap();
    for (name, address) in deployment.system.named() {
        assert_eq!(written["contracts"][name], address.to_string(), "{name}");
    }
    let slashed = deployment.chain.view(deployment.system.parameters, &ParameterRegistry::treasuryCall {});
    assert_eq!(slashed.await.unwrap(), deployment.system.timelock);
}
