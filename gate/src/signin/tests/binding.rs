//! Successful sign-ins: the binding, its token, lifetime and devices.

use super::*;

#[tokio::test]
async fn one_signature_binds_wallet_to_account() {
    let fixture = SignInFixture::new().await;
    let (wallet, vault) = (Wallet::new(1), Address::repeat_byte(0xdd));
    let challenge = fixture.sign_in.challenge(wallet.address(), account(1), Some(vault), client()).unwrap();
    assert!(challenge.message.contains(&format!("Nonce: {}\n", challenge.nonce)));
    assert_eq!(challenge.expires_at, NOW + 300);
    assert_eq!(fixture.store.bindings().count(), 0);
    let bound = fixture.bind(&challenge.message, &wallet.sign(&challenge.message)).await.unwrap();
    let token = bound.token.clone().unwrap();
    assert_eq!(
        serde_json::to_value(&bound).unwrap(),
        serde_json::json!({
            "wallet": wallet.address().to_checksum(None), "account": account(1).to_string(), "tier": "paid",
            "via": "delegate.xyz", "vault": vault.to_checksum(None), "cards": ["7"],
            "issued_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-16T08:00:00Z",
            "devices": {"used": 0, "limit": 2, "plans": {"9": 4}}, "token": token,
        })
    );
    assert_eq!(fixture.store.bindings().of_account(&account(1)), [bound.binding]);
    let shown = fixture.sign_in.binding(&token).await.unwrap();
    assert_eq!((shown.binding, shown.token), (bound.binding, None));
    assert_eq!(fixture.sign_in.unbind(&token).await.unwrap(), bound.binding);
    assert!(fixture.store.bindings().of_account(&account(1)).is_empty());
    for gone in
        [fixture.sign_in.binding(&token).await.map(|_| ()), fixture.sign_in.unbind(&token).await.map(|_| ())]
    {
        assert_eq!(gone.unwrap_err().refusal().code(), 124);
    }
}

#[tokio::test]
async fn challenge_serializes_as_documented() {
    let fixture = SignInFixture::new().await;
    let challenge = fixture.challenge(&Wallet::new(1), 1);
    let json = serde_json::to_value(&challenge).unwrap();
    assert_eq!(json["expires_at"], "2027-01-15T08:05:00Z");
    assert_eq!(json["nonce"], challenge.nonce);
    assert_eq!(json.as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn calls_contract_only_for_contract_wallets() {
    let fixture = SignInFixture::new().await;
    fixture.sign_in(&Wallet::new(1), 1).await.unwrap();
    assert_eq!(fixture.ethereum.contract_calls.load(Ordering::SeqCst), 0);
    let message = fixture.sign_in.challenge(CONTRACT, account(1), None, client()).unwrap().message;
    let signature = format!("0x{}", hex::encode(CONTRACT_SIGNATURE));
    fixture.bind(&message, &signature).await.unwrap();
    assert_eq!(fixture.ethereum.contract_calls.load(Ordering::SeqCst), 1);
    let proof = fixture
        .store
        .bindings()
        .proof(&fixture.store.bindings().of_account(&account(1))[0])
        .await
        .unwrap()
        .unwrap();
    assert_eq!((proof.message, proof.signature), (message, CONTRACT_SIGNATURE.to_vec()));
}

#[tokio::test]
async fn challenges_and_used_nonces_survive_restart() {
    let fixture = SignInFixture::new().await;
    let (wallet, other) = (Wallet::new(1), Wallet::new(2));
    let (used, open) = (fixture.challenge(&wallet, 1), fixture.challenge(&other, 1));
    fixture.bind(&used.message, &wallet.sign(&used.message)).await.unwrap();
    let fixture = fixture.restart(&config()).await;
    assert_eq!(fixture.code(&used.message, &wallet.sign(&used.message)).await, 120);
    fixture.bind(&open.message, &other.sign(&open.message)).await.unwrap();
    assert_eq!(fixture.store.bindings().of_account(&account(1)).len(), 2);
}

#[tokio::test]
async fn token_expires_with_its_binding() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let first = fixture.sign_in(&wallet, 1).await.unwrap().token.unwrap();
    let second = fixture.sign_in(&wallet, 1).await.unwrap().token.unwrap();
    assert!(matches!(fixture.sign_in.unbind(&first).await, Err(SignInError::Token)), "replaced");
    fixture.clock.advance(86_399);
    fixture.sign_in.binding(&second).await.unwrap();
    fixture.clock.advance(1);
    assert!(matches!(fixture.sign_in.binding(&second).await, Err(SignInError::Token)), "expired");
    assert!(matches!(fixture.sign_in.binding("").await, Err(SignInError::Token)));
}

#[tokio::test]
async fn reports_devices_in_use() {
    let fixture = SignInFixture::new().await;
    let wallet = Wallet::new(1);
    let claim = |session_id| crate::store::SessionClaim {
        session_id,
        holder: Some(wallet.address()),
        tier: "paid".into(),
        service: "wireguard".into(),
        peer_id: session_id.to_string(),
        limits: None,
    };
    let _held = [
        fixture.store.sessions().claim(claim(1)).unwrap(),
        fixture.store.sessions().claim(claim(2)).unwrap(),
    ];
    let bound = fixture.sign_in(&wallet, 1).await.unwrap();
    assert_eq!(bound.devices, DeviceUsage { used: 2, limit: 2, plans: [(9, 4)].into() });
}

#[test]
fn eligibility_serializes_as_documented() {
    let mut summary = Summary {
        tier: Tier::Free,
        via: Some(Via::Consolidation),
        wallet: Address::repeat_byte(1),
        vault: Some(Address::repeat_byte(0xab)),
        cards: vec![U256::from(7), U256::MAX],
        more_cards: true,
        block: 42,
        expires_at: None,
        delegations_unread: false,
    };
    let json = |summary: &Summary| serde_json::to_value(Eligibility(summary.clone())).unwrap();
    assert_eq!(
        json(&summary),
        serde_json::json!({
            "tier": "free", "via": "6529-consolidation", "vault": "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB",
            "cards": ["7", U256::MAX.to_string()], "more": true, "block": 42,
        })
    );
    summary = Summary {
        tier: Tier::Denied,
        via: None,
        vault: None,
        cards: vec![],
        more_cards: false,
        delegations_unread: true,
        ..summary
    };
    assert_eq!(
        json(&summary),
        serde_json::json!({
            "tier": "denied", "via": null, "vault": null, "cards": [], "block": 42, "delegations_unread": true,
        })
    );
}

#[tokio::test]
async fn applies_governed_lifetime_and_devices() {
    let governed = Governance::with_policy(crate::governance::tests::governed());
    let fixture = SignInFixture::new().await;
    let (wallet, before) = (Wallet::new(1), fixture.challenge(&Wallet::new(1), 1).message);
    let fixture = fixture.restart_governed(&config(), governed).await;
    let bound = fixture.sign_in(&wallet, 1).await.unwrap();
    assert_eq!(bound.binding.expires_at, NOW + 7200);
    assert_eq!((bound.devices.limit, bound.devices.plans), (1, [].into()), "and no plan gives more");
    // A message issued earlier, with a longer lifetime, is no longer redeemable.
    assert_eq!(fixture.code(&before, &wallet.sign(&before)).await, 121);
}
