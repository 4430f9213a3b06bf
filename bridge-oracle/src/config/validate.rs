//! Checks between keys, without I/O. Reports all problems at once.

use std::time::Duration;

use service_runtime::logs;
use service_runtime::settings::{Invalid, Problems};

use super::Config;

impl Config {
    /// Returns every problem of this configuration.
    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut problems = Problems::default();
        let mut unless = |good, key, problem: &str| problems.unless(good, key, problem);
        let second = Duration::from_secs(1);
        let (oracle, ethereum, tx) = (&self.oracle, &self.ethereum, &self.tx);
        unless(oracle.interval >= second / 10, "oracle.interval", "must be at least 100ms");
        unless(
            oracle.audit_interval >= oracle.interval,
            "oracle.audit_interval",
            "must be at least interval",
        );
        unless(!ethereum.rpc_addrs.is_empty(), "ethereum.rpc_addrs", "at least one address is needed");
        unless(!ethereum.timeout.is_zero(), "ethereum.timeout", "must be above 0");
        unless((1..=1000).contains(&ethereum.page), "ethereum.page", "must be between 1 and 1000");
        unless(!self.hub.grpc_addrs.is_empty(), "hub.grpc_addrs", "at least one address is needed");
        unless(!self.hub.timeout.is_zero(), "hub.timeout", "must be above 0");
        unless(tx.gas_price.is_finite() && tx.gas_price >= 0.0, "tx.gas_price", "must be 0 or more");
        unless((1.0..=10.0).contains(&tx.gas_adjustment), "tx.gas_adjustment", "must be between 1 and 10");
        // The hub parses at most 100 messages, and `MsgExec` is one of them.
        unless((1..=99).contains(&tx.batch), "tx.batch", "must be between 1 and 99");
        unless(tx.confirm_timeout >= second, "tx.confirm_timeout", "must be at least 1s");
        unless(
            logs::is_level(&self.log.level),
            "log.level",
            "must be error, warn, info, debug, trace, or a filter like \"info,bridge_oracle=debug\"",
        );
        problems.found()
    }
}
