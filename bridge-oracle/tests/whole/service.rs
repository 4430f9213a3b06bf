//! The program as a service: it follows Ethereum, reports its state, and stops on a signal.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::commands::oracle;
use crate::fixture::BridgeFixture;

/// Returns status line, headers and body.
async fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// Asserts that every metric named in the alerts and the guide exists.
fn named_metrics_exist(metrics: &str) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shown = |name: &str| {
        metrics
            .lines()
            .any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ', '_'])))
    };
    for file in ["docker/bridge-oracle.alerts.yaml", "docs/oracle.md"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let names: std::collections::BTreeSet<_> =
            words.filter(|word| word.starts_with("bridge_oracle_")).collect();
        assert!(names.len() > 9, "{file}: {names:?}");
        for name in names {
            assert!(shown(name), "{file} names {name}: {metrics}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_follows_reports_and_stops_on_signal() {
    let mut fixture = BridgeFixture::open(1).await;
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    fixture.write_home();
    let home = fixture.home.path().to_owned();
    let mut service = tokio::process::Command::new(env!("CARGO_BIN_EXE_bridge-oracle"))
        .arg("--home")
        .arg(&home)
        .arg("start")
        .env("BRIDGE_ORACLE__ORACLE__ADMIN_ADDR", &admin)
        .env("BRIDGE_ORACLE__ORACLE__INTERVAL", "300ms")
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let shows = async |path: &str, wanted: &str| {
        let since = std::time::Instant::now();
        loop {
            let answer = get(&admin, path).await.unwrap_or_default();
            if answer.contains(wanted) {
                return answer;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{path} does not show {wanted}: {answer}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    shows("/ready", "200 OK").await;
    let second = oracle(&home, &["start", "--once"]).await;
    assert_eq!(second.code, 69, "{}", second.err);
    assert_eq!(oracle(&home, &["plan"]).await.code, 0, "looking takes no turn");

    fixture.register(0).await;
    fixture.ethereum.settle().await;
    // The action is confirmed: from here the hub is queried by rounds only.
    let done = "bridge_oracle_actions_total{action=\"link\",outcome=\"done\"} 1";
    let metrics = shows("/metrics", done).await;
    assert!(fixture.is_linked(0).await);
    assert!(get(&admin, "/health").await.unwrap().contains("true"));
    for line in ["bridge_oracle_approved 1", "bridge_oracle_halted 0", "bridge_oracle_refused 0"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }

    shows("/metrics", "bridge_oracle_fee_grant_gas ").await;
    let metrics = shows("/metrics", "bridge_oracle_grants_end_timestamp_seconds ").await;
    named_metrics_exist(&metrics);

    fixture.hub.chain.halt();
    let trouble = shows("/ready", "503 Service Unavailable").await;
    assert!(trouble.contains("\"hub\""), "{trouble}");
    fixture.hub.chain.resume().unwrap();
    shows("/ready", "200 OK").await;
    let id = i32::try_from(service.id().unwrap()).unwrap();
    kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
    assert_eq!(service.wait().await.unwrap().code(), Some(0));
    assert!(get(&admin, "/health").await.is_none());
}
