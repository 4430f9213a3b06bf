//! Results and costs of rounds.

use bridge_oracle::ledger::{HubLedger, ProviderState, ReadLedger as _};
use bridge_oracle::reconcile::Action;
use bridge_oracle::submit::Submit as _;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::tx::pack_any;
use sentinel_proto::wire::cosmos::bank::v1beta1::MsgSend;
use sentinel_proto::wire::cosmos::base::v1beta1::Coin;
use sentinel_proto::wire::sentinel::node::v3::MsgUpdateNodeStatusRequest;
use sentinel_proto::wire::sentinel::types::v1::Status;

use crate::chain::DENOM;
use crate::fixture::{HOURLY, HOURS, HubFixture, PLAN, key, until, wish};

#[tokio::test(flavor = "multi_thread")]
async fn leases_and_links_nodes_despite_bad_node() {
    let fixture = HubFixture::start(12, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = fixture.oracle(home.path());
    assert!(oracle.resume().await.unwrap().transactions.is_empty());

    // Two nodes unknown to the hub: each is refused separately, with the hub's reason.
    let strangers = [NodeAddress::new([1; 20]), NodeAddress::new([2; 20])];
    let mut actions = fixture.wish(0..5);
    actions.extend(wish(strangers[0]));
    actions.extend(fixture.wish(5..9));
    actions.extend(wish(strangers[1]));
    let outcome = oracle.submit(1, &actions).await.unwrap();
    assert_eq!(outcome.done.len(), 18, "{outcome:?}");
    assert_eq!(outcome.refused.len(), 4, "{outcome:?}");
    assert_eq!(outcome.transactions.len(), 1, "the good ones go together");
    for (action, words) in &outcome.refused {
        assert!(strangers.contains(&action.node().unwrap()), "{action}");
        assert!(words.contains("does not exist"), "{words}");
    }
    let ledger = fixture.ledger().await;
    assert_eq!(ledger.provider, ProviderState::Active);
    let plan = &ledger.plans[&PLAN];
    assert!(plan.active);
    assert_eq!(plan.links, (0..9).map(|index| fixture.node(index)).collect());
    assert_eq!(ledger.leases.len(), 9);
    let lease = &ledger.leases[&fixture.node(0)];
    assert_eq!((lease.price.quote, lease.hours, lease.renews), (HOURLY, HOURS, true));
    assert!(ledger.nodes[&fixture.node(11)].active && ledger.nodes[&fixture.node(11)].hourly.is_some());
    assert!(ledger.time.abs_diff(lease.start) < 60);

    // Once all wanted nodes are linked, a read costs three queries.
    let reader = HubLedger::new(fixture.hub.clone(), fixture.provider_address(), &[PLAN], DENOM);
    let linked = (0..9).map(|index| fixture.node(index)).collect();
    reader.read(&linked).await.unwrap();
    let before = fixture.hub.request_count();
    assert_eq!(reader.read(&linked).await.unwrap().leases, ledger.leases);
    assert_eq!(fixture.hub.request_count() - before, 3);

    // Repeating the actions is refused by the hub, and costs nothing.
    let again = oracle.submit(2, &fixture.wish(0..1)).await.unwrap();
    assert_eq!((again.done.len(), again.transactions.len()), (0, 0), "{again:?}");
    assert!(again.refused[0].1.contains("already exists"), "{again:?}");

    // Half of the actions are done already: the rest is done.
    let node = fixture.node(9);
    let [start, link] = wish(node);
    oracle.submit(3, std::slice::from_ref(&start)).await.unwrap();
    let rest = oracle.submit(4, &[start, link]).await.unwrap();
    assert_eq!((rest.done.len(), rest.refused.len()), (1, 1), "{rest:?}");

    // All other kinds of actions.
    let lease = |index: usize| ledger.leases[&fixture.node(index)].id;
    let (renew, end) = (fixture.node(1), fixture.node(2));
    let max_price = bridge_oracle::ledger::Price { base: 0, quote: HOURLY };
    let actions = [
        Action::Unlink { plan: PLAN, node: fixture.node(0) },
        Action::RenewLease { lease: lease(1), node: renew, hours: HOURS, max_price },
        Action::SetRenewal { lease: lease(0), node: fixture.node(0), renews: false },
        Action::EndLease { lease: lease(2), node: end },
        Action::ActivatePlan { plan: PLAN },
    ];
    let outcome = oracle.submit(5, &actions).await.unwrap();
    assert_eq!((outcome.done.len(), outcome.refused.len()), (5, 0), "{outcome:?}");
    let ledger = fixture.ledger().await;
    assert!(!ledger.leases[&fixture.node(0)].renews);
    assert!(!ledger.leases.contains_key(&end));
    // Ending a lease also unlinks.
    assert!(
        !ledger.plans[&PLAN].links.contains(&end) && !ledger.plans[&PLAN].links.contains(&fixture.node(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_as_many_nodes_as_balance_allows() {
    let fixture = HubFixture::start(6, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = fixture.oracle(home.path());
    // Coins for three and a half of six leases; the fees are paid from the same balance.
    let account = fixture.provider.account();
    let left = 7 * u128::from(HOURS) * HOURLY / 2;
    let fee = 35_000;
    let amount = fixture.hub.balance(&account, DENOM).await.unwrap() - left - fee;
    let (from_address, to_address) = (account.to_string(), key(2).account().to_string());
    let amount = vec![Coin { denom: DENOM.to_owned(), amount: amount.to_string() }];
    fixture
        .send(&fixture.provider, vec![pack_any(&MsgSend { from_address, to_address, amount })])
        .await
        .unwrap();

    let outcome = oracle.submit(1, &fixture.wish(0..6)).await.unwrap();
    assert_eq!((outcome.done.len(), outcome.refused.len()), (6, 6), "{outcome:?}");
    let short = outcome.refused.iter().filter(|(_, words)| words.contains("insufficient funds")).count();
    assert_eq!(short, 3, "{outcome:?}");
    assert!(outcome.gas_used > outcome.gas / 2, "what cannot be paid for is not sent: {outcome:?}");
    assert_eq!(fixture.ledger().await.plans[&PLAN].links.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_shows_changes_without_own_transaction() {
    let fixture = HubFixture::start(2, "20s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = fixture.oracle(home.path());
    let outcome = oracle.submit(1, &fixture.wish(0..2)).await.unwrap();
    assert_eq!(outcome.done.len(), 4, "{outcome:?}");
    // Node 0 expires; node 1 updates its status, as real nodes do.
    let gone = until("the end of node 0", async || {
        let from = fixture.node(1).to_string();
        let alive = MsgUpdateNodeStatusRequest { from, status: Status::Active.into() };
        fixture.send(&fixture.nodes[1], vec![pack_any(&alive)]).await.unwrap();
        let ledger = fixture.ledger().await;
        (!ledger.nodes[&fixture.node(0)].active).then_some(ledger)
    })
    .await;
    assert_eq!(gone.leases.keys().copied().collect::<Vec<_>>(), [fixture.node(1)]);
    assert_eq!(gone.plans[&PLAN].links, [fixture.node(1)].into());
    let back =
        MsgUpdateNodeStatusRequest { from: fixture.node(0).to_string(), status: Status::Active.into() };
    fixture.send(&fixture.nodes[0], vec![pack_any(&back)]).await.unwrap();
    let outcome = oracle.submit(2, &fixture.wish(0..1)).await.unwrap();
    assert_eq!(outcome.done.len(), 2, "{outcome:?}");
}
