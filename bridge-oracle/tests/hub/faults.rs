//! A hub that stops, is rolled back, or serves a second user of the key.

use std::process::Command;
use std::time::Duration;

use bridge_oracle::submit::journal::JournalError;
use bridge_oracle::submit::{Submit as _, SubmitError};
use sentinel_proto::tx::pack_any;
use sentinel_proto::wire::cosmos::authz::v1beta1::MsgExec;
use sentinel_proto::wire::sentinel::plan::v3::MsgLinkNodeRequest;

use crate::fixture::{HOURLY, HubFixture, PLAN, until};

#[tokio::test(flavor = "multi_thread")]
async fn follows_stopped_or_rolled_back_hub_without_paying_twice() {
    let mut fixture = HubFixture::start(4, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let mut oracle = fixture.oracle(home.path());
    let second = bridge_oracle::submit::journal::Journal::open(home.path());
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
    assert_eq!(oracle.submit(1, &fixture.wish(0..1)).await.unwrap().done.len(), 2);

    // The hub is stopped: the submission fails and loses nothing.
    fixture.chain.halt();
    let (data, saved) = (fixture.chain.data(), fixture.chain.home().join("saved"));
    copy(&data, &saved);
    let stopped = oracle.submit(2, &fixture.wish(1..2)).await;
    assert!(matches!(stopped, Err(SubmitError::Hub(_))), "{stopped:?}");
    fixture.chain.resume().unwrap();
    up(&fixture).await;
    assert_eq!(oracle.submit(3, &fixture.wish(1..2)).await.unwrap().done.len(), 2);
    assert_eq!(fixture.ledger().await.leases.len(), 2);

    // The hub is stopped while a transaction is pending: the same bytes are sent again.
    let waiting = {
        let (wish, home) = (fixture.wish(2..3), home.path().to_owned());
        drop(oracle);
        let slow = fixture.oracle(&home);
        let task = tokio::spawn(async move { (slow.submit(4, &wish).await, slow) });
        tokio::time::sleep(Duration::from_millis(40)).await;
        fixture.chain.halt();
        tokio::time::sleep(Duration::from_secs(2)).await;
        fixture.chain.resume().unwrap();
        task
    };
    let (outcome, same) = waiting.await.unwrap();
    oracle = same;
    up(&fixture).await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        // The transaction had not been signed yet.
        Err(SubmitError::Hub(_)) => oracle.submit(5, &fixture.wish(2..3)).await.unwrap(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(outcome.done.len(), 2, "{outcome:?}");
    assert_eq!(fixture.ledger().await.leases.len(), 3);

    // The hub is rolled back to before round 3: undone actions are done again, once.
    fixture.chain.halt();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&saved, &data);
    fixture.chain.resume().unwrap();
    let hub = crate::fixture::client(&fixture.chain);
    fixture.hub = hub;
    up(&fixture).await;
    drop(oracle);
    let oracle = fixture.oracle(home.path());
    assert!(oracle.resume().await.unwrap().done.is_empty());
    assert_eq!(fixture.ledger().await.leases.len(), 1);
    let outcome = oracle.submit(6, &fixture.wish(1..4)).await.unwrap();
    assert_eq!(outcome.done.len(), 6, "{outcome:?}");
    let ledger = fixture.ledger().await;
    let mut ids: Vec<_> = ledger.leases.values().map(|lease| lease.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert!(ledger.leases.values().all(|lease| lease.price.quote == HOURLY));
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_second_key_user_and_low_gas_limit() {
    let fixture = HubFixture::start(30, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = std::sync::Arc::new(fixture.oracle(home.path()));
    assert_eq!(oracle.submit(1, &fixture.wish(0..1)).await.unwrap().done.len(), 2);
    // A second user of the key consumes sequences all the time.
    let rounds = {
        let (oracle, wishes) = (std::sync::Arc::clone(&oracle), [fixture.wish(1..10), fixture.wish(10..20)]);
        tokio::spawn(async move {
            let mut outcomes = Vec::new();
            for (round, wish) in wishes.iter().enumerate() {
                outcomes.push(oracle.submit(2 + round as u64, wish).await);
            }
            outcomes
        })
    };
    let mut disturbances = 0;
    while !rounds.is_finished() && disturbances < 12 {
        let from = fixture.provider_address().to_string();
        let link = MsgLinkNodeRequest { from, id: PLAN, node_address: fixture.node(0).to_string() };
        let exec = MsgExec { grantee: fixture.oracle.account().to_string(), msgs: vec![pack_any(&link)] };
        let granter = Some(fixture.provider.account());
        // The message fails in its block because the node is linked; it consumes its sequence all the same.
        if fixture.offer_as(&fixture.oracle, vec![pack_any(&exec)], 200_000, granter).await.is_ok() {
            disturbances += 1;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    for outcome in rounds.await.unwrap() {
        let outcome = outcome.unwrap();
        assert!(outcome.refused.is_empty(), "{outcome:?}");
    }
    assert!(disturbances > 0);
    let ledger = fixture.ledger().await;
    assert_eq!((ledger.leases.len(), ledger.plans[&PLAN].links.len()), (20, 20));
    drop(oracle);

    // The limit is below the used gas: out of gas in the block, then a higher limit.
    let mut settings = fixture.settings();
    settings.gas_adjustment = 0.0;
    let journal = bridge_oracle::submit::journal::Journal::open(home.path()).unwrap();
    let tight = bridge_oracle::submit::AuthzSender::new(
        fixture.hub.clone(),
        fixture.oracle.clone(),
        settings,
        journal,
    );
    let before = fixture.hub.balance(&fixture.provider.account(), "udvpn").await.unwrap();
    let outcome = tight.submit(9, &fixture.wish(20..30)).await.unwrap();
    assert_eq!(outcome.done.len(), 20, "{outcome:?}");
    let after = fixture.hub.balance(&fixture.provider.account(), "udvpn").await.unwrap();
    let deposits = 10 * u128::from(crate::fixture::HOURS) * HOURLY;
    let fees = before - after - deposits;
    assert!(fees < 1_000_000, "{fees}");
}

async fn up(fixture: &HubFixture) {
    let height = until("the hub's return", async || fixture.hub.latest_height().await.ok()).await;
    until("a new block", async || fixture.hub.latest_height().await.ok().filter(|now| *now > height)).await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success());
}
