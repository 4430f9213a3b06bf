//! Each question has an answer of its own, and public questions have their own answers.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use sovereign_gate::access::{Question, Tier, Via};

use crate::town::*;

/// Answers are kept for the whole test.
async fn town() -> Town {
    Town::open_with(|config| {
        (config.positive_ttl, config.negative_ttl) = (Duration::from_secs(600), Duration::from_secs(600));
    })
    .await
}

/// The listed question, the one about own cards, and one for each of these vaults.
fn questions(wallet: Address, vaults: &[Address]) -> Vec<Question> {
    let named = vaults.iter().map(|vault| Question::named(wallet, Some(*vault)));
    [Question::Listed { wallet }, Question::named(wallet, None)].into_iter().chain(named).collect()
}

#[tokio::test]
async fn answers_to_listed_and_named_questions_are_never_exchanged() {
    let town = town().await;
    let (listed, other) = (town.holder_of(3).await, town.holder_of(THIS_CARD).await);
    for reversed in [false, true] {
        let hot = town.holder_of(4).await;
        town.xyz_all(listed, hot, B256::ZERO, true).await;
        let own = (None, Via::Own, Tier::Paid);
        let with_vault = vec![own, (Some(listed), Via::DelegateXyz, Tier::Paid)];
        let expected = [with_vault.clone(), vec![own], with_vault, vec![own]];
        let mut asked: Vec<_> = questions(hot, &[listed, other]).into_iter().zip(expected).collect();
        if reversed {
            asked.reverse();
        }
        for (question, expected) in &asked {
            assert!(town.access.known(*question).await.is_none(), "{question:?} is not asked yet");
            assert_eq!(outline(&town.bases(*question).await), *expected, "{question:?}");
        }
        for (question, expected) in &asked {
            let known = town.access.known(*question).await.unwrap();
            assert_eq!(outline(&known.bases), *expected, "{question:?}");
            assert_eq!(town.cost(town.bases(*question)).await, 0, "{question:?} is kept");
        }
    }
}

/// A stranger asks about a vault right before its holder does: that changes nothing for the holder.
#[tokio::test]
async fn public_summary_changes_nothing_that_known_answers() {
    let town = town().await;
    let (vault, hot) = (town.holder_of(THIS_CARD).await, town.somebody());
    let questions = questions(hot, &[vault]);
    for named in [None, Some(vault), Some(town.somebody())] {
        let told = town.access.public_summary(hot, named).await.unwrap();
        assert_eq!(gist(&told), DENIED);
    }
    for question in &questions {
        assert!(town.access.known(*question).await.is_none(), "{question:?}");
    }

    // The public denial is kept; the admission's question is asked anew and sees the delegation.
    town.xyz_all(vault, hot, B256::ZERO, true).await;
    assert_eq!(gist(&town.access.public_summary(hot, Some(vault)).await.unwrap()), DENIED, "kept");
    let with_vault = [(Some(vault), Via::DelegateXyz, Tier::Free)];
    let mut known = Vec::new();
    for question in &questions {
        assert_eq!(town.cost(town.bases(*question)).await, if question == &questions[0] { 2 } else { 1 });
        known.push(town.access.known(*question).await.unwrap());
    }
    for (known, expected) in known.iter().zip([&with_vault[..], &[], &with_vault]) {
        assert_eq!(outline(&known.bases), expected);
    }

    // Neither a kept public answer nor a new one takes the place of what is known.
    for named in [None, Some(vault), Some(town.somebody())] {
        town.access.public_summary(hot, named).await.unwrap();
    }
    for (question, known) in questions.iter().zip(&known) {
        let now = town.access.known(*question).await.unwrap();
        assert!(Arc::ptr_eq(&now, known), "{question:?}");
    }
}

#[tokio::test]
async fn invalidation_reaches_public_answers() {
    let town = town().await;
    let hot = town.somebody();
    assert_eq!(gist(&town.access.public_summary(hot, None).await.unwrap()), DENIED);
    town.give(hot, 3).await;
    assert_eq!(gist(&town.access.public_summary(hot, None).await.unwrap()), DENIED, "kept");
    town.access.invalidate(hot);
    let told = town.access.public_summary(hot, None).await.unwrap();
    assert_eq!(gist(&told), (Tier::Paid, Some(Via::Own), None));
}
