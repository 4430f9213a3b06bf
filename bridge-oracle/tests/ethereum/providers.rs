//! Providers that lie or lag.

use bridge_oracle::standing::StandingError;
use sovereign_contracts::reader::ReadError;

use super::fixture::{EthereumFixture, LATER, node};

#[tokio::test]
async fn one_lying_provider_is_outvoted_and_disagreement_stops_reads() {
    let mut fixture = EthereumFixture::open().await;
    fixture.register(0..2).await;
    fixture.settle().await;
    // The same contracts at the same addresses, without nodes.
    let other = EthereumFixture::open().await;
    other.mine(40).await;
    let [one, two] = fixture.urls();
    fixture.governed.ethereum.quorum = 2;
    let (mut follower, _) = fixture.follower_of(&[other.anvil.url(), one.clone(), two], LATER).await;
    assert_eq!(follower.refresh().await.unwrap().nodes.len(), 2);
    fixture.score(1, 700).await;
    fixture.settle().await;
    other.mine(4).await;
    assert_eq!(follower.refresh().await.unwrap().nodes[&node(1)].score, 700, "events by quorum too");

    let (mut follower, _) = fixture.follower_of(&[other.anvil.url(), one], LATER).await;
    let error = follower.refresh().await.unwrap_err();
    assert!(matches!(error, StandingError::Read(_)), "{error}");
}

#[tokio::test]
async fn fails_without_provider() {
    let fixture = EthereumFixture::open().await;
    let (mut follower, _) = fixture.follower(LATER).await;
    follower.refresh().await.unwrap();
    let EthereumFixture { anvil, .. } = fixture;
    drop(anvil);
    let error = follower.refresh().await.unwrap_err();
    assert!(
        matches!(error, StandingError::Read(ReadError::Unavailable(_) | ReadError::Timeout(_))),
        "{error}"
    );
}
