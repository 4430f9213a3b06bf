//! Tests of the command line.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture::BridgeFixture;

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

pub(crate) async fn oracle(home: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-oracle"));
    command.arg("--home").arg(home).args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl BridgeFixture {
    pub(crate) fn write_home(&self) {
        let home = self.home.path();
        let config = bridge_oracle::config::TEMPLATE
            .replace(
                "rpc_addrs = [\"http://127.0.0.1:8545\"]",
                &format!("rpc_addrs = [{:?}]", self.ethereum.anvil.url()),
            )
            .replace(
                "grpc_addrs = [\"127.0.0.1:9090\"]",
                &format!("grpc_addrs = [{:?}]", self.hub.chain.grpc_addr()),
            )
            .replace("127.0.0.1:9586\"\n\n", "127.0.0.1:0\"\n\n");
        std::fs::write(home.join("config.toml"), config).unwrap();
        std::fs::write(home.join("governed.toml"), toml::to_string(&self.ethereum.governed).unwrap())
            .unwrap();
        let mut secret = [7; 32];
        secret[..2].copy_from_slice(&1_u16.to_be_bytes());
        std::fs::write(home.join("oracle.key"), hex::encode(secret)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(home.join("oracle.key"), mode).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_show_state_and_plan_and_start_executes_it() {
    let mut fixture = BridgeFixture::open(2).await;
    fixture.write_home();
    let home = fixture.home.path().to_owned();
    let hash = oracle(&home, &["config", "hash"]).await;
    assert_eq!(hash.out.trim(), fixture.ethereum.governed.hash().to_string(), "{}", hash.err);
    fixture.register(0).await;
    fixture.ethereum.settle().await;
    let node = fixture.node(0).to_string();

    let plan = oracle(&home, &["plan", "--json"]).await;
    assert_eq!(plan.code, 0, "{}", plan.err);
    let plan = plan.json();
    assert_eq!((plan["approved"].as_bool(), plan["actions"].as_array().unwrap().len()), (Some(true), 2));
    assert_eq!(plan["actions"][0]["reason"], "in good standing on Ethereum");
    assert!(fixture.links().await.is_empty(), "a plan changes nothing");
    let text = oracle(&home, &["plan"]).await.out;
    assert!(text.contains(&format!("lease {node} for 10 h")) && text.contains("good"), "{text}");

    let once = oracle(&home, &["start", "--once"]).await;
    assert_eq!(once.code, 0, "{}", once.err);
    assert!(fixture.is_linked(0).await);
    let lines: Vec<Value> = once.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"] == "decided"), "{}", once.err);

    let why = oracle(&home, &["why", &node]).await;
    assert!(why.out.contains("It is wanted: good."), "{} {}", why.out, why.err);
    let why = oracle(&home, &["why", &fixture.node(1).to_string(), "--json"]).await.json();
    assert!(why["ethereum"].is_null() && why["decision"].is_null());
    let status = oracle(&home, &["status", "--json"]).await.json();
    assert_eq!((status["nodes"]["good"].as_u64(), status["round"].as_u64()), (Some(1), Some(1)));
    assert_eq!(status["hub"]["plans"][0]["links"], 1);
    assert_eq!(oracle(&home, &["why", "nonsense"]).await.code, 64);

    // Another configuration: `config diff` shows the difference, `start` fails, `config bundle` writes the approval.
    std::fs::copy(home.join("governed.toml"), home.join("before.toml")).unwrap();
    fixture.ethereum.governed.lease.max_per_day = 7;
    fixture.write_home();
    let before = home.join("before.toml");
    let diff = oracle(&home, &["config", "diff", before.to_str().unwrap()]).await;
    assert!(diff.out.contains("lease.max_per_day: \"1000000000\" -> \"7\""), "{}", diff.out);
    let refused = oracle(&home, &["start", "--once"]).await;
    assert_eq!(refused.code, 78, "{}", refused.err);
    assert!(refused.err.contains("bridge-oracle config bundle"), "{}", refused.err);
    let bundle = oracle(&home, &["config", "bundle", "--out", home.to_str().unwrap()]).await;
    assert_eq!(bundle.code, 0, "{}", bundle.err);
    assert!(home.join("approveConfig.schedule.json").exists());

    // The hub is down.
    fixture.hub.chain.halt();
    assert_eq!(oracle(&home, &["status"]).await.code, 69);
}

#[tokio::test(flavor = "multi_thread")]
async fn init_creates_home_once_and_never_replaces_key() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().join("oracle");
    let first = oracle(&home, &["init"]).await;
    assert_eq!(first.code, 0, "{}", first.err);
    let key = std::fs::read(home.join("oracle.key")).unwrap();
    assert_eq!(oracle(&home, &["init"]).await.code, 1);
    assert_eq!(oracle(&home, &["init", "--force"]).await.code, 0);
    assert_eq!(std::fs::read(home.join("oracle.key")).unwrap(), key);
    // The template names no contracts.
    assert_eq!(oracle(&home, &["config", "hash"]).await.code, 78);
    let config = std::fs::read_to_string(home.join("config.toml")).unwrap();
    std::fs::write(home.join("config.toml"), config.replace("[oracle]", "[orakel]")).unwrap();
    assert_eq!(oracle(&home, &["plan"]).await.code, 78);
}
