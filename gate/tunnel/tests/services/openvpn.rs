//! Real OpenVPN, set up and asked every second by the SDK's own service, with real clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sentinel_proto::handshake::Service as Kind;
use serde_json::Value;
use sovereign_tunnel::{Peer, RestoreOutcome, Tunnel, TunnelConfig, TunnelPeer};
use tempfile::TempDir;

use crate::driver;
use crate::maintenance_task::MaintenanceTask;
use crate::net::{Namespace, Program, run, until};
use crate::ping::Ping;
use crate::service::Service;

/// A node with clients that are connected.
struct Fixture {
    // Dropped in this order: the clients, the service, its machine.
    clients: Vec<Client>,
    service: Service,
    gateway: String,
    home: TempDir,
    node: Namespace,
}

struct Client {
    id: String,
    _openvpn: Program,
    namespace: Namespace,
    _files: TempDir,
}

impl Fixture {
    fn start(clients: u8) -> Self {
        let (node, home) = (Namespace::new(), TempDir::new().unwrap());
        // The service looks for the way out.
        node.run(&["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]);
        node.run(&["ip", "addr", "add", "10.11.12.13/24", "dev", "eth0"]);
        for end in ["eth0", "eth1"] {
            node.run(&["ip", "link", "set", end, "up"]);
        }
        node.run(&["ip", "route", "add", "default", "via", "10.11.12.1"]);
        let service = Service::start(&node, "openvpn", home.path());
        let conf = fs::read_to_string(home.path().join("openvpn/server.conf")).unwrap();
        let net =
            conf.lines().find_map(|line| line.strip_prefix("server ")).unwrap().split(' ').next().unwrap();
        let gateway = format!("{}.1", net.rsplit_once('.').unwrap().0);
        let status = home.path().join("openvpn/server.log");
        until("OpenVPN starts", Duration::from_secs(15), || status.exists());
        let mut fixture = Self { clients: Vec::new(), service, gateway, home, node };
        for number in 0..clients {
            fixture.connect(number);
        }
        fixture
    }

    /// One more client; it goes on trying every second.
    fn connect(&mut self, number: u8) {
        let (id, answer) = self.service.add([number + 1; 16]);
        let (namespace, files) = (Namespace::new(), TempDir::new().unwrap());
        let net = format!("192.168.{}", number + 10);
        self.node.join(&namespace, &net);
        let config = configuration(&answer, &format!("{net}.1"), files.path());
        let openvpn = namespace.spawn(Command::new("openvpn").arg("--config").arg(config));
        self.clients.push(Client { id, _openvpn: openvpn, namespace, _files: files });
    }

    fn driver(&self) -> Arc<dyn Tunnel> {
        driver::of(Kind::OpenVpn, self.home.path(), &self.node)
    }

    fn peer(&self, client: usize) -> Peer {
        driver::peer(client, &self.clients[client].id)
    }

    fn ping(&self, client: usize) -> Ping {
        Ping::start(&self.clients[client].namespace, &self.gateway)
    }

    fn list(&self) -> PathBuf {
        self.home.path().join("openvpn/pki/ca.rl")
    }

    /// The list as openssl shows it.
    fn listed(&self) -> String {
        run(&["openssl", "crl", "-in", self.list().to_str().unwrap(), "-noout", "-text"])
    }

    fn serial(&self, client: usize) -> String {
        let file = self.home.path().join(format!("openvpn/pki/{}.crt", self.clients[client].id));
        let text = run(&["openssl", "x509", "-in", file.to_str().unwrap(), "-noout", "-serial"]);
        text.trim().strip_prefix("serial=").unwrap().to_owned()
    }
}

fn configuration(answer: &Value, address: &str, files: &Path) -> PathBuf {
    let server = &answer["metadata"][0];
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let pem = |kind: &str, value: &Value| {
        format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", value.as_str().unwrap())
    };
    let secret: Vec<String> = bytes(&server["tls"]).chunks(16).map(hex::encode).collect();
    let secret = secret.join("\n");
    let text = format!(
        "client\ndev tun\nproto {}\nremote {address} {}\nnobind\nconnect-retry 1 1\nhand-window 6\nauth SHA256\n\
         cipher AES-256-GCM\ndata-ciphers AES-256-GCM:AES-128-GCM\n<ca>\n{}</ca>\n<cert>\n{}</cert>\n<key>\n{}</key>\n\
         <tls-crypt>\n-----BEGIN OpenVPN Static key V1-----\n{secret}\n-----END OpenVPN Static key V1-----\n</tls-crypt>\n",
        server["protocol"].as_str().unwrap(),
        server["port"],
        pem("CERTIFICATE", &server["ca"]),
        pem("CERTIFICATE", &answer["cert"]),
        pem("PRIVATE KEY", &answer["key"]),
    );
    let path = files.join("client.conf");
    fs::write(&path, text).unwrap();
    path
}

fn passing(present: &[TunnelPeer]) -> Vec<&str> {
    present.iter().filter(|peer| peer.passing).map(|peer| peer.peer_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_peer_blocked_and_restores_it_without_disturbing_others() {
    let fixture = Fixture::start(2);
    let tunnel = fixture.driver();
    let pings = [fixture.ping(0), fixture.ping(1)];
    let begun = Instant::now();

    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let (order, out) = (begun.elapsed(), Instant::now());
    // Its client tries again every second.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(pings[0].since(out + Duration::from_millis(100)), 0, "packets pass");
    let present = tunnel.present().await.unwrap().peers;
    assert_eq!(present.len(), 2);
    assert_eq!(passing(&present), [fixture.peer(1).peer_id]);
    // A second time does nothing, a gate that knows nothing yet included.
    let before = fs::read(fixture.list()).unwrap();
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    fixture.driver().block(&[fixture.peer(0)]).await.unwrap();
    assert_eq!(fs::read(fixture.list()).unwrap(), before);

    let asked = Instant::now();
    assert_eq!(fixture.driver().restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    let back = pings[0].comes_back(asked, Duration::from_secs(70));
    assert!(pings[1].gap(begun) < Duration::from_millis(1500), "the other one missed something");
    assert!(fixture.service.lives());
    println!("openvpn: order {order:?}, back after {back:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn merges_revocation_list_written_by_node() {
    let mut fixture = Fixture::start(2);
    let tunnel = fixture.driver();
    let pings = [fixture.ping(0), fixture.ping(1)];
    let _maintenance = MaintenanceTask::start(&tunnel);
    tunnel.block(&[fixture.peer(0)]).await.unwrap();
    let out = Instant::now() + Duration::from_millis(100);
    let (ours, nodes) = (fixture.serial(0), fixture.serial(1));

    // The session of the other one ends: the node writes the list from its memory, without ours.
    assert_eq!(fixture.service.order(&format!("remove {}", fixture.peer(1).peer_id)), serde_json::json!({}));
    until("the list is whole again", Duration::from_secs(2), || {
        let list = fixture.listed();
        list.contains(&ours) && list.contains(&nodes)
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(pings[0].since(out), 0, "packets pass");
    assert_eq!(pings[1].since(Instant::now().checked_sub(Duration::from_secs(3)).unwrap()), 0);

    // What the node revoked stays so; the list stays good for everybody else.
    assert_eq!(tunnel.restore(&fixture.peer(1)).await.unwrap(), RestoreOutcome::NotThere);
    fixture.connect(2);
    fixture.ping(2);
    let asked = Instant::now();
    assert_eq!(tunnel.restore(&fixture.peer(0)).await.unwrap(), RestoreOutcome::Passing);
    pings[0].comes_back(asked, Duration::from_secs(70));
    let list = fixture.listed();
    assert!(!list.contains(&ours) && list.contains(&nodes));
    assert!(fixture.service.lives());
}

#[tokio::test(flavor = "multi_thread")]
async fn renews_expiring_revocation_list() {
    let mut fixture = Fixture::start(1);
    let tunnel = fixture.driver();
    fixture.ping(0);
    // As the node's own list is after a day.
    let files = TempDir::new().unwrap();
    let text = "[ca]\ndefault_ca=c\n[c]\ndatabase=index\ndefault_md=sha384\ncrl_extensions=e\n\
                [e]\nauthorityKeyIdentifier=keyid\n";
    fs::write(files.path().join("conf"), text).unwrap();
    fs::write(files.path().join("index"), "").unwrap();
    let pki = fixture.home.path().join("openvpn/pki").display().to_string();
    let script = format!(
        "cd {} && openssl ca -config conf -gencrl -crlsec 1 -keyfile {pki}/ca.key -cert {pki}/ca.crt -out {pki}/ca.rl",
        files.path().display()
    );
    run(&["sh", "-c", &script]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    fixture.connect(1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let status = fs::read_to_string(fixture.home.path().join("openvpn/server.log")).unwrap();
    assert!(!status.contains(&fixture.peer(1).peer_id), "a list that has run out keeps nobody out");

    let _maintenance = MaintenanceTask::start(&tunnel);
    fixture.ping(1);
    assert!(!fixture.listed().contains("Revoked Certificates:"));
    assert!(fixture.service.lives());
}

/// What the node said to a client is told again, as long as its authority is the same.
#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_lost_answer() {
    let fixture = Fixture::start(0);
    let tunnel = fixture.driver();
    let (_, answer) = fixture.service.add([1; 16]);
    let (second, wanted) = fixture.service.add([2; 16]);
    let peer = |id: &str| Peer { session_id: 1, peer_id: id.to_owned(), addresses: Vec::new() };
    assert_ne!(answer, wanted);
    assert_eq!(tunnel.rebuild_answer(&peer(&second), &answer).await.unwrap(), Some(wanted));
    for nobody in ["00000009-6f0a-4b7e-8d11-0123456789ab", "../ca", ""] {
        assert_eq!(tunnel.rebuild_answer(&peer(nobody), &answer).await.unwrap(), None, "{nobody}");
    }
    let mut other = answer.clone();
    other["metadata"][0]["ca"] = STANDARD.encode("another authority").into();
    for told in [other, Value::Null, serde_json::json!({ "metadata": [] })] {
        assert_eq!(tunnel.rebuild_answer(&peer(&second), &told).await.unwrap(), None, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_operations_do_not_disturb_node() {
    let fixture = Fixture::start(1);
    let tunnel = fixture.driver();
    let ping = fixture.ping(0);
    let begun = Instant::now();
    let strangers: Vec<Peer> = (0..1000_u32)
        .map(|number| Peer {
            session_id: u64::from(number),
            peer_id: format!("{number:08x}-6f0a-4b7e-8d11-0123456789ab"),
            addresses: Vec::new(),
        })
        .collect();
    while begun.elapsed() < Duration::from_secs(7) {
        tunnel.block(&strangers).await.unwrap();
    }
    assert_eq!(tunnel.restore(&strangers[0]).await.unwrap(), RestoreOutcome::NotThere);
    let odd = Peer { peer_id: "../ca".into(), ..strangers[0].clone() };
    tunnel.block(std::slice::from_ref(&odd)).await.unwrap();
    assert_eq!(tunnel.restore(&odd).await.unwrap(), RestoreOutcome::NotThere);
    assert!(fixture.service.lives());
    let peers = fixture.service.order("peers");
    assert!(peers["peers"][fixture.peer(0).peer_id].as_u64().unwrap() > 0, "the node counts on");
    assert!(ping.gap(begun) < Duration::from_millis(1500));
}

/// As a power cut leaves a file that was just written.
#[tokio::test(flavor = "multi_thread")]
async fn empty_certificate_hides_no_other_peer() {
    let fixture = Fixture::start(0);
    let tunnel = fixture.driver();
    let (first, _) = fixture.service.add([1; 16]);
    let (second, _) = fixture.service.add([2; 16]);
    fs::write(fixture.home.path().join(format!("openvpn/pki/{second}.crt")), "").unwrap();
    let present = tunnel.present().await.unwrap().peers;
    let named: Vec<&str> = present.iter().map(|peer| peer.peer_id.as_str()).collect();
    assert_eq!(named, [&first]);
    // Whoever has another copy of it is not known to be out.
    tunnel.block(&[driver::peer(1, &second)]).await.unwrap_err();
    tunnel.restore(&driver::peer(1, &second)).await.unwrap_err();
    tunnel.block(&[driver::peer(0, &first)]).await.unwrap();
    assert!(!tunnel.present().await.unwrap().peers.iter().any(|peer| peer.passing));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_or_missing_management_is_an_error() {
    let fixture = Fixture::start(1);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), gone] {
        let config = TunnelConfig {
            service: Some(Kind::OpenVpn),
            api_addr: Some(address),
            ..TunnelConfig::new(fixture.home.path())
        };
        let tunnel = sovereign_tunnel::open(&config, Box::new(|| None)).unwrap();
        let asked = Instant::now();
        tunnel.block(&[fixture.peer(0)]).await.unwrap_err();
        assert!(asked.elapsed() < Duration::from_secs(5));
    }
}
