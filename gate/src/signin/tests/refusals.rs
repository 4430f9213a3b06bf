//! Refused sign-ins: codes, order of the checks, and the nonce that stays usable.

use super::*;

#[tokio::test]
async fn checks_message_before_nonce_and_signature() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let good = fixture.challenge(&wallet, 1).message;
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
        assert_eq!(fixture.code(&bad, &wallet.sign(&bad)).await, 121, "{from} -> {to}");
        assert_eq!(fixture.code(&bad, "0x").await, 121, "{from} -> {to}");
    }
    assert_eq!(fixture.code("", "0x").await, 121);
    assert_eq!(fixture.code(&"x".repeat(1 << 20), "0x").await, 121);
    // The nonce is still usable after all of these.
    assert_eq!(fixture.code(&good, &wallet.sign(&good)).await, 0);
}

#[tokio::test]
async fn rejects_foreign_and_misplaced_nonces() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let challenge = fixture.challenge(&wallet, 1);
    let foreign = [
        hex::encode([7; 44]),
        "abcdefgh".into(),
        challenge.nonce.to_uppercase(),
        challenge.nonce[1..].into(),
    ];
    for nonce in foreign {
        let bad = challenge.message.replace(&challenge.nonce, &nonce);
        assert_eq!(fixture.code(&bad, &wallet.sign(&bad)).await, 120, "{nonce}");
        assert_eq!(fixture.code(&bad, "0x").await, 120, "{nonce}");
    }
    // A valid nonce in another valid message.
    let other = fixture.challenge(&wallet, 2);
    let bad = other.message.replace(&other.nonce, &challenge.nonce);
    assert_eq!(fixture.code(&bad, &wallet.sign(&bad)).await, 121);
    // A valid message of another gate has the right form, but an unknown nonce.
    let elsewhere = format!(
        "other.example wants you to sign in with your Ethereum account:\n{}\n\n\nURI: https://other.example\n\
         Version: 1\nChain ID: 1\nNonce: abcdefgh\nIssued At: 2026-11-20T20:14:56Z",
        wallet.address().to_checksum(None)
    );
    assert_eq!(fixture.code(&elsewhere, &wallet.sign(&elsewhere)).await, 120);
    // Another gate's.
    let foreign = SignInFixture::new().await.challenge(&wallet, 1).message;
    assert_eq!(fixture.code(&foreign, &wallet.sign(&foreign)).await, 120);
}

#[tokio::test]
async fn challenge_expires_at_its_exact_second() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let message = fixture.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    fixture.clock.advance(300);
    assert_eq!(fixture.code(&message, &signature).await, 120);
    fixture.clock.advance(-300 - 61);
    assert_eq!(fixture.code(&message, &signature).await, 120, "issued in the future");
    fixture.clock.advance(1);
    assert_eq!(fixture.code(&message, &signature).await, 0, "within the skew");
    let other = fixture.challenge(&wallet, 2).message;
    fixture.clock.advance(299);
    assert_eq!(fixture.code(&other, &wallet.sign(&other)).await, 0, "the last second");
}

#[tokio::test]
async fn invalid_signatures_leave_nonce_usable() {
    let fixture = SignInFixture::new().await;
    let (wallet, other) = (Wallet::new(1), Wallet::new(2));
    let message = fixture.challenge(&wallet, 1).message;
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
        assert_eq!(fixture.code(&message, signature).await, *code, "{short}");
    }
    assert_eq!(fixture.code(&message, &good).await, 0);
    assert_eq!(fixture.code(&message, &good).await, 120);
    assert_eq!(fixture.code(&message, &other.sign(&message)).await, 120, "the nonce comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_uses_of_one_nonce_succeed_once() {
    let fixture = Arc::new(SignInFixture::new().await);
    let wallet = Wallet::new(1);
    let message = fixture.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    let attempts: Vec<_> = (0..100)
        .map(|_| {
            let (fixture, message, signature) = (fixture.clone(), message.clone(), signature.clone());
            tokio::spawn(async move { fixture.code(&message, &signature).await })
        })
        .collect();
    let mut codes = Vec::new();
    for attempt in attempts {
        codes.push(attempt.await.unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes[0], 0);
    assert!(codes[1..].iter().all(|code| *code == 120), "{codes:?}");
    assert_eq!(fixture.store.bindings().count(), 1);
}

#[tokio::test]
async fn rejects_binding_without_card_or_ethereum() {
    let fixture = SignInFixture::new().await;
    let (denied, wallet) = (Wallet::new(66), Wallet::new(1));
    assert_eq!(fixture.sign_in(&denied, 1).await.unwrap_err().refusal().code(), 105);
    let message = fixture.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    fixture.ethereum.down.store(true, Ordering::SeqCst);
    assert_eq!(fixture.code(&message, &signature).await, 111);
    assert_eq!(fixture.code(&message, "0x00").await, 111, "a contract might have taken it");
    assert_eq!(fixture.store.bindings().count(), 0);
    fixture.ethereum.down.store(false, Ordering::SeqCst);
    assert_eq!(fixture.code(&message, &signature).await, 0);
}

#[tokio::test]
async fn requires_unbinding_above_account_limit() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let first = fixture.sign_in(&wallet, 1).await.unwrap();
    fixture.sign_in(&wallet, 2).await.unwrap();
    let message = fixture.challenge(&wallet, 3).message;
    let signature = wallet.sign(&message);
    let refused = fixture.bind(&message, &signature).await.unwrap_err().refusal();
    assert_eq!(refused.code(), 119);
    assert!(refused.to_string().contains(&account(1).to_string()), "{refused}");
    fixture.sign_in(&wallet, 2).await.unwrap();
    fixture.sign_in(&Wallet::new(2), 3).await.unwrap();
    fixture.sign_in.unbind(&first.token.unwrap()).await.unwrap();
    assert_eq!(fixture.code(&message, &signature).await, 0);
}

#[tokio::test]
async fn rate_limit_applies_only_to_the_client_that_exceeds_it() {
    let fixture =
        SignInFixture::with(&SignInConfig { rate: RateLimit { burst: 3, per_minute: 1 }, ..config() }).await;
    let wallet = Wallet::new(1);
    let message = fixture.challenge(&wallet, 1).message;
    for _ in 0..3 {
        assert_eq!(fixture.code(&message, "0x").await, 122);
    }
    let refused = fixture.bind(&message, "0x").await.unwrap_err().refusal();
    assert_eq!(refused.code(), 113);
    assert!(refused.retry_after().is_some());
    let owner: ClientKey = std::net::IpAddr::from([192, 0, 2, 2]).into();
    fixture.sign_in.bind(&message, &wallet.sign(&message), owner).await.unwrap();
}

#[tokio::test]
async fn rejects_message_issued_under_other_settings() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let message = fixture.challenge(&wallet, 1).message;
    let signature = wallet.sign(&message);
    let changes: [fn(&mut SignInConfig); 4] = [
        |config| config.public_url = "https://moved.example/".into(),
        |config| config.chain_id = 11_155_111,
        |config| config.network = "testnet".into(),
        |config| config.ttl = Duration::from_secs(3600),
    ];
    let mut fixture = fixture;
    for change in changes {
        let mut other = config();
        change(&mut other);
        fixture = fixture.restart(&other).await;
        assert_eq!(fixture.code(&message, &signature).await, 121);
    }
    let fixture = fixture.restart(&config()).await;
    assert_eq!(fixture.code(&message, &signature).await, 0);
}
