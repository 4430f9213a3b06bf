//! Many reads at once and few calls allowed.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stub;

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use sovereign_contracts::memes::IMemes::balanceOfCall;
use sovereign_contracts::reader::{
    BlockTag, Call, NoopObserver, ReadError, ReadRequest, Reader, ReaderConfig,
};
use stub::{Mood, Stub, config};

const PER_SECOND: u32 = 10;
/// The others of a second are for those who come a little later.
const CONCURRENT_READS: u64 = 8;

async fn start(mood: Mood) -> (Stub, Arc<Reader>) {
    let stub = Stub::start(mood).await;
    let config =
        ReaderConfig { calls_per_second: PER_SECOND, timeout: Duration::from_secs(3), ..config(&[&stub], 1) };
    let reader = Arc::new(Reader::new(config, Arc::new(NoopObserver)).unwrap());
    (stub, reader)
}

/// Asks for a number, once among the calls and once among the fragile ones.
async fn echo(reader: &Reader, number: u64) -> Result<[u64; 2], ReadError> {
    let call = Call::new(Address::ZERO, &balanceOfCall { account: Address::ZERO, id: U256::from(number) });
    let request =
        ReadRequest { calls: vec![call.clone()], isolated_calls: vec![call], gas_estimate: 1_000_000 };
    let snapshot = reader.read_until(&request, BlockTag::Latest, reader.deadline()).await?;
    let fragile = snapshot.isolated_results.unwrap_or_default();
    let told = [snapshot.results.first(), fragile.first()];
    Ok(told.map(|result| result.map_or(u64::MAX, |result| result.decode::<balanceOfCall>().unwrap().to())))
}

async fn echo_all(reader: &Reader, count: u64) {
    let all = futures::future::join_all((0..count).map(|number| echo(reader, number))).await;
    for (number, told) in (0..).zip(all) {
        assert_eq!(told.unwrap(), [number; 2], "everybody gets his own answer");
    }
}

#[tokio::test]
async fn few_reads_wait_for_nobody() {
    let (stub, reader) = start(Mood::Echoes(Duration::from_millis(50))).await;
    let started = Instant::now();
    echo_all(&reader, CONCURRENT_READS).await;
    assert!(started.elapsed() < Duration::from_millis(300));
    assert_eq!(stub.calls(), 8, "one call each");
}

#[tokio::test]
async fn many_reads_share_few_calls() {
    let (stub, reader) = start(Mood::Echoes(Duration::from_millis(50))).await;
    let started = Instant::now();
    echo_all(&reader, 200).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?}");
    let allowed = u128::from(PER_SECOND) * (took.as_millis() + 1000) / 1000 + 1;
    assert!(stub.calls() as u128 <= allowed, "{} calls in {took:?}", stub.calls());
}

/// One read that uses up the gas must not cost the others their answer.
#[tokio::test]
async fn whoever_spoils_the_company_is_asked_alone() {
    let (stub, reader) = start(Mood::SpoiltBy(20)).await;
    echo_all(&reader, 40).await;
    // Eight go at once, the others together, one of them alone and those after it together again.
    assert_eq!(stub.calls(), 11);
}

#[tokio::test]
async fn a_failure_of_the_provider_is_told_to_all_who_shared_it() {
    let (stub, reader) = start(Mood::Status(500)).await;
    let all = futures::future::join_all((0..200).map(|number| echo(&reader, number))).await;
    assert!(all.iter().all(Result::is_err));
    assert!(stub.calls() <= 40, "{} calls", stub.calls());
}

/// Those who gave up, the one who was about to make the call among them, take nobody along.
#[tokio::test]
async fn whoever_gives_up_takes_nobody_along() {
    let (_stub, reader) = start(Mood::Echoes(Duration::from_millis(100))).await;
    echo_all(&reader, u64::from(PER_SECOND)).await;
    let impatient =
        (0..20).map(|number| tokio::time::timeout(Duration::from_millis(130), echo(&reader, number)));
    let patient = (20..40).map(|number| echo(&reader, number));
    let (_, patient) = tokio::join!(futures::future::join_all(impatient), futures::future::join_all(patient));
    for (number, told) in (20..).zip(patient) {
        assert_eq!(told.unwrap(), [number; 2]);
    }
}

#[tokio::test]
async fn whoever_waits_too_long_is_told_so() {
    let (_stub, reader) = start(Mood::Silent).await;
    let config = ReaderConfig { timeout: Duration::from_millis(400), ..reader.config().clone() };
    let reader = Reader::new(config, Arc::new(NoopObserver)).unwrap();
    let started = Instant::now();
    let all = futures::future::join_all((0..50).map(|number| echo(&reader, number))).await;
    assert!(all.iter().all(Result::is_err));
    assert!(started.elapsed() < Duration::from_millis(900), "took {:?}", started.elapsed());
}
