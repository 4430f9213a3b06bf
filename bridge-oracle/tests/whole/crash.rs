//! Kills the program by SIGKILL after every await of a round, between both chains: there is exactly one effect.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use bridge_oracle::failpoint::{FAILPOINT_VARIABLE, Failpoint};
use sentinel_proto::tx::pack_any;
use sentinel_proto::wire::sentinel::plan::v3::MsgUpdatePlanStatusRequest;
use sentinel_proto::wire::sentinel::types::v1::Status;

use crate::chain::DENOM;
use crate::commands::oracle;
use crate::fixture::BridgeFixture;
use crate::hub_fixture::{HOURLY, HOURS, PLAN};

/// Failpoints that the next start passes while it settles transactions left open by a crash after sending.
const RESUMING: [Failpoint; 5] = [
    Failpoint::OpenRead,
    Failpoint::TransactionFound,
    Failpoint::EndsWritten,
    Failpoint::EffectsPending,
    Failpoint::LeasesRead,
];

#[tokio::test(flavor = "multi_thread")]
async fn crash_after_any_await_of_round_has_exactly_one_effect() {
    // `tests/hub/crash.rs` covers a hub where a transaction stays pending for long.
    let places: Vec<_> =
        Failpoint::ALL.iter().copied().filter(|place| *place != Failpoint::Rebroadcast).collect();
    let count = places.len() + RESUMING.len();
    let fixture = BridgeFixture::open(u16::try_from(count).unwrap()).await;
    fixture.write_home();
    let home = fixture.home.path().to_owned();
    let provider = fixture.hub.provider.account();
    let before = fixture.hub.hub.balance(&provider, DENOM).await.unwrap();
    let mut fees = 0;
    for (index, place) in (0_u16..).zip(&places) {
        fixture.register(index).await;
        fixture.ethereum.settle().await;
        if *place == Failpoint::PlansRead {
            fees += deactivate(&fixture).await;
        }
        die(&home, *place).await;
        recover(&fixture, &home, index, *place).await;
    }
    for (index, place) in (u16::try_from(places.len()).unwrap()..).zip(RESUMING) {
        fixture.register(index).await;
        fixture.ethereum.settle().await;
        die(&home, Failpoint::Broadcast).await;
        die(&home, place).await;
        recover(&fixture, &home, index, place).await;
    }

    let ledger = fixture.hub.ledger().await;
    assert!(ledger.plans[&PLAN].active);
    // No lease was started twice: the identifiers have no gap.
    let last = ledger.leases.values().map(|lease| lease.id).max().unwrap();
    assert_eq!((ledger.leases.len(), last), (count, count as u64));
    let after = fixture.hub.hub.balance(&provider, DENOM).await.unwrap();
    let deposits = count as u128 * u128::from(HOURS) * HOURLY;
    // A lease and a link cost about 21,000: a second transaction each would exceed the bound.
    let spent = before - after - deposits - fees;
    assert!(spent < count as u128 * 35_000, "{spent} in fees");
}

/// The next start does what is missing, and leaves nothing open.
async fn recover(fixture: &BridgeFixture, home: &Path, index: u16, place: Failpoint) {
    let again = oracle(home, &["start", "--once"]).await;
    assert_eq!(again.code, 0, "{place:?}: {}", again.err);
    assert!(fixture.is_linked(usize::from(index)).await, "{place:?}: {}", again.err);
    let idle = oracle(home, &["plan", "--json"]).await;
    let idle: serde_json::Value = serde_json::from_str(&idle.out).unwrap();
    assert!(idle["actions"].as_array().unwrap().is_empty(), "{place:?}: {idle}");
}

async fn die(home: &Path, place: Failpoint) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-oracle"));
    command.arg("--home").arg(home).args(["start", "--once"]).env(FAILPOINT_VARIABLE, place.name());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "{place:?}: {:?} {told}", output.status);
}

/// Gives the round a plan to activate; returns the fee.
async fn deactivate(fixture: &BridgeFixture) -> u128 {
    let account = fixture.hub.provider.account();
    let before = fixture.hub.hub.balance(&account, DENOM).await.unwrap();
    let from = fixture.hub.provider_address().to_string();
    let message = MsgUpdatePlanStatusRequest { from, id: PLAN, status: Status::Inactive.into() };
    fixture.hub.send(&fixture.hub.provider, vec![pack_any(&message)]).await.unwrap();
    before - fixture.hub.hub.balance(&account, DENOM).await.unwrap()
}
