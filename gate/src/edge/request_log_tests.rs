//! Log lines of a request: each carries the request id, session and shortened account, and none a secret.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use secp256k1::{Message, Secp256k1, SecretKey};
use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::handshake::{Handshake, Service};
use sentinel_proto::hub::{HubClient, HubConfig, SessionKind};
use sentinel_proto::stub::{State, StubHub};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sovereign_contracts::reader::{Reader, ReaderConfig};
use sovereign_tunnel::TunnelConfig;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing_subscriber::fmt::MakeWriter;

use super::{
    ClientRateLimiter, Edge, EdgeDeps, GateApi, Listener, ListenerConfig, ListenerLimits, Upstream, tls,
};
use crate::access::{Access, AccessConfig, EthereumMetrics};
use crate::admission::sessions::Follower;
use crate::admission::{Admission, AdmissionDeps, AdmissionPolicy, AdmissionSettings, Sessions};
use crate::config::{Config, PolicySection};
use crate::enforce::{Enforcer, EnforcerDeps, Evictor};
use crate::governance::Governance;
use crate::handshake::{HandshakeDeps, HandshakeHandler};
use crate::node::NodeState;
use crate::redact::ShortAccount;
use crate::signin::{SignIn, SignInConfig, SignInDeps};
use crate::store::Store;
use crate::store::clock::{Clock, SystemClock};

const CHAIN: &str = "chain-1";
const NODE: NodeAddress = NodeAddress::new([2; 20]);
const PROBE_SESSION: u64 = 4_711;
const UNBOUND_SESSION: u64 = 4_712;
const HUB_TIMEOUT: Duration = Duration::from_secs(10);
/// Stands for the client's tunnel configuration in the answer of the node.
const NODE_ANSWER: &str = r#"{"success":true,"result":{"addrs":[],"data":"c2VjcmV0LXR1bm5lbC1kYXRh"}}"#;

/// Log lines in memory.
#[derive(Clone, Default)]
struct CapturedLog(Arc<Mutex<Vec<u8>>>);

impl CapturedLog {
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).unwrap()
    }
}

impl Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for CapturedLog {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Handshake of a stock client, and what of it must not be logged.
struct SignedHandshake {
    body: Bytes,
    account: AccountAddress,
    secrets: Vec<String>,
}

impl SignedHandshake {
    fn new(key: u8, session: u64) -> Self {
        let (secp, key) = (Secp256k1::signing_only(), SecretKey::from_byte_array([key; 32]).unwrap());
        let peer = BASE64.encode(Sha256::digest(session.to_be_bytes()));
        let data = format!(r#"{{"public_key":"{peer}"}}"#);
        let digest = Sha256::new().chain_update(session.to_be_bytes()).chain_update(&data).finalize();
        let signature =
            BASE64.encode(secp.sign_ecdsa(Message::from_digest(digest.into()), &key).serialize_compact());
        let public_key = BASE64.encode(key.public_key(&secp).serialize());
        let data = BASE64.encode(data);
        let body = json!({
            "id": session, "data": data, "pub_key": format!("secp256k1:{public_key}"), "signature": signature,
        });
        let body = Bytes::from(body.to_string());
        let account = Handshake::parse(&body).unwrap().verify().unwrap().account;
        let secrets = vec![signature, public_key, data, peer, account.to_string()];
        Self { body, account, secrets }
    }
}

/// A gate with a stub of the hub and of the node, and without Ethereum.
struct GateHandle {
    url: String,
    _home: tempfile::TempDir,
    _hub: StubHub,
    _stop: DropGuard,
}

impl GateHandle {
    async fn start(probe: AccountAddress) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (stop, home) = (CancellationToken::new(), tempfile::tempdir().unwrap());
        let mut state = State::new(CHAIN);
        state.put(PROBE_SESSION, probe, NODE, SessionKind::Direct);
        let hub = StubHub::start(state).unwrap();
        let hub_config = HubConfig {
            grpc_addrs: vec![hub.addr().to_string()],
            chain_id: CHAIN.to_owned(),
            timeout: Duration::from_secs(2),
        };
        let sessions = Arc::new(Sessions::new(HubClient::new(hub_config).unwrap()));
        let (events, mut ended) = mpsc::channel(16);
        tokio::spawn(Follower::new(Arc::clone(&sessions), || Some(NODE), events).run(stop.clone()));
        tokio::spawn(async move { while ended.recv().await.is_some() {} });
        let up = async {
            while !sessions.health().is_up() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(HUB_TIMEOUT, up).await.unwrap();

        let (clock, store): (Arc<dyn Clock>, _) =
            (Arc::new(SystemClock), Store::open(home.path()).await.unwrap());
        let reader =
            ReaderConfig { rpc_addrs: vec!["http://127.0.0.1:9".to_owned()], ..ReaderConfig::default() };
        let reader = Arc::new(Reader::new(reader, Arc::new(EthereumMetrics)).unwrap());
        let access = Arc::new(Access::new(AccessConfig::default(), Arc::clone(&reader)).unwrap());
        let mut config = Config::default();
        config.gate.public_url = "https://127.0.0.1:8585".to_owned();
        let tunnel = TunnelConfig::try_from(&config.tunnel).unwrap();
        let tunnel = sovereign_tunnel::open(&tunnel, Box::new(|| None)).unwrap();
        let evictor = Arc::new(Evictor::new(store.clone(), tunnel));
        let policy = PolicySection { allow_accounts: vec![probe], ..PolicySection::default() };
        let admission = Arc::new(Admission::new(
            AdmissionDeps {
                access: Arc::clone(&access),
                sessions: Arc::clone(&sessions),
                store: store.clone(),
                evictor: Arc::clone(&evictor) as _,
                clock: Arc::clone(&clock),
            },
            AdmissionPolicy::from(&policy),
            AdmissionSettings { sign_in_url: String::new(), unbound_ttl: Duration::from_secs(3600) },
        ));
        let enforcer = Enforcer::new(&EnforcerDeps {
            store: store.clone(),
            access: Arc::clone(&access),
            admission: Arc::clone(&admission),
            sessions,
            evictor,
            clock: Arc::clone(&clock),
            foreign_peers: config.tunnel.foreign_peers,
        });
        let upstream = Arc::new(Upstream::new(serve_node().await.parse().unwrap(), None));
        let (_, node) = watch::channel(NodeState::default());
        let handshakes = Arc::new(HandshakeHandler::new(HandshakeDeps {
            admission,
            enforcer: Arc::clone(&enforcer),
            forwarder: Arc::clone(&upstream),
            store: store.clone(),
            clock: Arc::clone(&clock),
            service: Some(Service::WireGuard),
            node,
        }));
        let sign_in = SignIn::new(
            &SignInConfig::from(&config),
            SignInDeps {
                store,
                entitlements: Arc::clone(&access) as _,
                contracts: reader,
                clock,
                governance: Governance::none(),
            },
        );
        let api = GateApi::new(sign_in.unwrap(), access, enforcer);
        let edge = Arc::new(Edge::new(EdgeDeps {
            upstream,
            handshakes,
            api,
            rate: Arc::new(ClientRateLimiter::new(&config.limits)),
            max_body_bytes: config.limits.body_bytes,
        }));
        let listener = ListenerConfig {
            address: ([127, 0, 0, 1], 0).into(),
            tls: tls::server_config(home.path(), &config.gate).unwrap(),
            limits: ListenerLimits::from(&config),
        };
        let listener = Listener::bind(listener, edge).await.unwrap();
        let url = format!("http://{}", listener.address().unwrap());
        tokio::spawn(listener.serve(stop.clone(), Duration::ZERO));
        Self { url, _home: home, _hub: hub, _stop: stop.drop_guard() }
    }

    async fn send_handshake(&self, handshake: &SignedHandshake) -> (u16, String) {
        send(reqwest::Client::new().post(&self.url).body(handshake.body.clone())).await
    }
}

/// Sends a request and returns status and body of the answer.
async fn send(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Serves a node that accepts every handshake, and returns its URL.
async fn serve_node() -> String {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", tcp.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let answer = service_fn(|_: Request<hyper::body::Incoming>| async {
                Ok::<_, std::convert::Infallible>(Response::new(super::envelope::full_body(NODE_ANSWER)))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    url
}

/// Starts to capture all log lines of this thread, on which the runtime of the test runs every task.
fn capture_log() -> (CapturedLog, tracing::subscriber::DefaultGuard) {
    let log = CapturedLog::default();
    let lines = tracing_subscriber::fmt()
        .with_env_filter("info,sovereign_gate=debug")
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(lines))
}

/// Returns the request id of the last line about a request of `session` and `account`.
fn id_of_last_line(log: &str, session: u64, account: AccountAddress) -> String {
    let last = log.lines().rfind(|line| line.contains("request{")).unwrap_or_else(|| panic!("{log}"));
    let fields = last.split_once("request{").unwrap().1.split_once('}').unwrap().0;
    assert!(fields.contains(&format!("session={session} ")), "{last}");
    assert!(fields.contains(&format!("account={}", ShortAccount(account))), "{last}");
    let id = fields.split_once("id=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(id.len(), 16, "{last}");
    id.to_owned()
}

fn assert_no_secret(log: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[tokio::test]
async fn last_line_of_handshake_carries_request_id_session_and_account() {
    let (probe, unbound) = (SignedHandshake::new(1, PROBE_SESSION), SignedHandshake::new(3, UNBOUND_SESSION));
    let (log, _capture) = capture_log();
    let gate = GateHandle::start(probe.account).await;
    log.take();

    let (status, answer) = gate.send_handshake(&unbound).await;
    let refused = log.take();
    assert_ne!(status, 200, "{answer}");
    assert!(refused.contains("handshake refused"), "{refused}");
    let first = id_of_last_line(&refused, UNBOUND_SESSION, unbound.account);
    assert_no_secret(&refused, &unbound.secrets);

    let (status, answer) = gate.send_handshake(&probe).await;
    let admitted = log.take();
    assert_eq!((status, answer.as_str()), (200, NODE_ANSWER));
    assert!(admitted.contains("session admitted"), "{admitted}");
    let second = id_of_last_line(&admitted, PROBE_SESSION, probe.account);
    assert_no_secret(&admitted, &probe.secrets);
    assert_no_secret(&admitted, &["c2VjcmV0LXR1bm5lbC1kYXRh".to_owned()]);
    assert_ne!(first, second);
}

#[tokio::test]
async fn sign_in_logs_neither_token_nor_signature() {
    let account = SignedHandshake::new(1, PROBE_SESSION).account;
    let (log, _capture) = capture_log();
    let gate = GateHandle::start(account).await;
    let wallet = "0x0000000000000000000000000000000000000011";
    let client = reqwest::Client::new();
    let url = format!("{}/gate/challenge?account={account}&wallet={wallet}", gate.url);
    let (status, challenge) = send(client.get(url)).await;
    assert_eq!(status, 200, "{challenge}");
    let challenge: serde_json::Value = serde_json::from_str(&challenge).unwrap();
    let (message, signature) = (&challenge["result"]["message"], format!("0x{}", "5e".repeat(65)));
    let body = json!({ "message": message, "signature": signature }).to_string();
    let (status, refused) = send(client.post(format!("{}/gate/bindings", gate.url)).body(body)).await;
    assert_ne!(status, 201, "{refused}");
    let token = "a-token-of-an-earlier-sign-in";
    let binding = client.get(format!("{}/gate/binding", gate.url)).bearer_auth(token);
    assert_eq!(send(binding).await.0, 401);
    let nonce = challenge["result"]["nonce"].as_str().unwrap().to_owned();
    let lines = log.take();
    assert_no_secret(&lines, &[signature, token.to_owned(), nonce, account.to_string(), wallet.to_owned()]);
}
