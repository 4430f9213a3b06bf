//! The order in which sessions are taken, and when a place in the events counts.

use alloy::primitives::B256;

use super::*;

fn cursor(number: u64) -> Cursor {
    Cursor { number, hash: B256::ZERO }
}

const GRACE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn evaluates_once_a_session_added_often() {
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
async fn evaluates_again_a_session_added_during_evaluation() {
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
async fn loss_does_not_wait_for_running_evaluation() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    queue.record_cursor(cursor(1));
    let first = queue.take(false).await;
    assert!(!queue.is_overlapped(&first));
    queue.add([1], Reason::Change);
    assert!(queue.try_take(false).0.is_none(), "anything else waits");
    queue.add([1], Reason::Loss);
    queue.record_cursor(cursor(2));
    let second = queue.take(true).await;
    assert!(second.is_loss() && queue.is_overlapped(&first) && !queue.is_overlapped(&second));
    assert!(queue.may_have_lost(&first) && !queue.may_have_lost(&second));
    queue.done(&second);
    assert_eq!(queue.take_completed_cursor(), None, "the first look is open");
    queue.done(&first);
    assert_eq!(queue.take_completed_cursor(), Some(cursor(2)));
}

#[tokio::test]
async fn losses_of_one_session_are_limited_in_concurrency() {
    let queue = ReevaluationQueue::default();
    let mut looks = Vec::new();
    for _ in 0..MAX_EVALUATIONS_PER_SESSION {
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
async fn loss_during_failed_evaluation_keeps_session_urgent() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    let taken = queue.take(false).await;
    queue.add([1], Reason::Loss);
    queue.retry(&taken, GRACE);
    let next = queue.take(true).await;
    assert!(next.is_loss() && next.since == taken.since);
}

#[tokio::test]
async fn retries_unverified_session_when_grace_ends() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Loss);
    let taken = QueuedSession { tries: 20, ..queue.take(false).await };
    queue.retry(&taken, Duration::from_millis(50));
    let begun = Instant::now();
    let next = queue.take(false).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "waited {:?}", begun.elapsed());
    assert!(next.loss_at.is_some_and(|at| at.elapsed() >= Duration::from_millis(50)));
}

#[tokio::test]
async fn cursor_counts_once_earlier_sessions_are_done() {
    let queue = ReevaluationQueue::default();
    queue.record_cursor(cursor(1));
    assert_eq!(queue.take_completed_cursor(), Some(cursor(1)));
    queue.add([1], Reason::Loss);
    queue.record_cursor(cursor(2));
    queue.add([2], Reason::Loss);
    queue.record_cursor(cursor(3));
    assert_eq!(queue.take_completed_cursor(), None);
    let first = queue.take(false).await;
    assert_eq!(queue.take_completed_cursor(), None, "in hand");
    queue.retry(&first, GRACE);
    assert_eq!(queue.take_completed_cursor(), None, "to be looked at again");
    queue.add([1], Reason::Loss);
    let (one, other) = (queue.take(false).await, queue.take(false).await);
    let (first, second) = if one.session == 1 { (one, other) } else { (other, one) };
    queue.done(&first);
    assert_eq!(queue.take_completed_cursor(), Some(cursor(2)));
    queue.done(&second);
    assert_eq!((queue.take_completed_cursor(), queue.take_completed_cursor()), (Some(cursor(3)), None));
}

#[tokio::test]
async fn cursors_do_not_pile_up_behind_unverified_session() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Loss);
    queue.record_cursor(cursor(1));
    let taken = queue.take(false).await;
    queue.retry(&taken, GRACE);
    for number in 2..10_000 {
        queue.add([], Reason::Loss);
        queue.record_cursor(cursor(number));
    }
    let places = queue.state().cursors.len();
    assert!(places < 3, "{places} places");
    queue.add([1], Reason::Loss);
    let taken = queue.take(false).await;
    queue.done(&taken);
    assert_eq!(queue.take_completed_cursor(), Some(cursor(9999)));
}

#[tokio::test]
async fn addition_cancels_retry_delay() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Other);
    let taken = queue.take(false).await;
    queue.retry(&taken, GRACE);
    assert!(queue.try_take(false).0.is_none(), "not at once");
    queue.add([1], Reason::Loss);
    assert_eq!(queue.take(false).await.since, taken.since, "as old as it is");
}

/// Strangers can name a session as often as they sign in: the place in a search must not begin anew each time.
#[tokio::test]
async fn adding_session_again_continues_its_search() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Change);
    let taken = queue.take(false).await;
    queue.search_basis(&taken);
    let mut places = BTreeSet::new();
    for _ in 0..6 {
        let taken = queue.take(false).await;
        places.insert(taken.searches);
        queue.retry(&taken, GRACE);
        // A stranger's sign-in for the account.
        queue.add([1], Reason::Change);
    }
    assert_eq!(places.len(), 6, "each look begins further on, but they began at {places:?}");
}

#[tokio::test]
async fn loss_added_again_keeps_its_position() {
    let queue = ReevaluationQueue::default();
    queue.add([1], Reason::Loss);
    queue.add([2], Reason::Loss);
    queue.add([1], Reason::Change);
    assert_eq!(queue.take(false).await.session, 1, "it waits longest");
}
