//! A hub that stops, is set back, or meets a second user of the key.

use std::process::Command;
use std::time::Duration;

use bridge_oracle::submit::journal::JournalError;
use bridge_oracle::submit::{Submit as _, SubmitError};
use sentinel_proto::tx::any;
use sentinel_proto::wire::cosmos::authz::v1beta1::MsgExec;
use sentinel_proto::wire::sentinel::plan::v3::MsgLinkNodeRequest;

use crate::town::{HOURLY, PLAN, Town, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stops_or_is_set_back_is_followed_and_no_money_is_spent_twice() {
    let mut town = Town::start(4, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let mut oracle = town.oracle(home.path());
    let second = bridge_oracle::submit::journal::Journal::open(home.path());
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
    assert_eq!(oracle.submit(1, &town.wish(0..1)).await.unwrap().done.len(), 2);

    // Stopped: nothing is reached, nothing is lost.
    town.chain.halt();
    let (data, saved) = (town.chain.data(), town.chain.home().join("saved"));
    copy(&data, &saved);
    let stopped = oracle.submit(2, &town.wish(1..2)).await;
    assert!(matches!(stopped, Err(SubmitError::Hub(_))), "{stopped:?}");
    town.chain.resume().unwrap();
    up(&town).await;
    assert_eq!(oracle.submit(3, &town.wish(1..2)).await.unwrap().done.len(), 2);
    assert_eq!(town.ledger().await.leases.len(), 2);

    // Stopped while a transaction is on its way: the same bytes are sent again.
    let waiting = {
        let (wish, home) = (town.wish(2..3), home.path().to_owned());
        drop(oracle);
        let slow = town.oracle(&home);
        let task = tokio::spawn(async move { (slow.submit(4, &wish).await, slow) });
        tokio::time::sleep(Duration::from_millis(40)).await;
        town.chain.halt();
        tokio::time::sleep(Duration::from_secs(2)).await;
        town.chain.resume().unwrap();
        task
    };
    let (outcome, same) = waiting.await.unwrap();
    oracle = same;
    up(&town).await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        // It had not been signed yet.
        Err(SubmitError::Hub(_)) => oracle.submit(5, &town.wish(2..3)).await.unwrap(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(outcome.done.len(), 2, "{outcome:?}");
    assert_eq!(town.ledger().await.leases.len(), 3);

    // Set back to before round 3: what was done is undone, and is done again, once.
    town.chain.halt();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&saved, &data);
    town.chain.resume().unwrap();
    let hub = crate::town::client(&town.chain);
    town.hub = hub;
    up(&town).await;
    drop(oracle);
    let oracle = town.oracle(home.path());
    assert!(oracle.resume().await.unwrap().done.is_empty());
    assert_eq!(town.ledger().await.leases.len(), 1);
    let outcome = oracle.submit(6, &town.wish(1..4)).await.unwrap();
    assert_eq!(outcome.done.len(), 6, "{outcome:?}");
    let ledger = town.ledger().await;
    let mut ids: Vec<_> = ledger.leases.values().map(|lease| lease.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert!(ledger.leases.values().all(|lease| lease.price.quote == HOURLY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_user_of_the_key_and_a_limit_that_is_too_low_are_survived() {
    let town = Town::start(30, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = std::sync::Arc::new(town.oracle(home.path()));
    assert_eq!(oracle.submit(1, &town.wish(0..1)).await.unwrap().done.len(), 2);
    // Somebody else uses the same key all the time: sequences are taken away again and again.
    let rounds = {
        let (oracle, wishes) = (std::sync::Arc::clone(&oracle), [town.wish(1..10), town.wish(10..20)]);
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
        let from = town.provider_address().to_string();
        let link = MsgLinkNodeRequest { from, id: PLAN, node_address: town.node(0).to_string() };
        let exec = MsgExec { grantee: town.oracle.account().to_string(), msgs: vec![any(&link)] };
        let granter = Some(town.provider.account());
        // Refused in its block, as it is linked; it takes its sequence all the same.
        if town.offer_as(&town.oracle, vec![any(&exec)], 200_000, granter).await.is_ok() {
            disturbances += 1;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    for outcome in rounds.await.unwrap() {
        let outcome = outcome.unwrap();
        assert!(outcome.refused.is_empty(), "{outcome:?}");
    }
    assert!(disturbances > 0);
    let ledger = town.ledger().await;
    assert_eq!((ledger.leases.len(), ledger.plans[&PLAN].links.len()), (20, 20));
    drop(oracle);

    // A limit below what is used: out of gas in the block, then more.
    let mut settings = town.settings();
    settings.gas_adjustment = 0.0;
    let journal = bridge_oracle::submit::journal::Journal::open(home.path()).unwrap();
    let tight = bridge_oracle::submit::Authz::new(town.hub.clone(), town.oracle.clone(), settings, journal);
    let before = town.hub.balance(&town.provider.account(), "udvpn").await.unwrap();
    let outcome = tight.submit(9, &town.wish(20..30)).await.unwrap();
    assert_eq!(outcome.done.len(), 20, "{outcome:?}");
    let after = town.hub.balance(&town.provider.account(), "udvpn").await.unwrap();
    let deposits = 10 * u128::from(crate::town::HOURS) * HOURLY;
    let fees = before - after - deposits;
    assert!(fees < 1_000_000, "{fees}");
}

async fn up(town: &Town) {
    let height = until("the hub's return", async || town.hub.latest_height().await.ok()).await;
    until("a new block", async || town.hub.latest_height().await.ok().filter(|now| *now > height)).await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success());
}
