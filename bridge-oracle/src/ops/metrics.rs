//! Metrics: names and units in one place, exported on the private address.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use sovereign_contracts::reader::Observer;

use crate::ledger::Ledger;
use crate::reconcile::{Action, Decision, NodeStatus};
use crate::standing::SettledBlock;

const DURATION_BUCKETS_SECS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Installs the recorder and describes every metric; the handle renders them.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = service_runtime::metrics::install(DURATION_BUCKETS_SECS)?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!("bridge_oracle_rounds_total", "Rounds by outcome (done, halted, failed)");
    describe_histogram!("bridge_oracle_round_seconds", Unit::Seconds, "Length of a round");
    describe_gauge!(
        "bridge_oracle_last_round_timestamp_seconds",
        Unit::Seconds,
        "When the last round that failed nowhere ended, Unix time"
    );
    describe_gauge!("bridge_oracle_ethereum_block", "Settled block that the last round used");
    describe_gauge!("bridge_oracle_ethereum_lag_seconds", Unit::Seconds, "Age of that block");
    describe_gauge!("bridge_oracle_ethereum_lag_blocks", "Newest block seen, less the settled one");
    describe_counter!("bridge_oracle_ethereum_calls_total", "Calls to Ethereum by method and outcome");
    describe_gauge!("bridge_oracle_hub_height", "Hub height that the last round used");
    describe_gauge!("bridge_oracle_hub_lag_seconds", Unit::Seconds, "Age of that block");
    describe_gauge!("bridge_oracle_nodes", "Nodes by stance");
    describe_gauge!("bridge_oracle_linked_nodes", "Linked nodes by plan");
    describe_counter!("bridge_oracle_actions_total", "Actions by kind and outcome (done, refused)");
    describe_gauge!("bridge_oracle_refused", "Actions that the hub refused in the last round");
    describe_gauge!("bridge_oracle_budget_limit", "Most deposits within 24 hours");
    describe_gauge!("bridge_oracle_budget_spent", "Deposits of the last 24 hours");
    describe_counter!("bridge_oracle_gas_total", "Gas of all transactions");
    describe_gauge!("bridge_oracle_fee_grant_gas", "Gas that the fee grant still pays for; inf: no limit");
    describe_gauge!(
        "bridge_oracle_grants_end_timestamp_seconds",
        Unit::Seconds,
        "When the first of the grants ends, Unix time; inf: never"
    );
    describe_gauge!("bridge_oracle_halted", "1: the operator's word is needed");
    describe_gauge!("bridge_oracle_approved", "1: the governed configuration is the approved one");
}

/// Counts calls to Ethereum.
#[derive(Debug, Clone, Copy)]
pub struct EthereumMetrics;

impl Observer for EthereumMetrics {
    fn call_ended(&self, _: &str, method: &'static str, outcome: &'static str, _: Duration) {
        counter!("bridge_oracle_ethereum_calls_total", "method" => method, "outcome" => outcome).increment(1);
    }

    fn head_seen(&self, _: Duration) {}
}

/// Records the settled block that a round uses, and the newest block that any provider showed.
pub fn set_settled_block(block: SettledBlock, newest: Option<u64>) {
    gauge!("bridge_oracle_ethereum_block").set(to_f64(block.number));
    gauge!("bridge_oracle_ethereum_lag_seconds").set(block.age().as_secs_f64());
    let lag = newest.unwrap_or(block.number).saturating_sub(block.number);
    gauge!("bridge_oracle_ethereum_lag_blocks").set(to_f64(lag));
}

/// Records the ledger that a round uses.
pub fn set_ledger(ledger: &Ledger) {
    gauge!("bridge_oracle_hub_height").set(to_f64(ledger.height));
    let age = SettledBlock { number: ledger.height, timestamp: ledger.time }.age();
    gauge!("bridge_oracle_hub_lag_seconds").set(age.as_secs_f64());
    for (id, plan) in &ledger.plans {
        gauge!("bridge_oracle_linked_nodes", "plan" => id.to_string()).set(to_f64(plan.links.len() as u64));
    }
}

/// Records a round's decision.
pub fn set_decision(decision: &Decision) {
    for label in ["good", "grace", "waiting", "remove", "out"] {
        let here = decision.rows.values().filter(|row| status_label(row.status) == label).count();
        gauge!("bridge_oracle_nodes", "stance" => label).set(to_f64(here as u64));
    }
    let spending = decision.spending;
    gauge!("bridge_oracle_budget_limit").set(amount(spending.limit));
    gauge!("bridge_oracle_budget_spent").set(amount(spending.spent.saturating_add(spending.this_round)));
    gauge!("bridge_oracle_halted").set(f64::from(u8::from(decision.halt.is_some())));
}

const fn status_label(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Good => "good",
        NodeStatus::Grace { .. } => "grace",
        NodeStatus::Waiting { .. } => "waiting",
        NodeStatus::Remove => "remove",
        NodeStatus::Out => "out",
    }
}

/// Counts the results of a round's actions.
pub fn count_outcome(done: &[Action], refused: &[(Action, String)], gas: u64) {
    for action in done {
        counter!("bridge_oracle_actions_total", "action" => action.label(), "outcome" => "done").increment(1);
    }
    for (action, _) in refused {
        counter!("bridge_oracle_actions_total", "action" => action.label(), "outcome" => "refused")
            .increment(1);
    }
    gauge!("bridge_oracle_refused").set(to_f64(refused.len() as u64));
    counter!("bridge_oracle_gas_total").increment(gas);
}

/// Records the end of a round.
pub fn record_round(outcome: &'static str, took: Duration) {
    counter!("bridge_oracle_rounds_total", "outcome" => outcome).increment(1);
    histogram!("bridge_oracle_round_seconds").record(took.as_secs_f64());
    if outcome != "failed" {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        gauge!("bridge_oracle_last_round_timestamp_seconds").set(now.as_secs_f64());
    }
}

/// Records the gas that the fee grant still pays for; `None`: no limit.
pub fn set_fee_grant_gas(gas: Option<u64>) {
    gauge!("bridge_oracle_fee_grant_gas").set(gas.map_or(f64::INFINITY, to_f64));
}

/// Records the earliest expiry of the grants; `None`: never.
pub fn set_grants_end(end: Option<std::time::SystemTime>) {
    let since = |end: std::time::SystemTime| end.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    gauge!("bridge_oracle_grants_end_timestamp_seconds")
        .set(end.map_or(f64::INFINITY, |end| since(end).as_secs_f64()));
}

/// Records whether the governed configuration is approved.
pub fn set_approved(yes: bool) {
    gauge!("bridge_oracle_approved").set(f64::from(u8::from(yes)));
}

#[allow(clippy::cast_precision_loss, reason = "a gauge")]
const fn to_f64(value: u64) -> f64 {
    value as f64
}

#[allow(clippy::cast_precision_loss, reason = "a gauge")]
const fn amount(value: u128) -> f64 {
    value as f64
}
