//! The gate's own refusal codes for a handshake, from 103 on; `order` covers their precedence.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Caller, Handshake, SignIn, Wallet};
use serde_json::Value;

use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, public_url, record, refused, set, shown, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        nobody_signed_in,
        a_card_that_was_given_away,
        plans_of_another_tier,
        one_device_too_many,
        tunnel_keys_in_use,
        denied_by_the_operator,
        too_many_requests,
        paths_that_the_gate_does_not_have,
    ]
}

/// 103, also for accounts with key types from which the hub accepts no transaction.
async fn nobody_signed_in(world: &World) -> Result<()> {
    let account = world.hub().poor_account("unknown").await?;
    let sentence = turned_away(world.gate(), &account.wireguard_handshake(1)?, 401, 103).await?;
    let page = format!("{}/gate/", public_url(world.gate())?);
    ensure!(sentence.contains(&account.address) && sentence.contains(&page), "says {sentence}");
    for (body, address) in recorded_handshakes()? {
        let sentence = turned_away(world.gate(), &body, 401, 103).await?;
        ensure!(sentence.contains(&address), "says {sentence}, not {address}");
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
async fn a_card_that_was_given_away(world: &World) -> Result<()> {
    let gate = world
        .gate_with("gate-sold", |config| {
            set(config, "cache", "positive_ttl", "1s");
            set(config, "cache", "negative_ttl", "100ms");
        })
        .await?;
    let card = world.ethereum.other_card();
    let holder = world.holder(&gate, &[card]).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let buyer = Wallet::fresh().address();
    world.ethereum.transfer(holder.wallet.address(), buyer, card).await?;
    let refusal = || async { turned_away(&gate, &handshake, 403, 105).await };
    let sentence = eventually("the sale counts", Duration::from_secs(3), refusal).await?;
    let short = holder.wallet.address().to_string();
    ensure!(sentence.contains(&short[..6]) && !sentence.contains(&short), "says {sentence}");
    let shown = shown(world, &gate, session, &holder.account).await?;
    ensure!(shown.code() == Some(105), "the stock client shows {shown}");
    // Access returns with the card.
    world.ethereum.transfer(buyer, holder.wallet.address(), card).await?;
    let back = || async { enter(&gate, &handshake).await };
    eventually("the return counts", Duration::from_secs(3), back).await.map(drop)
}

/// 106 names the sessions that the tier may use.
async fn plans_of_another_tier(world: &World) -> Result<()> {
    let plans = &world.stack.info().plans;
    for (holder, tier, wrong, right) in [
        (world.paid().await?, "paid", plans.free, plans.paid),
        (world.free().await?, "free", plans.paid, plans.free),
    ] {
        let account = &holder.account;
        let session = world.hub().plan_session(account, wrong, &world.node().address).await?;
        let sentence = turned_away(world.gate(), &account.wireguard_handshake(session)?, 403, 106).await?;
        let told = [tier.to_owned(), format!("plan {wrong}"), format!("plan:{right}"), "direct".to_owned()];
        ensure!(told.iter().all(|word| sentence.contains(word)), "says {sentence}, not {told:?}");
        let session = world.hub().plan_session(account, right, &world.node().address).await?;
        enter(world.gate(), &account.wireguard_handshake(session)?).await?;
    }
    Ok(())
}

/// 107 counts over all accounts of a holder; a session that ends on the hub frees a place.
async fn one_device_too_many(world: &World) -> Result<()> {
    let (gate, holder, other) = (world.gate(), world.paid().await?, world.account().await?);
    world.bind(gate, &holder.wallet, &other.address).await?;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let session = world.direct_session(&holder.account).await?;
        enter(gate, &holder.account.wireguard_handshake(session)?).await?;
        sessions.push(session);
    }
    let site = SignIn::at(&gate.url)?;
    let used = site.binding(holder.token()).await?.result()?["devices"].clone();
    ensure!(used["used"] == 3 && used["limit"] == 3, "devices are {used}");
    let fourth = world.direct_session(&other).await?;
    let handshake = other.wireguard_handshake(fourth)?;
    let sentence = turned_away(gate, &handshake, 409, 107).await?;
    // Sessions of another account are counted and not named.
    ensure!(sentence.contains("end one of the 3 sessions of other accounts"), "says {sentence}");
    let numbers: Vec<_> =
        sentence.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    ensure!(numbers == ["3", "3"], "says {sentence}");
    let own = world.direct_session(&holder.account).await?;
    let own = turned_away(gate, &holder.account.wireguard_handshake(own)?, 409, 107).await?;
    ensure!(sessions.iter().all(|session| own.contains(&session.to_string())), "says {own}");
    let shown = shown(world, gate, fourth, &other).await?;
    ensure!(shown.code() == Some(107) && shown.message() == sentence, "the stock client shows {shown}");
    world.hub().cancel_session(&holder.account, sessions[0]).await?;
    let room = || async { enter(gate, &handshake).await };
    eventually("there is room", Duration::from_secs(5), room).await.map(drop)
}

/// 108 for every encoding of a key in use: the stock node would take the tunnel away from its owner.
async fn tunnel_keys_in_use(world: &World) -> Result<()> {
    let (gate, victim, thief) = (world.gate(), world.paid().await?, world.paid().await?);
    let session = world.direct_session(&victim.account).await?;
    let mine = victim.account.wireguard_handshake(session)?;
    enter(gate, &mine).await?;
    let before = allowed_ips(world).await?;
    let request = String::from_utf8(decode(&mine)?)?;
    let dressed = [
        request.clone(),
        request.replacen(':', ": ", 1),
        format!(" {request}\n"),
        request.replacen("public_key", "public\\u005fkey", 1),
        request.replacen('=', "\\u003d", 1),
    ];
    let stolen = world.direct_session(&thief.account).await?;
    for request in &dressed {
        turned_away(gate, &thief.account.handshake(stolen, request)?, 409, 108)
            .await
            .with_context(|| request.clone())?;
    }
    let second = world.direct_session(&victim.account).await?;
    turned_away(gate, &victim.account.handshake(second, &request)?, 409, 108).await?;
    let key = key_of(&request)?;
    ensure!(allowed_ips(world).await?.get(&key) == before.get(&key), "the tunnel's address moved");
    // With a tunnel key of its own the same session is admitted.
    enter(gate, &thief.account.wireguard_handshake(stolen)?).await.map(drop)
}

fn decode(handshake: &Handshake) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::engine::general_purpose::STANDARD.decode(&handshake.data)?)
}

fn key_of(request: &str) -> Result<String> {
    let request: Value = serde_json::from_str(request)?;
    Ok(request["public_key"].as_str().context("a key")?.to_owned())
}

/// The node's peers and their addresses.
async fn allowed_ips(world: &World) -> Result<std::collections::BTreeMap<String, String>> {
    let node = &world.stack.nodes()[0];
    let command = node.namespace.enter(["wg", "show", &world.node().interface, "allowed-ips"]);
    let output = tokio::process::Command::new(&command[0]).args(&command[1..]).output().await?;
    ensure!(output.status.success(), "wg: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    let pairs = lines.lines().filter_map(|line| line.split_once('\t'));
    Ok(pairs.map(|(key, ips)| (key.to_owned(), ips.to_owned())).collect())
}

/// 109 only for what rests on a denied wallet or account. The operator denies the wallet after its sign-in.
async fn denied_by_the_operator(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-deny", |_| ()).await?;
    let card = world.ethereum.other_card();
    let denied = world.holder(&gate, &[card]).await?;
    let banned = world.holder(&gate, &[card]).await?;
    let (vault, hot, account) = world.delegated().await?;
    world.bind(&gate, &hot, &account.address).await?;
    world
        .stack
        .reconfigure_gate(&gate.name, |config| {
            let wallets = [denied.wallet.address(), vault.address()].map(|wallet| wallet.to_string());
            set(config, "policy", "deny_wallets", wallets.to_vec());
            set(config, "policy", "deny_accounts", vec![banned.account.address.clone()]);
        })
        .await?;
    let session = world.direct_session(&denied.account).await?;
    let handshake = denied.account.wireguard_handshake(session)?;
    let sentence = turned_away(&gate, &handshake, 403, 109).await?;
    let shown = shown(world, &gate, session, &denied.account).await?;
    ensure!(shown.code() == Some(109) && shown.message() == sentence, "the stock client shows {shown}");
    for account in [&banned.account, &account] {
        let session = world.direct_session(account).await?;
        turned_away(&gate, &account.wireguard_handshake(session)?, 403, 109).await?;
    }
    // Another wallet with a card can back the account of the denied wallet.
    let friend = world.ethereum.holder(&[card]).await?;
    world.bind(&gate, &friend, &denied.account.address).await?;
    enter(&gate, &handshake).await?;
    let listed = record(&gate, session).await?.context("not in the list of sessions")?;
    ensure!(listed["wallet"] == friend.address().to_string(), "rests on {listed}");
    Ok(())
}

/// 113 with `Retry-After`.
async fn too_many_requests(world: &World) -> Result<()> {
    let (caller, url) = (Caller::fresh()?, format!("{}/gate/openapi.json", world.gate().url));
    let burst = futures::future::try_join_all((0..40).map(|_| caller.get(&url))).await?;
    let (good, bad): (Vec<_>, Vec<_>) = burst.iter().partition(|answer| answer.status == 200);
    ensure!(good.len() >= 20 && !bad.is_empty(), "{} of 40 passed", good.len());
    for answer in &bad {
        refused(answer, 429, 113)?;
    }
    let wait = bad[0].headers.get("retry-after").context("no Retry-After")?.to_str()?.parse()?;
    ensure!((1..=5).contains(&wait), "wait {wait} s");
    ensure!(Caller::fresh()?.get(&url).await?.status == 200, "somebody else is refused too");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    ensure!(caller.get(&url).await?.status == 200, "still refused after the time to wait");
    Ok(())
}

/// 118 for every method below `/gate/`; other paths are forwarded to the node.
async fn paths_that_the_gate_does_not_have(world: &World) -> Result<()> {
    let (caller, url) = (Caller::fresh()?, &world.gate().url);
    for path in ["/gate/nothing", "/gate/bindings/1", "/gate/challenge/", "/gate//", "/gate/health"] {
        refused(&caller.get(&format!("{url}{path}")).await?, 404, 118).context(path)?;
    }
    refused(&caller.post_text(&format!("{url}/gate/eligibility"), "{}").await?, 404, 118)?;
    refused(&caller.get(&format!("{url}/gate/bindings")).await?, 404, 118)?;
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
