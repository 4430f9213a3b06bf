//! Each query has its own cached answer, and public queries have a separate cache.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use sovereign_gate::access::{EntitlementQuery, Tier, Via};

use crate::fixture::*;

/// Answers are cached for the whole test.
async fn fixture() -> Fixture {
    Fixture::start_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(600), Duration::from_secs(600));
    })
    .await
}

/// The listed query, the query for own cards, and one for each of these vaults.
fn questions(wallet: Address, vaults: &[Address]) -> Vec<EntitlementQuery> {
    let named = vaults.iter().map(|vault| EntitlementQuery::named(wallet, Some(*vault)));
    [EntitlementQuery::Listed { wallet }, EntitlementQuery::named(wallet, None)]
        .into_iter()
        .chain(named)
        .collect()
}

#[tokio::test]
async fn answers_to_listed_and_named_questions_are_never_exchanged() {
    let fixture = fixture().await;
    let (listed, other) = (fixture.holder_of(3).await, fixture.holder_of(THIS_CARD).await);
    for reversed in [false, true] {
        let hot = fixture.holder_of(4).await;
        fixture.xyz_all(listed, hot, B256::ZERO, true).await;
        let own = (None, Via::Own, Tier::Paid);
        let with_vault = vec![own, (Some(listed), Via::DelegateXyz, Tier::Paid)];
        let expected = [with_vault.clone(), vec![own], with_vault, vec![own]];
        let mut asked: Vec<_> = questions(hot, &[listed, other]).into_iter().zip(expected).collect();
        if reversed {
            asked.reverse();
        }
        for (question, expected) in &asked {
            assert!(
                fixture.access.cached_entitlement(*question).await.is_none(),
                "{question:?} is not asked yet"
            );
            assert_eq!(outline(&fixture.bases(*question).await), *expected, "{question:?}");
        }
        for (question, expected) in &asked {
            let known = fixture.access.cached_entitlement(*question).await.unwrap();
            assert_eq!(outline(&known.bases), *expected, "{question:?}");
            assert_eq!(fixture.cost(fixture.bases(*question)).await, 0, "{question:?} is kept");
        }
    }
}

/// A third party queries a vault right before its holder does; the holder's answer is not affected.
#[tokio::test]
async fn public_summary_changes_nothing_that_known_answers() {
    let fixture = fixture().await;
    let (vault, hot) = (fixture.holder_of(THIS_CARD).await, fixture.fresh_wallet());
    let questions = questions(hot, &[vault]);
    for named in [None, Some(vault), Some(fixture.fresh_wallet())] {
        let answer = fixture.access.public_summary(hot, named).await.unwrap();
        assert_eq!(outcome(&answer), DENIED);
    }
    for question in &questions {
        assert!(fixture.access.cached_entitlement(*question).await.is_none(), "{question:?}");
    }

    // The public denial is cached; the admission's query is read again and sees the delegation.
    fixture.xyz_all(vault, hot, B256::ZERO, true).await;
    assert_eq!(outcome(&fixture.access.public_summary(hot, Some(vault)).await.unwrap()), DENIED, "kept");
    let with_vault = [(Some(vault), Via::DelegateXyz, Tier::Free)];
    let mut known = Vec::new();
    for question in &questions {
        assert_eq!(
            fixture.cost(fixture.bases(*question)).await,
            if question == &questions[0] { 2 } else { 1 }
        );
        known.push(fixture.access.cached_entitlement(*question).await.unwrap());
    }
    for (known, expected) in known.iter().zip([&with_vault[..], &[], &with_vault]) {
        assert_eq!(outline(&known.bases), expected);
    }

    // Neither a cached public answer nor a new one replaces the cached entitlement.
    for named in [None, Some(vault), Some(fixture.fresh_wallet())] {
        fixture.access.public_summary(hot, named).await.unwrap();
    }
    for (question, known) in questions.iter().zip(&known) {
        let now = fixture.access.cached_entitlement(*question).await.unwrap();
        assert!(Arc::ptr_eq(&now, known), "{question:?}");
    }
}

#[tokio::test]
async fn invalidation_reaches_public_answers() {
    let fixture = fixture().await;
    let hot = fixture.fresh_wallet();
    assert_eq!(outcome(&fixture.access.public_summary(hot, None).await.unwrap()), DENIED);
    fixture.give(hot, 3).await;
    assert_eq!(outcome(&fixture.access.public_summary(hot, None).await.unwrap()), DENIED, "kept");
    fixture.access.invalidate(hot);
    let answer = fixture.access.public_summary(hot, None).await.unwrap();
    assert_eq!(outcome(&answer), (Tier::Paid, Some(Via::Own), None));
}
