//! Tests of submission to a stub hub.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::{HubClient, HubConfig};
use sentinel_proto::stub::{State, StubHub};
use sentinel_proto::tx::{SigningKey, pack_any};
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, Grant};

use super::journal::Journal;
use super::{AuthzSender, SendSettings, Submit as _, SubmitError};
use crate::ledger::Price;
use crate::reconcile::Action;

const CHAIN: &str = "chain-1";

struct SenderFixture {
    hub: Arc<StubHub>,
    oracle: AuthzSender,
    _home: tempfile::TempDir,
}

/// Creates an oracle with every grant, and a hub that puts nothing into a block by itself.
fn fixture() -> SenderFixture {
    let hub = Arc::new(StubHub::start(State::new(CHAIN)).unwrap());
    hub.state().grants = crate::messages::MESSAGE_TYPES
        .iter()
        .map(|name| Grant {
            authorization: Some(pack_any(&GenericAuthorization { msg: (*name).to_owned() })),
            expiration: None,
        })
        .collect();
    let config = HubConfig {
        grpc_addrs: vec![hub.addr().to_string()],
        chain_id: CHAIN.to_owned(),
        timeout: Duration::from_secs(5),
    };
    let key: SigningKey = "07".repeat(32).parse().unwrap();
    let mut settings = SendSettings::new(CHAIN, key.account().in_role(), "0.1udvpn".parse().unwrap());
    settings.poll_interval = Duration::from_millis(10);
    settings.confirm_timeout = Duration::from_millis(500);
    let home = tempfile::tempdir().unwrap();
    let journal = Journal::open(home.path()).unwrap();
    let oracle = AuthzSender::new(HubClient::new(config).unwrap(), key, settings, journal);
    SenderFixture { hub, oracle, _home: home }
}

fn renewals(count: u8) -> Vec<Action> {
    let renewal = |number: u8| Action::RenewLease {
        lease: number.into(),
        node: NodeAddress::new([number; 20]),
        hours: 10,
        max_price: Price { base: 0, quote: 1 },
    };
    (1..=count).map(renewal).collect()
}

/// Counts the distinct transactions received: unanswered ones are broadcast again unchanged.
fn different(hub: &StubHub) -> usize {
    hub.state().sent.iter().map(|sent| sent.hash().to_string()).collect::<BTreeSet<_>>().len()
}

/// Changes the hub once this many transactions have arrived.
fn after(hub: &Arc<StubHub>, sent: usize, what: impl FnOnce(&mut State) + Send + 'static) {
    let hub = Arc::clone(hub);
    tokio::spawn(async move {
        while different(&hub) < sent {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        what(&mut hub.state());
    });
}

#[tokio::test]
async fn does_not_resend_transaction_executed_since_earlier_round() {
    let SenderFixture { hub, oracle, _home } = fixture();
    // No block comes, but the endpoints answer.
    let stalled = oracle.submit(1, &renewals(1)).await;
    assert!(matches!(stalled, Err(SubmitError::Unconfirmed)), "{stalled:?}");
    // The next round was decided before the following block.
    hub.state().execute(0);
    let again = oracle.submit(2, &renewals(1)).await;
    assert_eq!(different(&hub), 1, "the lease would be renewed a second time");
    assert!(matches!(again, Err(SubmitError::Overtaken)), "{again:?}");
    assert_eq!(oracle.last_height(), 2, "older ledgers do not count");
    assert!(oracle.journal().open_transactions().unwrap().is_empty());
}

#[tokio::test]
async fn does_not_resend_rejected_transaction_that_executes_later() {
    let SenderFixture { hub, oracle, _home } = fixture();
    // One endpoint accepted it without an answer, the next one rejected it.
    hub.state().refusal = 18;
    after(&hub, 1, |state| {
        state.refusal = 0;
        state.height += 1;
    });
    after(&hub, 2, |state| state.execute(0));
    let blocks = Arc::clone(&hub);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            blocks.state().height += 1;
        }
    });
    let outcome = oracle.submit(1, &renewals(1)).await;
    assert_eq!(different(&hub), 2, "{outcome:?}");
    assert!(matches!(outcome, Err(SubmitError::Overtaken)), "{outcome:?}");
}

#[tokio::test]
async fn resume_counts_executed_transaction_with_unreadable_effect() {
    let SenderFixture { hub, oracle, _home } = fixture();
    oracle.submit(1, &renewals(1)).await.unwrap_err();
    hub.state().execute(0);
    // The stub serves no leases.
    let resumed = oracle.resume().await;
    assert!(matches!(resumed, Err(SubmitError::Hub(_))), "{resumed:?}");
    assert_eq!(oracle.last_height(), 2);
}

#[tokio::test]
async fn pending_own_transaction_refuses_no_action() {
    let SenderFixture { hub, oracle, _home } = fixture();
    let stalled = oracle.submit(1, &renewals(1)).await;
    assert!(matches!(stalled, Err(SubmitError::Unconfirmed)), "{stalled:?}");
    hub.state().simulated = Err("account sequence mismatch, expected 1, got 0".to_owned());
    let waiting = oracle.submit(2, &renewals(8)).await;
    assert!(matches!(waiting, Err(SubmitError::Unconfirmed)), "{waiting:?}");
    assert_eq!(different(&hub), 1);
}

#[tokio::test]
async fn waits_for_foreign_pending_transaction_until_deadline() {
    let SenderFixture { hub, oracle, _home } = fixture();
    hub.state().simulated = Err("account sequence mismatch, expected 1, got 0".to_owned());
    let never = tokio::time::timeout(Duration::from_secs(5), oracle.submit(1, &renewals(8))).await.unwrap();
    assert!(matches!(never, Err(SubmitError::Late)), "{never:?}");
    // Longer than any number of attempts takes.
    let state = Arc::clone(&hub);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        state.state().simulated = Ok(100_000);
    });
    let sent = oracle.submit(2, &renewals(8)).await;
    assert!(matches!(sent, Err(SubmitError::Unconfirmed)), "{sent:?}");
    assert_eq!(different(&hub), 1, "all of it together");
}

#[tokio::test]
async fn sequence_conflict_during_isolation_refuses_no_action() {
    let SenderFixture { hub, oracle, _home } = fixture();
    hub.state().simulated = Err("failed to execute message; message index: 0: no".to_owned());
    let state = Arc::clone(&hub);
    tokio::spawn(async move {
        while state.state().count("Simulate") < 2 {
            tokio::task::yield_now().await;
        }
        state.state().simulated = Err("account sequence mismatch, expected 1, got 0".to_owned());
        tokio::time::sleep(Duration::from_millis(100)).await;
        state.state().simulated = Ok(100_000);
    });
    let outcome = oracle.submit(1, &renewals(8)).await;
    assert!(matches!(outcome, Err(SubmitError::Unconfirmed)), "{outcome:?}");
    assert_eq!(different(&hub), 1);
}

#[tokio::test]
async fn rejects_simulation_with_incredible_gas() {
    let SenderFixture { hub, oracle, _home } = fixture();
    hub.state().simulated = Ok(2_000_001);
    let refused = oracle.submit(1, &renewals(1)).await;
    assert!(
        matches!(&refused, Err(SubmitError::Hub(error)) if error.to_string().contains("2000001 gas")),
        "{refused:?}"
    );
    assert_eq!(different(&hub), 0);
}
