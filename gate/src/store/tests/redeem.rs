//! Once, all or nothing, within the limits.

use super::*;
use crate::store::{MAX_PER_ACCOUNT, NonceState, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_hundred_concurrent_redemptions_succeeds() {
    let home = tempfile::tempdir().unwrap();
    let store = open(&home.path().join("gate")).await;
    let mut winners = std::collections::BTreeSet::new();
    for round in 0..5 {
        let attempts: Vec<_> = (0..100)
            .map(|n| {
                let store = store.clone();
                // Different wallets and accounts: only the nonce is the same.
                tokio::spawn(async move { store.bindings().redeem(redemption(n, n, round)).await })
            })
            .collect();
        let mut won = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok((binding, _)) => {
                    winners.insert(binding.key());
                    won += 1;
                }
                Err(error) => assert!(matches!(error, StoreError::NonceUsed), "{error}"),
            }
        }
        assert_eq!(won, 1);
    }
    assert_eq!(store.bindings().count(), winners.len());
    store.close().await;
}

#[tokio::test]
async fn confirmed_binding_survives_crash() {
    let home = tempfile::tempdir().unwrap();
    let (dir, copy) = (home.path().join("gate"), home.path().join("copy"));
    let store = open(&dir).await;
    let mut new = redemption(1, 2, 3);
    new.vault = Some(wallet(9));
    let (binding, token) = store.bindings().redeem(new.clone()).await.unwrap();
    store.bindings().touch(&binding.key());
    // What a power cut leaves behind: the files as they are at this moment, nothing closed.
    std::fs::create_dir(&copy).unwrap();
    for name in ["gate.db", "gate.db-wal"] {
        std::fs::copy(dir.join(name), copy.join(name)).unwrap();
    }
    for cut in [true, false] {
        let store = if cut {
            open(&copy).await
        } else {
            store.close().await;
            open(&dir).await
        };
        let found = store.bindings().of_account(&account(2));
        let last_used_at = if cut { None } else { Some(NOW) };
        assert_eq!(found, [crate::store::Binding { last_used_at, ..binding }]);
        assert_eq!(store.bindings().proof(&binding).await.unwrap(), Some(new.proof.clone()));
        assert_eq!(store.bindings().by_token(&token).await.unwrap().map(|found| found.id), Some(binding.id));
        assert_eq!(store.bindings().nonce_state(&new.nonce.unwrap()), NonceState::Used);
        assert!(matches!(store.bindings().redeem(new.clone()).await, Err(StoreError::NonceUsed)));
        store.close().await;
    }
}

#[tokio::test]
async fn bounds_accounts_of_wallet() {
    let home = tempfile::tempdir().unwrap();
    let (store, clock) = open_at(home.path(), NOW).await;
    for owner in 1..=6 {
        store.bindings().redeem(redemption(1, owner, owner)).await.unwrap();
    }
    let refused = store.bindings().redeem(redemption(1, 7, 7)).await;
    let Err(StoreError::TooManyAccounts { bound }) = refused else { panic!("{refused:?}") };
    assert_eq!(bound, (1..=6).map(account).collect::<Vec<_>>());
    // The refusal did not use up the nonce; the same account again is no further one; others are free.
    assert_eq!(store.bindings().nonce_state(&redemption(1, 7, 7).nonce.unwrap()), NonceState::Fresh);
    store.bindings().redeem(redemption(1, 6, 8)).await.unwrap();
    store.bindings().redeem(redemption(2, 7, 9)).await.unwrap();
    let first = store.bindings().of_account(&account(1))[0];
    store.bindings().delete(&first).await.unwrap();
    store.bindings().redeem(redemption(1, 7, 7)).await.unwrap();
    // What has expired does not count.
    clock.advance(DAY);
    let later = |owner, nonce| Redemption {
        nonce: Some(Nonce { issued_at: NOW + DAY - 5, random: [nonce; 16] }),
        expires_at: NOW + 2 * DAY,
        ..redemption(1, owner, nonce)
    };
    store.bindings().redeem(later(20, 20)).await.unwrap();
    assert_eq!(store.bindings().of_account(&account(20)).len(), 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_accounts_of_wallet_under_concurrency() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let attempts: Vec<_> = (1..=50)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.bindings().redeem(redemption(1, n, n)).await })
        })
        .collect();
    let mut won = 0;
    for attempt in attempts {
        won += usize::from(attempt.await.unwrap().is_ok());
    }
    assert_eq!(won, 6);
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.bindings().count(), 6);
    store.close().await;
}

#[tokio::test]
async fn newer_binding_replaces_older_and_its_token() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (old, old_token) = store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
    let (other, _) = store.bindings().redeem(redemption(2, 1, 2)).await.unwrap();
    let (new, new_token) = store.bindings().redeem(redemption(1, 1, 3)).await.unwrap();
    for restart in [false, true] {
        let store = if restart { open(home.path()).await } else { store.clone() };
        let ids: Vec<i64> =
            store.bindings().of_account(&account(1)).iter().map(|binding| binding.id).collect();
        assert_eq!(ids, [new.id, other.id]);
        assert_eq!(store.bindings().by_token(&old_token).await.unwrap(), None);
        assert_eq!(store.bindings().by_token(&new_token).await.unwrap(), Some(new));
        assert_eq!(store.bindings().proof(&old).await.unwrap(), None);
        store.bindings().delete(&old).await.unwrap();
        assert_eq!(
            store.bindings().of_account(&account(1)).len(),
            2,
            "ending the old one does not end the new one"
        );
        store.close().await;
    }
    let store = open(home.path()).await;
    store.bindings().delete(&new).await.unwrap();
    assert_eq!(store.bindings().by_token(&new_token).await.unwrap(), None);
    assert_eq!(store.bindings().of_account(&account(1)).len(), 1);
    store.close().await;
}

#[tokio::test]
async fn rejects_foreign_tokens() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (_, token) = store.bindings().redeem(redemption(1, 1, 1)).await.unwrap();
    let mut changed = token.clone().into_bytes();
    changed[30] = if changed[30] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let long = "A".repeat(10_000);
    for bad in ["", "A", &token[1..], &format!("{token}A"), &changed, &long, "ä", &"A".repeat(54)] {
        assert_eq!(store.bindings().by_token(bad).await.unwrap(), None, "{bad}");
    }
    assert!(store.bindings().by_token(&token).await.unwrap().is_some());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_cannot_exceed_account_bound() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let (owner, _) = store.bindings().redeem(redemption(255, 1, 255)).await.unwrap();
    store.bindings().touch(&owner.key());
    // The owner signs again before the end and keeps the tunnel: no handshake uses the new binding.
    let (owner, token) = store.bindings().redeem(redemption(255, 1, 254)).await.unwrap();
    let crowd = MAX_PER_ACCOUNT + 40;
    let strangers: Vec<_> = (0..crowd)
        .map(|n| {
            let (store, n) = (store.clone(), u32::try_from(n).unwrap().to_be_bytes());
            let mut random = [1; 16];
            random[..4].copy_from_slice(&n);
            let mut signer = [2; 20];
            signer[..4].copy_from_slice(&n);
            let nonce = Some(Nonce { issued_at: NOW, random });
            let new = Redemption { nonce, wallet: Address::from(signer), ..redemption(0, 1, 0) };
            tokio::spawn(async move { store.bindings().redeem(new).await })
        })
        .collect();
    for stranger in strangers {
        stranger.await.unwrap().unwrap();
    }
    assert_eq!(store.bindings().of_account(&account(1)).len(), MAX_PER_ACCOUNT, "also within one batch");
    let (next, _) = store.bindings().redeem(redemption(250, 1, 250)).await.unwrap();
    let bindings = store.bindings().of_account(&account(1));
    assert_eq!(bindings.len(), MAX_PER_ACCOUNT);
    assert_eq!(bindings[0].id, owner.id);
    assert!(bindings.iter().any(|binding| binding.id == next.id));
    assert_eq!(store.bindings().by_token(&token).await.unwrap().map(|found| found.id), Some(owner.id));
    store.close().await;
    let store = open(home.path()).await;
    assert_eq!(store.bindings().of_account(&account(1)).len(), MAX_PER_ACCOUNT);
    store.close().await;
}

#[tokio::test]
async fn relayed_binding_needs_no_nonce() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).await;
    let relayed = Redemption { nonce: None, ..redemption(1, 1, 1) };
    store.bindings().redeem(relayed.clone()).await.unwrap();
    store.bindings().redeem(relayed).await.unwrap();
    assert_eq!(store.bindings().of_account(&account(1)).len(), 1);
    store.close().await;
}
