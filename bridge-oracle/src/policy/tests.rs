use super::*;

/// Returns a valid governed configuration.
fn governed() -> Governed {
    let text = TEMPLATE
        .replace("0x0000000000000000000000000000000000000000", "0x5FbDB2315678afecb367f032d93F642f64180aa3");
    toml::from_str(&text).unwrap()
}

#[test]
fn template_parses_and_names_missing_values() {
    let template: Governed = toml::from_str(TEMPLATE).unwrap();
    let keys: Vec<_> = template.problems().into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["ethereum.node_registry", "ethereum.parameter_registry"]);
    assert!(governed().problems().is_empty());
}

#[test]
fn hash_depends_on_every_value_and_not_on_layout() {
    let one = governed();
    let text = toml::to_string(&one).unwrap();
    let again: Governed = toml::from_str(&format!("# a remark\n{text}")).unwrap();
    assert_eq!(one.hash(), again.hash());
    assert_eq!(one.hash(), alloy::primitives::keccak256(one.canonical()));
    let mut other = one.clone();
    other.lease.max_per_day += 1;
    assert_ne!(one.hash(), other.hash());
    let mut other = one.clone();
    other.hub.members.push(sentinel_proto::address::AccountAddress::new([7; 20]));
    assert_ne!(one.hash(), other.hash());
}

/// The form is stable: other tools compute the hash from it.
#[test]
fn canonical_form_is_fixed() {
    let text = governed().canonical();
    assert!(text.starts_with(r#"{"approval":{"grace":"1h"},"ethereum":{"chain_id":1,"finality":"finalized","max_age":"1h","node_registry":"0x5fbdb2315678afecb367f032d93f642f64180aa3","#), "{text}");
    assert!(text.ends_with(r#""version":1}"#), "{text}");
    assert!(!text.contains(' '), "{text}");
}

#[test]
fn rejects_missing_and_unknown_keys() {
    let text = toml::to_string(&governed()).unwrap();
    for line in text.lines().filter(|line| line.contains(" = ")) {
        let without = text.replacen(line, "", 1);
        assert!(toml::from_str::<Governed>(&without).is_err(), "{line} may be left out");
    }
    assert!(toml::from_str::<Governed>(&format!("surprise = 1\n{text}")).is_err());
}

#[test]
fn reports_values_out_of_bounds() {
    let mut bad = governed();
    bad.version = 2;
    bad.hub.plans = vec![1, 1];
    bad.lease.renew_before = std::time::Duration::from_secs(36_000);
    bad.limits.max_removed_percent = 101;
    let keys: Vec<_> = bad.problems().into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["version", "hub.plans", "limits.max_removed_percent", "lease.renew_before"]);
}
