//! K of N: nobody gets in on the word of fewer than K, and nobody is kept out by fewer than N - K + 1.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stub;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use sovereign_contracts::memes::IMemes::balanceOfCall;
use sovereign_contracts::reader::{At, Call, ReadError, Reader, Unobserved};
use stub::{Mood, Stub, config};

async fn three(moods: [Mood; 3]) -> ([Stub; 3], Reader) {
    let [a, b, c] = moods;
    let stubs = [Stub::start(a).await, Stub::start(b).await, Stub::start(c).await];
    let config = config(&[&stubs[0], &stubs[1], &stubs[2]], 2);
    (stubs, Reader::new(config, Arc::new(Unobserved)).unwrap())
}

async fn read(reader: &Reader) -> Result<(u64, u64), ReadError> {
    let call = balanceOfCall { account: Address::ZERO, id: U256::ZERO };
    let snapshot = reader.read(&[Call::new(Address::ZERO, &call)], At::Latest).await?;
    let balance = snapshot.results[0].decode::<balanceOfCall>()?;
    Ok((balance.to(), snapshot.block.number))
}

#[tokio::test]
async fn one_liar_of_three_neither_lets_in_nor_keeps_out() {
    for liar in 0..3 {
        let mut moods = [Mood::Says(0), Mood::Says(0), Mood::Says(0)];
        moods[liar] = Mood::Says(1);
        let (_stubs, reader) = three(moods).await;
        assert_eq!(read(&reader).await.unwrap().0, 0, "liar {liar}");
    }
}

#[tokio::test]
async fn a_liar_and_two_who_are_down_let_nobody_in() {
    let (_stubs, reader) = three([Mood::Says(1), Mood::Resets, Mood::Status(500)]).await;
    assert!(matches!(read(&reader).await, Err(ReadError::Unavailable(_))));
}

#[tokio::test]
async fn three_opinions_are_no_answer() {
    let (_stubs, reader) = three([Mood::Says(1), Mood::Says(2), Mood::Says(3)]).await;
    assert!(matches!(read(&reader).await, Err(ReadError::Disagreement(_))));
}

#[tokio::test]
async fn a_liar_beside_an_honest_one_and_a_dead_one_is_no_answer() {
    let (_stubs, reader) = three([Mood::Says(1), Mood::Says(0), Mood::Resets]).await;
    assert!(matches!(read(&reader).await, Err(ReadError::Disagreement(_))));
}

#[tokio::test]
async fn a_slow_third_is_not_waited_for() {
    for mood in [Mood::Silent, Mood::Drips, Mood::SendsWithoutEnd] {
        let (_stubs, reader) = three([mood.clone(), Mood::Says(7), Mood::Says(7)]).await;
        let started = Instant::now();
        assert_eq!(read(&reader).await.unwrap().0, 7);
        assert!(started.elapsed() < Duration::from_millis(500), "{mood:?} took {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn different_heads_meet_at_a_common_block() {
    let (stubs, reader) = three([Mood::Says(7), Mood::Says(7), Mood::Says(7)]).await;
    for (stub, head) in stubs.iter().zip([100, 101, 102]) {
        stub.set(|state| state.head = head);
    }
    assert_eq!(read(&reader).await.unwrap(), (7, 100));
}

#[tokio::test]
async fn a_liar_about_the_head_does_not_prevent_a_common_block() {
    for claimed in [0, 99, 1_000_000] {
        let (stubs, reader) = three([Mood::Says(1), Mood::Says(7), Mood::Says(7)]).await;
        for (stub, head) in stubs.iter().zip([claimed, 101, 102]) {
            stub.set(|state| state.head = head);
        }
        let (balance, block) = read(&reader).await.unwrap();
        assert_eq!(balance, 7, "liar claims {claimed}");
        assert!((98..=101).contains(&block), "liar claims {claimed}, block {block}");
    }
}

#[tokio::test]
async fn providers_of_another_chain_do_not_vote() {
    let (stubs, reader) = three([Mood::Says(1), Mood::Says(1), Mood::Says(7)]).await;
    for stub in &stubs[..2] {
        stub.set(|state| (state.chain_id, state.claimed_chain_id) = (5, 5));
    }
    assert!(matches!(read(&reader).await, Err(ReadError::Unavailable(_))), "two votes of a foreign chain");
}

#[tokio::test]
async fn too_many_failures_are_told_without_waiting_for_the_rest() {
    let (_stubs, reader) = three([Mood::Silent, Mood::Resets, Mood::Status(500)]).await;
    let started = Instant::now();
    assert!(matches!(read(&reader).await, Err(ReadError::Unavailable(_))));
    assert!(started.elapsed() < Duration::from_millis(500));
}
