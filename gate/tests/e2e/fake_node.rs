//! A node in this process: accepts handshakes as the stock node does, and keeps its peers in a table that the gate
//! reads and changes over the control socket of a userspace WireGuard. It queries no hub and carries no traffic, so
//! it accepts hundreds of devices a second.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::Handshake;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::stub::node_info;
use crate::world::set;

/// Peer limit of a stock node.
const MAX_PEERS: usize = 250;
/// The address before the first one that a client gets.
const FIRST_ADDRESS: u32 = 0x0a40_0001;

/// The node; stops when dropped.
#[derive(Debug)]
pub(crate) struct FakeNode {
    address: SocketAddr,
    socket: PathBuf,
    state: Arc<NodeState>,
    tasks: [JoinHandle<()>; 2],
    _directory: tempfile::TempDir,
}

#[derive(Debug)]
struct NodeState {
    info: Bytes,
    private_key: [u8; 32],
    /// Duration of a handshake in milliseconds.
    delay: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Allowed IPs by public key, in hexadecimal.
    peers: BTreeMap<String, Vec<String>>,
    /// Sessions of the node's database, with their keys.
    sessions: BTreeMap<u64, String>,
    /// Accounts of the sessions on the hub.
    accounts: BTreeMap<u64, AccountAddress>,
    /// Peer requests of the node's database.
    requests: BTreeSet<String>,
    addresses: u32,
}

impl NodeState {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FakeNode {
    /// Starts a node with the info of the node at this URL.
    pub(crate) async fn like(url: &str) -> Result<Self> {
        let info = node_info(url).await?.into();
        let state = Arc::new(NodeState {
            info,
            private_key: rand::random(),
            delay: AtomicU64::default(),
            table: Mutex::default(),
        });
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("wg.sock");
        let (api, control) = (TcpListener::bind(("127.0.0.1", 0)).await?, UnixListener::bind(&socket)?);
        let address = api.local_addr()?;
        let router = Router::new().route("/", get(tell_info).post(take_handshake));
        let router = router.with_state(Arc::clone(&state));
        let shared = Arc::clone(&state);
        let tasks = [
            tokio::spawn(async move {
                let _ = axum::serve(api, router).await;
            }),
            tokio::spawn(async move {
                while let Ok((stream, _)) = control.accept().await {
                    let state = Arc::clone(&shared);
                    tokio::spawn(async move { control_table(stream, &state).await });
                }
            }),
        ];
        Ok(Self { address, socket, state, tasks, _directory: directory })
    }

    /// Configures a gate to stand in front of this node.
    pub(crate) fn configure(&self, config: &mut toml::Table) {
        set(config, "gate", "node_url", format!("http://{}", self.address));
        set(config, "tunnel", "interface", self.socket.display().to_string());
    }

    /// Delays every handshake by this time from now on.
    pub(crate) fn slow_down(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.state.delay.store(delay, Ordering::SeqCst);
    }

    /// Registers a session of this account as one on the hub.
    pub(crate) fn expect_session(&self, session: u64, account: AccountAddress) {
        self.state.table().accounts.insert(session, account);
    }

    /// Number of these keys, in base64, that are in the table.
    pub(crate) fn held_slots<'a>(&self, keys: impl IntoIterator<Item = &'a String>) -> usize {
        let table = self.state.table();
        keys.into_iter().filter(|key| table.peers.contains_key(&hexadecimal(key))).count()
    }

    /// Whether packets of this key, in base64, pass.
    pub(crate) fn passes(&self, key: &str) -> bool {
        self.state.table().peers.get(&hexadecimal(key)).is_some_and(|addresses| !addresses.is_empty())
    }

    /// Removes the peer of a session that has ended on the hub, as the stock node does at its next check.
    pub(crate) fn end_session(&self, session: u64) {
        let mut table = self.state.table();
        if let Some(key) = table.sessions.remove(&session) {
            table.peers.remove(&key);
        }
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn hexadecimal(key: &str) -> String {
    hex::encode(STANDARD.decode(key).unwrap_or_default())
}

async fn tell_info(State(state): State<Arc<NodeState>>) -> Response {
    ([("content-type", "application/json; charset=utf-8")], state.info.clone()).into_response()
}

fn refuse(status: StatusCode, code: u32, message: &str) -> Response {
    let error = json!({ "code": code, "message": message });
    (status, axum::Json(json!({ "success": false, "error": error }))).into_response()
}

async fn take_handshake(State(state): State<Arc<NodeState>>, body: Bytes) -> Response {
    let Some((session, signer, request, key)) = read_handshake(&body) else {
        return refuse(StatusCode::BAD_REQUEST, 2, "malformed");
    };
    tokio::time::sleep(Duration::from_millis(state.delay.load(Ordering::SeqCst))).await;
    let mut table = state.table();
    if table.peers.len() >= MAX_PEERS {
        return refuse(StatusCode::CONFLICT, 1, "maximum peer limit reached");
    }
    if table.accounts.get(&session).is_some_and(|account| *account != signer) {
        return refuse(StatusCode::UNAUTHORIZED, 6, "account address mismatch");
    }
    if table.sessions.contains_key(&session) {
        return refuse(StatusCode::CONFLICT, 3, "session already exists");
    }
    if !table.requests.insert(request) {
        return refuse(StatusCode::CONFLICT, 4, "peer request already exists");
    }
    table.addresses += 1;
    let address = format!("{}/32", std::net::Ipv4Addr::from(FIRST_ADDRESS + table.addresses));
    table.peers.insert(key.clone(), vec![address.clone()]);
    table.sessions.insert(session, key);
    let metadata = json!([{ "port": 51820, "public_key": STANDARD.encode([1; 32]) }]);
    let data = STANDARD.encode(json!({ "addrs": [address], "metadata": metadata }).to_string());
    let result = json!({ "addrs": ["127.0.0.1"], "data": data });
    axum::Json(json!({ "success": true, "result": result })).into_response()
}

/// Session, signing account, peer request, and key in hexadecimal.
fn read_handshake(body: &[u8]) -> Option<(u64, AccountAddress, String, String)> {
    let signer = Handshake::parse(body).ok()?.verify().ok()?.account;
    let handshake: Value = serde_json::from_slice(body).ok()?;
    let data = handshake["data"].as_str()?;
    let request: Value = serde_json::from_slice(&STANDARD.decode(data).ok()?).ok()?;
    Some((handshake["id"].as_u64()?, signer, data.to_owned(), hexadecimal(request["public_key"].as_str()?)))
}

/// Serves <https://www.wireguard.com/xplatform/#configuration-protocol>: operations that end with an empty line.
async fn control_table(stream: UnixStream, state: &NodeState) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let (mut lines, mut operation) = (BufReader::new(reader).lines(), Vec::new());
    while let Some(line) = lines.next_line().await? {
        if !line.is_empty() {
            operation.push(line);
            continue;
        }
        let answer = match operation.first().map(String::as_str) {
            Some("get=1") => list_peers(state),
            Some("set=1") => change_peers(&operation[1..], &mut state.table()),
            _ => "errno=22\n\n".to_owned(),
        };
        writer.write_all(answer.as_bytes()).await?;
        operation.clear();
    }
    Ok(())
}

fn list_peers(state: &NodeState) -> String {
    let mut lines =
        vec![format!("private_key={}", hex::encode(state.private_key)), "listen_port=51820".to_owned()];
    for (key, addresses) in &state.table().peers {
        lines.push(format!("public_key={key}\nprotocol_version=1\nrx_bytes=0\ntx_bytes=0"));
        lines.extend(addresses.iter().map(|address| format!("allowed_ip={address}")));
    }
    lines.join("\n") + "\nerrno=0\n\n"
}

/// The change of one peer.
#[derive(Debug, Default)]
struct PeerChange {
    key: String,
    update_only: bool,
    remove: bool,
    replace_addresses: bool,
    addresses: Vec<String>,
}

fn change_peers(lines: &[String], table: &mut Table) -> String {
    let mut changes: Vec<PeerChange> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if name == "public_key" {
            changes.push(PeerChange { key: value.to_owned(), ..PeerChange::default() });
            continue;
        }
        let Some(change) = changes.last_mut() else { continue };
        match name {
            "update_only" => change.update_only = true,
            "remove" => change.remove = true,
            "replace_allowed_ips" => change.replace_addresses = true,
            "allowed_ip" => change.addresses.push(value.to_owned()),
            _ => {}
        }
    }
    for change in changes {
        apply(change, table);
    }
    "errno=0\n\n".to_owned()
}

fn apply(change: PeerChange, table: &mut Table) {
    if change.remove {
        table.peers.remove(&change.key);
        return;
    }
    if change.update_only && !table.peers.contains_key(&change.key) {
        return;
    }
    // An address belongs to the peer to which it was assigned last.
    for addresses in table.peers.values_mut() {
        addresses.retain(|address| !change.addresses.contains(address));
    }
    let addresses = table.peers.entry(change.key).or_default();
    if change.replace_addresses {
        addresses.clear();
    }
    addresses.extend(change.addresses);
}
