//! Killed in a transaction's life, by a real SIGKILL: exactly one effect, and what the next start knows of it. Every
//! await of a whole round is in `tests/whole/crash.rs`.

use std::process::Command;

use bridge_oracle::failpoint::{Place, VARIABLE};
use bridge_oracle::submit::journal::Journal;
use bridge_oracle::submit::{Authz, Submit as _};
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::{HubClient, HubConfig};
use sentinel_stack::FUNDS;

use crate::chain::{CHAIN, DENOM};
use crate::town::{HOURLY, HOURS, PLAN, Town, key, wish};

const HUB: &str = "CRASH_TEST_HUB";
const HOME: &str = "CRASH_TEST_HOME";
const NODES: &str = "CRASH_TEST_NODES";

/// Where something has just become true.
const PLACES: [Place; 8] = [
    Place::Signed,
    Place::Written,
    Place::Sent,
    Place::Accepted,
    Place::Found,
    Place::Settled,
    Place::Resent,
    Place::Effects,
];

/// The program that dies: one round of another process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test below"]
async fn child() {
    let value = |name: &str| std::env::var(name).unwrap();
    let hub = HubClient::new(HubConfig {
        grpc_addrs: vec![value(HUB)],
        chain_id: CHAIN.to_owned(),
        timeout: std::time::Duration::from_secs(10),
    })
    .unwrap();
    let mut settings =
        bridge_oracle::submit::Settings::new(CHAIN, key(0).account().in_role(), "0.1udvpn".parse().unwrap());
    // Ten looks within a block lead to the second sending.
    let resends = std::env::var(VARIABLE).is_ok_and(|place| place == Place::Resent.name());
    settings.poll = std::time::Duration::from_millis(if resends { 10 } else { 100 });
    let journal = Journal::open(value(HOME).as_ref()).unwrap();
    let oracle = Authz::new(hub, key(1), settings, journal);
    let nodes = value(NODES);
    let actions: Vec<_> = nodes.split(',').flat_map(|node| wish(node.parse().unwrap())).collect();
    let outcome = oracle.submit(1, &actions).await.unwrap();
    panic!("survived: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_there_is_exactly_one_effect() {
    const EACH: usize = 2;
    let town = Town::start(u16::try_from(EACH * PLACES.len()).unwrap(), "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let before = town.hub.balance(&town.provider.account(), DENOM).await.unwrap();
    assert!(before < FUNDS);
    let mut paid = 0;
    for (index, place) in PLACES.into_iter().enumerate() {
        let range = index * EACH..(index + 1) * EACH;
        let nodes: Vec<_> = range.clone().map(|node| town.node(node)).collect();
        die(&town, home.path(), place, &nodes);
        // The next start: what was left open is settled, and what is missing then is done.
        let oracle = town.oracle(home.path());
        let resumed = oracle.resume().await.unwrap();
        let ledger = town.ledger().await;
        let missing: Vec<_> = range.filter(|node| !ledger.leases.contains_key(&town.node(*node))).collect();
        let known = matches!(place, Place::Sent | Place::Accepted | Place::Found | Place::Resent);
        assert_eq!(resumed.done.len(), if known { 2 * EACH } else { 0 }, "{place:?}: {resumed:?}");
        let unsent = matches!(place, Place::Signed | Place::Written);
        assert_eq!(missing.len(), if unsent { EACH } else { 0 }, "{place:?}");
        let outcome = oracle.submit(2, &town.wish(missing)).await.unwrap();
        assert!(outcome.refused.is_empty(), "{place:?}: {outcome:?}");
        paid += resumed.gas + outcome.gas;
        if matches!(place, Place::Settled | Place::Effects) {
            // Reported to nobody; the journal has it.
            assert!(resumed.transactions.is_empty());
        }
        let ledger = town.ledger().await;
        for node in &nodes {
            assert!(ledger.plans[&PLAN].links.contains(node), "{place:?}");
        }
        let open = oracle.journal().open_transactions().unwrap();
        assert!(open.is_empty(), "{place:?}: {open:?}");
    }
    let ledger = town.ledger().await;
    let count = EACH * PLACES.len();
    // No lease was ever started twice: their numbers have no gap.
    let last = ledger.leases.values().map(|lease| lease.id).max().unwrap();
    assert_eq!((ledger.leases.len(), last), (count, count as u64));
    let after = town.hub.balance(&town.provider.account(), DENOM).await.unwrap();
    let deposits = count as u128 * u128::from(HOURS) * HOURLY;
    let fees = before - after - deposits;
    // One transaction each, two of which died unreported.
    let each = u128::from(paid) / 10 / (PLACES.len() as u128 - 2);
    assert!(fees < each * (PLACES.len() as u128 + 1), "{fees} in fees, {each} each");
}

fn die(town: &Town, home: &std::path::Path, place: Place, nodes: &[NodeAddress]) {
    use std::os::unix::process::ExitStatusExt as _;
    let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env(VARIABLE, place.name())
        .env(HUB, town.chain.grpc_addr())
        .env(HOME, home)
        .env(NODES, nodes.join(","))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "{place:?}: {told}");
}
