//! What must be true of `docker/compose.yaml`, checked without an engine: no client reaches the node around the gate.

use std::collections::BTreeSet;

use sentinel_stack::paths;
use yaml_rust2::{Yaml, YamlLoader};

/// The port of the node's API inside, in compose file, documentation and the gate's default configuration.
const NODE_PORT: &str = "18585";

fn compose() -> Yaml {
    let text = std::fs::read_to_string(paths::repository().join("docker/compose.yaml")).unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

fn strings(list: &Yaml) -> Vec<&str> {
    list.as_vec().into_iter().flatten().filter_map(Yaml::as_str).collect()
}

#[test]
fn only_the_namespace_publishes_and_never_the_nodes_api() {
    let compose = compose();
    let services = compose["services"].as_hash().unwrap();
    let names: BTreeSet<&str> = services.keys().filter_map(Yaml::as_str).collect();
    assert_eq!(names, BTreeSet::from(["gate", "ground", "node"]));
    for (name, service) in services {
        let name = name.as_str().unwrap();
        if name == "ground" {
            continue;
        }
        assert!(service["ports"].is_badvalue(), "{name} publishes ports of its own");
        assert_eq!(service["network_mode"].as_str(), Some("service:ground"), "{name}");
        let waits = &service["depends_on"]["ground"]["condition"];
        assert_eq!(waits.as_str(), Some("service_healthy"), "{name} starts before the firewall");
    }
    let published = strings(&compose["services"]["ground"]["ports"]);
    assert_eq!(published.len(), 2, "{published:?}");
    assert!(published.contains(&"8585:8585/tcp"));
    assert!(published.iter().all(|port| !port.contains(NODE_PORT)), "{published:?}");
    assert!(published.iter().any(|port| port.ends_with("/udp")), "the tunnel is not published");
}

#[test]
fn the_nodes_api_is_closed_on_every_interface_but_loopback() {
    let compose = compose();
    let ground = &compose["services"]["ground"];
    let script = strings(&ground["command"]).join("\n");
    assert!(script.contains("iptables ip6tables"), "{script}");
    let rule = format!("PREROUTING ! -i lo -p tcp --dport {NODE_PORT} -j DROP");
    assert!(script.contains(&format!("-t raw -I {rule}")), "{script}");
    let health = strings(&ground["healthcheck"]["test"]).join(" ");
    assert!(health.contains(&format!("-t raw -C {rule}")), "{health}");
}

#[test]
fn the_gate_has_no_rights_that_it_does_not_need() {
    let compose = compose();
    let gate = &compose["services"]["gate"];
    assert_eq!(strings(&gate["cap_drop"]), ["ALL"]);
    // For the peers of the tunnel; the node's home and the sockets are root's.
    assert_eq!(strings(&gate["cap_add"]), ["NET_ADMIN"]);
    assert_eq!(gate["user"].as_str(), Some("0:0"));
    assert_eq!(gate["read_only"].as_bool(), Some(true));
    assert_eq!(strings(&gate["security_opt"]), ["no-new-privileges:true"]);
    let dockerfile = std::fs::read_to_string(paths::repository().join("docker/Dockerfile")).unwrap();
    let last_stage = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.contains("\nHEALTHCHECK "));
}

#[test]
fn the_gate_reaches_the_nodes_tunnel() {
    let compose = compose();
    let volumes = |name: &str| -> BTreeSet<String> {
        let all = strings(&compose["services"][name]["volumes"]);
        all.into_iter().filter_map(|volume| volume.rsplit(':').next().map(str::to_owned)).collect()
    };
    let (node, gate) = (volumes("node"), volumes("gate"));
    for shared in ["/root/.sentinel-dvpnx", "/var/run/wireguard"] {
        assert!(node.contains(shared) && gate.contains(shared), "{shared}: {node:?} {gate:?}");
    }
    let template = paths::repository().join("gate/src/config/template.toml");
    let template = std::fs::read_to_string(template).unwrap();
    assert!(template.contains("\nnode_home = \"/root/.sentinel-dvpnx\"\n"));
}

#[test]
fn the_ports_are_those_of_the_gates_defaults() {
    let template = paths::repository().join("gate/src/config/template.toml");
    let template = std::fs::read_to_string(template).unwrap();
    for line in [
        "listen_addr = \"0.0.0.0:8585\"",
        "admin_addr = \"127.0.0.1:9585\"",
        &format!("node_url = \"http://127.0.0.1:{NODE_PORT}\""),
    ] {
        assert!(template.lines().any(|have| have == line), "no {line} in the defaults");
    }
}
