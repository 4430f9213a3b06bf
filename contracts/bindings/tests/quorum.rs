//! K of N: nobody gets in on the word of fewer than K, and nobody is kept out by fewer than N - K + 1.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stub;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, U256};
use sovereign_contracts::memes::IMemes::balanceOfCall;
use sovereign_contracts::reader::{BlockTag, Call, NoopObserver, ReadError, Reader, ReaderConfig};
use stub::{Mood, Stub, config};

async fn three(moods: [Mood; 3]) -> ([Stub; 3], Reader) {
    let [a, b, c] = moods;
    let stubs = [Stub::start(a).await, Stub::start(b).await, Stub::start(c).await];
    let config = config(&[&stubs[0], &stubs[1], &stubs[2]], 2);
    (stubs, Reader::new(config, Arc::new(NoopObserver)).unwrap())
}

async fn read(reader: &Reader) -> Result<(u64, u64), ReadError> {
    read_at(reader, BlockTag::Latest).await
}

async fn read_at(reader: &Reader, at: BlockTag) -> Result<(u64, u64), ReadError> {
    let call = balanceOfCall { account: Address::ZERO, id: U256::ZERO };
    let snapshot = reader.read(&[Call::new(Address::ZERO, &call)], at).await?;
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

/// The honest ones answer truthfully for an old block as well: a former holder would get in.
#[tokio::test]
async fn a_liar_does_not_lead_back_to_an_old_block() {
    let slow = Mood::Slow(Duration::from_millis(600), 7);
    for (third, answered) in [(None, false), (Some(slow), true), (Some(Mood::Resets), false)] {
        let mut stubs = vec![Stub::start(Mood::Says(7)).await, Stub::start(Mood::Says(7)).await];
        if let Some(mood) = third.clone() {
            stubs.push(Stub::start(mood).await);
        }
        for (stub, head) in stubs.iter().zip([1000, 10, 1000]) {
            stub.set(|state| state.head = head);
        }
        let config = config(&stubs.iter().collect::<Vec<_>>(), 2);
        let reader = Reader::new(config, Arc::new(NoopObserver)).unwrap();
        for at in [BlockTag::Latest, BlockTag::Finalized] {
            let told = read_at(&reader, at).await;
            assert!(
                told.as_ref().map_or(!answered, |told| told.1 >= 997),
                "third {third:?}, {at:?}: {told:?}"
            );
        }
    }
}

/// Two of three know the block, so what they say of its time is true; what the liar said of his head is not.
#[tokio::test]
async fn what_is_agreed_upon_is_not_too_old() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    for (age, counts) in [(10, true), (900, false)] {
        let stubs = [Stub::start(Mood::Says(7)).await, Stub::start(Mood::Says(7)).await];
        for (stub, head) in stubs.iter().zip([100, 98]) {
            stub.set(|state| {
                state.head = head;
                (state.time, state.claimed_time) = (Some(now - age), Some(now));
            });
        }
        let config =
            ReaderConfig { max_head_age: Duration::from_secs(60), ..config(&[&stubs[0], &stubs[1]], 2) };
        let reader = Reader::new(config, Arc::new(NoopObserver)).unwrap();
        let told = read(&reader).await;
        assert_eq!(told.is_ok(), counts, "{age} s: {told:?}");
    }
}

/// One that is stuck and one that repeats what it says are two; only an older block is told by its time.
#[tokio::test]
async fn what_was_agreed_upon_is_not_taken_back() {
    for (at, lag) in [(BlockTag::Latest, 6), (BlockTag::Finalized, 134), (BlockTag::Safe, 134)] {
        let (stubs, reader) = three([Mood::Says(7), Mood::Says(7), Mood::Says(7)]).await;
        let all_at = |head: u64, time: Option<u64>| {
            for stub in &stubs {
                stub.set(|state| (state.head, state.time) = (head, time));
            }
        };
        all_at(1000, None);
        assert_eq!(read_at(&reader, at).await.unwrap().1, 1000);
        all_at(1000 - lag, None);
        assert_eq!(read_at(&reader, at).await.unwrap().1, 1000 - lag, "{at:?}: a little behind");
        all_at(999 - lag, None);
        assert!(matches!(read_at(&reader, at).await, Err(ReadError::Unavailable(_))), "{at:?}");
        assert_eq!(
            read_at(&reader, BlockTag::Number(5)).await.unwrap().1,
            5,
            "whoever asks for a block gets it"
        );
        // A local chain that was put back and goes on.
        all_at(50, Some(1_900_000_000));
        assert_eq!(read_at(&reader, at).await.unwrap().1, 50, "{at:?}: a new block");
    }
}
