//! What a good sign-in gives, and for how long.

use super::*;

#[tokio::test]
async fn one_signature_binds_the_wallet_to_the_account() {
    let gate = Gate::new().await;
    let (wallet, vault) = (Wallet::new(1), Address::repeat_byte(0xdd));
    let challenge = gate.sign_in.challenge(wallet.address(), account(1), Some(vault), client()).unwrap();
    assert!(challenge.message.contains(&format!("Nonce: {}\n", challenge.nonce)));
    assert_eq!(challenge.expires_at, NOW + 300);
    assert_eq!(gate.store.binding_count(), 0);
    let bound = gate.bind(&challenge.message, &wallet.sign(&challenge.message)).await.unwrap();
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
    assert_eq!(gate.store.bindings_of(&account(1)), [bound.binding]);
    let shown = gate.sign_in.binding(&token).await.unwrap();
    assert_eq!((shown.binding, shown.token), (bound.binding, None));
    assert_eq!(gate.sign_in.unbind(&token).await.unwrap(), bound.binding);
    assert!(gate.store.bindings_of(&account(1)).is_empty());
    for gone in
        [gate.sign_in.binding(&token).await.map(|_| ()), gate.sign_in.unbind(&token).await.map(|_| ())]
    {
        assert_eq!(gone.unwrap_err().refusal().code(), 124);
    }
}

#[tokio::test]
async fn a_challenge_is_told_as_the_interface_says() {
    let gate = Gate::new().await;
    let challenge = gate.challenge(&Wallet::new(1), 1);
    let told = serde_json::to_value(&challenge).unwrap();
    assert_eq!(told["expires_at"], "2027-01-15T08:05:00Z");
    assert_eq!(told["nonce"], challenge.nonce);
    assert_eq!(told.as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn contract_wallets_are_asked_and_key_pairs_are_not() {
    let gate = Gate::new().await;
    gate.sign_in(&Wallet::new(1), 1).await.unwrap();
    assert_eq!(gate.world.asked_contracts.load(Ordering::SeqCst), 0);
    let message = gate.sign_in.challenge(CONTRACT, account(1), None, client()).unwrap().message;
    let signature = format!("0x{}", hex::encode(CONTRACT_SIGNATURE));
    gate.bind(&message, &signature).await.unwrap();
    assert_eq!(gate.world.asked_contracts.load(Ordering::SeqCst), 1);
    let proof = gate.store.binding_proof(&gate.store.bindings_of(&account(1))[0]).await.unwrap().unwrap();
    assert_eq!((proof.message, proof.signature), (message, CONTRACT_SIGNATURE.to_vec()));
}

#[tokio::test]
async fn challenges_outlive_a_restart_and_used_ones_stay_used() {
    let gate = Gate::new().await;
    let (wallet, other) = (Wallet::new(1), Wallet::new(2));
    let (used, open) = (gate.challenge(&wallet, 1), gate.challenge(&other, 1));
    gate.bind(&used.message, &wallet.sign(&used.message)).await.unwrap();
    let gate = gate.restart(&config()).await;
    assert_eq!(gate.code(&used.message, &wallet.sign(&used.message)).await, 120);
    gate.bind(&open.message, &other.sign(&open.message)).await.unwrap();
    assert_eq!(gate.store.bindings_of(&account(1)).len(), 2);
}

#[tokio::test]
async fn a_token_ends_with_its_binding() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let first = gate.sign_in(&wallet, 1).await.unwrap().token.unwrap();
    let second = gate.sign_in(&wallet, 1).await.unwrap().token.unwrap();
    assert!(matches!(gate.sign_in.unbind(&first).await, Err(SignInError::Token)), "replaced");
    gate.clock.advance(86_399);
    gate.sign_in.binding(&second).await.unwrap();
    gate.clock.advance(1);
    assert!(matches!(gate.sign_in.binding(&second).await, Err(SignInError::Token)), "expired");
    assert!(matches!(gate.sign_in.binding("").await, Err(SignInError::Token)));
}

#[tokio::test]
async fn devices_in_use_are_told() {
    let gate = Gate::new().await;
    let wallet = Wallet::new(1);
    let claim = |session_id| crate::store::Claim {
        session_id,
        holder: Some(wallet.address()),
        tier: "paid".into(),
        service: "wireguard".into(),
        peer_id: session_id.to_string(),
        limits: None,
    };
    let _held = [gate.store.claim(claim(1)).unwrap(), gate.store.claim(claim(2)).unwrap()];
    let bound = gate.sign_in(&wallet, 1).await.unwrap();
    assert_eq!(bound.devices, DeviceUsage { used: 2, limit: 2, plans: [(9, 4)].into() });
}

#[test]
fn eligibility_is_told_as_the_interface_says() {
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
    let told = |summary: &Summary| serde_json::to_value(Eligibility(summary.clone())).unwrap();
    assert_eq!(
        told(&summary),
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
        told(&summary),
        serde_json::json!({
            "tier": "denied", "via": null, "vault": null, "cards": [], "block": 42, "delegations_unread": true,
        })
    );
}

#[tokio::test]
async fn a_governed_sign_in_lasts_and_counts_as_governed() {
    let governed = Governance::with_policy(crate::governance::tests::governed());
    let mut gate = Gate::new().await;
    let (wallet, before) = (Wallet::new(1), gate.challenge(&Wallet::new(1), 1).message);
    gate.sign_in = gate.sign_in.governed(governed);
    let bound = gate.sign_in(&wallet, 1).await.unwrap();
    assert_eq!(bound.binding.expires_at, NOW + 7200);
    assert_eq!((bound.devices.limit, bound.devices.plans), (1, [].into()), "and no plan gives more");
    // A longer one that was issued before is not redeemed any more.
    assert_eq!(gate.code(&before, &wallet.sign(&before)).await, 121);
}
