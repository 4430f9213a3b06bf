//! The gate's own refusal codes for a handshake, from 103 on; `order` covers their precedence.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Caller, SignIn, Wallet};
use serde_json::Value;

use crate::fixture::node_peers::{peer_request, wireguard_key, wireguard_peers};
use crate::fixture::response_time::eventually_within;
use crate::fixture::{
    Fixture, client_refusal, ensure_refusal, expect_admission, expect_refusal, public_url, session_record,
    set_key, set_short_cache,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        rejects_account_without_binding,
        rejects_holder_after_sale_and_admits_after_return,
        rejects_plan_session_of_another_tier,
        rejects_device_beyond_the_limit,
        rejects_tunnel_key_in_use_in_any_encoding,
        rejects_denied_wallets_and_accounts,
        limits_requests_of_one_client,
        rejects_unknown_paths_below_gate,
    ]
}

/// 103, also for accounts with key types from which the hub accepts no transaction.
async fn rejects_account_without_binding(fixture: &Fixture) -> Result<()> {
    let account = fixture.hub().poor_account("unknown").await?;
    let message = expect_refusal(fixture.gate(), &account.wireguard_handshake(1)?, 401, 103).await?;
    let page = format!("{}/gate/", public_url(fixture.gate())?);
    ensure!(message.contains(&account.address) && message.contains(&page), "the message is {message}");
    for (body, address) in recorded_handshakes()? {
        let message = expect_refusal(fixture.gate(), &body, 401, 103).await?;
        ensure!(message.contains(&address), "the message is {message}, not {address}");
    }
    Ok(())
}

/// Recorded handshakes of stock clients with both key types, and their accounts.
fn recorded_handshakes() -> Result<Vec<(Value, String)>> {
    let vectors: Value = serde_json::from_str(include_str!("../../../proto/tests/vectors/handshakes.json"))?;
    let wireguard =
        |vector: &&Value| vector["name"].as_str().is_some_and(|name| name.starts_with("wireguard, "));
    let found: Vec<_> = vectors.as_array().context("a list")?.iter().filter(wireguard).collect();
    ensure!(found.len() == 2, "one of each kind of key, not {}", found.len());
    let text = |vector: &Value, key: &str| vector[key].as_str().unwrap_or_default().to_owned();
    let both = |vector: &Value| Ok((serde_json::from_str(&text(vector, "body"))?, text(vector, "account")));
    found.into_iter().map(both).collect()
}

/// 105 at the handshake: a binding is worth no more than the card behind it.
async fn rejects_holder_after_sale_and_admits_after_return(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-sold", set_short_cache).await?;
    let card = fixture.ethereum.other_card();
    let holder = fixture.create_holder(&gate, &[card]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let buyer = Wallet::fresh().address();
    fixture.ethereum.transfer(holder.wallet.address(), buyer, card).await?;
    let refusal = || async { expect_refusal(&gate, &handshake, 403, 105).await };
    let message = eventually_within(&gate, Duration::from_secs(3), "the sale counts", refusal).await?;
    let short = holder.wallet.address().to_string();
    ensure!(message.contains(&short[..6]) && !message.contains(&short), "the message is {message}");
    let refusal = client_refusal(fixture, &gate, session, &holder.account).await?;
    ensure!(refusal.code() == Some(105), "the stock client shows {refusal}");
    // Access returns with the card.
    fixture.ethereum.transfer(buyer, holder.wallet.address(), card).await?;
    let back = || async { expect_admission(&gate, &handshake).await };
    eventually_within(&gate, Duration::from_secs(3), "the return counts", back).await.map(drop)
}

/// 106 names the sessions that the tier may use.
async fn rejects_plan_session_of_another_tier(fixture: &Fixture) -> Result<()> {
    let plans = &fixture.stack.info().plans;
    for (holder, tier, wrong, right) in [
        (fixture.create_paid_holder().await?, "paid", plans.free, plans.paid),
        (fixture.create_free_holder().await?, "free", plans.paid, plans.free),
    ] {
        let account = &holder.account;
        let session = fixture.hub().plan_session(account, wrong, &fixture.node().address).await?;
        let message =
            expect_refusal(fixture.gate(), &account.wireguard_handshake(session)?, 403, 106).await?;
        let expected_words =
            [tier.to_owned(), format!("plan {wrong}"), format!("plan:{right}"), "direct".to_owned()];
        ensure!(
            expected_words.iter().all(|word| message.contains(word)),
            "the message is {message}, not {expected_words:?}"
        );
        let session = fixture.hub().plan_session(account, right, &fixture.node().address).await?;
        expect_admission(fixture.gate(), &account.wireguard_handshake(session)?).await?;
    }
    Ok(())
}

/// 107 counts over all accounts of a holder; a session that ends on the hub frees a place.
async fn rejects_device_beyond_the_limit(fixture: &Fixture) -> Result<()> {
    let (gate, holder, other) =
        (fixture.gate(), fixture.create_paid_holder().await?, fixture.funded_account().await?);
    fixture.bind_account(gate, &holder.wallet, &other.address).await?;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let session = fixture.open_direct_session(&holder.account).await?;
        expect_admission(gate, &holder.account.wireguard_handshake(session)?).await?;
        sessions.push(session);
    }
    let site = SignIn::at(&gate.url)?;
    let used = site.binding(holder.token()).await?.result()?["devices"].clone();
    ensure!(used["used"] == 3 && used["limit"] == 3, "devices are {used}");
    let fourth = fixture.open_direct_session(&other).await?;
    let handshake = other.wireguard_handshake(fourth)?;
    let message = expect_refusal(gate, &handshake, 409, 107).await?;
    // Sessions of another account are counted and not named.
    ensure!(message.contains("end one of the 3 sessions of other accounts"), "the message is {message}");
    let numbers: Vec<_> =
        message.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    ensure!(numbers == ["3", "3"], "the message is {message}");
    let own = fixture.open_direct_session(&holder.account).await?;
    let own = expect_refusal(gate, &holder.account.wireguard_handshake(own)?, 409, 107).await?;
    ensure!(sessions.iter().all(|session| own.contains(&session.to_string())), "the message is {own}");
    let refusal = client_refusal(fixture, gate, fourth, &other).await?;
    ensure!(refusal.code() == Some(107) && refusal.message() == message, "the stock client shows {refusal}");
    fixture.hub().cancel_session(&holder.account, sessions[0]).await?;
    let room = || async { expect_admission(gate, &handshake).await };
    eventually_within(gate, Duration::from_secs(5), "there is room", room).await.map(drop)
}

/// 108 for every encoding of a key in use: the stock node would take the tunnel away from its owner.
async fn rejects_tunnel_key_in_use_in_any_encoding(fixture: &Fixture) -> Result<()> {
    let (gate, victim, attacker) =
        (fixture.gate(), fixture.create_paid_holder().await?, fixture.create_paid_holder().await?);
    let session = fixture.open_direct_session(&victim.account).await?;
    let mine = victim.account.wireguard_handshake(session)?;
    expect_admission(gate, &mine).await?;
    let node = &fixture.stack.nodes()[0];
    let before = wireguard_peers(node).await?;
    let request = peer_request(&mine)?;
    let encodings = [
        request.clone(),
        request.replacen(':', ": ", 1),
        format!(" {request}\n"),
        request.replacen("public_key", "public\\u005fkey", 1),
        request.replacen('=', "\\u003d", 1),
    ];
    let foreign_session = fixture.open_direct_session(&attacker.account).await?;
    for request in &encodings {
        expect_refusal(gate, &attacker.account.handshake(foreign_session, request)?, 409, 108)
            .await
            .with_context(|| request.clone())?;
    }
    let second = fixture.open_direct_session(&victim.account).await?;
    expect_refusal(gate, &victim.account.handshake(second, &request)?, 409, 108).await?;
    let key = wireguard_key(&mine)?;
    ensure!(wireguard_peers(node).await?.get(&key) == before.get(&key), "the tunnel's address moved");
    // With a tunnel key of its own the same session is admitted.
    expect_admission(gate, &attacker.account.wireguard_handshake(foreign_session)?).await.map(drop)
}

/// 109 only for what rests on a denied wallet or account. The operator denies the wallet after its sign-in.
async fn rejects_denied_wallets_and_accounts(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-deny", |_| ()).await?;
    let card = fixture.ethereum.other_card();
    let denied = fixture.create_holder(&gate, &[card]).await?;
    let banned = fixture.create_holder(&gate, &[card]).await?;
    let (vault, hot, account) = fixture.create_delegated_wallet().await?;
    fixture.bind_account(&gate, &hot, &account.address).await?;
    fixture
        .stack
        .reconfigure_gate(&gate.name, |config| {
            let wallets = [denied.wallet.address(), vault.address()].map(|wallet| wallet.to_string());
            set_key(config, "policy", "deny_wallets", wallets.to_vec());
            set_key(config, "policy", "deny_accounts", vec![banned.account.address.clone()]);
        })
        .await?;
    let session = fixture.open_direct_session(&denied.account).await?;
    let handshake = denied.account.wireguard_handshake(session)?;
    let message = expect_refusal(&gate, &handshake, 403, 109).await?;
    let refusal = client_refusal(fixture, &gate, session, &denied.account).await?;
    ensure!(refusal.code() == Some(109) && refusal.message() == message, "the stock client shows {refusal}");
    for account in [&banned.account, &account] {
        let session = fixture.open_direct_session(account).await?;
        expect_refusal(&gate, &account.wireguard_handshake(session)?, 403, 109).await?;
    }
    // Another wallet with a card can back the account of the denied wallet.
    let friend = fixture.ethereum.holder(&[card]).await?;
    fixture.bind_account(&gate, &friend, &denied.account.address).await?;
    expect_admission(&gate, &handshake).await?;
    let listed = session_record(&gate, session).await?.context("not in the list of sessions")?;
    ensure!(listed["wallet"] == friend.address().to_string(), "rests on {listed}");
    Ok(())
}

/// 113 with `Retry-After`.
async fn limits_requests_of_one_client(fixture: &Fixture) -> Result<()> {
    let (caller, url) = (Caller::fresh()?, format!("{}/gate/openapi.json", fixture.gate().url));
    let burst = futures::future::try_join_all((0..40).map(|_| caller.get(&url))).await?;
    let (good, bad): (Vec<_>, Vec<_>) = burst.iter().partition(|answer| answer.status == 200);
    ensure!(good.len() >= 20 && !bad.is_empty(), "{} of 40 passed", good.len());
    for answer in &bad {
        ensure_refusal(answer, 429, 113)?;
    }
    let wait = bad[0].headers.get("retry-after").context("no Retry-After")?.to_str()?.parse()?;
    ensure!((1..=5).contains(&wait), "wait {wait} s");
    ensure!(Caller::fresh()?.get(&url).await?.status == 200, "another client is refused too");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    ensure!(caller.get(&url).await?.status == 200, "still refused after the time to wait");
    Ok(())
}

/// 118 for every method below `/gate/`; other paths are forwarded to the node.
async fn rejects_unknown_paths_below_gate(fixture: &Fixture) -> Result<()> {
    let (caller, url) = (Caller::fresh()?, &fixture.gate().url);
    for path in ["/gate/nothing", "/gate/bindings/1", "/gate/challenge/", "/gate//", "/gate/health"] {
        ensure_refusal(&caller.get(&format!("{url}{path}")).await?, 404, 118).context(path)?;
    }
    ensure_refusal(&caller.post_text(&format!("{url}/gate/eligibility"), "{}").await?, 404, 118)?;
    ensure_refusal(&caller.get(&format!("{url}/gate/bindings")).await?, 404, 118)?;
    for path in ["/health", "/metrics", "/sessions", "/ready"] {
        let answer = Caller::fresh()?.get(&format!("{url}{path}")).await?;
        ensure!(
            answer.status == 404 && answer.code().is_none(),
            "{path} is not the node's: {}",
            answer.status
        );
    }
    let page = caller.get(&format!("{url}/gate/")).await?;
    ensure!(page.status == 200 && page.headers["content-type"].to_str()?.starts_with("text/html"), "no page");
    Ok(())
}
