//! Sign-in with the key of a plain wallet: message, nonce, signature, binding and bearer token.

use std::time::Duration;

use alloy::primitives::keccak256;
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, Caller, Challenge, SignIn, Wallet};
use serde_json::{Value, json};

use crate::trial::{Trial, trials};
use crate::world::{World, eventually, public_url, refused, some_account, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_binding_says_what_it_is,
        a_wallet_is_told_its_tier_before_it_signs,
        messages_that_were_not_issued,
        nonces_that_were_not_issued,
        signatures_that_do_not_verify,
        both_ways_to_write_v,
        requests_of_another_form,
        one_of_a_hundred_redemptions_wins,
        a_wallet_binds_six_accounts,
        bearers_that_are_none,
        an_account_that_was_unbound,
    ]
}

struct Visitor {
    site: SignIn,
    wallet: Wallet,
    account: String,
}

impl Visitor {
    async fn with_a_card(world: &World) -> Result<Self> {
        let wallet = world.ethereum.holder(&[world.ethereum.other_card()]).await?;
        Ok(Self { site: world.stack.sign_in()?, wallet, account: some_account() })
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

    async fn must_bind(&self, message: &str) -> Result<Value> {
        let answer = self.send(message).await?;
        ensure!(answer.status == 201, "{} {}", answer.status, String::from_utf8_lossy(&answer.bytes));
        Ok(answer.result()?.clone())
    }
}

async fn a_binding_says_what_it_is(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let challenge = visitor.challenge().await?;
    for part in [
        format!("\nURI: {}/gate/\n", public_url(world.gate())?),
        format!("\n{}\n", visitor.wallet.address()),
        format!("\nNonce: {}\n", challenge.nonce),
        format!("\nChain ID: {}\n", world.stack.info().ethereum.chain_id),
        format!("\n- sentinel:account:{}\n- sentinel:network:local", visitor.account),
    ] {
        ensure!(challenge.message.contains(&part), "no {part:?} in {}", challenge.message);
    }
    let binding = visitor.must_bind(&challenge.message).await?;
    let card = world.ethereum.other_card().to_string();
    let wanted = json!({ "wallet": visitor.wallet.address().to_string(), "account": visitor.account,
        "tier": "paid", "via": "own", "vault": null, "cards": [card], "devices": { "used": 0, "limit": 3 } });
    for (key, value) in wanted.as_object().context("an object")? {
        ensure!(&binding[key] == value, "{key} is {}, not {value}", binding[key]);
    }
    let time = |key: &str| humantime::parse_rfc3339(binding[key].as_str().unwrap_or_default());
    let lifetime = time("expires_at")?.duration_since(time("issued_at")?)?;
    ensure!(lifetime.as_secs() == 24 * 3600, "it lives {lifetime:?}");
    let token = binding["token"].as_str().context("a token")?;
    let mut shown = visitor.site.binding(token).await?.result()?.clone();
    shown["token"] = binding["token"].clone();
    ensure!(shown == binding, "later it is {shown}, not {binding}");
    Ok(())
}

async fn a_wallet_is_told_its_tier_before_it_signs(world: &World) -> Result<()> {
    let (ethereum, site) = (&world.ethereum, world.stack.sign_in()?);
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
        let told = site.eligibility(wallet.address()).await?.result()?.clone();
        let names: Vec<_> =
            told["cards"].as_array().context("cards")?.iter().filter_map(Value::as_str).collect();
        ensure!(told["tier"] == tier && names.len() == listed, "{cards:?} give {told}");
        ensure!(told["more"].as_bool().unwrap_or(false) == (cards.len() > 20), "{cards:?} give {told}");
        ensure!(names.iter().all(|name| cards.contains(&name.parse().unwrap_or(0))), "{cards:?} give {told}");
        ensure!(told["block"].is_u64() && told["vault"].is_null(), "{cards:?} give {told}");
        ensure!(told["via"] == if listed == 0 { Value::Null } else { json!("own") }, "{cards:?} give {told}");
    }
    Ok(())
}

/// 121 for each message that differs from the issued one in content or form.
async fn messages_that_were_not_issued(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let challenge = visitor.challenge().await?;
    // Issued in the same second for the same wallet and another account: otherwise only the nonce would differ.
    let site = SignIn::at(visitor.site.url())?;
    let other = site.challenge(visitor.wallet.address(), &some_account(), None).await?;
    let text = &challenge.message;
    let stranger = some_account();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let replaced = |from: &str, to: &str| text.replacen(from, to, 1);
    let (domain, _) = text.split_once(' ').context("a domain")?;
    let (host, _) = domain.split_once(':').context("a port")?;
    let (issued, expires) = (line("Issued At: "), line("Expiration Time: "));
    let later = |line: &str| line.replacen("20", "21", 1);
    let address = visitor.wallet.address().to_string();
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
                &format!("- sentinel:account:{}", visitor.account),
                &format!("- sentinel:account:{stranger}"),
            ),
        ),
        ("account everywhere", text.replace(&visitor.account, &stranger)),
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
        refused(&visitor.send(&case).await?, 400, 121).with_context(|| format!("{name}:\n{case}"))?;
    }
    // None of these has used up the nonce.
    visitor.must_bind(text).await.map(drop)
}

/// 120: never issued, issued by another gate, used.
async fn nonces_that_were_not_issued(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let challenge = visitor.challenge().await?;
    let guessed: String = challenge.nonce.chars().rev().collect();
    for nonce in [guessed, "0".repeat(challenge.nonce.len()), "a".repeat(8), challenge.nonce.to_uppercase()] {
        let message = challenge.message.replacen(&challenge.nonce, &nonce, 1);
        refused(&visitor.send(&message).await?, 401, 120).context(nonce)?;
    }
    // Nonces of another gate are not accepted.
    let second = &world.stack.info().gates[1];
    let theirs = SignIn::at(&second.url)?.challenge(visitor.wallet.address(), &visitor.account, None).await?;
    let message = challenge.message.replacen(&challenge.nonce, &theirs.nonce, 1);
    refused(&visitor.send(&message).await?, 401, 120).context("the other gate's")?;
    visitor.must_bind(&challenge.message).await?;
    let again = visitor.send(&challenge.message).await?;
    refused(&again, 401, 120)?;
    ensure!(again.message().contains("used"), "says {}", again.message());
    Ok(())
}

/// 122, and invalid signatures do not use up the nonce.
async fn signatures_that_do_not_verify(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let challenge = visitor.challenge().await?;
    let good = visitor.wallet.sign(&challenge.message)?;
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
        ("of another text", visitor.wallet.sign(&format!("{}.", challenge.message))?),
        ("without the prefix of wallets", visitor.wallet.sign_hash(&keccak256(&challenge.message))?),
    ];
    for (name, signature) in cases {
        let answer = visitor.send_with(&challenge.message, &signature).await?;
        refused(&answer, 401, 122).with_context(|| format!("{name}: {signature}"))?;
    }
    visitor.must_bind(&challenge.message).await.map(drop)
}

/// The other of the two valid signatures.
fn high_s(signature: &str) -> Result<String> {
    use alloy::primitives::{U256, uint};
    const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let s = ORDER
        - signature[66..130].parse::<U256>().or_else(|_| format!("0x{}", &signature[66..130]).parse())?;
    let v = if &signature[130..] == "1b" { "1c" } else { "1b" };
    Ok(format!("{}{}{v}", &signature[..66], hex::encode(s.to_be_bytes::<32>())))
}

async fn both_ways_to_write_v(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    for (from, to) in [("1b", "00"), ("1c", "01")] {
        // The recovery id depends on the text.
        loop {
            let challenge = visitor.challenge().await?;
            let signature = visitor.wallet.sign(&challenge.message)?;
            let Some(rs) = signature.strip_suffix(from) else { continue };
            let answer = visitor.send_with(&challenge.message, &format!("{rs}{to}")).await?;
            ensure!(answer.status == 201, "v = {to}: {}", String::from_utf8_lossy(&answer.bytes));
            break;
        }
    }
    Ok(())
}

/// 101 for requests of another form.
async fn requests_of_another_form(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let (wallet, account) = (visitor.wallet.address().to_string(), visitor.account.clone());
    let url = visitor.site.url();
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
        refused(&answer, 400, 101).context(query)?;
    }
    let challenge = visitor.challenge().await?;
    let signature = visitor.wallet.sign(&challenge.message)?;
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
        refused(&answer, 400, 101).with_context(|| body.chars().take(300).collect::<String>())?;
    }
    visitor.must_bind(&challenge.message).await.map(drop)
}

async fn one_of_a_hundred_redemptions_wins(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let challenge = visitor.challenge().await?;
    let answers = futures::future::try_join_all((0..100).map(|_| visitor.send(&challenge.message))).await?;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    ensure!(won.len() == 1, "{} of 100 have won", won.len());
    lost.into_iter().try_for_each(|answer| refused(answer, 401, 120))?;
    let token = won[0].result()?["token"].as_str().context("a token")?.to_owned();
    visitor.site.binding(&token).await?.result().map(drop)
}

/// 119 names the bound accounts; a bound account counts once, an unbound one not at all.
async fn a_wallet_binds_six_accounts(world: &World) -> Result<()> {
    let mut visitor = Visitor::with_a_card(world).await?;
    let mut bound = Vec::new();
    for _ in 0..6 {
        visitor.account = some_account();
        let binding = visitor.must_bind(&visitor.challenge().await?.message).await?;
        bound.push((visitor.account.clone(), binding["token"].as_str().context("a token")?.to_owned()));
    }
    visitor.must_bind(&visitor.challenge().await?.message).await.context("the same again")?;
    visitor.account = some_account();
    let challenge = visitor.challenge().await?;
    let seventh = visitor.send(&challenge.message).await?;
    refused(&seventh, 409, 119)?;
    let told = bound.iter().all(|(account, _)| seventh.message().contains(account));
    ensure!(told && seventh.message().contains('6'), "says {}", seventh.message());
    ensure!(visitor.site.unbind(&bound[0].1).await?.status == 204, "cannot unbind");
    visitor.must_bind(&challenge.message).await.map(drop)
}

/// 124.
async fn bearers_that_are_none(world: &World) -> Result<()> {
    let visitor = Visitor::with_a_card(world).await?;
    let first = visitor.must_bind(&visitor.challenge().await?.message).await?;
    let token = first["token"].as_str().context("a token")?;
    let (caller, url) = (visitor.site.caller(), format!("{}/gate/binding", visitor.site.url()));
    let longer = format!("{token}0");
    for header in
        ["", "Bearer", "Bearer ", "Bearer x", &format!("Basic {token}"), token, &format!("Bearer {longer}")]
    {
        for request in [caller.http().get(&url), caller.http().delete(&url)] {
            refused(&caller.send(request.header("authorization", header)).await?, 401, 124)
                .context(header.to_owned())?;
        }
    }
    refused(&caller.get(&url).await?, 401, 124)?;
    let twice = caller.http().get(&url).bearer_auth(token).bearer_auth(token);
    refused(&caller.send(twice).await?, 401, 124)?;
    // A newer binding of the same wallet and account replaces the older one.
    let second = visitor.must_bind(&visitor.challenge().await?.message).await?;
    refused(&SignIn::at(visitor.site.url())?.binding(token).await?, 401, 124)?;
    let token = second["token"].as_str().context("a token")?;
    let site = SignIn::at(visitor.site.url())?;
    ensure!(site.unbind(token).await?.status == 204, "cannot unbind");
    refused(&site.binding(token).await?, 401, 124)?;
    refused(&site.unbind(token).await?, 401, 124)
}

async fn an_account_that_was_unbound(world: &World) -> Result<()> {
    let (gate, holder) = (world.gate(), world.paid().await?);
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let taken = crate::world::enter(gate, &handshake).await?;
    ensure!(SignIn::at(&gate.url)?.unbind(holder.token()).await?.status == 204, "cannot unbind");
    // A repeat is answered from the record until the eviction.
    let refused = || turned_away(gate, &handshake, 401, 103);
    eventually("the handshake is refused", Duration::from_secs(1), refused).await?;
    world.bind(gate, &holder.wallet, &holder.account.address).await?;
    let again = crate::world::enter(gate, &handshake).await?;
    ensure!(again.bytes == taken.bytes, "another answer");
    Ok(())
}
