//! Comparison of two configurations, key by key.

use std::collections::BTreeSet;

use toml::Value;

use super::Config;

impl Config {
    /// Returns the names of the keys that differ, as `section.key`.
    pub fn changed_keys(&self, other: &Self) -> Vec<String> {
        // Both were deserialised, so serialisation does not fail; if it did, the whole would count as different.
        let (one, two) = (Value::try_from(self), Value::try_from(other));
        let mut names = BTreeSet::new();
        match (one, two) {
            (Ok(one), Ok(two)) => collect_changed_keys("", Some(&one), Some(&two), &mut names),
            _ => drop(names.insert("configuration".to_owned())),
        }
        names.into_iter().collect()
    }

    /// Copies from `new` the keys that a running gate can apply.
    pub fn take_reloadable(&mut self, new: &Self) {
        self.policy.clone_from(&new.policy);
        self.collections.clone_from(&new.collections);
        self.delegation.clone_from(&new.delegation);
        self.memes.this_card = new.memes.this_card;
        self.limits.per_ip_per_second = new.limits.per_ip_per_second;
        self.limits.burst = new.limits.burst;
    }
}

fn collect_changed_keys(name: &str, one: Option<&Value>, two: Option<&Value>, names: &mut BTreeSet<String>) {
    if let (Some(Value::Table(one)), Some(Value::Table(two))) = (one, two) {
        for key in one.keys().chain(two.keys()) {
            let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            collect_changed_keys(&inner, one.get(key), two.get(key), names);
        }
    } else if one != two {
        names.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenId;

    #[test]
    fn names_changed_keys_and_applies_only_reloadable_ones() {
        let old = Config::default();
        let mut new = old.clone();
        assert!(old.changed_keys(&new).is_empty());
        new.ethereum.rpc_addrs.push("http://127.0.0.1:1".to_owned());
        new.policy.paid.devices = 9;
        new.policy.paid.plan_devices = [(7, 2)].into_iter().collect();
        new.memes.this_card = TokenId(alloy::primitives::U256::from(9));
        new.memes.contract = alloy::primitives::Address::repeat_byte(9);
        new.limits.burst = 1;
        new.limits.body_bytes = 1;
        let names = [
            "ethereum.rpc_addrs",
            "limits.body_bytes",
            "limits.burst",
            "memes.contract",
            "memes.this_card",
            "policy.paid.devices",
            "policy.paid.plan_devices.7",
        ];
        assert_eq!(old.changed_keys(&new), names);
        let mut now = old.clone();
        now.take_reloadable(&new);
        assert_eq!(now.changed_keys(&new), ["ethereum.rpc_addrs", "limits.body_bytes", "memes.contract"]);
        let taken = ["limits.burst", "memes.this_card", "policy.paid.devices", "policy.paid.plan_devices.7"];
        assert_eq!(old.changed_keys(&now), taken);
    }
}
