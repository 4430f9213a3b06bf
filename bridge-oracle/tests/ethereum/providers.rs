//! Providers that lie or are behind.

use bridge_oracle::standing::StandingError;
use sovereign_contracts::reader::ReadError;

use super::town::{LATER, Town, node};

#[tokio::test]
async fn one_lying_provider_changes_nothing_and_two_of_three_stop_everything() {
    let mut town = Town::open().await;
    town.register(0..2).await;
    town.settle().await;
    // The same contracts at the same addresses, and nobody registered.
    let other = Town::open().await;
    other.mine(40).await;
    let [one, two] = town.urls();
    town.governed.ethereum.quorum = 2;
    let (mut follower, _) = town.follower_of(&[other.anvil.url(), one.clone(), two], LATER).await;
    assert_eq!(follower.refresh().await.unwrap().nodes.len(), 2);
    town.score(1, 700).await;
    town.settle().await;
    other.mine(4).await;
    assert_eq!(follower.refresh().await.unwrap().nodes[&node(1)].score, 700, "events by quorum too");

    let (mut follower, _) = town.follower_of(&[other.anvil.url(), one], LATER).await;
    let error = follower.refresh().await.unwrap_err();
    assert!(matches!(error, StandingError::Read(_)), "{error}");
}

#[tokio::test]
async fn no_provider_no_standing() {
    let town = Town::open().await;
    let (mut follower, _) = town.follower(LATER).await;
    follower.refresh().await.unwrap();
    let Town { anvil, .. } = town;
    drop(anvil);
    let error = follower.refresh().await.unwrap_err();
    assert!(
        matches!(error, StandingError::Read(ReadError::Unavailable(_) | ReadError::Timeout(_))),
        "{error}"
    );
}
