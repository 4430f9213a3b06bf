//! Real Xray, with real clients. No node that has it can be had here: it is started with the configuration that a node
//! writes for V2Ray, under Xray's names.

use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_proto::handshake::Service as Kind;
use serde_json::{Value, json};
use sovereign_tunnel::{Peer, RestoreOutcome, Tunnel};
use tempfile::TempDir;

use crate::driver;
use crate::maintenance_task::MaintenanceTask;
use crate::net::{Namespace, Program, until};
use crate::stream::{API, Stream, TICKER, TICKS, api_answers, tick};

/// How a client comes in.
#[derive(Clone, Copy)]
struct Way {
    port: u16,
    protocol: &'static str,
    transport: &'static str,
    mux: bool,
}

const TCP: Way = Way { port: 10_086, protocol: "vmess", transport: "tcp", mux: false };
const MUX: Way = Way { mux: true, ..TCP };
const VLESS: Way = Way { port: 10_087, protocol: "vless", transport: "ws", mux: false };

struct Fixture {
    clients: Vec<Client>,
    _xray: Program,
    home: TempDir,
    node: Namespace,
}

struct Client {
    id: String,
    _xray: Program,
    namespace: Namespace,
    _files: TempDir,
}

fn id(number: usize) -> String {
    format!("{number:08}-6f0a-4b7e-8d11-0123456789ab")
}

fn start(namespace: &Namespace, config: &std::path::Path) -> Program {
    let program = sentinel_stack::paths::stock_program("xray");
    namespace.spawn(Command::new(program).arg(config))
}

/// A user's entry at the server: the node names each by its uuid.
fn users(count: usize) -> Vec<Value> {
    (1..=count).map(|number| json!({ "id": id(number), "email": id(number) })).collect()
}

fn server(count: usize) -> Value {
    let inbound = |way: Way| {
        let tag = format!("{}_{}_{}_none", way.port, way.protocol, way.transport);
        json!({
            "tag": tag, "listen": "0.0.0.0", "port": way.port, "protocol": way.protocol,
            "settings": { "clients": users(count), "decryption": "none" },
            "streamSettings": { "network": way.transport },
        })
    };
    json!({
        "log": { "loglevel": "none" },
        "api": { "tag": "api", "services": ["HandlerService", "StatsService"] },
        "stats": {},
        "policy": { "levels": { "0": { "statsUserUplink": true, "statsUserDownlink": true } } },
        "inbounds": [
            { "tag": "api", "listen": "0.0.0.0", "port": 2323, "protocol": "dokodemo-door",
              "settings": { "address": "127.0.0.1" } },
            inbound(TCP), inbound(VLESS),
        ],
        "outbounds": [{ "protocol": "freedom" }],
        "routing": { "rules": [{ "type": "field", "inboundTag": ["api"], "outboundTag": "api" }] },
    })
}

fn client(way: Way, id: &str, address: &str) -> Value {
    let door = |port: u16, target: u16| {
        json!({ "listen": "127.0.0.1", "port": port, "protocol": "dokodemo-door",
            "settings": { "address": "127.0.0.1", "port": target, "network": "tcp" } })
    };
    let user = json!({ "id": id, "encryption": "none", "security": "auto" });
    json!({
        "log": { "loglevel": "none" },
        "inbounds": [door(TICKS, TICKER), door(API, 2323)],
        "outbounds": [{
            "protocol": way.protocol,
            "settings": { "vnext": [{ "address": address, "port": way.port, "users": [user] }] },
            "streamSettings": { "network": way.transport },
            "mux": { "enabled": way.mux },
        }],
    })
}

impl Fixture {
    fn start(ways: &[Way]) -> Self {
        let (node, home) = (Namespace::new(), TempDir::new().unwrap());
        std::fs::create_dir(home.path().join("xray")).unwrap();
        let config = home.path().join("xray/server.json");
        std::fs::write(&config, server(ways.len()).to_string()).unwrap();
        node.thread(tick);
        let xray = start(&node, &config);
        let clients = ways.iter().zip(1..).map(|(way, number)| {
            let (namespace, files) = (Namespace::new(), TempDir::new().unwrap());
            let net = format!("192.168.{}", number + 100);
            node.join(&namespace, &net);
            let config = files.path().join("client.json");
            std::fs::write(&config, client(*way, &id(number), &format!("{net}.1")).to_string()).unwrap();
            let xray = start(&namespace, &config);
            Client { id: id(number), _xray: xray, namespace, _files: files }
        });
        Self { clients: clients.collect(), _xray: xray, home, node }
    }

    fn driver(&self) -> Arc<dyn Tunnel> {
        driver::of(Kind::Xray, self.home.path(), &self.node)
    }

    fn peer(&self, client: usize) -> Peer {
        driver::peer(client, &self.clients[client].id)
    }

    fn stream(&self, client: usize) -> Stream {
        Stream::start(&self.clients[client].namespace)
    }
}

async fn stops_and_comes_back(way: Way) {
    let fixture = Fixture::start(&[way, TCP]);
    let streams = [fixture.stream(0), fixture.stream(1)];
    let tunnel = fixture.driver();
    let _maintenance = MaintenanceTask::start(&tunnel);
    let others = streams[1].begun();

    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let out = Instant::now();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(streams[0].since(out + Duration::from_millis(200)), 0, "packets pass");
    assert!(streams[1].comes_back(out, Duration::from_secs(3)) < Duration::from_secs(3));
    assert!(streams[1].begun() <= others + 1, "the other one was cut more than once");

    let (asked, others) = (Instant::now(), streams[1].begun());
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    let back = streams[0].comes_back(asked, Duration::from_secs(30));
    assert_eq!(streams[1].begun(), others, "letting somebody back cuts nobody");
    println!("xray {} {}: back after {back:?}", way.protocol, way.transport);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_restores_tcp_user() {
    stops_and_comes_back(TCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_restores_multiplexed_user() {
    stops_and_comes_back(MUX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_restores_vless_websocket_user() {
    stops_and_comes_back(VLESS).await;
}

/// Xray names its users, those that send nothing included.
#[tokio::test(flavor = "multi_thread")]
async fn lists_all_users() {
    let fixture = Fixture::start(&[TCP, TCP]);
    let stream = fixture.stream(0);
    let tunnel = fixture.driver();
    let present = async || {
        let present = tunnel.present().await.unwrap();
        assert!(present.all);
        present.peers.into_iter().map(|peer| (peer.peer_id, peer.passing)).collect::<Vec<_>>()
    };
    assert_eq!(present().await, [(id(1), true), (id(2), true)]);
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let out = Instant::now();
    assert_eq!(present().await, [(id(1), false), (id(2), true)]);
    assert!(!tunnel.has(&fixture.peer(0)).await.unwrap() && tunnel.has(&fixture.peer(1)).await.unwrap());
    let told = json!({ "metadata": [{ "port": TCP.port }, { "port": VLESS.port }] });
    assert_eq!(tunnel.rebuild_answer(&fixture.peer(1), &told).await.unwrap(), Some(told.clone()));
    assert_eq!(tunnel.rebuild_answer(&fixture.peer(0), &told).await.unwrap(), None);
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    assert_eq!(present().await, [(id(1), true), (id(2), true)]);
    stream.comes_back(out, Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_api_to_users() {
    let fixture = Fixture::start(&[TCP]);
    let _stream = fixture.stream(0);
    let (inside, from) = (([127, 0, 0, 1], API).into(), &fixture.clients[0].namespace);
    until("the hole that is to be closed", Duration::from_secs(5), || api_answers(from, inside));
    // The node's own connection: while it has none, it must be able to make one.
    let node = fixture.node.thread(|| TcpStream::connect("127.0.0.1:2323").unwrap());
    let tunnel = fixture.driver();
    let _maintenance = MaintenanceTask::start(&tunnel);
    until("the API is closed", Duration::from_secs(5), || !api_answers(from, inside));
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    drop(node);
}
