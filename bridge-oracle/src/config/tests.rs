use service_runtime::settings::ConfigError;

use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.toml"), text).unwrap();
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::load_with(home.path(), Some(environment))
}

#[test]
fn template_contains_every_key_at_its_default() {
    let shown = load(TEMPLATE, &[]).unwrap();
    let mut wanted = Config::default();
    wanted.ethereum.rpc_addrs = vec!["http://127.0.0.1:8545".into()];
    wanted.hub.grpc_addrs = vec!["127.0.0.1:9090".into()];
    assert_eq!(shown, wanted);
    let known = toml::Table::try_from(&wanted).unwrap();
    let written: toml::Table = TEMPLATE.parse().unwrap();
    for (section, keys) in &known {
        for key in keys.as_table().unwrap().keys() {
            assert!(written[section].get(key).is_some(), "the template lacks {section}.{key}");
        }
    }
}

#[test]
fn environment_overrides_file() {
    let overrides = [
        ("BRIDGE_ORACLE__ETHEREUM__RPC_ADDRS", "https://a.example/key,https://b.example"),
        ("BRIDGE_ORACLE__ORACLE__INTERVAL", "1m"),
    ];
    let config = load(TEMPLATE, &overrides).unwrap();
    assert_eq!(config.ethereum.rpc_addrs, ["https://a.example/key", "https://b.example"]);
    assert_eq!(config.oracle.interval.as_secs(), 60);
}

#[test]
fn rejects_unknown_keys_and_wrong_values_by_name() {
    let refusal = |text: &str| load(text, &[]).unwrap_err().to_string();
    assert!(refusal("[oracle]\nintervall = 1\n").contains("intervall"));
    assert!(refusal("").contains("ethereum.rpc_addrs"));
    assert!(refusal(&TEMPLATE.replace("batch = 90", "batch = 100")).contains("tx.batch"));
    assert!(refusal(&TEMPLATE.replace("page = 500", "page = 0")).contains("ethereum.page"));
}
