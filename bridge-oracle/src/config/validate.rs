//! Checks between keys, without any I/O. All problems are reported at once.

use std::time::Duration;

use super::Config;

/// One problem: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Invalid {
    /// The key.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub problem: &'static str,
}

impl Config {
    /// Every problem of this configuration.
    pub(super) fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut unless = |good: bool, key, problem| {
            if !good {
                problems.push(Invalid { key, problem });
            }
        };
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
        // The hub parses 100 messages at most, and the MsgExec is one of them.
        unless((1..=99).contains(&tx.batch), "tx.batch", "must be between 1 and 99");
        unless(tx.confirm_timeout >= second, "tx.confirm_timeout", "must be at least 1s");
        unless(
            self.log.level.parse::<tracing_subscriber::EnvFilter>().is_ok(),
            "log.level",
            "must be error, warn, info, debug, trace, or a filter like \"info,bridge_oracle=debug\"",
        );
        problems
    }
}
