//! A thousand nodes from nothing to linked, and 300 changes on top, on a real hub of its own; the registry of as many on
//! a real anvil; and the way from the one to the other. Prints JSON lines.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]
#![allow(dead_code, clippy::similar_names, reason = "shared with the tests")]

#[path = "../../tests/hub/chain.rs"]
mod chain;
#[path = "../../tests/ethereum/town.rs"]
mod contracts;
#[path = "../../tests/hub/town.rs"]
mod town;
mod whole;
#[path = "../../tests/whole/world.rs"]
mod world;

use std::time::Instant;

use bridge_oracle::ledger::{HubLedger, ReadLedger as _};
use bridge_oracle::reconcile::Action;
use bridge_oracle::submit::{Authz, Submit as _};
use chain::DENOM;
use serde_json::json;
use town::{PLAN, Town};

const NODES: u16 = 1000;
const CHANGES: usize = 300;
/// Measured once by hand with the hub's own command: a lease in batches of 90, and a link.
const PLAIN_GAS: u64 = 55_000 + 14_000;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        measure().await;
        whole::registry().await;
        whole::events().await;
    });
}

async fn measure() {
    let town = Town::start(NODES, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = town.oracle(home.path());
    let all = usize::from(NODES);

    let figures = submit(&town, &oracle, &town.wish(0..all), "from nothing to linked").await;
    let each = figures / u64::from(NODES);
    println!(
        "{}",
        json!({ "name": "oracle: gas of a node, leased and linked", "figures": {
            "gas": each, "plain": PLAIN_GAS, "ratio": ratio(each, PLAIN_GAS) } })
    );

    let reader = HubLedger::new(town.hub.clone(), town.provider_address(), &[PLAN], DENOM);
    let wanted = (0..all).map(|node| town.node(node)).collect();
    reader.read(&wanted).await.unwrap();
    let (begin, asked) = (Instant::now(), town.hub.asked());
    let ledger = reader.read(&wanted).await.unwrap();
    let (seconds, questions) = (begin.elapsed().as_secs_f64(), town.hub.asked() - asked);
    assert_eq!(ledger.plans[&PLAN].links.len(), all);
    let figures = json!({ "seconds": seconds, "questions": questions });
    println!("{}", json!({ "name": "oracle: the ledger of 1000 linked nodes", "figures": figures }));

    // A third leaves, a third comes back, a third is renewed: as many changes as a bad day brings.
    let third = CHANGES / 3;
    let out: Vec<_> = (0..third).map(|node| Action::Unlink { plan: PLAN, node: town.node(node) }).collect();
    submit(&town, &oracle, &out, "100 nodes unlinked").await;
    let back: Vec<_> = (0..third).map(|node| Action::Link { plan: PLAN, node: town.node(node) }).collect();
    submit(&town, &oracle, &back, "100 nodes linked again").await;
    let max_price = bridge_oracle::ledger::Price { base: 0, quote: town::HOURLY };
    let renewals: Vec<_> = (third..2 * third)
        .map(|index| {
            let node = town.node(index);
            let lease = ledger.leases[&node].id;
            Action::RenewLease { lease, node, hours: town::HOURS, max_price }
        })
        .collect();
    submit(&town, &oracle, &renewals, "100 leases renewed").await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    println!("{}", json!({ "name": "oracle: memory", "figures": { "peak": peak } }));
}

/// Gas used.
async fn submit(town: &Town, oracle: &Authz, actions: &[Action], name: &str) -> u64 {
    let (begin, height) = (Instant::now(), town.hub.latest_height().await.unwrap());
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
