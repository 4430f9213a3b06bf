//! Every grant works and is needed, and a thief of the key can do nothing else.

use std::time::{Duration, SystemTime};

use bridge_oracle::doctor::HubDoctor;
use bridge_oracle::grants::{CurrentGrants, GrantRequest, SETUP_MESSAGE_TYPES, build_grant};
use bridge_oracle::ledger::Price;
use bridge_oracle::messages::MESSAGE_TYPES;
use bridge_oracle::reconcile::Action;
use bridge_oracle::submit::{Submit as _, SubmitError};
use prost_types::Any;
use sentinel_proto::tx::{TypedMessage as _, pack_any};
use sentinel_proto::wire::cosmos::authz::v1beta1::MsgExec;
use sentinel_proto::wire::cosmos::bank::v1beta1::MsgSend;
use sentinel_proto::wire::cosmos::base::v1beta1::Coin;
use sentinel_proto::wire::sentinel::lease::v1::MsgEndLeaseRequest;
use sentinel_proto::wire::sentinel::plan::v3::{
    MsgCreatePlanRequest, MsgLinkNodeRequest, MsgUnlinkNodeRequest, MsgUpdatePlanDetailsRequest,
};
use sentinel_proto::wire::sentinel::provider::v3::{
    MsgRegisterProviderRequest, MsgUpdateProviderDetailsRequest, MsgUpdateProviderStatusRequest,
};
use sentinel_proto::wire::sentinel::types::v1::{Price as WirePrice, Status};
use service_runtime::doctor::{Check, Verdict};

use crate::chain::{CHAIN, DENOM};
use crate::fixture::{HOURLY, HOURS, HubFixture, PLAN, key};

async fn run_checks(fixture: &HubFixture) -> Vec<Check> {
    let settings = fixture.settings();
    let patient = HubDoctor {
        hub: &fixture.hub,
        key: &fixture.oracle,
        settings: &settings,
        plans: &[PLAN],
        hours: HOURS,
        budget: 1,
    };
    patient.run_checks(SystemTime::now()).await
}

fn bad(checks: &[Check]) -> Vec<&str> {
    checks.iter().filter(|check| check.verdict == Verdict::Bad).map(|check| check.name.as_str()).collect()
}

/// Sends a message as a thief of the key would; returns the hub's refusal.
async fn steal(fixture: &HubFixture, message: Any) -> Result<(), String> {
    let exec = MsgExec { grantee: fixture.oracle.account().to_string(), msgs: vec![message] };
    let sent = fixture
        .offer_as(&fixture.oracle, vec![pack_any(&exec)], 400_000, Some(fixture.provider.account()))
        .await;
    let hash = sent.map_err(|refused| refused.to_string())?;
    fixture.executed(&hash).await.outcome.map_err(|refused| refused.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn hub_accepts_granted_messages_only() {
    let fixture = HubFixture::start(3, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = fixture.oracle(home.path());
    let outcome = oracle.submit(1, &fixture.wish(0..3)).await.unwrap();
    assert_eq!(outcome.done.len(), 6, "{outcome:?}");
    let checks = run_checks(&fixture).await;
    assert!(bad(&checks).is_empty(), "{checks:#?}");
    assert!(checks.iter().any(|check| check.name == "cannot /cosmos.bank.v1beta1.MsgSend"), "{checks:#?}");
    assert!(checks.iter().all(|check| !check.found.contains("not proven")), "{checks:#?}");

    // Each type is revoked in turn: its message is refused, the others work.
    let lease = fixture.ledger().await.leases[&fixture.node(0)].id;
    let (node, hours, max_price) = (fixture.node(0), HOURS, Price { base: 0, quote: HOURLY });
    let table = [
        Action::ActivatePlan { plan: PLAN },
        Action::SetRenewal { lease, node, renews: true },
        Action::RenewLease { lease, node, hours, max_price },
        Action::Unlink { plan: PLAN, node },
        Action::Link { plan: PLAN, node },
        Action::EndLease { lease, node },
        Action::StartLease { node, hours, max_price },
    ];
    let year = SystemTime::now() + Duration::from_secs(365 * 24 * 3600);
    for (round, action) in table.iter().enumerate() {
        let name = MESSAGE_TYPES.iter().find(|name| matches_type(name, action)).unwrap();
        fixture.revoke(name).await;
        let refused = oracle.submit(10 + round as u64, std::slice::from_ref(action)).await;
        assert!(
            matches!(&refused, Err(SubmitError::NotPermitted(words)) if words.contains(name)),
            "{refused:?}"
        );
        let names = bad(&run_checks(&fixture).await).join(" ");
        assert!(names.contains(name) && names.contains(&format!("can {name}")), "{names}");
        // Beside a granted action, only the other one is refused.
        let beside = Action::Unlink { plan: PLAN, node: fixture.node(2) };
        if matches!(action, Action::ActivatePlan { .. }) {
            let outcome = oracle.submit(20, &[action.clone(), beside]).await.unwrap();
            assert_eq!((outcome.done.len(), outcome.refused.len()), (1, 1), "{outcome:?}");
        }
        fixture.grant(&[name], year).await;
        let outcome = oracle.submit(30 + round as u64, std::slice::from_ref(action)).await.unwrap();
        assert_eq!(outcome.done, std::slice::from_ref(action), "{outcome:?}");
    }

    // Messages that a thief would send.
    let (account, provider) =
        (fixture.provider.account().to_string(), fixture.provider_address().to_string());
    let coins = vec![Coin { denom: DENOM.to_owned(), amount: "1".to_owned() }];
    let to_address = fixture.oracle.account().to_string();
    let create = MsgCreatePlanRequest {
        from: provider.clone(),
        bytes: "1".to_owned(),
        duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        prices: Vec::new(),
        private: false,
    };
    for message in [
        pack_any(&MsgSend { from_address: account, to_address: to_address.clone(), amount: coins.clone() }),
        pack_any(&create),
        pack_any(&MsgUpdatePlanDetailsRequest { from: provider.clone(), id: PLAN, private: true }),
        pack_any(&MsgUpdateProviderDetailsRequest {
            from: provider.clone(),
            name: "x".into(),
            ..Default::default()
        }),
        pack_any(&MsgUpdateProviderStatusRequest { from: provider, status: Status::Inactive.into() }),
    ] {
        let name = message.type_url.clone();
        let words = steal(&fixture, message).await.unwrap_err();
        assert!(words.contains("authorization not found"), "{name}: {words}");
    }
    // Granted types about another provider's lease and plan.
    let stranger = key(2).account().in_role::<sentinel_proto::address::Provider>().to_string();
    let foreign = [
        pack_any(&MsgEndLeaseRequest { from: stranger.clone(), id: lease }),
        pack_any(&MsgLinkNodeRequest {
            from: stranger.clone(),
            id: PLAN,
            node_address: fixture.node(1).to_string(),
        }),
        pack_any(&MsgUnlinkNodeRequest {
            from: stranger,
            id: PLAN,
            node_address: fixture.node(1).to_string(),
        }),
    ];
    for message in foreign {
        let words = steal(&fixture, message).await.unwrap_err();
        assert!(words.contains("authorization not found"), "{words}");
    }
    // The fee grant pays for no other message.
    let gift = MsgSend { from_address: to_address.clone(), to_address, amount: coins };
    let paid = fixture
        .offer_as(&fixture.oracle, vec![pack_any(&gift)], 200_000, Some(fixture.provider.account()))
        .await;
    let words = paid.unwrap_err().to_string();
    assert!(words.contains("message not allowed"), "{words}");
}

fn matches_type(name: &str, action: &Action) -> bool {
    let part = match action {
        Action::ActivatePlan { .. } => "UpdatePlanStatus",
        Action::StartLease { .. } => "StartLease",
        Action::RenewLease { .. } => "RenewLease",
        Action::SetRenewal { .. } => "UpdateLease",
        Action::EndLease { .. } => "EndLease",
        Action::Link { .. } => "MsgLinkNode",
        Action::Unlink { .. } => "UnlinkNode",
    };
    name.contains(part)
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_expired_and_exhausted_grants_and_multisig_can_grant() {
    let fixture = HubFixture::start(1, "86400s").await;
    let home = tempfile::tempdir().unwrap();
    let oracle = fixture.oracle(home.path());
    // Expired grants: the hub removes them, and the preflight check sees it.
    fixture.grant(&MESSAGE_TYPES, SystemTime::now() + Duration::from_secs(8)).await;
    let soon = run_checks(&fixture).await;
    assert!(soon.iter().any(|c| c.verdict == Verdict::Warning && c.found.contains("soon")), "{soon:#?}");
    tokio::time::sleep(Duration::from_secs(10)).await;
    let refused = oracle.submit(1, &fixture.wish(0..1)).await;
    assert!(matches!(refused, Err(SubmitError::NotPermitted(_))), "{refused:?}");
    fixture.grant(&MESSAGE_TYPES, SystemTime::now() + Duration::from_secs(86_400)).await;
    // The fee grant pays for no transaction.
    fixture.take_fees().await;
    let refused = oracle.submit(2, &fixture.wish(0..1)).await;
    assert!(matches!(&refused, Err(SubmitError::NotPermitted(w)) if w.contains("not found")), "{refused:?}");
    fixture.give_fees(1000).await;
    let refused = oracle.submit(3, &fixture.wish(0..1)).await;
    assert!(matches!(&refused, Err(SubmitError::NotPermitted(w)) if w.contains("fee limit")), "{refused:?}");
    let checks = run_checks(&fixture).await;
    assert!(checks.iter().any(|c| c.name == "fee grant" && c.found.contains("runs dry")), "{checks:#?}");
    fixture.take_fees().await;
    fixture.give_fees(1_000_000_000).await;
    assert_eq!(oracle.submit(4, &fixture.wish(0..1)).await.unwrap().done.len(), 2);

    // A multisig of two of three signs the output of `grants` with the hub's own command.
    let chain = &fixture.chain;
    let backend = ["--keyring-backend", "test"];
    for name in ["one", "two", "three"] {
        chain.run(&[&["keys", "add", name], backend.as_slice()].concat()).unwrap();
    }
    let multisig = ["keys", "add", "board", "--multisig", "one,two,three", "--multisig-threshold", "2"];
    chain.run(&[&multisig, backend.as_slice()].concat()).unwrap();
    let board = chain.run(&[&["keys", "show", "board", "-a"], backend.as_slice()].concat()).unwrap();
    let board: sentinel_proto::address::AccountAddress = board.trim().parse().unwrap();
    let amount = vec![Coin { denom: DENOM.to_owned(), amount: "1000000000".to_owned() }];
    let (from_address, to_address) = (key(2).account().to_string(), board.to_string());
    fixture.send(&key(2), vec![pack_any(&MsgSend { from_address, to_address, amount })]).await.unwrap();
    let wanted = GrantRequest {
        granter: board,
        grantee: fixture.oracle.account(),
        expires: SystemTime::now() + Duration::from_secs(30 * 24 * 3600),
        denom: DENOM.to_owned(),
        fee_limit: 5_000_000,
        setup_expires: Some(SystemTime::now() + Duration::from_secs(86_400)),
    };
    let unsigned = build_grant(&wanted, &CurrentGrants::default(), &"0.1udvpn".parse().unwrap());
    let path = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(path("grants.json"), serde_json::to_vec(&unsigned.json).unwrap()).unwrap();
    let rpc = chain.rpc();
    let common = ["--chain-id", CHAIN, "--node", &rpc, "--keyring-backend", "test"];
    let board = board.to_string();
    for name in ["one", "two"] {
        let (file, out) = (path("grants.json"), path(name));
        let sign = ["tx", "sign", &file, "--multisig", &board, "--from", name, "--output-document", &out];
        chain.run(&[&sign, common.as_slice()].concat()).unwrap();
    }
    let (file, out) = (path("grants.json"), path("signed.json"));
    let join = ["tx", "multi-sign", &file, "board", &path("one"), &path("two"), "--output-document", &out];
    chain.run(&[&join, common.as_slice()].concat()).unwrap();
    let sent = chain.run(&["tx", "broadcast", &out, "--node", &rpc, "--output", "json"]).unwrap();
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["code"], 0, "{sent}");
    fixture.executed(&sent["txhash"].as_str().unwrap().parse().unwrap()).await.outcome.unwrap();
    let grants = fixture.hub.authorizations(&wanted.granter, &wanted.grantee).await.unwrap();
    let fees = fixture.hub.fee_allowance(&wanted.granter, &wanted.grantee).await.unwrap();
    let granted = CurrentGrants::new(grants, fees, SystemTime::now());
    assert!(granted.missing().is_empty(), "{granted:?}");
    assert_eq!(granted.surplus().len(), SETUP_MESSAGE_TYPES.len(), "not needed to run: {granted:?}");
    let fees = granted.fees.unwrap();
    assert_eq!(fees.left[DENOM], 5_000_000);
    assert_eq!(fees.messages.unwrap(), [MsgExec::TYPE_URL]);

    // The oracle sets up the multisig's provider, because the multisig cannot sign these messages.
    let from = wanted.granter.in_role::<sentinel_proto::address::Provider>();
    let price =
        WirePrice { denom: DENOM.to_owned(), base_value: "0".to_owned(), quote_value: "0".to_owned() };
    let setup = [
        pack_any(&MsgRegisterProviderRequest {
            from: board.clone(),
            name: "board".into(),
            ..Default::default()
        }),
        pack_any(&MsgUpdateProviderStatusRequest { from: from.to_string(), status: Status::Active.into() }),
        pack_any(&MsgCreatePlanRequest {
            from: from.to_string(),
            bytes: "1000000000".to_owned(),
            duration: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
            prices: vec![price],
            private: false,
        }),
    ];
    let exec = MsgExec { grantee: fixture.oracle.account().to_string(), msgs: setup.to_vec() };
    let hash = fixture
        .offer_as(&fixture.oracle, vec![pack_any(&exec)], 1_000_000, Some(wanted.granter))
        .await
        .unwrap();
    fixture.executed(&hash).await.outcome.unwrap();
    assert_eq!(fixture.hub.provider(&from).await.unwrap().unwrap().status(), Status::Active);
    assert_eq!(fixture.hub.plan(PLAN + 1).await.unwrap().unwrap().prov_address, from.to_string());
}
