//! The order in which sessions are taken, and when a place in the events counts.

use alloy::primitives::B256;

use super::*;

fn cursor(number: u64) -> Cursor {
    Cursor { number, hash: B256::ZERO }
}

const GRACE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn looks_once_at_a_session_named_often() {
    let queue = ReevaluationQueue::default();
    for _ in 0..10_000 {
        queue.add([1, 2], Reason::Loss);
    }
    let mut taken = [queue.take(false).await.session, queue.take(false).await.session];
    taken.sort_unstable();
    assert_eq!(taken, [1, 2]);
    assert!(queue.try_take(false).0.is_none());
}

#[tokio::test]
async fn looks_again_at_a_session_named_during_the_look() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    let taken = queue.take(false).await;
    queue.add([1], Reason::Other);
    queue.done(&taken);
    assert_eq!(queue.take(false).await.session, 1);
}

#[tokio::test]
async fn takes_losses_before_changes_and_changes_before_the_rest() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    queue.add([2], Reason::Change);
    queue.add([3], Reason::Loss);
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(queue.take(false).await.session);
    }
    assert_eq!(taken, [3, 2, 1]);
}

#[tokio::test]
async fn a_loss_does_not_wait_for_a_look_in_hand() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    queue.reached(cursor(1));
    let first = queue.take(false).await;
    assert!(!queue.is_overlapped(&first));
    queue.add([1], Reason::Change);
    assert!(queue.try_take(false).0.is_none(), "anything else waits");
    queue.add([1], Reason::Loss);
    queue.reached(cursor(2));
    let second = queue.take(true).await;
    assert!(second.is_loss() && queue.is_overlapped(&first) && !queue.is_overlapped(&second));
    assert!(queue.may_have_lost(&first) && !queue.may_have_lost(&second));
    queue.done(&second);
    assert_eq!(queue.settled(), None, "the first look is open");
    queue.done(&first);
    assert_eq!(queue.settled(), Some(cursor(2)));
}

#[tokio::test]
async fn losses_of_one_session_do_not_take_all_looks() {
    let queue = ReevaluationQueue::default();
    let mut looks = Vec::new();
    for _ in 0..MAX_LOOKS {
        queue.add([1], Reason::Loss);
        looks.push(queue.take(true).await);
    }
    queue.add([1], Reason::Loss);
    assert!(queue.try_take(true).0.is_none());
    queue.done(&looks[1]);
    assert_eq!(queue.take(true).await.session, 1);
}

#[tokio::test]
async fn takes_urgent_sessions_first_and_past_a_full_background() {
    let queue = ReevaluationQueue::default();
    queue.add(0..1000, Reason::Other);
    queue.add([5000], Reason::Loss);
    assert!(queue.take(false).await.session == 5000);
    queue.add([5001], Reason::Loss);
    assert_eq!(queue.take(true).await.session, 5001);
    assert!(queue.try_take(true).0.is_none(), "the background waits for its turn");
    assert!(queue.take(false).await.session < 1000);
}

#[tokio::test]
async fn an_event_during_a_vain_look_keeps_the_session_urgent() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    let taken = queue.take(false).await;
    queue.add([1], Reason::Loss);
    queue.again(&taken, GRACE);
    let next = queue.take(true).await;
    assert!(next.is_loss() && next.since == taken.since);
}

#[tokio::test]
async fn a_session_in_doubt_is_looked_at_when_its_grace_ends() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Loss);
    let taken = Due { tries: 20, ..queue.take(false).await };
    queue.again(&taken, Duration::from_millis(50));
    let begun = Instant::now();
    let next = queue.take(false).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "waited {:?}", begun.elapsed());
    assert!(next.loss_at.is_some_and(|at| at.elapsed() >= Duration::from_millis(50)));
}

#[tokio::test]
async fn a_place_counts_once_everything_before_it_is_done() {
    let queue = ReevaluationQueue::default();
    queue.reached(cursor(1));
    assert_eq!(queue.settled(), Some(cursor(1)));
    queue.add([1], Reason::Loss);
    queue.reached(cursor(2));
    queue.add([2], Reason::Loss);
    queue.reached(cursor(3));
    assert_eq!(queue.settled(), None);
    let first = queue.take(false).await;
    assert_eq!(queue.settled(), None, "in hand");
    queue.again(&first, GRACE);
    assert_eq!(queue.settled(), None, "to be looked at again");
    queue.add([1], Reason::Loss);
    let (one, other) = (queue.take(false).await, queue.take(false).await);
    let (first, second) = if one.session == 1 { (one, other) } else { (other, one) };
    queue.done(&first);
    assert_eq!(queue.settled(), Some(cursor(2)));
    queue.done(&second);
    assert_eq!((queue.settled(), queue.settled()), (Some(cursor(3)), None));
}

#[tokio::test]
async fn places_do_not_pile_up_behind_a_session_in_doubt() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Loss);
    queue.reached(cursor(1));
    let taken = queue.take(false).await;
    queue.again(&taken, GRACE);
    for number in 2..10_000 {
        queue.add([], Reason::Loss);
        queue.reached(cursor(number));
    }
    let places = queue.state().cursors.len();
    assert!(places < 3, "{places} places");
    queue.add([1], Reason::Loss);
    let taken = queue.take(false).await;
    queue.done(&taken);
    assert_eq!(queue.settled(), Some(cursor(9999)));
}

#[tokio::test]
async fn waits_after_a_vain_look_and_an_event_shortens_that() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    let taken = queue.take(false).await;
    queue.again(&taken, GRACE);
    assert!(queue.try_take(false).0.is_none(), "not at once");
    queue.add([1], Reason::Loss);
    assert_eq!(queue.take(false).await.since, taken.since, "as old as it is");
}

/// Strangers can name a session as often as they sign in: the place in a search must not begin anew each time.
#[tokio::test]
async fn naming_a_session_again_does_not_begin_its_search_anew() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Change);
    let taken = queue.take(false).await;
    queue.search(&taken);
    let mut places = BTreeSet::new();
    for _ in 0..6 {
        let taken = queue.take(false).await;
        places.insert(taken.searches);
        queue.again(&taken, GRACE);
        // A stranger's sign-in for the account.
        queue.add([1], Reason::Change);
    }
    assert_eq!(places.len(), 6, "each look begins further on, but they began at {places:?}");
}

#[tokio::test]
async fn a_loss_named_again_keeps_its_turn() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Loss);
    queue.add([2], Reason::Loss);
    queue.add([1], Reason::Change);
    assert_eq!(queue.take(false).await.session, 1, "it waits longest");
}
