//! What must be true of the files for operators, checked without an engine: the oracle's Dockerfile, the units, the
//! alerts.

use std::collections::BTreeSet;

use sentinel_stack::paths;
use yaml_rust2::YamlLoader;

fn read(path: &str) -> String {
    std::fs::read_to_string(paths::repository().join(path)).unwrap()
}

/// The port of a program's private address, as its template has it.
fn private_port(template: &str) -> String {
    let line =
        read(template).lines().find_map(|line| Some(line.strip_prefix("admin_addr = ")?.to_owned())).unwrap();
    line.trim_matches('"').rsplit(':').next().unwrap().to_owned()
}

#[test]
fn the_oracles_image_is_alive_by_its_private_address_and_not_root() {
    let dockerfile = read("docker/bridge-oracle.Dockerfile");
    let last_stage = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last_stage.contains("\nUSER bridge-oracle\n"), "{last_stage}");
    assert!(last_stage.contains("\nVOLUME /var/lib/bridge-oracle\n"), "{last_stage}");
    let port = private_port("bridge-oracle/src/config/template.toml");
    let health = last_stage.split("\nHEALTHCHECK ").nth(1).unwrap();
    assert!(health.contains(&format!("/dev/tcp/127.0.0.1/{port}")) && health.contains("/health"), "{health}");
    assert!(!last_stage.contains("\nEXPOSE "), "nothing of it is for others");
    let (own, gates) = ("docker/bridge-oracle.Dockerfile.dockerignore", "docker/Dockerfile.dockerignore");
    assert_eq!(read(own), read(gates));
    // What is copied in is what the release is built from.
    assert!(dockerfile.contains("cargo build --release --locked --package bridge-oracle"));
}

#[test]
fn the_units_start_again_but_where_a_person_has_to_act() {
    for program in ["bridge-oracle", "sovereign-gate"] {
        let unit = read(&format!("docker/{program}.service"));
        let lines: BTreeSet<&str> = unit.lines().collect();
        let start = format!("ExecStart=/usr/local/bin/{program} --home /var/lib/{program} start");
        let directory = format!("StateDirectory={program}");
        for wanted in [
            start.as_str(),
            &directory,
            "StateDirectoryMode=0700",
            "Restart=always",
            "RestartPreventExitStatus=64 77 78",
            "UMask=0077",
            "NoNewPrivileges=yes",
            "WantedBy=multi-user.target",
        ] {
            assert!(lines.contains(wanted), "{program}: no {wanted}");
        }
    }
    let oracle = read("docker/bridge-oracle.service");
    for wanted in ["User=bridge-oracle", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes"]
    {
        assert!(oracle.lines().any(|line| line == wanted), "no {wanted}");
    }
    // As in the compose file: of root's rights, the peers of the tunnel alone.
    let gate = read("docker/sovereign-gate.service");
    assert!(gate.lines().any(|line| line == "CapabilityBoundingSet=CAP_NET_ADMIN"));
}

#[test]
fn every_alert_says_what_when_and_how_bad() {
    let rules = YamlLoader::load_from_str(&read("docker/bridge-oracle.alerts.yaml")).unwrap().remove(0);
    let rules = rules["groups"][0]["rules"].as_vec().unwrap();
    let mut names = BTreeSet::new();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(rule["expr"].as_str().unwrap().contains("bridge_oracle_"), "{name}");
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("critical" | "warning")), "{name}");
        assert!(rule["annotations"]["summary"].as_str().is_some(), "{name}");
    }
    // The guide tells what to do about each.
    let guide = read("docs/oracle.md");
    for name in names {
        assert!(guide.contains(&format!("`{name}`")), "docs/oracle.md does not tell what to do about {name}");
    }
}
