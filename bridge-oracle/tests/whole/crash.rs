//! Killed after every await of a round, by a real SIGKILL: the real program between both chains, and exactly one effect.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use bridge_oracle::failpoint::{Place, VARIABLE};
use sentinel_proto::tx::any;
use sentinel_proto::wire::sentinel::plan::v3::MsgUpdatePlanStatusRequest;
use sentinel_proto::wire::sentinel::types::v1::Status;

use crate::chain::DENOM;
use crate::commands::oracle;
use crate::town::{HOURLY, HOURS, PLAN};
use crate::world::World;

/// Places that the next start passes while it settles what a death after sending left open.
const RESUMING: [Place; 5] = [Place::Open, Place::Found, Place::Settled, Place::Effects, Place::Leases];

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_await_of_a_round_there_is_exactly_one_effect() {
    // A hub that lets a transaction wait for long is in `tests/hub/crash.rs`.
    let places: Vec<_> = Place::ALL.iter().copied().filter(|place| *place != Place::Resent).collect();
    let count = places.len() + RESUMING.len();
    let world = World::open(u16::try_from(count).unwrap()).await;
    world.write_home();
    let home = world.home.path().to_owned();
    let provider = world.hub.provider.account();
    let before = world.hub.hub.balance(&provider, DENOM).await.unwrap();
    let mut fees = 0;
    for (index, place) in (0_u16..).zip(&places) {
        world.register(index).await;
        world.ethereum.settle().await;
        if *place == Place::Plans {
            fees += deactivate(&world).await;
        }
        die(&home, *place).await;
        recover(&world, &home, index, *place).await;
    }
    for (index, place) in (u16::try_from(places.len()).unwrap()..).zip(RESUMING) {
        world.register(index).await;
        world.ethereum.settle().await;
        die(&home, Place::Sent).await;
        die(&home, place).await;
        recover(&world, &home, index, place).await;
    }

    let ledger = world.hub.ledger().await;
    assert!(ledger.plans[&PLAN].active);
    // No lease was ever started twice: their numbers have no gap.
    let last = ledger.leases.values().map(|lease| lease.id).max().unwrap();
    assert_eq!((ledger.leases.len(), last), (count, count as u64));
    let after = world.hub.hub.balance(&provider, DENOM).await.unwrap();
    let deposits = count as u128 * u128::from(HOURS) * HOURLY;
    // About 21,000 for a lease and a link: a second transaction for each would show.
    let spent = before - after - deposits - fees;
    assert!(spent < count as u128 * 35_000, "{spent} in fees");
}

/// The next start does what is missing, and leaves nothing open.
async fn recover(world: &World, home: &Path, index: u16, place: Place) {
    let again = oracle(home, &["start", "--once"]).await;
    assert_eq!(again.code, 0, "{place:?}: {}", again.err);
    assert!(world.is_linked(usize::from(index)).await, "{place:?}: {}", again.err);
    let idle = oracle(home, &["plan", "--json"]).await;
    let idle: serde_json::Value = serde_json::from_str(&idle.out).unwrap();
    assert!(idle["actions"].as_array().unwrap().is_empty(), "{place:?}: {idle}");
}

async fn die(home: &Path, place: Place) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-oracle"));
    command.arg("--home").arg(home).args(["start", "--once"]).env(VARIABLE, place.name());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(9), "{place:?}: {:?} {told}", output.status);
}

/// Gives the round a plan to activate; the fee of it.
async fn deactivate(world: &World) -> u128 {
    let account = world.hub.provider.account();
    let before = world.hub.hub.balance(&account, DENOM).await.unwrap();
    let from = world.hub.provider_address().to_string();
    let message = MsgUpdatePlanStatusRequest { from, id: PLAN, status: Status::Inactive.into() };
    world.hub.send(&world.hub.provider, vec![any(&message)]).await.unwrap();
    before - world.hub.hub.balance(&account, DENOM).await.unwrap()
}
