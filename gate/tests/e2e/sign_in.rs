//! Sign-in with the key of a plain wallet: message, nonce, signature, binding and bearer token.

use alloy::primitives::{U256, keccak256};
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, Caller, Challenge, SignIn, Wallet};
use serde_json::{Value, json};

use crate::fixture::response_time::eventually_within;
use crate::fixture::signatures::other_s;
use crate::fixture::{Fixture, ensure_refusal, expect_refusal, public_url, random_account};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        describes_binding_in_the_answer,
        reports_eligibility_before_sign_in,
        rejects_messages_not_issued,
        rejects_nonces_not_issued,
        rejects_invalid_signatures,
        accepts_both_recovery_id_encodings,
        rejects_malformed_requests,
        accepts_one_of_a_hundred_concurrent_redemptions,
        limits_accounts_of_a_wallet,
        rejects_invalid_bearer_tokens,
        rejects_unbound_account,
    ]
}

struct SignInClient {
    site: SignIn,
    wallet: Wallet,
    account: String,
}

impl SignInClient {
    async fn with_card(fixture: &Fixture) -> Result<Self> {
        let wallet = fixture.ethereum.holder(&[fixture.ethereum.other_card()]).await?;
        Ok(Self { site: fixture.stack.sign_in()?, wallet, account: random_account() })
    }

    async fn challenge(&self) -> Result<Challenge> {
        // A fresh address each time, so that the rate limit is not what is tested.
        SignIn::at(self.site.url())?.challenge(self.wallet.address(), &self.account, None).await
    }

    /// Signs and sends any text.
    async fn send(&self, message: &str) -> Result<Answer> {
        SignIn::at(self.site.url())?.bind(message, &self.wallet.sign(message)?).await
    }

    async fn send_with(&self, message: &str, signature: &str) -> Result<Answer> {
        SignIn::at(self.site.url())?.bind(message, signature).await
    }

    async fn expect_binding(&self, message: &str) -> Result<Value> {
        let answer = self.send(message).await?;
        ensure!(answer.status == 201, "{} {}", answer.status, String::from_utf8_lossy(&answer.bytes));
        Ok(answer.result()?.clone())
    }
}

async fn describes_binding_in_the_answer(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let challenge = client.challenge().await?;
    for part in [
        format!("\nURI: {}/gate/\n", public_url(fixture.gate())?),
        format!("\n{}\n", client.wallet.address()),
        format!("\nNonce: {}\n", challenge.nonce),
        format!("\nChain ID: {}\n", fixture.stack.info().ethereum.chain_id),
        format!("\n- sentinel:account:{}\n- sentinel:network:local", client.account),
    ] {
        ensure!(challenge.message.contains(&part), "no {part:?} in {}", challenge.message);
    }
    let binding = client.expect_binding(&challenge.message).await?;
    let card = fixture.ethereum.other_card().to_string();
    let wanted = json!({ "wallet": client.wallet.address().to_string(), "account": client.account,
        "tier": "paid", "via": "own", "vault": null, "cards": [card], "devices": { "used": 0, "limit": 3 } });
    for (key, value) in wanted.as_object().context("an object")? {
        ensure!(&binding[key] == value, "{key} is {}, not {value}", binding[key]);
    }
    let time = |key: &str| humantime::parse_rfc3339(binding[key].as_str().unwrap_or_default());
    let lifetime = time("expires_at")?.duration_since(time("issued_at")?)?;
    ensure!(lifetime.as_secs() == 24 * 3600, "it lives {lifetime:?}");
    let token = binding["token"].as_str().context("a token")?;
    let mut queried = client.site.binding(token).await?.result()?.clone();
    queried["token"] = binding["token"].clone();
    ensure!(queried == binding, "later it is {queried}, not {binding}");
    Ok(())
}

async fn reports_eligibility_before_sign_in(fixture: &Fixture) -> Result<()> {
    let (ethereum, site) = (&fixture.ethereum, fixture.stack.sign_in()?);
    let all: Vec<u64> = (1..=24).collect();
    let (this, other) = (ethereum.this_card(), ethereum.other_card());
    for (cards, tier, listed) in [
        (&[][..], "denied", 0),
        (&[other], "paid", 1),
        (&[this], "free", 1),
        (&[other, this], "free", 2),
        (&all, "free", 20),
    ] {
        let wallet = ethereum.holder(cards).await?;
        let eligibility = site.eligibility(wallet.address()).await?.result()?.clone();
        let names: Vec<_> =
            eligibility["cards"].as_array().context("cards")?.iter().filter_map(Value::as_str).collect();
        ensure!(eligibility["tier"] == tier && names.len() == listed, "{cards:?} give {eligibility}");
        ensure!(
            eligibility["more"].as_bool().unwrap_or(false) == (cards.len() > 20),
            "{cards:?} give {eligibility}"
        );
        ensure!(
            names.iter().all(|name| cards.contains(&name.parse().unwrap_or(0))),
            "{cards:?} give {eligibility}"
        );
        ensure!(
            eligibility["block"].is_u64() && eligibility["vault"].is_null(),
            "{cards:?} give {eligibility}"
        );
        ensure!(
            eligibility["via"] == if listed == 0 { Value::Null } else { json!("own") },
            "{cards:?} give {eligibility}"
        );
    }
    Ok(())
}

/// 121 for each message that differs from the issued one in content or form.
async fn rejects_messages_not_issued(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let challenge = client.challenge().await?;
    // Issued in the same second for the same wallet and another account: otherwise only the nonce would differ.
    let site = SignIn::at(client.site.url())?;
    let other = site.challenge(client.wallet.address(), &random_account(), None).await?;
    let text = &challenge.message;
    let stranger = random_account();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let replaced = |from: &str, to: &str| text.replacen(from, to, 1);
    let (domain, _) = text.split_once(' ').context("a domain")?;
    let (host, _) = domain.split_once(':').context("a port")?;
    let (issued, expires) = (line("Issued At: "), line("Expiration Time: "));
    let later = |line: &str| line.replacen("20", "21", 1);
    let address = client.wallet.address().to_string();
    let cases = [
        ("domain", replaced(domain, "evil.example")),
        ("domain with a user", replaced(domain, &format!("user@{domain}"))),
        ("domain in capitals", replaced(domain, &format!("{domain}.").to_uppercase())),
        ("domain with another port", replaced(domain, &format!("{host}:1"))),
        ("domain without its port", replaced(domain, host)),
        ("domain with a zero before its port", replaced(domain, &domain.replace(':', ":0"))),
        ("domain with a dot behind", replaced(domain, &domain.replace(':', ".:"))),
        ("domain as a user", replaced(domain, &format!("{domain}@evil.example"))),
        ("domain as a part of another", replaced(domain, &format!("{host}.evil.example"))),
        ("look-alike", replaced(domain, &format!("g\u{430}te.{domain}"))),
        ("look-alike in ASCII", replaced(domain, &format!("xn--gte-5cd.{domain}"))),
        ("scheme", format!("https://{text}")),
        ("lower-case address", replaced(&address, &address.to_lowercase())),
        ("another address", replaced(&address, &Wallet::fresh().address().to_string())),
        ("statement", replaced("This moves nothing", "This moves everything")),
        (
            "no statement",
            text.lines().enumerate().filter(|(n, _)| *n != 3).map(|(_, l)| l).collect::<Vec<_>>().join("\n"),
        ),
        ("URI", replaced("URI: https://", "URI: https://evil.example/")),
        ("version", replaced("Version: 1", "Version: 2")),
        ("chain", replaced("Chain ID: ", "Chain ID: 1")),
        ("nonce of another challenge", replaced(&challenge.nonce, &other.nonce)),
        ("short nonce", replaced(&challenge.nonce, "abcdefg")),
        ("issued later", replaced(&issued, &later(&issued))),
        ("ends later", replaced(&expires, &later(&expires))),
        ("no end", replaced(&format!("{expires}\n"), "")),
        ("not before", replaced(&expires, &format!("{expires}\nNot Before: 2026-01-01T00:00:00Z"))),
        ("request id", replaced(&expires, &format!("{expires}\nRequest ID: 1"))),
        (
            "account of the resource",
            replaced(
                &format!("- sentinel:account:{}", client.account),
                &format!("- sentinel:account:{stranger}"),
            ),
        ),
        ("account everywhere", text.replace(&client.account, &stranger)),
        ("network", replaced("sentinel:network:local", "sentinel:network:other")),
        ("a vault more", format!("{text}\n- sentinel:vault:{address}")),
        ("a resource more", format!("{text}\n- https://evil.example")),
        (
            "a resource less",
            text.lines().filter(|line| !line.contains("sentinel:network")).collect::<Vec<_>>().join("\n"),
        ),
        ("line end behind", format!("{text}\n")),
        ("line end before", format!("\n{text}")),
        ("CRLF", text.replace('\n', "\r\n")),
        ("a space behind", format!("{text} ")),
        ("two spaces", replaced("Version: 1", "Version:  1")),
        ("empty", String::new()),
        ("prose", "let me in".to_owned()),
        ("too long", format!("{text}{}", " ".repeat(5000))),
    ];
    for (name, case) in cases {
        ensure!(&case != text, "{name}: nothing is changed");
        ensure_refusal(&client.send(&case).await?, 400, 121).with_context(|| format!("{name}:\n{case}"))?;
    }
    // None of these has used up the nonce.
    client.expect_binding(text).await.map(drop)
}

/// 120: never issued, issued by another gate, used.
async fn rejects_nonces_not_issued(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let challenge = client.challenge().await?;
    let guessed: String = challenge.nonce.chars().rev().collect();
    for nonce in [guessed, "0".repeat(challenge.nonce.len()), "a".repeat(8), challenge.nonce.to_uppercase()] {
        let message = challenge.message.replacen(&challenge.nonce, &nonce, 1);
        ensure_refusal(&client.send(&message).await?, 401, 120).context(nonce)?;
    }
    // Nonces of another gate are not accepted.
    let second = &fixture.stack.info().gates[1];
    let theirs = SignIn::at(&second.url)?.challenge(client.wallet.address(), &client.account, None).await?;
    let message = challenge.message.replacen(&challenge.nonce, &theirs.nonce, 1);
    ensure_refusal(&client.send(&message).await?, 401, 120).context("the other gate's")?;
    client.expect_binding(&challenge.message).await?;
    let again = client.send(&challenge.message).await?;
    ensure_refusal(&again, 401, 120)?;
    ensure!(again.message().contains("used"), "the message is {}", again.message());
    Ok(())
}

/// 122, and invalid signatures do not use up the nonce.
async fn rejects_invalid_signatures(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let challenge = client.challenge().await?;
    let good = client.wallet.sign(&challenge.message)?;
    let (rs, v) = good.split_at(good.len() - 2);
    let cases = [
        ("empty", "0x".to_owned()),
        ("64 bytes", rs.to_owned()),
        ("66 bytes", format!("{good}00")),
        ("odd", format!("{good}0")),
        ("v = 2", format!("{rs}02")),
        ("v = 26", format!("{rs}1a")),
        ("v = 29", format!("{rs}1d")),
        ("v of EIP-155", format!("{rs}25")),
        ("the other v", format!("{rs}{}", if v == "1b" { "1c" } else { "1b" })),
        ("high s", high_s(&good)?),
        ("zeros", format!("0x{}1b", "00".repeat(64))),
        ("r is zero", format!("0x{}{}", "00".repeat(32), &good[66..])),
        ("s is zero", format!("{}{}{v}", &good[..66], "00".repeat(32))),
        ("another wallet's", Wallet::fresh().sign(&challenge.message)?),
        ("of another text", client.wallet.sign(&format!("{}.", challenge.message))?),
        ("without the prefix of wallets", client.wallet.sign_hash(&keccak256(&challenge.message))?),
    ];
    for (name, signature) in cases {
        let answer = client.send_with(&challenge.message, &signature).await?;
        ensure_refusal(&answer, 401, 122).with_context(|| format!("{name}: {signature}"))?;
    }
    client.expect_binding(&challenge.message).await.map(drop)
}

/// The other of the two valid signatures.
fn high_s(signature: &str) -> Result<String> {
    let s = other_s(U256::from_str_radix(&signature[66..130], 16)?);
    let v = if &signature[130..] == "1b" { "1c" } else { "1b" };
    Ok(format!("{}{}{v}", &signature[..66], hex::encode(s.to_be_bytes::<32>())))
}

async fn accepts_both_recovery_id_encodings(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    for (from, to) in [("1b", "00"), ("1c", "01")] {
        // The recovery id depends on the text.
        loop {
            let challenge = client.challenge().await?;
            let signature = client.wallet.sign(&challenge.message)?;
            let Some(rs) = signature.strip_suffix(from) else { continue };
            let answer = client.send_with(&challenge.message, &format!("{rs}{to}")).await?;
            ensure!(answer.status == 201, "v = {to}: {}", String::from_utf8_lossy(&answer.bytes));
            break;
        }
    }
    Ok(())
}

/// 101 for requests of another form.
async fn rejects_malformed_requests(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let (wallet, account) = (client.wallet.address().to_string(), client.account.clone());
    let url = client.site.url();
    let mixed = format!("0x{}{}", wallet[2..22].to_uppercase(), wallet[22..].to_lowercase());
    for query in [
        String::new(),
        format!("wallet={wallet}"),
        format!("account={account}"),
        format!("wallet={wallet}&wallet={wallet}&account={account}"),
        format!("wallet={wallet}&account={account}&vault=0x12"),
        format!("wallet={wallet}&account={account}&x=1"),
        format!("Wallet={wallet}&account={account}"),
        format!("wallet={}&account={account}", &wallet[2..]),
        format!("wallet={mixed}&account={account}"),
        format!("wallet={wallet}&account=sentnode1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqy44vds"),
        format!("wallet={wallet}&account={}", account.to_uppercase()),
        format!("wallet={wallet}&account={}q", &account[..account.len() - 1]),
    ] {
        let answer = Caller::fresh()?.get(&format!("{url}/gate/challenge?{query}")).await?;
        ensure_refusal(&answer, 400, 101).context(query)?;
    }
    let challenge = client.challenge().await?;
    let signature = client.wallet.sign(&challenge.message)?;
    let (message, signed) = (json!(challenge.message), json!(signature));
    for body in [
        "{}".to_owned(),
        "null".to_owned(),
        format!("[{message},{signed}]"),
        format!(r#"{{"message":{message}}}"#),
        format!(r#"{{"signature":{signed}}}"#),
        format!(r#"{{"message":{message},"signature":1}}"#),
        format!(r#"{{"message":{message},"signature":{signed},"more":1}}"#),
        format!(r#"{{"message":{message},"signature":{signed},"signature":{signed}}}"#),
        format!(r#"{{"message":{message},"signature":{signed}}} x"#),
        format!(r#"{{"message":{message},"signature":"{}"}}"#, &signature[2..]),
        format!(r#"{{"message":{message},"signature":"0x{}"}}"#, "zz".repeat(65)),
        format!(r#"{{"message":{message},"signature":"0x{}"}}"#, "00".repeat(9000)),
    ] {
        let answer = Caller::fresh()?.post_text(&format!("{url}/gate/bindings"), body.clone()).await?;
        ensure_refusal(&answer, 400, 101).with_context(|| body.chars().take(300).collect::<String>())?;
    }
    client.expect_binding(&challenge.message).await.map(drop)
}

async fn accepts_one_of_a_hundred_concurrent_redemptions(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let challenge = client.challenge().await?;
    let answers = futures::future::try_join_all((0..100).map(|_| client.send(&challenge.message))).await?;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    ensure!(won.len() == 1, "{} of 100 have won", won.len());
    lost.into_iter().try_for_each(|answer| ensure_refusal(answer, 401, 120))?;
    let token = won[0].result()?["token"].as_str().context("a token")?.to_owned();
    client.site.binding(&token).await?.result().map(drop)
}

/// 119 names the bound accounts; a bound account counts once, an unbound one not at all.
async fn limits_accounts_of_a_wallet(fixture: &Fixture) -> Result<()> {
    let mut client = SignInClient::with_card(fixture).await?;
    let mut bound = Vec::new();
    for _ in 0..6 {
        client.account = random_account();
        let binding = client.expect_binding(&client.challenge().await?.message).await?;
        bound.push((client.account.clone(), binding["token"].as_str().context("a token")?.to_owned()));
    }
    client.expect_binding(&client.challenge().await?.message).await.context("the same again")?;
    client.account = random_account();
    let challenge = client.challenge().await?;
    let seventh = client.send(&challenge.message).await?;
    ensure_refusal(&seventh, 409, 119)?;
    let names_all = bound.iter().all(|(account, _)| seventh.message().contains(account));
    ensure!(names_all && seventh.message().contains('6'), "the message is {}", seventh.message());
    ensure!(client.site.unbind(&bound[0].1).await?.status == 204, "cannot unbind");
    client.expect_binding(&challenge.message).await.map(drop)
}

/// 124.
async fn rejects_invalid_bearer_tokens(fixture: &Fixture) -> Result<()> {
    let client = SignInClient::with_card(fixture).await?;
    let first = client.expect_binding(&client.challenge().await?.message).await?;
    let token = first["token"].as_str().context("a token")?;
    let (caller, url) = (client.site.caller(), format!("{}/gate/binding", client.site.url()));
    let longer = format!("{token}0");
    for header in
        ["", "Bearer", "Bearer ", "Bearer x", &format!("Basic {token}"), token, &format!("Bearer {longer}")]
    {
        for request in [caller.http().get(&url), caller.http().delete(&url)] {
            ensure_refusal(&caller.send(request.header("authorization", header)).await?, 401, 124)
                .context(header.to_owned())?;
        }
    }
    ensure_refusal(&caller.get(&url).await?, 401, 124)?;
    let twice = caller.http().get(&url).bearer_auth(token).bearer_auth(token);
    ensure_refusal(&caller.send(twice).await?, 401, 124)?;
    // A newer binding of the same wallet and account replaces the older one.
    let second = client.expect_binding(&client.challenge().await?.message).await?;
    ensure_refusal(&SignIn::at(client.site.url())?.binding(token).await?, 401, 124)?;
    let token = second["token"].as_str().context("a token")?;
    let site = SignIn::at(client.site.url())?;
    ensure!(site.unbind(token).await?.status == 204, "cannot unbind");
    ensure_refusal(&site.binding(token).await?, 401, 124)?;
    ensure_refusal(&site.unbind(token).await?, 401, 124)
}

async fn rejects_unbound_account(fixture: &Fixture) -> Result<()> {
    let (gate, holder) = (fixture.gate(), fixture.create_paid_holder().await?);
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let first_answer = crate::fixture::expect_admission(gate, &handshake).await?;
    ensure!(SignIn::at(&gate.url)?.unbind(holder.token()).await?.status == 204, "cannot unbind");
    // A repeat is answered from the record until the eviction.
    let refused = || expect_refusal(gate, &handshake, 401, 103);
    eventually_within(gate, std::time::Duration::from_secs(1), "the handshake is refused", refused).await?;
    fixture.bind_account(gate, &holder.wallet, &holder.account.address).await?;
    let again = crate::fixture::expect_admission(gate, &handshake).await?;
    ensure!(again.bytes == first_answer.bytes, "another answer");
    Ok(())
}
