use std::time::Duration;

use alloy::primitives::U256;

use service_runtime::settings::ConfigError;

use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load_with(home.path(), Some(environment))
}

fn problems(result: Result<Config, ConfigError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn template_contains_every_key_at_its_default() {
    let shown = load(TEMPLATE, &[]).unwrap();
    let mut wanted = Config::default();
    wanted.gate.public_url = "https://gate.example.org:8585".into();
    wanted.ethereum.rpc_addrs = vec!["http://127.0.0.1:8545".into()];
    wanted.memes.this_card = TokenId(U256::from(1));
    wanted.hub.grpc_addrs = vec!["http://127.0.0.1:9090".into()];
    assert_eq!(shown, wanted);

    let known = toml::Table::try_from(&wanted).unwrap();
    let written: toml::Table = TEMPLATE.parse().unwrap();
    for (section, keys) in known.iter().filter(|(section, _)| *section != "collections") {
        for key in keys.as_table().unwrap().keys() {
            assert!(written[section].get(key).is_some(), "the template lacks {section}.{key}");
        }
    }
}

#[test]
fn warns_of_admin_address_beyond_loopback() {
    let mut gate = Config::default().gate;
    for (address, exposed) in
        [("127.0.0.1:9585", false), ("[::1]:9585", false), ("0.0.0.0:9585", true), ("192.0.2.1:9585", true)]
    {
        gate.admin_addr = address.parse().unwrap();
        assert_eq!(gate.exposure_warning().is_some(), exposed, "{address}");
    }
}

#[test]
fn environment_overrides_file() {
    let config = load(
        TEMPLATE,
        &[
            ("SOVEREIGN_GATE__ETHEREUM__RPC_ADDRS", "https://a.example/key,https://b.example"),
            ("SOVEREIGN_GATE__ETHEREUM__QUORUM", "2"),
            ("SOVEREIGN_GATE__CACHE__POSITIVE_TTL", "10m"),
            ("SOVEREIGN_GATE__POLICY__FREE__SESSIONS", "direct,plan:7"),
            ("UNRELATED", "x"),
        ],
    )
    .unwrap();
    assert_eq!(config.ethereum.rpc_addrs, ["https://a.example/key", "https://b.example"]);
    assert_eq!(config.ethereum.quorum, 2);
    assert_eq!(config.cache.positive_ttl, Duration::from_secs(600));
    assert_eq!(config.policy.free.sessions, [SessionRule::Direct, SessionRule::Plan(7)]);
}

#[test]
fn rejects_unsupported_tunnel_services() {
    let named = |service| load(TEMPLATE, &[("SOVEREIGN_GATE__TUNNEL__SERVICE", service)]);
    for service in ["auto", "wireguard", "xray"] {
        assert!(named(service).is_ok(), "{service}");
    }
    for service in ["hysteria2", "ipsec", ""] {
        assert!(problems(named(service)).contains("tunnel.service"), "{service}");
    }
}

#[test]
fn rejects_unknown_and_mistyped_keys_by_name() {
    assert!(problems(load("[gate]\nlisten = 1\n", &[])).contains("listen"));
    assert!(problems(load(TEMPLATE, &[("SOVEREIGN_GATE__GATE__LISTEN", "x")])).contains("listen"));
    assert!(
        problems(load(TEMPLATE, &[("SOVEREIGN_GATE__POLICY__FREE__SESSIONS", "plan:x")])).contains("plan:x")
    );
}

#[test]
fn reports_all_problems_at_once() {
    let said = problems(load(
        TEMPLATE,
        &[
            ("SOVEREIGN_GATE__GATE__NODE_URL", "https://127.0.0.1:1"),
            ("SOVEREIGN_GATE__BINDING__TTL", "8d"),
            ("SOVEREIGN_GATE__ETHEREUM__QUORUM", "2"),
            ("SOVEREIGN_GATE__DELEGATION__USE_CASES", "1,999"),
            ("SOVEREIGN_GATE__MEMES__THIS_CARD", "0"),
        ],
    ));
    for key in ["gate.node_url", "binding.ttl", "ethereum.quorum", "delegation.use_cases", "memes.this_card"]
    {
        assert!(said.contains(key), "{key} is missing in: {said}");
    }
}

#[test]
fn plan_devices_are_validated() {
    let with = |paid: &str| {
        TEMPLATE.replacen(
            "sessions = [\"direct\"]\ndevices = 3\nplan_devices = {}\nwhen_full = \"refuse\"\n\n[registry]",
            &format!("sessions = [\"direct\", \"plan:7\", \"plan:42\"]\ndevices = 3\n{paid}\n[registry]"),
            1,
        )
    };
    let config = load(&with("plan_devices = { 42 = 10 }"), &[]).unwrap();
    let paid = config.policy.paid.plan_devices;
    assert_eq!((paid.of(42), paid.of(7)), (Some(10), None));
    let environment = [("SOVEREIGN_GATE__POLICY__PAID__PLAN_DEVICES__7", "5")];
    let config = load(&with("plan_devices = { 42 = 10 }"), &environment).unwrap();
    let paid = &config.policy.paid.plan_devices;
    assert_eq!(paid.iter().collect::<Vec<_>>(), [(7, 5), (42, 10)]);
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), config, "written as it is read");

    let not_accepted = "policy.paid.sessions does not accept \"plan:9\"";
    for (written, told) in [
        ("plan_devices = { 9 = 5 }", not_accepted),
        ("plan_devices = { 7 = 0 }", "policy.paid.plan_devices: plan 7: must be at least 1"),
        ("plan_devices = { 7 = 4, 7 = 5 }", "duplicate key"),
        ("plan_devices = { 7 = 4, 07 = 5 }", "\"07\" is no plan"),
        ("plan_devices = { \"plan:7\" = 4 }", "\"plan:7\" is no plan"),
        ("plan_devices = { 7 = -1 }", "plan_devices"),
        ("plan_devices = { 99999999999999999999 = 1 }", "is no plan"),
    ] {
        let said = problems(load(&with(written), &[]));
        assert!(said.contains(told), "{written}: {told} is missing in: {said}");
    }
    let free = [("SOVEREIGN_GATE__POLICY__FREE__PLAN_DEVICES__42", "5")];
    assert!(problems(load(TEMPLATE, &free)).contains("policy.free.sessions does not accept"));
}

#[test]
fn bounds_are_inclusive() {
    for (ttl, good) in [("59m", false), ("1h", true), ("7d", true), ("7d 1s", false)] {
        let result = load(TEMPLATE, &[("SOVEREIGN_GATE__BINDING__TTL", ttl)]);
        assert_eq!(result.is_ok(), good, "{ttl}");
    }
}

#[test]
fn effective_config_masks_credentials() {
    let config = load(
        TEMPLATE,
        &[("SOVEREIGN_GATE__ETHEREUM__RPC_ADDRS", "https://user:pass@eth.example/v2/SECRET?k=SECRET")],
    )
    .unwrap();
    let shown = config.effective_toml().unwrap();
    assert!(shown.contains("eth.example"), "{shown}");
    assert!(!shown.contains("SECRET") && !shown.contains("pass"), "{shown}");
}

#[test]
fn access_policy_requires_parameter_registry() {
    let policy = ("SOVEREIGN_GATE__GOVERNANCE__ACCESS_POLICY", "0x00000000000000000000000000000000000000aa");
    assert!(problems(load(TEMPLATE, &[policy])).contains("governance.parameters"));
    let registry = ("SOVEREIGN_GATE__GOVERNANCE__PARAMETERS", "0x00000000000000000000000000000000000000bb");
    assert!(!load(TEMPLATE, &[policy, registry]).unwrap().governance.parameters.is_zero());
}
