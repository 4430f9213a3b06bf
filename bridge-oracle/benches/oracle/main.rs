//! Benchmarks on a real hub and a real anvil: link one thousand nodes, apply 300 changes, read the registry, and
//! measure the delay from event to link. Prints JSON lines.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]
#![allow(dead_code, clippy::similar_names, reason = "shared with the tests")]

#[path = "../../tests/hub/chain.rs"]
mod chain;
mod end_to_end;
#[path = "../../tests/ethereum/fixture.rs"]
mod ethereum_fixture;
#[path = "../../tests/whole/fixture.rs"]
mod fixture;
#[path = "../../tests/hub/fixture.rs"]
mod hub_fixture;

use std::time::Instant;

use bridge_oracle::ledger::{HubLedger, ReadLedger as _};
use bridge_oracle::reconcile::Action;
use bridge_oracle::submit::{AuthzSender, Submit as _};
use chain::DENOM;
use hub_fixture::{HubFixture, PLAN};
use serde_json::json;

const NODES: u16 = 1000;
const CHANGES: usize = 300;
/// Gas of a lease in batches of 90 and a link, measured once with the hub's own command.
const PLAIN_GAS: u64 = 55_000 + 14_000;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        measure().await;
        end_to_end::registry().await;
        end_to_end::events().await;
    });
}

async fn measure() {
    let fixture = HubFixture::start(NODES, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = fixture.oracle(home.path());
    let all = usize::from(NODES);

    let figures = submit(&fixture, &oracle, &fixture.wish(0..all), "from nothing to linked").await;
    let each = figures / u64::from(NODES);
    println!(
        "{}",
        json!({ "name": "oracle: gas of a node, leased and linked", "figures": {
            "gas": each, "plain": PLAIN_GAS, "ratio": ratio(each, PLAIN_GAS) } })
    );

    let reader = HubLedger::new(fixture.hub.clone(), fixture.provider_address(), &[PLAN], DENOM);
    let wanted = (0..all).map(|node| fixture.node(node)).collect();
    reader.read(&wanted).await.unwrap();
    let (begin, asked) = (Instant::now(), fixture.hub.request_count());
    let ledger = reader.read(&wanted).await.unwrap();
    let (seconds, questions) = (begin.elapsed().as_secs_f64(), fixture.hub.request_count() - asked);
    assert_eq!(ledger.plans[&PLAN].links.len(), all);
    let figures = json!({ "seconds": seconds, "questions": questions });
    println!("{}", json!({ "name": "oracle: the ledger of 1000 linked nodes", "figures": figures }));

    // A third is unlinked, a third is linked again, a third is renewed: the changes of a bad day.
    let third = CHANGES / 3;
    let out: Vec<_> =
        (0..third).map(|node| Action::Unlink { plan: PLAN, node: fixture.node(node) }).collect();
    submit(&fixture, &oracle, &out, "100 nodes unlinked").await;
    let back: Vec<_> = (0..third).map(|node| Action::Link { plan: PLAN, node: fixture.node(node) }).collect();
    submit(&fixture, &oracle, &back, "100 nodes linked again").await;
    let max_price = bridge_oracle::ledger::Price { base: 0, quote: hub_fixture::HOURLY };
    let renewals: Vec<_> = (third..2 * third)
        .map(|index| {
            let node = fixture.node(index);
            let lease = ledger.leases[&node].id;
            Action::RenewLease { lease, node, hours: hub_fixture::HOURS, max_price }
        })
        .collect();
    submit(&fixture, &oracle, &renewals, "100 leases renewed").await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    println!("{}", json!({ "name": "oracle: memory", "figures": { "peak": peak } }));
}

/// Submits the actions and returns the gas used.
async fn submit(fixture: &HubFixture, oracle: &AuthzSender, actions: &[Action], name: &str) -> u64 {
    let (begin, height) = (Instant::now(), fixture.hub.latest_height().await.unwrap());
    let outcome = oracle.submit(1, actions).await.unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    assert_eq!(outcome.done.len(), actions.len(), "{:?}", outcome.refused.first());
    let figures = json!({
        "actions": actions.len(), "transactions": outcome.transactions.len(), "gas_used": outcome.gas_used,
        "gas_paid": outcome.gas, "seconds": seconds, "blocks": outcome.height - height,
    });
    println!("{}", json!({ "name": format!("oracle: {name}"), "figures": figures }));
    outcome.gas_used
}

#[expect(clippy::cast_precision_loss, reason = "gas is far below 2^52")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}
