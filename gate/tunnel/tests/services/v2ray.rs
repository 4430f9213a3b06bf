//! Real V2Ray, set up and asked every second by the SDK's own service, with real clients.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use sentinel_proto::handshake::Service as Kind;
use socket2::{Domain, Protocol, Socket, Type};
use sovereign_tunnel::{Peer, RestoreOutcome, Tunnel, TunnelConfig};
use tempfile::TempDir;

use crate::driver;
use crate::maintenance_task::MaintenanceTask;
use crate::net::{Namespace, Program, until};
use crate::raw_tcp_flow::RawTcpFlow;
use crate::service::Service;
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
const VLESS: Way = Way { port: 10_087, protocol: "vless", transport: "websocket", mux: false };
const KCP: Way = Way { port: 10_088, protocol: "vmess", transport: "mkcp", mux: false };

/// Where the node's own API is, and where a client finds it through its tunnel: by loopback, by the machine's address
/// and by the other loopback.
const NODE: u16 = 18_585;
const NODE_DOORS: [u16; 3] = [7002, 7003, 7004];

struct Fixture {
    clients: Vec<Client>,
    service: Option<Service>,
    home: TempDir,
    node: Namespace,
}

struct Client {
    id: String,
    _v2ray: Program,
    namespace: Namespace,
    _files: TempDir,
}

impl Fixture {
    fn start(ways: &[Way]) -> Self {
        let (node, home) = (Namespace::new(), TempDir::new().unwrap());
        let inbound = |way: Way| {
            format!(
                "[[inbounds]]\nport = \"{}\"\nproxy_protocol = \"{}\"\ntransport_protocol = \"{}\"\n\
                 transport_security = \"none\"\n",
                way.port, way.protocol, way.transport
            )
        };
        let inbounds: String = [TCP, VLESS, KCP].map(inbound).concat();
        std::fs::create_dir(home.path().join("v2ray")).unwrap();
        std::fs::write(home.path().join("v2ray/config.toml"), inbounds).unwrap();
        node.thread(tick);
        let service = Service::start_patiently(&node, "v2ray", home.path());
        let mut fixture = Self { clients: Vec::new(), service: Some(service), home, node };
        for (way, number) in ways.iter().zip(1..) {
            fixture.connect(*way, number);
        }
        fixture
    }

    fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    fn connect(&mut self, way: Way, number: u8) {
        let (id, _) = self.service().add([number; 16]);
        let (namespace, files) = (Namespace::new(), TempDir::new().unwrap());
        let net = format!("192.168.{}", number + 100);
        self.node.join(&namespace, &net);
        let config = files.path().join("client.json");
        std::fs::write(&config, configuration(way, &id, &format!("{net}.1"))).unwrap();
        let program = sentinel_stack::paths::stock_program("v2ray");
        let v2ray = namespace.spawn(Command::new(program).args(["run", "--config"]).arg(&config));
        self.clients.push(Client { id, _v2ray: v2ray, namespace, _files: files });
    }

    fn driver(&self) -> Arc<dyn Tunnel> {
        driver::of(Kind::V2Ray, self.home.path(), &self.node)
    }

    fn peer(&self, client: usize) -> Peer {
        driver::peer(client, &self.clients[client].id)
    }

    fn stream(&self, client: usize) -> Stream {
        Stream::start(&self.clients[client].namespace)
    }
}

fn configuration(way: Way, id: &str, address: &str) -> String {
    let door = |port: u16, address: &str, target: u16| {
        serde_json::json!({ "listen": "127.0.0.1", "port": port, "protocol": "dokodemo-door",
            "settings": { "address": address, "port": target, "network": "tcp" } })
    };
    let user = serde_json::json!({ "id": id, "encryption": "none", "security": "auto" });
    serde_json::json!({
        "log": { "loglevel": "none" },
        "inbounds": [
            door(TICKS, "127.0.0.1", TICKER), door(API, "127.0.0.1", 2323),
            door(NODE_DOORS[0], "127.0.0.1", NODE), door(NODE_DOORS[1], address, NODE), door(NODE_DOORS[2], "::1", NODE),
        ],
        "outbounds": [{
            "protocol": way.protocol,
            "settings": { "vnext": [{ "address": address, "port": way.port, "users": [user] }] },
            "streamSettings": { "network": way.transport },
            "mux": { "enabled": way.mux },
        }],
    })
    .to_string()
}

async fn stops_and_comes_back(way: Way) {
    let fixture = Fixture::start(&[way, TCP]);
    let tunnel = fixture.driver();
    let _maintenance = MaintenanceTask::start(&tunnel);
    let streams = [fixture.stream(0), fixture.stream(1)];
    let others = streams[1].begun();

    let asked = Instant::now();
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let (order, out) = (asked.elapsed(), Instant::now());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(streams[0].since(out + Duration::from_millis(200)), 0, "packets pass");
    assert!(streams[1].comes_back(out, Duration::from_secs(3)) < Duration::from_secs(3));
    assert!(streams[1].begun() <= others + 1, "the other one was cut more than once");
    tunnel.present().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let present = tunnel.present().await.unwrap().peers;
    assert!(present.iter().any(|peer| peer.peer_id == fixture.peer(0).peer_id));
    let passing: Vec<_> = present.iter().filter(|peer| peer.passing).map(|peer| &peer.peer_id).collect();
    assert_eq!(passing, [&fixture.peer(1).peer_id]);
    // A second time does nothing.
    let others = streams[1].begun();
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(streams[1].begun(), others);

    let asked = Instant::now();
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    let back = streams[0].comes_back(asked, Duration::from_secs(70));
    assert_eq!(streams[1].begun(), others, "letting somebody back cuts nobody");
    assert!(fixture.service().lives());
    println!("v2ray {}: order {order:?}, back after {back:?}", way.transport);
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

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_restores_mkcp_user() {
    stops_and_comes_back(KCP).await;
}

/// Who is in, also without a word from him, and the answer that was lost.
#[tokio::test(flavor = "multi_thread")]
async fn finds_users_and_rebuilds_lost_answer() {
    let fixture = Fixture::start(&[]);
    let tunnel = fixture.driver();
    let (first, answer) = fixture.service().add([1; 16]);
    let (second, wanted) = fixture.service().add([2; 16]);
    let [first, second, nobody] = [first, second, "00000009-6f0a-4b7e-8d11-0123456789ab".to_owned()]
        .map(|id| Peer { session_id: 1, peer_id: id, addresses: Vec::new() });
    assert_eq!(tunnel.rebuild_answer(&second, &answer).await.unwrap(), Some(wanted));
    for (peer, there) in [(&first, true), (&nobody, false), (&nobody, false)] {
        assert_eq!(tunnel.has(peer).await.unwrap(), there);
    }
    assert_eq!(tunnel.rebuild_answer(&nobody, &answer).await.unwrap(), None);
    assert_eq!(tunnel.rebuild_answer(&second, &serde_json::json!({ "metadata": [] })).await.unwrap(), None);
    tunnel.block(std::slice::from_ref(&second)).await.unwrap();
    assert!(!tunnel.has(&second).await.unwrap() && tunnel.has(&first).await.unwrap());
    // The node can add whom it was asked for, as before.
    let (third, _) = fixture.service().add([3; 16]);
    assert!(tunnel.has(&Peer { peer_id: third, ..first }).await.unwrap());
    assert!(fixture.service().lives());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_evictions_share_a_cut() {
    let fixture = Fixture::start(&[TCP, TCP, TCP, TCP, TCP]);
    let tunnel = fixture.driver();
    let streams: Vec<Stream> = (0..5).map(|client| fixture.stream(client)).collect();
    let before = streams[4].begun();
    let peers: Vec<Peer> = (0..4).map(|client| fixture.peer(client)).collect();
    tunnel.block(&peers[..1]).await.unwrap();
    let together = peers[1..].iter().map(|peer| tunnel.block(std::slice::from_ref(peer)));
    for done in futures::future::join_all(together).await {
        done.unwrap();
    }
    let out = Instant::now() + Duration::from_millis(200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    for stream in &streams[..4] {
        assert_eq!(stream.since(out), 0, "packets pass");
    }
    assert!(streams[4].since(out) > 0);
    assert!(streams[4].begun() <= before + 2, "cut {} times", streams[4].begun() - before);
    assert!(fixture.service().lives());
}

#[tokio::test(flavor = "multi_thread")]
async fn closes_api_to_all_but_node_across_restarts() {
    let mut fixture = Fixture::start(&[TCP]);
    let stream = fixture.stream(0);
    let outside: SocketAddr = "192.168.101.1:2323".parse().unwrap();
    let inside = SocketAddr::from(([127, 0, 0, 1], API));
    let inside_node = SocketAddr::from(([127, 0, 0, 1], 2323));
    let reached = |fixture: &Fixture| {
        let from = &fixture.clients[0].namespace;
        [api_answers(from, outside), api_answers(from, inside)]
    };
    assert_eq!(reached(&fixture), [true, true], "the hole that is to be closed");

    let tunnel = fixture.driver();
    let maintenance = MaintenanceTask::start(&tunnel);
    until("the API is closed", Duration::from_secs(5), || reached(&fixture) == [false, false]);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(fixture.service().lives(), "the node lost its own connection");
    let begun = stream.begun();
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    stream.comes_back(Instant::now(), Duration::from_secs(10));
    assert!(stream.begun() > begun);

    // The node is started again, with the gate and, later, without it.
    let mut maintenance = Some(maintenance);
    for again in [true, false] {
        drop(fixture.service.take());
        tokio::time::sleep(Duration::from_secs(2)).await;
        fixture.service = Some(Service::start_patiently(&fixture.node, "v2ray", fixture.home.path()));
        let (id, _) = fixture.service().add([9; 16]);
        // It knows only what was added since: whoever it has forgotten it would not count.
        let stranger = Peer { session_id: 9, peer_id: id, addresses: Vec::new() };
        assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::NotThere);
        tunnel.block(std::slice::from_ref(&stranger)).await.unwrap();
        assert!(fixture.service().lives());
        if again {
            until("the API is closed again", Duration::from_secs(5), || {
                !api_answers(&fixture.node, inside_node)
            });
            drop(maintenance.take());
        }
    }
}

/// Gate and node are started again, and the gate has an eviction to repeat.
#[tokio::test(flavor = "multi_thread")]
async fn new_gate_does_not_restore_user_lost_by_node() {
    let mut fixture = Fixture::start(&[]);
    let (id, _) = fixture.service().add([1; 16]);
    let peer = Peer { session_id: 1, peer_id: id, addresses: Vec::new() };
    drop(fixture.service.take());
    fixture.service = Some(Service::start_patiently(&fixture.node, "v2ray", fixture.home.path()));
    let (tunnel, started) = (fixture.driver(), Instant::now());
    tokio::time::sleep(Duration::from_secs(3)).await;
    // It cannot know that there was another one, but how long this one has been there.
    let age = tunnel.restarted_since().await.unwrap().unwrap();
    assert!(age >= Duration::from_secs(2) && age < started.elapsed() + Duration::from_secs(30), "{age:?}");
    assert_eq!(tunnel.restarted_since().await.unwrap(), None);
    tunnel.block(std::slice::from_ref(&peer)).await.unwrap();
    assert_eq!(tunnel.restore(&peer).await.unwrap(), RestoreOutcome::NotThere);
    assert!(!tunnel.has(&peer).await.unwrap());
}

/// The kernel cannot close the service's own ends, and a client that was cut goes on where it was, under cover of a
/// new connection from the same port.
#[tokio::test(flavor = "multi_thread")]
async fn cut_flow_stays_cut_beside_new_flow() {
    const MINE: &str = "SOVEREIGN_GATE_TEST_WITHOUT_SS";
    if std::env::var_os(MINE).is_none() {
        let (name, files) = ("v2ray::cut_flow_stays_cut_beside_new_flow", TempDir::new().unwrap());
        std::os::unix::fs::symlink("/bin/false", files.path().join("ss")).unwrap();
        let path = format!("{}:{}", files.path().display(), std::env::var("PATH").unwrap());
        let mut again = Command::new(std::env::current_exe().unwrap());
        let again = again.args(["--exact", name, "--nocapture"]).env(MINE, "1").env("PATH", path);
        assert!(again.status().unwrap().success());
        return;
    }
    let fixture = Fixture::start(&[TCP]);
    let tunnel = fixture.driver();
    let mut flow = RawTcpFlow::start(&fixture.clients[0].namespace, "192.168.101.1", TCP.port);
    assert!(flow.is_taken(b"before"));
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    assert!(!flow.is_taken(b"simply"));
    flow.reset_and_begin_anew();
    assert!(!flow.is_taken(b"sneaks"), "packets pass");
}

/// Something that stands for the node's own API, on all its addresses, as the node listens.
fn answer_as_the_node() {
    let listener = TcpListener::bind(("::", NODE)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut question = [0; 1024];
                while stream.read(&mut question).is_ok_and(|read| read > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
                }
            });
        }
    });
}

fn node_answers(from: &Namespace, address: SocketAddr) -> bool {
    from.thread(move || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok_and(answers_http))
}

/// Whether the node answers the gate, which connects from `source`.
fn node_answers_gate(node: &Namespace, source: Ipv4Addr) -> bool {
    node.thread(move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], NODE));
        socket.connect_timeout(&address.into(), Duration::from_secs(1)).is_ok() && answers_http(socket.into())
    })
}

fn answers_http(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = [0; 12];
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"HTTP/1.1 200"
}

/// A proxy gives its users the loopback of the node's machine, where the node listens without asking for a card.
#[tokio::test(flavor = "multi_thread")]
async fn closes_node_to_proxy_users_but_not_to_gate() {
    let fixture = Fixture::start(&[TCP]);
    fixture.node.thread(answer_as_the_node);
    let reached = || {
        let client = &fixture.clients[0].namespace;
        NODE_DOORS.map(|door| node_answers(client, ([127, 0, 0, 1], door).into()))
    };
    let node: Uri = format!("http://127.0.0.1:{NODE}").parse().unwrap();
    let config = TunnelConfig { service: Some(Kind::V2Ray), ..TunnelConfig::new(fixture.home.path()) };
    // As the gate finds it in the node's namespace.
    let config = config.with_node_api_guard(&node);
    let source = config.node_api_guard.unwrap().allowed_source.unwrap();
    let gates = || node_answers_gate(&fixture.node, source);
    until("the hole that is to be closed", Duration::from_secs(15), || reached() == [true; 3]);
    assert!(gates());

    let namespace = Some(fixture.node.path().into());
    let config = TunnelConfig { namespace, ..config };
    let tunnel = sovereign_tunnel::open(&config, Box::new(|| None)).unwrap();
    let maintenance = MaintenanceTask::start(&tunnel);
    until("the node is closed", Duration::from_secs(15), || reached() == [false; 3]);
    assert!(gates());
    // A cut changes nothing, nor does the end of the gate.
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    tunnel.restore(&fixture.peer(0)).await.unwrap();
    fixture.stream(0);
    assert!(reached() == [false; 3] && gates());
    drop(maintenance);
    let inside = SocketAddr::from(([127, 0, 0, 1], API));
    until("the service's API is open", Duration::from_secs(5), || {
        api_answers(&fixture.clients[0].namespace, inside)
    });
    assert!(reached() == [false; 3] && gates());
    assert!(fixture.service().lives());
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_service_is_an_error() {
    let fixture = Fixture::start(&[TCP]);
    let peer = fixture.peer(0);
    let config = |home: &Path, api_addr: Option<&str>| TunnelConfig {
        service: Some(Kind::V2Ray),
        api_addr: api_addr.map(|address| address.parse().unwrap()),
        namespace: Some(fixture.node.path().into()),
        ..TunnelConfig::new(home)
    };
    for config in [config(Path::new("/nonexistent"), None), config(fixture.home.path(), Some("127.0.0.1:9"))]
    {
        let tunnel = sovereign_tunnel::open(&config, Box::new(|| None)).unwrap();
        let asked = Instant::now();
        tunnel.block(std::slice::from_ref(&peer)).await.unwrap_err();
        tunnel.restore(&peer).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
    let silent = fixture.node.thread(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let address = silent.local_addr().unwrap().to_string();
    let tunnel =
        sovereign_tunnel::open(&config(fixture.home.path(), Some(&address)), Box::new(|| None)).unwrap();
    let asked = Instant::now();
    tunnel.block(std::slice::from_ref(&peer)).await.unwrap_err();
    assert!(asked.elapsed() < Duration::from_secs(5));
}
