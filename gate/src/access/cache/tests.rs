//! Single flight, lifetimes, and what a change does to them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};

use sovereign_contracts::reader::ReadError;
use tokio::time::sleep;

use super::*;

const WALLET: Address = Address::repeat_byte(1);
const VAULT: Address = Address::repeat_byte(2);

fn answers() -> Answers {
    Answers::new(&AccessConfig {
        positive_ttl: Duration::from_millis(400),
        negative_ttl: Duration::from_millis(100),
        ..AccessConfig::default()
    })
}

fn entitlement(tier: Tier, vault: Option<Address>) -> Entitlement {
    let (cards, via) = (Vec::new(), None);
    Entitlement {
        tier,
        via,
        wallet: WALLET,
        vault,
        cards,
        more_cards: false,
        block: 1,
        until: None,
        delegations_unread: false,
    }
}

/// Counts its uses and takes a while.
struct Source {
    tier: Tier,
    vault: Option<Address>,
    reads: AtomicUsize,
}

impl Source {
    fn new(tier: Tier) -> Self {
        Self { tier, vault: None, reads: AtomicUsize::new(0) }
    }

    async fn read(&self) -> Result<Entitlement, AccessError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        Ok(entitlement(self.tier, self.vault))
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn fifty_questions_at_once_are_one_read() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let all = (0..50).map(|_| answers.get((WALLET, None), || source.read()));
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.unwrap().tier, Tier::Paid);
    }
    assert_eq!(source.reads(), 1);
}

#[tokio::test]
async fn a_denial_is_forgotten_sooner() {
    for (tier, reads_after_a_while) in [(Tier::Free, 1), (Tier::Paid, 1), (Tier::Denied, 2)] {
        let (answers, source) = (answers(), Source::new(tier));
        answers.get((WALLET, None), || source.read()).await.unwrap();
        sleep(Duration::from_millis(200)).await;
        answers.get((WALLET, None), || source.read()).await.unwrap();
        assert_eq!(source.reads(), reads_after_a_while, "{tier:?}");
        sleep(Duration::from_millis(500)).await;
        answers.get((WALLET, None), || source.read()).await.unwrap();
        assert_eq!(source.reads(), reads_after_a_while + 1, "{tier:?}");
    }
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_waited_and_not_kept() {
    let answers = answers();
    let reads = AtomicUsize::new(0);
    let fail = || async {
        reads.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        Err::<Entitlement, AccessError>(ReadError::Unavailable("down".to_owned()).into())
    };
    let all = (0..10).map(|_| answers.get((WALLET, None), fail));
    assert!(futures::future::join_all(all).await.iter().all(Result::is_err));
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    let source = Source::new(Tier::Paid);
    assert_eq!(answers.get((WALLET, None), || source.read()).await.unwrap().tier, Tier::Paid);
}

#[tokio::test]
async fn the_vault_that_was_named_is_part_of_the_question() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    for hint in [None, Some(VAULT), None, Some(VAULT)] {
        answers.get((WALLET, hint), || source.read()).await.unwrap();
    }
    assert_eq!(source.reads(), 2);
    assert!(answers.peek((WALLET, None)).await.is_some());
    assert!(answers.peek((WALLET, Some(WALLET))).await.is_none());
}

#[tokio::test]
async fn a_change_of_wallet_or_vault_ends_the_answer() {
    let (answers, mut source) = (answers(), Source::new(Tier::Paid));
    source.vault = Some(VAULT);
    let get = || answers.get((WALLET, None), || source.read());
    get().await.unwrap();
    for (address, reads) in [(Address::repeat_byte(9), 1), (VAULT, 2), (WALLET, 3)] {
        answers.touch(address, 0);
        get().await.unwrap();
        get().await.unwrap();
        assert_eq!(source.reads(), reads);
    }
    answers.touch_all();
    get().await.unwrap();
    assert_eq!(source.reads(), 4);
}

/// What was on its way when something changed may be from before the change.
#[tokio::test]
async fn a_change_during_a_read_has_it_read_again() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let (first, second, ()) = tokio::join!(
        answers.get((WALLET, None), || source.read()),
        answers.get((WALLET, None), || source.read()),
        async {
            sleep(Duration::from_millis(5)).await;
            answers.touch(WALLET, 0);
        },
    );
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(source.reads(), 2);
}

/// So does forgetting everything: what is on its way may rest on what counted before.
#[tokio::test]
async fn forgetting_during_a_read_has_it_read_again() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let (answer, ()) = tokio::join!(answers.get((WALLET, None), || source.read()), async {
        sleep(Duration::from_millis(5)).await;
        answers.touch_all();
    });
    assert!(answer.is_ok());
    assert_eq!(source.reads(), 2);
}

/// The one who flies may leave; the others get their answer all the same.
#[tokio::test]
async fn whoever_gives_up_takes_nobody_along() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let get = || answers.get((WALLET, None), || source.read());
    let impatient = tokio::time::timeout(Duration::from_millis(5), get());
    let (left, stayed) = tokio::join!(impatient, get());
    assert!(left.is_err());
    assert_eq!(stayed.unwrap().tier, Tier::Paid);
}

/// What is put in the place of an answer that is no longer good has a lifetime of its own.
#[tokio::test]
async fn no_answer_inherits_the_lifetime_of_another() {
    let (answers, before, after) = (answers(), Source::new(Tier::Paid), Source::new(Tier::Denied));
    answers.get((WALLET, None), || before.read()).await.unwrap();
    answers.touch_all();
    let get = || answers.get((WALLET, None), || after.read());
    assert_eq!(get().await.unwrap().tier, Tier::Denied);
    sleep(Duration::from_millis(150)).await;
    get().await.unwrap();
    assert_eq!(after.reads(), 2);
}
