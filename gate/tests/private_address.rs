//! Private address of the real program and its commands, with and without the token.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use sovereign_gate::ops::admin_guard::AdminGuard;

/// A running gate; killed on drop.
struct RunningGate(Child);

impl RunningGate {
    fn start(home: &Path, service: &str, address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovereign-gate"));
        command.arg("--home").arg(home).arg("start").stdout(Stdio::null()).stderr(Stdio::null());
        command.env("SOVEREIGN_GATE__GATE__ADMIN_ADDR", address);
        command.env("SOVEREIGN_GATE__GATE__LISTEN_ADDR", "127.0.0.1:0");
        command.env("SOVEREIGN_GATE__TUNNEL__SERVICE", service);
        command.env("SOVEREIGN_GATE__TUNNEL__NODE_HOME", home.join("no-node"));
        Self(command.spawn().unwrap())
    }
}

impl Drop for RunningGate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the status of a request with this head, once the address accepts connections.
fn status(address: &str, head: &str) -> u16 {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn requires_token_only_in_front_of_proxy_services() {
    for (service, expected) in [("v2ray", 401), ("xray", 401), ("wireguard", 200), ("openvpn", 200)] {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), sovereign_gate::config::TEMPLATE).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let _gate = RunningGate::start(home.path(), service, &free);
        let get = |path: &str, host: &str| status(&free, &format!("GET {path} HTTP/1.1\r\nHost: {host}"));
        for path in ["/health", "/metrics"] {
            assert_eq!(get(path, &free), 200, "{service}");
        }
        assert_eq!(get("/ready", &free), 503, "{service}");
        for path in ["/sessions", "/audit", "/holder/0x00000000000000000000000000000000000000aa"] {
            assert_eq!(get(path, &free), expected, "{service} {path}");
        }
        assert_eq!(get("/sessions", "localhost\r\nOrigin: http://localhost"), 403);
        assert_eq!(get("/sessions", "rebound.example"), 403);
        assert!(sessions(home.path(), &free).status.success(), "{service}");
    }
}

fn sessions(home: &Path, address: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sovereign-gate"));
    command.arg("--home").arg(home).args(["sessions", "list", "--json"]);
    command.env("SOVEREIGN_GATE__GATE__ADMIN_ADDR", address).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_send_token_of_their_home() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for home in [&home, &other] {
        std::fs::write(home.path().join("config.toml"), sovereign_gate::config::TEMPLATE).unwrap();
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = Router::new().route("/sessions", get(|| async { r#"{"sessions":[]}"# }));
    let routes = AdminGuard::new(home.path(), Box::new(|| true)).unwrap().guard_routes(routes);
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let listed = sessions(home.path(), &address);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert_eq!(String::from_utf8(listed.stdout).unwrap().trim(), r#"{"sessions":[]}"#);
    // Without a token file, and with that of another gate.
    for _ in 0..2 {
        let refused = sessions(other.path(), &address);
        let answer = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && answer.contains("admin.token"), "{answer}");
        drop(AdminGuard::new(other.path(), Box::new(|| true)).unwrap());
    }
}
