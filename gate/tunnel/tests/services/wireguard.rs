//! WireGuard outside of the kernel: real wireguard-go on both ends.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_proto::handshake::Service;
use sovereign_tunnel::{Peer, RestoreOutcome, Tunnel, TunnelConfig};

use crate::net::{Namespace, Program, run, unique, until};
use crate::ping::Ping;

fn config(interface: &str) -> TunnelConfig {
    config_of(&WIREGUARD, interface)
}

fn config_of(flavour: &Flavour, interface: &str) -> TunnelConfig {
    TunnelConfig {
        service: Some(flavour.service),
        interface: Some(interface.to_owned()),
        ..TunnelConfig::new("/nonexistent")
    }
}

fn driver(interface: &str) -> Arc<dyn Tunnel> {
    sovereign_tunnel::open(&config(interface), Box::new(|| None)).unwrap()
}

/// WireGuard, or a relative of it.
pub(crate) struct Flavour {
    pub(crate) service: Service,
    pub(crate) program: fn() -> PathBuf,
    /// Where its control sockets are.
    pub(crate) sockets: &'static str,
    /// What both ends are told besides, in its own protocol.
    pub(crate) besides: &'static str,
}

const WIREGUARD: Flavour = Flavour {
    service: Service::WireGuard,
    program: || "wireguard-go".into(),
    sockets: "/var/run/wireguard",
    besides: "",
};

/// One end of a tunnel.
pub(crate) struct End {
    pub(crate) namespace: Namespace,
    pub(crate) interface: String,
    public_key: String,
    _wireguard: Program,
    socket: PathBuf,
}

impl Drop for End {
    fn drop(&mut self) {
        // Where it is only a link to the socket of a relative.
        if self.socket.is_symlink() {
            let _ = std::fs::remove_file(&self.socket);
        }
    }
}

fn keys() -> (String, String) {
    let private = run(&["wg", "genkey"]).trim().to_owned();
    let mut child =
        Command::new("wg").arg("pubkey").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(private.as_bytes()).unwrap();
    let public = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned();
    (private, public)
}

impl End {
    fn start(flavour: &Flavour, address: &str, port: u16) -> Self {
        let (namespace, interface) = (Namespace::new(), format!("w{}", unique()));
        let mut command = Command::new((flavour.program)());
        let wireguard = namespace.spawn(command.args(["-f", &interface]).env("LOG_LEVEL", "silent"));
        let real = format!("{}/{interface}.sock", flavour.sockets);
        until("it starts", Duration::from_secs(10), || Path::new(&real).exists());
        // `wg` looks at one place only.
        let socket = PathBuf::from(format!("/var/run/wireguard/{interface}.sock"));
        if !socket.exists() {
            std::fs::create_dir_all("/var/run/wireguard").unwrap();
            std::os::unix::fs::symlink(&real, &socket).unwrap();
        }
        if !flavour.besides.is_empty() {
            let mut stream = UnixStream::connect(&real).unwrap();
            stream.write_all(format!("set=1\n{}\n\n", flavour.besides).as_bytes()).unwrap();
            let mut answer = [0; 64];
            let length = stream.read(&mut answer).unwrap();
            assert_eq!(&answer[..length], b"errno=0\n\n", "{}", String::from_utf8_lossy(&answer));
        }
        let (private_key, public_key) = keys();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), private_key).unwrap();
        let file = file.path().to_str().unwrap();
        run(&["wg", "set", &interface, "private-key", file, "listen-port", &port.to_string()]);
        namespace.run(&["ip", "addr", "add", address, "dev", &interface]);
        namespace.run(&["ip", "link", "set", &interface, "up"]);
        Self { namespace, interface, public_key, _wireguard: wireguard, socket }
    }

    fn add(&self, key: &str, allowed: &str) {
        run(&["wg", "set", &self.interface, "peer", key, "allowed-ips", allowed]);
    }

    /// What `wg` says of each peer.
    fn shown(&self, what: &str) -> BTreeMap<String, String> {
        let lines = run(&["wg", "show", &self.interface, what]);
        let pairs = lines.lines().filter_map(|line| line.split_once('\t'));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

/// A node with clients whose tunnels are up.
pub(crate) struct Fixture {
    pub(crate) node: End,
    pub(crate) clients: Vec<End>,
}

impl Fixture {
    fn start(clients: u8) -> Self {
        Self::of(&WIREGUARD, clients)
    }

    pub(crate) fn of(flavour: &Flavour, clients: u8) -> Self {
        let node = End::start(flavour, "10.99.0.1/24", 51_820);
        let clients = (2..2 + clients).map(|last| {
            let client = End::start(flavour, &format!("10.99.0.{last}/24"), 51_821);
            let net = format!("192.168.{last}");
            node.namespace.join(&client.namespace, &net);
            node.add(&client.public_key, &format!("10.99.0.{last}/32"));
            let endpoint = format!("{net}.1:51820");
            run(&[
                "wg",
                "set",
                &client.interface,
                "peer",
                &node.public_key,
                "endpoint",
                &endpoint,
                "allowed-ips",
                "10.99.0.1/32",
            ]);
            client
        });
        let clients = clients.collect();
        Self { node, clients }
    }

    fn peer(&self, client: usize) -> Peer {
        Peer {
            session_id: client as u64,
            peer_id: self.clients[client].public_key.clone(),
            addresses: vec![format!("10.99.0.{}/32", client + 2)],
        }
    }

    fn received(&self, client: usize) -> u64 {
        let counters = &self.node.shown("transfer")[&self.clients[client].public_key];
        counters.split('\t').next().unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_restores_peer_without_disturbing_others() {
    stops_and_comes_back(&WIREGUARD).await;
}

pub(crate) async fn stops_and_comes_back(flavour: &Flavour) {
    let fixture = Fixture::of(flavour, 2);
    let tunnel =
        sovereign_tunnel::open(&config_of(flavour, &fixture.node.interface), Box::new(|| None)).unwrap();
    let pings: Vec<Ping> =
        fixture.clients.iter().map(|client| Ping::start(&client.namespace, "10.99.0.1")).collect();
    let begun = Instant::now();
    let counted = fixture.received(0);
    assert!(counted > 0);

    let asked = Instant::now();
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let (order, out) = (asked.elapsed(), Instant::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    // An answer that was under way may be read a moment later.
    assert_eq!(pings[0].since(out + Duration::from_millis(50)), 0, "packets pass");
    let shut = tunnel.present().await.unwrap().peers;
    let own = shut.iter().find(|present| present.peer_id == fixture.peer(0).peer_id).unwrap();
    assert!(!own.passing && own.addresses.is_empty());
    // A second time does nothing.
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    assert!(fixture.received(0) >= counted, "the counters fell");

    let asked = Instant::now();
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    let back = pings[0].comes_back(asked, Duration::from_secs(1));
    assert!(fixture.received(0) >= counted, "the counters fell");
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);

    assert!(pings[1].gap(begun) < Duration::from_millis(900), "the other one missed something");
    println!("order {order:?}, back after {back:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_client_handshake_does_not_unblock_peer() {
    let fixture = Fixture::start(1);
    let tunnel = driver(&fixture.node.interface);
    let ping = Ping::start(&fixture.clients[0].namespace, "10.99.0.1");
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let out = Instant::now() + Duration::from_millis(50);
    // The client begins anew: a fresh session key from its side.
    let (client, node) = (&fixture.clients[0], &fixture.node);
    let endpoint = "192.168.2.1:51820";
    run(&["wg", "set", &client.interface, "peer", &node.public_key, "remove"]);
    run(&[
        "wg",
        "set",
        &client.interface,
        "peer",
        &node.public_key,
        "endpoint",
        endpoint,
        "allowed-ips",
        "10.99.0.1/32",
    ]);
    let before = Instant::now();
    until("the client shakes hands again", Duration::from_secs(10), || {
        client.shown("latest-handshakes").values().any(|time| time != "0")
            || before.elapsed() > Duration::from_secs(6)
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ping.since(out), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_adds_a_peer() {
    let fixture = Fixture::start(1);
    let tunnel = driver(&fixture.node.interface);
    let stranger = Peer { session_id: 9, peer_id: keys().1, addresses: vec!["10.99.0.77/32".into()] };
    let foreign = Peer { peer_id: "0f3c1f6e-6f0a-4b7e-8d11-0123456789ab".into(), ..stranger.clone() };
    tunnel.block(&[stranger.clone(), foreign.clone()]).await.unwrap();
    assert_eq!(tunnel.restore(&stranger).await.unwrap(), RestoreOutcome::NotThere);
    assert_eq!(tunnel.restore(&foreign).await.unwrap(), RestoreOutcome::NotThere);
    let present = tunnel.present().await.unwrap().peers;
    assert_eq!(present.len(), 1);
    assert!(present[0].passing);
    assert_eq!(present[0].addresses, ["10.99.0.2/32"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn does_not_restore_address_of_another_peer() {
    let fixture = Fixture::start(2);
    let tunnel = driver(&fixture.node.interface);
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let heir = fixture.peer(1).peer_id;
    fixture.node.add(&heir, "10.99.0.3/32,10.99.0.2/32");
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::AddressTaken);
    assert_eq!(fixture.node.shown("allowed-ips")[&heir].matches("/32").count(), 2);
    for addresses in [vec![], vec!["0.0.0.0/0".to_owned()], vec!["10.99.0.0/24".to_owned()]] {
        let greedy = Peer { addresses, ..fixture.peer(0) };
        assert_eq!(tunnel.restore(&greedy).await.unwrap(), RestoreOutcome::AddressTaken);
    }
    assert_eq!(fixture.node.shown("allowed-ips")[&fixture.peer(0).peer_id], "(none)");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_a_thousand_peers_in_one_request() {
    let fixture = Fixture::start(1);
    let ping = Ping::start(&fixture.clients[0].namespace, "10.99.0.1");
    let mut crowd = Vec::new();
    let mut order = vec!["wg".to_owned(), "set".to_owned(), fixture.node.interface.clone()];
    for index in 0..1000_u32 {
        let (key, address) = (wireguard_key(index), format!("10.98.{}.{}/32", index / 250, index % 250 + 1));
        order.extend(["peer".to_owned(), key.clone(), "allowed-ips".to_owned(), address.clone()]);
        crowd.push(Peer { session_id: u64::from(index), peer_id: key, addresses: vec![address] });
    }
    run(&order.iter().map(String::as_str).collect::<Vec<_>>());
    let tunnel = driver(&fixture.node.interface);
    let begun = Instant::now();
    tunnel.block(&crowd).await.unwrap();
    let took = begun.elapsed();
    let present = tunnel.present().await.unwrap().peers;
    assert_eq!(present.len(), 1001);
    let passing: Vec<_> = present.iter().filter(|present| present.passing).collect();
    assert_eq!(passing.len(), 1);
    assert_eq!(passing[0].peer_id, fixture.peer(0).peer_id);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(ping.gap(begun) < Duration::from_millis(900));
    println!("1,000 peers shut out in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_service_is_an_error() {
    let namespace = Namespace::new();
    let peer = Peer { session_id: 1, peer_id: keys().1, addresses: vec!["10.99.0.2/32".into()] };
    for config in [
        config(&format!("w{}", unique())),
        config("/nonexistent/wg0.sock"),
        TunnelConfig { namespace: Some(namespace.path().into()), ..config(&format!("w{}", unique())) },
        TunnelConfig { namespace: Some("/nonexistent".into()), ..config(&format!("w{}", unique())) },
    ] {
        let tunnel = sovereign_tunnel::open(&config, Box::new(|| None)).unwrap();
        tunnel.block(std::slice::from_ref(&peer)).await.unwrap_err();
        tunnel.restore(&peer).await.unwrap_err();
        tunnel.present().await.unwrap_err();
    }
}

/// A public key that nobody has the private key of.
fn wireguard_key(index: u32) -> String {
    use base64::Engine as _;
    let mut key = [9; 32];
    key[..4].copy_from_slice(&index.to_be_bytes());
    base64::engine::general_purpose::STANDARD.encode(key)
}
