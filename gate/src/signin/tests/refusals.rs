//! Each refusal has its code, in the order of the interface, and leaves the nonce to its owner.

use super::*;

#[tokio::test]
async fn the_text_is_checked_before_the_nonce_and_the_signature() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let good = gate.challenge(&wallet, 1).message;
    let later = format!("Issued At: {}", crate::store::clock::rfc3339(NOW + 1));
    let issued = format!("Issued At: {}", crate::store::clock::rfc3339(NOW));
    let sent = account(1).to_string();
    let changes = [
        ("gate.example:8585 wants".to_owned(), "evil.example wants".to_owned()),
        ("URI: https".into(), "URI: http".into()),
        ("Chain ID: 1".into(), "Chain ID: 5".into()),
        ("Version: 1".into(), "Version: 2".into()),
        (issued, later),
        ("I let".into(), "I gladly let".into()),
        ("- sentinel:network:sentinel".into(), "- sentinel:network:other".into()),
        (format!("- sentinel:account:{sent}"), format!("- sentinel:account:{}", account(2))),
        (sent, account(2).to_string()),
        (wallet.address().to_checksum(None), Wallet::new(2).address().to_checksum(None)),
        (wallet.address().to_checksum(None), wallet.address().to_checksum(None).to_lowercase()),
        ("Resources:".into(), "Not Before: 2020-01-01T00:00:00Z\nResources:".into()),
        ("\n".into(), "\r\n".into()),
    ];
    for (from, to) in changes {
        let bad = good.replace(&from, &to);
        assert_ne!(bad, good);
        assert_eq!(gate.code(&bad, &wallet.sign(&bad)).await, 121, "{from} -> {to}");
        assert_eq!(gate.code(&bad, "0x").await, 121, "{from} -> {to}");
    }
    assert_eq!(gate.code("", "0x").await, 121);
    assert_eq!(gate.code(&"x".repeat(1 << 20), "0x").await, 121);
    // After all that the owner's nonce is still his.
    assert_eq!(gate.code(&good, &wallet.sign(&good)).await, 0);
}

#[tokio::test]
async fn nonces_that_are_not_ours_or_not_for_now() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let challenge = gate.challenge(&wallet, 1);
    let foreign = [
        hex::encode([7; 44]),
        "abcdefgh".into(),
        challenge.nonce.to_uppercase(),
        challenge.nonce[1..].into(),
    ];
    for nonce in foreign {
        let bad = challenge.message.replace(&challenge.nonce, &nonce);
        assert_eq!(gate.code(&bad, &wallet.sign(&bad)).await, 120, "{nonce}");
        assert_eq!(gate.code(&bad, "0x").await, 120, "{nonce}");
    }
    // A good nonce in another good text.
    let other = gate.challenge(&wallet, 2);
    let bad = other.message.replace(&other.nonce, &challenge.nonce);
    assert_eq!(gate.code(&bad, &wallet.sign(&bad)).await, 121);
    // Somebody else's valid message is no nonsense, but its nonce is unknown.
    let elsewhere = format!(
        "other.example wants you to sign in with your Ethereum account:\n{}\n\n\nURI: https://other.example\n\
         Version: 1\nChain ID: 1\nNonce: abcdefgh\nIssued At: 2026-11-20T20:14:56Z",
        wallet.address().to_checksum(None)
    );
    assert_eq!(gate.code(&elsewhere, &wallet.sign(&elsewhere)).await, 120);
    // Another gate's.
    let foreign = Gate::new().await.challenge(&wallet, 1).message;
    assert_eq!(gate.code(&foreign, &wallet.sign(&foreign)).await, 120);
}

#[tokio::test]
async fn a_challenge_holds_to_the_second() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let message = gate.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    gate.clock.advance(300);
    assert_eq!(gate.code(&message, &signature).await, 120);
    gate.clock.advance(-300 - 61);
    assert_eq!(gate.code(&message, &signature).await, 120, "issued in the future");
    gate.clock.advance(1);
    assert_eq!(gate.code(&message, &signature).await, 0, "within the skew");
    let other = gate.challenge(&wallet, 2).message;
    gate.clock.advance(299);
    assert_eq!(gate.code(&other, &wallet.sign(&other)).await, 0, "the last second");
}

#[tokio::test]
async fn bad_signatures_never_use_up_the_nonce() {
    let gate = Gate::new().await;
    let (wallet, other) = (Wallet::new(1), Wallet::new(2));
    let message = gate.challenge(&wallet, 1).message;
    let good = wallet.sign(&message);
    let bad_v = format!("{}1d", &good[..130]);
    let cases = [
        (other.sign(&message), 122),
        (wallet.sign("another text"), 122),
        (bad_v, 122),
        (good[..130].to_owned(), 122),
        (format!("{good}00"), 122),
        (good[..131].to_owned(), 122),
        ("0x".into(), 122),
        (good[2..].to_owned(), 101),
        (String::new(), 101),
        ("0xzz".into(), 101),
        (format!("0x0x{}", &good[4..]), 101),
        (format!("0x{}", "00".repeat(8193)), 101),
        (format!("0x{}", "00".repeat(8192)), 122),
    ];
    for (signature, code) in &cases {
        let short = &signature[..signature.len().min(140)];
        assert_eq!(gate.code(&message, signature).await, *code, "{short}");
    }
    assert_eq!(gate.code(&message, &good).await, 0);
    assert_eq!(gate.code(&message, &good).await, 120);
    assert_eq!(gate.code(&message, &other.sign(&message)).await, 120, "the nonce comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_uses_of_one_nonce_exactly_one_wins() {
    let gate = Arc::new(Gate::new().await);
    let wallet = Wallet::new(1);
    let message = gate.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    let attempts: Vec<_> = (0..100)
        .map(|_| {
            let (gate, message, signature) = (gate.clone(), message.clone(), signature.clone());
            tokio::spawn(async move { gate.code(&message, &signature).await })
        })
        .collect();
    let mut codes = Vec::new();
    for attempt in attempts {
        codes.push(attempt.await.unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes[0], 0);
    assert!(codes[1..].iter().all(|code| *code == 120), "{codes:?}");
    assert_eq!(gate.store.binding_count(), 1);
}

#[tokio::test]
async fn without_a_card_or_without_ethereum_nobody_is_bound() {
    let gate = Gate::new().await;
    let (denied, wallet) = (Wallet::new(66), Wallet::new(1));
    assert_eq!(gate.sign_in(&denied, 1).await.unwrap_err().refusal().code(), 105);
    let message = gate.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    gate.world.down.store(true, Ordering::SeqCst);
    assert_eq!(gate.code(&message, &signature).await, 111);
    assert_eq!(gate.code(&message, "0x00").await, 111, "a contract might have taken it");
    assert_eq!(gate.store.binding_count(), 0);
    gate.world.down.store(false, Ordering::SeqCst);
    assert_eq!(gate.code(&message, &signature).await, 0);
}

#[tokio::test]
async fn a_wallet_frees_an_account_before_it_binds_too_many() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let first = gate.sign_in(&wallet, 1).await.unwrap();
    gate.sign_in(&wallet, 2).await.unwrap();
    let message = gate.challenge(&wallet, 3).message;
    let signature = wallet.sign(&message);
    let refused = gate.bind(&message, &signature).await.unwrap_err().refusal();
    assert_eq!(refused.code(), 119);
    assert!(refused.to_string().contains(&account(1).to_string()), "{refused}");
    gate.sign_in(&wallet, 2).await.unwrap();
    gate.sign_in(&Wallet::new(2), 3).await.unwrap();
    gate.sign_in.unbind(&first.token.unwrap()).await.unwrap();
    assert_eq!(gate.code(&message, &signature).await, 0);
}

#[tokio::test]
async fn after_too_many_attempts_only_the_one_who_made_them_waits() {
    let gate = Gate::with(&SignInConfig { rate: RateLimit { burst: 3, per_minute: 1 }, ..config() }).await;
    let wallet = Wallet::new(1);
    let message = gate.challenge(&wallet, 1).message;
    for _ in 0..3 {
        assert_eq!(gate.code(&message, "0x").await, 122);
    }
    let refused = gate.bind(&message, "0x").await.unwrap_err().refusal();
    assert_eq!(refused.code(), 113);
    assert!(refused.retry_after().is_some());
    let owner: ClientKey = std::net::IpAddr::from([192, 0, 2, 2]).into();
    gate.sign_in.bind(&message, &wallet.sign(&message), owner).await.unwrap();
}

#[tokio::test]
async fn a_message_of_former_settings_is_not_taken() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let message = gate.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    let changes: [fn(&mut SignInConfig); 4] = [
        |config| config.public_url = "https://moved.example/".into(),
        |config| config.chain_id = 11_155_111,
        |config| config.network = "testnet".into(),
        |config| config.ttl = Duration::from_secs(3600),
    ];
    let mut gate = gate;
    for change in changes {
        let mut other = config();
        change(&mut other);
        gate = gate.restart(&other).await;
        assert_eq!(gate.code(&message, &signature).await, 121);
    }
    let gate = gate.restart(&config()).await;
    assert_eq!(gate.code(&message, &signature).await, 0);
}
