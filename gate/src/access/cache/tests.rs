//! Single flight, lifetimes and invalidation of kept answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};

use sovereign_contracts::reader::ReadError;
use tokio::time::sleep;

use super::*;
use crate::access::{Basis, Tier, Via};

const WALLET: Address = Address::repeat_byte(1);
const VAULT: Address = Address::repeat_byte(2);
const LISTED: EntitlementQuery = EntitlementQuery::Listed { wallet: WALLET };
const OWN: EntitlementQuery = EntitlementQuery::Named { wallet: WALLET, vault: None };
const NAMED: EntitlementQuery = EntitlementQuery::Named { wallet: WALLET, vault: Some(VAULT) };

fn answers() -> EntitlementCache {
    EntitlementCache::new(&AccessConfig {
        positive_ttl: Duration::from_millis(400),
        negative_ttl: Duration::from_millis(100),
        ..AccessConfig::default()
    })
}

/// An entitlement at block 1 that examined these vaults. [`Tier::Denied`]: without a basis.
fn entitlement(tier: Tier, examined: &[Address]) -> Entitlement {
    let basis = Basis {
        tier,
        via: Via::Own,
        vault: None,
        collection: Address::repeat_byte(3),
        cards: Vec::new(),
        block: 1,
        expires_at: None,
    };
    Entitlement {
        wallet: WALLET,
        bases: if tier == Tier::Denied { Vec::new() } else { vec![basis] },
        examined: examined.to_vec(),
        block: 1,
        delegations_unread: false,
        is_partial: false,
    }
}

/// Returns one answer after a short delay and counts its reads.
struct Source {
    answer: Entitlement,
    reads: AtomicUsize,
}

impl Source {
    fn new(tier: Tier) -> Self {
        Self::of(entitlement(tier, &[]))
    }

    fn of(answer: Entitlement) -> Self {
        Self { answer, reads: AtomicUsize::new(0) }
    }

    async fn read(&self) -> Result<Entitlement, AccessError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        Ok(self.answer.clone())
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn concurrent_questions_share_one_read() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let all = (0..50).map(|_| answers.get_or_read(LISTED, || source.read()));
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.unwrap().bases, source.answer.bases);
    }
    assert_eq!(source.reads(), 1);
}

#[tokio::test]
async fn denial_is_kept_for_a_shorter_time() {
    for (tier, reads_after_a_while) in [(Tier::Free, 1), (Tier::Paid, 1), (Tier::Denied, 2)] {
        let (answers, source) = (answers(), Source::new(tier));
        answers.get_or_read(LISTED, || source.read()).await.unwrap();
        sleep(Duration::from_millis(200)).await;
        answers.get_or_read(LISTED, || source.read()).await.unwrap();
        assert_eq!(source.reads(), reads_after_a_while, "{tier:?}");
        sleep(Duration::from_millis(500)).await;
        answers.get_or_read(LISTED, || source.read()).await.unwrap();
        assert_eq!(source.reads(), reads_after_a_while + 1, "{tier:?}");
    }
}

#[tokio::test]
async fn failure_reaches_all_waiting_callers_and_is_not_kept() {
    let answers = answers();
    let reads = AtomicUsize::new(0);
    let fail = || async {
        reads.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        Err::<Entitlement, AccessError>(ReadError::Unavailable("down".to_owned()).into())
    };
    let all = (0..10).map(|_| answers.get_or_read(LISTED, fail));
    assert!(futures::future::join_all(all).await.iter().all(Result::is_err));
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    let source = Source::new(Tier::Paid);
    assert_eq!(answers.get_or_read(LISTED, || source.read()).await.unwrap().bases, source.answer.bases);
}

#[tokio::test]
async fn each_question_has_an_answer_of_its_own() {
    let answers = answers();
    let questions = [
        LISTED,
        OWN,
        NAMED,
        EntitlementQuery::Named { wallet: WALLET, vault: Some(Address::repeat_byte(9)) },
    ];
    for (number, question) in (1..).zip(questions) {
        assert!(answers.get_cached(question).await.is_none(), "{question:?} is not asked yet");
        let source = Source::of(Entitlement { block: number, ..entitlement(Tier::Paid, &[]) });
        assert_eq!(answers.get_or_read(question, || source.read()).await.unwrap().block, number);
        assert_eq!(source.reads(), 1, "{question:?} is read for itself");
    }
    for (number, question) in (1..).zip(questions) {
        assert_eq!(answers.get_cached(question).await.map(|answer| answer.block), Some(number));
    }
}

#[tokio::test]
async fn change_of_wallet_or_examined_vault_ends_the_answer() {
    let (answers, source) = (answers(), Source::of(entitlement(Tier::Paid, &[VAULT])));
    let get = || answers.get_or_read(LISTED, || source.read());
    get().await.unwrap();
    for (address, reads) in [(Address::repeat_byte(9), 1), (VAULT, 2), (WALLET, 3)] {
        answers.invalidate(address, 0);
        get().await.unwrap();
        get().await.unwrap();
        assert_eq!(source.reads(), reads);
    }
    answers.invalidate_for_new_rules();
    get().await.unwrap();
    assert_eq!(source.reads(), 4);
}

/// A denial rests on the examined vaults: one of them may have received a card.
#[tokio::test]
async fn change_of_a_vault_without_a_basis_ends_the_denial() {
    let (answers, source) = (answers(), Source::of(entitlement(Tier::Denied, &[VAULT])));
    let get = || answers.get_or_read(LISTED, || source.read());
    get().await.unwrap();
    answers.invalidate(VAULT, 0);
    get().await.unwrap();
    assert_eq!(source.reads(), 2);
}

#[tokio::test]
async fn partial_answer_is_kept_as_briefly_as_a_denial() {
    let partial = Entitlement { is_partial: true, ..entitlement(Tier::Paid, &[]) };
    let (answers, source) = (answers(), Source::of(partial));
    answers.get_or_read(LISTED, || source.read()).await.unwrap();
    sleep(Duration::from_millis(200)).await;
    answers.get_or_read(LISTED, || source.read()).await.unwrap();
    assert_eq!(source.reads(), 2);
}

#[tokio::test]
async fn answer_is_not_kept_beyond_the_end_of_its_first_basis() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut answer = entitlement(Tier::Paid, &[]);
    let ended = Basis { expires_at: Some(now), ..answer.bases[0].clone() };
    answer.bases.push(ended);
    let (answers, source) = (answers(), Source::of(answer));
    answers.get_or_read(LISTED, || source.read()).await.unwrap();
    answers.get_or_read(LISTED, || source.read()).await.unwrap();
    assert_eq!(source.reads(), 2);
}

/// The oldest of the reads behind an answer decides whether it shows a change.
#[tokio::test]
async fn answer_from_an_older_block_than_a_change_is_refused() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    answers.invalidate(WALLET, 2);
    let refused = answers.get_or_read(LISTED, || source.read()).await;
    assert!(matches!(refused, Err(AccessError::ProvidersBehind)), "{refused:?}");
    assert!(answers.get_cached(LISTED).await.is_none());
    let caught_up = Source::of(Entitlement { block: 2, ..entitlement(Tier::Paid, &[]) });
    assert_eq!(answers.get_or_read(LISTED, || caught_up.read()).await.unwrap().block, 2);
}

/// A read that began before a change may not show it.
#[tokio::test]
async fn change_during_a_read_repeats_it() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let (first, second, ()) = tokio::join!(
        answers.get_or_read(LISTED, || source.read()),
        answers.get_or_read(LISTED, || source.read()),
        async {
            sleep(Duration::from_millis(5)).await;
            answers.invalidate(WALLET, 0);
        },
    );
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(source.reads(), 2);
}

/// A read that began before a change of policy may rest on the former one.
#[tokio::test]
async fn invalidation_of_everything_during_a_read_repeats_it() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let (answer, ()) = tokio::join!(answers.get_or_read(LISTED, || source.read()), async {
        sleep(Duration::from_millis(5)).await;
        answers.invalidate_for_new_rules();
    });
    assert!(answer.is_ok());
    assert_eq!(source.reads(), 2);
}

/// The caller that runs the read may be dropped; the waiting ones still get an answer.
#[tokio::test]
async fn cancelled_caller_leaves_the_read_to_the_others() {
    let (answers, source) = (answers(), Source::new(Tier::Paid));
    let get = || answers.get_or_read(LISTED, || source.read());
    let impatient = tokio::time::timeout(Duration::from_millis(5), get());
    let (left, stayed) = tokio::join!(impatient, get());
    assert!(left.is_err());
    assert_eq!(stayed.unwrap().bases, source.answer.bases);
}

/// The lifetime of an outdated answer does not pass on to the one in its place.
#[tokio::test]
async fn replacing_answer_has_its_own_lifetime() {
    let (answers, before, after) = (answers(), Source::new(Tier::Paid), Source::new(Tier::Denied));
    answers.get_or_read(LISTED, || before.read()).await.unwrap();
    answers.invalidate_for_new_rules();
    let get = || answers.get_or_read(LISTED, || after.read());
    assert_eq!(get().await.unwrap().bases, []);
    sleep(Duration::from_millis(150)).await;
    get().await.unwrap();
    assert_eq!(after.reads(), 2);
}
