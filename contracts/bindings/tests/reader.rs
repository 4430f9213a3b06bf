//! One provider, and several in order: what counts as an answer, and what happens when none comes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod stub;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, U256};
use sovereign_contracts::memes::IMemes::balanceOfCall;
use sovereign_contracts::reader::{BlockTag, Call, NoopObserver, ReadError, Reader, ReaderConfig};
use stub::{Mood, Notes, Stub, config};

fn reader(config: ReaderConfig) -> Reader {
    Reader::new(config, Arc::new(NoopObserver)).unwrap()
}

async fn balance(reader: &Reader) -> Result<u64, ReadError> {
    let call = balanceOfCall { account: Address::ZERO, id: U256::ZERO };
    let snapshot = reader.read(&[Call::new(Address::ZERO, &call)], BlockTag::Latest).await?;
    snapshot.results[0].decode::<balanceOfCall>().map(|balance| balance.to())
}

#[tokio::test]
async fn a_read_is_one_call_and_names_its_block() {
    let stub = Stub::start(Mood::Says(7)).await;
    let notes = Arc::new(Notes::default());
    let reader = Reader::new(config(&[&stub], 1), notes.clone()).unwrap();
    assert_eq!(balance(&reader).await.unwrap(), 7);
    let snapshot = reader.read(&[], BlockTag::Latest).await.unwrap();
    assert_eq!(snapshot.block.number, 100);
    assert_eq!(stub.calls(), 2);
    assert_eq!(stub.chain_id_calls(), 1, "the chain is checked once");
    let mut outcomes = notes.outcomes.lock().unwrap().clone();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("eth_call", "ok"), ("eth_call", "ok"), ("eth_chainId", "ok")]);
    assert_eq!(notes.heads.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_pinned_read_answers_for_its_block() {
    let stub = Stub::start(Mood::Says(7)).await;
    let reader = reader(config(&[&stub], 1));
    assert_eq!(reader.read(&[], BlockTag::Number(90)).await.unwrap().block.number, 90);
    assert!(reader.read(&[], BlockTag::Number(101)).await.is_err(), "a block of the future");
}

/// Every fault of a lone provider is an error, told within the time.
#[tokio::test]
async fn faults_of_a_lone_provider_are_never_an_answer() {
    let deep = format!("{{\"id\":1,\"result\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let moods = [
        Mood::Silent,
        Mood::Resets,
        Mood::Drips,
        Mood::Status(500),
        Mood::Status(302),
        Mood::Status(429),
        Mood::Body(String::new()),
        Mood::Body("null".to_owned()),
        Mood::Body(r#"{"jsonrpc":"2.0","id":1,"result":"0x"}"#.to_owned()),
        Mood::Body(r#"{"jsonrpc":"2.0","id":1,"result":"0x1"}"#.to_owned()),
        Mood::Body(format!(r#"{{"jsonrpc":"2.0","id":1,"result":"0x{}"}}"#, "00".repeat(1000))),
        Mood::Body(format!(r#"{{"jsonrpc":"2.0","id":1,"result":"0x{}"}}"#, "ff".repeat(1000))),
        Mood::Body(r#"{"jsonrpc":"2.0","id":1,"result":{"a":1}}"#.to_owned()),
        Mood::Body(deep),
        Mood::AnnouncesHuge,
        Mood::SendsWithoutEnd,
        Mood::Refuses(-32000, "header not found"),
        Mood::Refuses(3, "execution reverted"),
        Mood::OneTooFew,
    ];
    for mood in moods {
        let stub = Stub::start(mood.clone()).await;
        let reader = reader(config(&[&stub], 1));
        let started = Instant::now();
        let result = balance(&reader).await;
        assert!(result.is_err(), "{mood:?} gave {result:?}");
        assert!(started.elapsed() < Duration::from_millis(1500), "{mood:?} took {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_chain_without_the_aggregator_is_named() {
    let empty = r#"{"jsonrpc":"2.0","id":1,"result":"0x"}"#;
    let stub = Stub::start(Mood::Says(1)).await;
    let reader = reader(config(&[&stub], 1));
    balance(&reader).await.unwrap();
    stub.set(|state| state.mood = Mood::Body(empty.to_owned()));
    let error = balance(&reader).await.unwrap_err();
    assert!(matches!(error, ReadError::NoAggregator(_)), "{error}");
    assert!(!error.should_retry());
}

#[tokio::test]
async fn a_wrong_chain_never_counts_whichever_way_it_shows() {
    for change in [
        (|state| state.claimed_chain_id = 5) as fn(&mut stub::State),
        |state| state.chain_id = 5,
        |state| (state.chain_id, state.claimed_chain_id) = (5, 5),
    ] {
        let stub = Stub::start(Mood::Says(7)).await;
        stub.set(change);
        let reader = reader(config(&[&stub], 1));
        let error = balance(&reader).await.unwrap_err().to_string();
        assert!(error.contains("is on chain 5"), "{error}");
    }
}

#[tokio::test]
async fn the_chain_is_checked_again_after_a_failure() {
    let stub = Stub::start(Mood::Says(7)).await;
    let reader = reader(config(&[&stub], 1));
    balance(&reader).await.unwrap();
    stub.set(|state| state.mood = Mood::Resets);
    balance(&reader).await.unwrap_err();
    stub.set(|state| (state.mood, state.claimed_chain_id) = (Mood::Says(7), 5));
    assert!(balance(&reader).await.is_err(), "it came back as another chain");
}

#[tokio::test]
async fn a_provider_that_is_behind_the_clock_is_not_used() {
    let stub = Stub::start(Mood::Says(7)).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    stub.set(|state| state.time = Some(now - 3600));
    let strict = ReaderConfig { max_head_age: Duration::from_secs(60), ..config(&[&stub], 1) };
    let error = balance(&reader(strict)).await.unwrap_err().to_string();
    assert!(error.contains("latest block is 36"), "{error}");
    assert_eq!(balance(&reader(config(&[&stub], 1))).await.unwrap(), 7, "unless that is switched off");
}

#[tokio::test]
async fn a_provider_that_is_behind_the_others_is_not_used() {
    let (late, current) = (Stub::start(Mood::Says(1)).await, Stub::start(Mood::Says(2)).await);
    current.set(|state| state.head = 104);
    let reader = reader(config(&[&late, &current], 1));
    assert_eq!(balance(&reader).await.unwrap(), 1, "nothing is known of the other yet");
    reader.probe(Duration::ZERO).await;
    assert_eq!(balance(&reader).await.unwrap(), 2);
    current.set(|state| state.mood = Mood::Resets);
    assert!(balance(&reader).await.is_err(), "the late one does not come back because the other is down");
}

#[tokio::test]
async fn the_next_provider_steps_in_for_every_fault() {
    for mood in [
        Mood::Resets,
        Mood::Silent,
        Mood::Status(503),
        Mood::Refuses(-32000, "busy"),
        Mood::Refuses(3, "execution reverted"),
        Mood::OneTooFew,
        Mood::Body("x".to_owned()),
    ] {
        let (bad, good) = (Stub::start(mood.clone()).await, Stub::start(Mood::Says(7)).await);
        let reader = reader(config(&[&bad, &good], 1));
        assert_eq!(balance(&reader).await.unwrap(), 7, "{mood:?}");
    }
}

#[tokio::test]
async fn a_slow_provider_is_joined_by_the_next_and_then_passed_over() {
    let slow = Stub::start(Mood::Slow(Duration::from_millis(600), 1)).await;
    let fast = Stub::start(Mood::Says(2)).await;
    let reader = reader(config(&[&slow, &fast], 1));
    for _ in 0..3 {
        assert_eq!(balance(&reader).await.unwrap(), 2);
    }
    let started = Instant::now();
    assert_eq!(balance(&reader).await.unwrap(), 2);
    assert!(started.elapsed() < Duration::from_millis(100), "it is not waited for any more");
    assert_eq!(slow.calls(), 3);
}

/// Hundreds of readers do not storm a provider that is down, and the first after its return gets through.
#[tokio::test]
async fn a_dead_provider_is_left_in_peace_and_used_again() {
    let stub = Stub::start(Mood::Status(500)).await;
    let reader = reader(config(&[&stub], 1));
    for _ in 0..200 {
        balance(&reader).await.unwrap_err();
    }
    assert!(stub.calls() <= 5, "{} calls", stub.calls());
    let status = &reader.status()[0];
    assert!(status.problem.as_ref().unwrap().0.contains("HTTP status 500"), "{status:?}");
    stub.set(|state| state.mood = Mood::Says(7));
    let back = Instant::now();
    while balance(&reader).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(3), "not used again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(reader.status()[0].problem.is_none());
}

/// Whoever makes a call fail must not take the provider away from the others.
#[tokio::test]
async fn a_call_that_fails_on_the_chain_does_not_rest_the_provider() {
    let stub = Stub::start(Mood::Refuses(-32000, "out of gas")).await;
    let reader = reader(config(&[&stub], 1));
    for _ in 0..10 {
        assert!(matches!(balance(&reader).await, Err(ReadError::Execution(_))));
    }
    assert_eq!(stub.calls(), 10);
}

#[tokio::test]
async fn contracts_without_code_are_named() {
    let stub = Stub::start(Mood::Says(7)).await;
    let reader = reader(config(&[&stub], 1));
    let missing = reader.without_code(&[Address::repeat_byte(1)]).await.unwrap();
    assert_eq!(missing, [Address::repeat_byte(1)]);
}

#[tokio::test]
async fn errors_do_not_show_the_keys_in_addresses() {
    let stub = Stub::start(Mood::Resets).await;
    let mut config = config(&[&stub], 1);
    config.rpc_addrs[0].push_str("/v3/SECRET?key=SECRET");
    let error = balance(&reader(config)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
}
