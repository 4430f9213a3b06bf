//! In what two configurations differ, key by key.

use std::collections::BTreeSet;

use toml::Value;

use super::Config;

impl Config {
    /// Names of the keys that differ, as `section.key`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        // Both are serialised as they were read; a value that could not be would differ as a whole.
        let (one, two) = (Value::try_from(self), Value::try_from(other));
        let mut names = BTreeSet::new();
        match (one, two) {
            (Ok(one), Ok(two)) => compare("", Some(&one), Some(&two), &mut names),
            _ => drop(names.insert("configuration".to_owned())),
        }
        names.into_iter().collect()
    }

    /// Takes over from `new` what a running gate takes over.
    pub fn take_live(&mut self, new: &Self) {
        self.policy.clone_from(&new.policy);
        self.collections.clone_from(&new.collections);
        self.delegation.clone_from(&new.delegation);
        self.memes.this_card = new.memes.this_card;
        self.limits.per_ip_per_second = new.limits.per_ip_per_second;
        self.limits.burst = new.limits.burst;
    }
}

fn compare(name: &str, one: Option<&Value>, two: Option<&Value>, names: &mut BTreeSet<String>) {
    if let (Some(Value::Table(one)), Some(Value::Table(two))) = (one, two) {
        for key in one.keys().chain(two.keys()) {
            let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            compare(&inner, one.get(key), two.get(key), names);
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
    fn differences_are_named_by_key_and_only_some_are_taken_live() {
        let old = Config::default();
        let mut new = old.clone();
        assert!(old.differences(&new).is_empty());
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
        assert_eq!(old.differences(&new), names);
        let mut now = old.clone();
        now.take_live(&new);
        assert_eq!(now.differences(&new), ["ethereum.rpc_addrs", "limits.body_bytes", "memes.contract"]);
        let taken = ["limits.burst", "memes.this_card", "policy.paid.devices", "policy.paid.plan_devices.7"];
        assert_eq!(old.differences(&now), taken);
    }
}
