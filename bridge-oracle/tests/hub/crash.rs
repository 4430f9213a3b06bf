//! Kills the process by SIGKILL during a transaction's life: there is exactly one effect, and the next start finds it.
//! `tests/whole/crash.rs` covers every await of a round.

use std::process::Command;

use bridge_oracle::failpoint::{FAILPOINT_VARIABLE, Failpoint};
use bridge_oracle::submit::journal::Journal;
use bridge_oracle::submit::{AuthzSender, Submit as _};
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::{HubClient, HubConfig};
use sentinel_stack::FUNDS;

use crate::chain::{CHAIN, DENOM};
use crate::fixture::{HOURLY, HOURS, HubFixture, PLAN, key, wish};

const HUB: &str = "CRASH_TEST_HUB";
const HOME: &str = "CRASH_TEST_HOME";
const NODES: &str = "CRASH_TEST_NODES";

/// Failpoints just after a change of state.
const PLACES: [Failpoint; 8] = [
    Failpoint::Signed,
    Failpoint::Journaled,
    Failpoint::Broadcast,
    Failpoint::Accepted,
    Failpoint::TransactionFound,
    Failpoint::EndsWritten,
    Failpoint::Rebroadcast,
    Failpoint::EffectsPending,
];

/// The process to kill: one round in a child process.
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
    let mut settings = bridge_oracle::submit::SendSettings::new(
        CHAIN,
        key(0).account().in_role(),
        "0.1udvpn".parse().unwrap(),
    );
    // Ten polls within a block lead to the second broadcast.
    let resends = std::env::var(FAILPOINT_VARIABLE).is_ok_and(|place| place == Failpoint::Rebroadcast.name());
    settings.poll_interval = std::time::Duration::from_millis(if resends { 10 } else { 100 });
    let journal = Journal::open(value(HOME).as_ref()).unwrap();
    let oracle = AuthzSender::new(hub, key(1), settings, journal);
    let nodes = value(NODES);
    let actions: Vec<_> = nodes.split(',').flat_map(|node| wish(node.parse().unwrap())).collect();
    let outcome = oracle.submit(1, &actions).await.unwrap();
    panic!("survived: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_any_failpoint_has_exactly_one_effect() {
    const EACH: usize = 2;
    let fixture = HubFixture::start(u16::try_from(EACH * PLACES.len()).unwrap(), "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let before = fixture.hub.balance(&fixture.provider.account(), DENOM).await.unwrap();
    assert!(before < FUNDS);
    let mut paid = 0;
    for (index, place) in PLACES.into_iter().enumerate() {
        let range = index * EACH..(index + 1) * EACH;
        let nodes: Vec<_> = range.clone().map(|node| fixture.node(node)).collect();
        die(&fixture, home.path(), place, &nodes);
        // The next start settles open transactions and submits what is missing.
        let oracle = fixture.oracle(home.path());
        let resumed = oracle.resume().await.unwrap();
        let ledger = fixture.ledger().await;
        let missing: Vec<_> =
            range.filter(|node| !ledger.leases.contains_key(&fixture.node(*node))).collect();
        let known = matches!(
            place,
            Failpoint::Broadcast | Failpoint::Accepted | Failpoint::TransactionFound | Failpoint::Rebroadcast
        );
        assert_eq!(resumed.done.len(), if known { 2 * EACH } else { 0 }, "{place:?}: {resumed:?}");
        let unsent = matches!(place, Failpoint::Signed | Failpoint::Journaled);
        assert_eq!(missing.len(), if unsent { EACH } else { 0 }, "{place:?}");
        let outcome = oracle.submit(2, &fixture.wish(missing)).await.unwrap();
        assert!(outcome.refused.is_empty(), "{place:?}: {outcome:?}");
        paid += resumed.gas + outcome.gas;
        if matches!(place, Failpoint::EndsWritten | Failpoint::EffectsPending) {
            // The process died before reporting; the journal holds the result.
            assert!(resumed.transactions.is_empty());
        }
        let ledger = fixture.ledger().await;
        for node in &nodes {
            assert!(ledger.plans[&PLAN].links.contains(node), "{place:?}");
        }
        let open = oracle.journal().open_transactions().unwrap();
        assert!(open.is_empty(), "{place:?}: {open:?}");
    }
    let ledger = fixture.ledger().await;
    let count = EACH * PLACES.len();
    // No lease was started twice: the identifiers have no gap.
    let last = ledger.leases.values().map(|lease| lease.id).max().unwrap();
    assert_eq!((ledger.leases.len(), last), (count, count as u64));
    let after = fixture.hub.balance(&fixture.provider.account(), DENOM).await.unwrap();
    let deposits = count as u128 * u128::from(HOURS) * HOURLY;
    let fees = before - after - deposits;
    // One transaction each; two processes died before reporting.
    let each = u128::from(paid) / 10 / (PLACES.len() as u128 - 2);
    assert!(fees < each * (PLACES.len() as u128 + 1), "{fees} in fees, {each} each");
}

fn die(fixture: &HubFixture, home: &std::path::Path, place: Failpoint, nodes: &[NodeAddress]) {
    use std::os::unix::process::ExitStatusExt as _;
    let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env(FAILPOINT_VARIABLE, place.name())
        .env(HUB, fixture.chain.grpc_addr())
        .env(HOME, home)
        .env(NODES, nodes.join(","))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "{place:?}: {told}");
}
