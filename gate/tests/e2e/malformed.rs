//! 101 and 102: requests that are no handshake, and handshakes that their key did not sign. No account here has a
//! binding: errors of form come before all others.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sentinel_stack::actors::{Account, Answer, Caller, Handshake};
use serde_json::{Value, json};

use crate::trial::{Trial, trials};
use crate::world::{PATIENCE, World, knock, refused};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        bodies_that_are_no_handshake,
        fields_that_are_missing_or_wrong,
        keys_that_the_node_would_read_otherwise,
        peer_requests_that_are_none,
        bodies_that_are_not_text,
        signatures_and_keys_that_do_not_fit,
        keys_that_nobody_knows_pass,
        deep_and_doubled_json_everywhere,
    ]
}

/// A session id that is never reached.
const SESSION: u64 = 4_000_000_000;
const KEY: &str = "iVi4jPOFHfzLWzLpRqIqvHq8Yd1FMJbUT0qUgNCS3hY=";

async fn somebody(world: &World) -> Result<(Account, Handshake)> {
    let account = world.hub().poor_account("sloppy").await?;
    let handshake = account.handshake(SESSION, &format!(r#"{{"public_key":"{KEY}"}}"#))?;
    Ok((account, handshake))
}

/// Requires 400 with this code for each of these bodies.
async fn all_refused(
    world: &World,
    code: u64,
    cases: impl IntoIterator<Item = (String, String)>,
) -> Result<()> {
    for (name, body) in cases {
        let answer = Caller::fresh()?.post_text(&format!("{}/", world.gate().url), body.clone()).await?;
        refused(&answer, 400, code).with_context(|| format!("{name}: {body}"))?;
    }
    Ok(())
}

fn named(cases: &[&str]) -> Vec<(String, String)> {
    cases.iter().map(|text| ("body".to_owned(), (*text).to_owned())).collect()
}

async fn bodies_that_are_no_handshake(world: &World) -> Result<()> {
    let (_, good) = somebody(world).await?;
    let good = serde_json::to_string(&good)?;
    let mut cases = named(&["", " ", "x", "null", "[]", "1", "{}", "\"{}\"", "{\"id\":1"]);
    cases.extend(named(&[&format!("[{good}]"), &format!("{good}{good}"), &format!("{good} x")]));
    cases.extend(named(&[&good[..good.len() - 1], &format!("\u{feff}{good}")]));
    all_refused(world, 101, cases).await
}

async fn fields_that_are_missing_or_wrong(world: &World) -> Result<()> {
    let (_, good) = somebody(world).await?;
    let good = serde_json::to_value(good)?;
    let numbers = ["0", "-1", "1.0", "1e3", "18446744073709551616", "\"1\"", "null", "true", "[1]"];
    let texts = ["null", "1", "\"\"", "\"@@@@\"", "\"QQ\"", "\"QR==\"", "\"QUFB\\n\"", "{}"];
    let mut cases = Vec::new();
    for key in ["id", "data", "pub_key", "signature"] {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(key);
        cases.push((format!("no {key}"), without.to_string()));
        let wrong: &[&str] = if key == "id" { &numbers } else { &texts };
        for value in wrong {
            // Replaced as text: the JSON library reads no number beyond 64 bits.
            if (key, *value) == ("signature", "\"\"") {
                continue;
            }
            let whole = good.to_string();
            let text = whole.replacen(&good[key].to_string(), value, 1);
            ensure!(text != whole, "nothing replaced");
            cases.push((format!("{key} is {value}"), text));
        }
    }
    all_refused(world, 101, cases).await
}

/// Go uses the last of two equal keys, and ignores their case.
async fn keys_that_the_node_would_read_otherwise(world: &World) -> Result<()> {
    let (_, good) = somebody(world).await?;
    let body = serde_json::to_string(&good)?;
    let add = |field: &str| format!("{{{field},{}", &body[1..]);
    let mut cases = Vec::new();
    for (key, value) in serde_json::to_value(&good)?.as_object().context("an object")? {
        let mut capital = key.clone();
        capital[..1].make_ascii_uppercase();
        for other in [key.clone(), key.to_uppercase(), capital] {
            cases.push((format!("{other} besides {key}"), add(&format!("\"{other}\":{value}"))));
        }
        cases.push((format!("{key} in capitals only"), body.replacen(key, &key.to_uppercase(), 1)));
    }
    // Letters that Go folds to ASCII, and a key with an escape.
    cases.push(("long s".into(), add("\"\u{17f}ignature\":\"AAAA\"")));
    cases.push(("Kelvin".into(), add("\"pub_\u{212a}ey\":\"AAAA\"")));
    cases.push(("escape".into(), add("\"\\u0069d\":1")));
    all_refused(world, 101, cases).await
}

async fn peer_requests_that_are_none(world: &World) -> Result<()> {
    let (account, _) = somebody(world).await?;
    let requests = [
        "x".to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        r#"{"public_key":null}"#.to_owned(),
        r#"{"public_key":"AAAA"}"#.to_owned(),
        format!(r#"{{"public_key":"{KEY}","public_key":"{KEY}"}}"#),
        format!(r#"{{"PUBLIC_KEY":"{KEY}"}}"#),
        format!(r#"{{"public_key":"{KEY}","Public_Key":"{KEY}"}}"#),
        format!(r#"{{"public_key":"{KEY}","x":1}}"#),
        format!(r#"{{"public_key":"{KEY}"}} x"#),
        format!(r#"{{"public_key":"{}"}}"#, KEY.trim_end_matches('=')),
        format!(r#"{{"public_key":"{KEY}\n"}}"#),
        // Peer requests of the other services.
        r#"{"uuid":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}"#.to_owned(),
    ];
    let cases: Result<Vec<_>> = requests
        .into_iter()
        .map(|request| {
            let signed = account.handshake(SESSION, &request)?;
            Ok((request, serde_json::to_string(&signed)?))
        })
        .collect();
    all_refused(world, 101, cases?).await
}

async fn bodies_that_are_not_text(world: &World) -> Result<()> {
    let (_, good) = somebody(world).await?;
    let mut body = serde_json::to_vec(&json!({ "x": "?" }))?;
    let hole = body.iter().position(|byte| *byte == b'?').context("a place")?;
    body[hole] = 0xff;
    body.pop();
    body.extend(&b","[..]);
    body.extend(&serde_json::to_vec(&good)?[1..]);
    let answer = post_bytes(world, body).await?;
    refused(&answer, 400, 101)
}

async fn post_bytes(world: &World, body: Vec<u8>) -> Result<Answer> {
    let caller = Caller::fresh()?;
    caller.send(caller.http().post(format!("{}/", world.gate().url)).body(body)).await
}

async fn signatures_and_keys_that_do_not_fit(world: &World) -> Result<()> {
    let (account, good) = somebody(world).await?;
    let (_, other) = somebody(world).await?;
    let bytes = |text: &str| BASE64.decode(text);
    let with = |key: &str, value: Value| -> Result<(String, String)> {
        let mut body = serde_json::to_value(&good)?;
        let name = format!("{key} = {value}");
        body[key] = value;
        Ok((name, body.to_string()))
    };
    let mut flipped = bytes(&good.signature)?;
    flipped[5] ^= 1;
    let (mut short, mut long) = (flipped.clone(), flipped.clone());
    short.truncate(63);
    long.push(0);
    let point = good.pub_key.trim_start_matches("secp256k1:");
    let off_curve = BASE64.encode([&[2_u8][..], &[0xff; 32]].concat());
    let cases = [
        with("id", json!(SESSION + 1))?,
        with("data", json!(BASE64.encode(format!(r#"{{"public_key":"{}"}}"#, BASE64.encode([7; 32])))))?,
        with("signature", json!(""))?,
        with("signature", json!(BASE64.encode(flipped)))?,
        with("signature", json!(BASE64.encode(short)))?,
        with("signature", json!(BASE64.encode(long)))?,
        with("signature", json!(BASE64.encode([0; 64])))?,
        with("signature", json!(BASE64.encode(high_s(&bytes(&good.signature)?)?)))?,
        with("signature", json!(other.signature))?,
        with("pub_key", json!(other.pub_key))?,
        with("pub_key", json!(format!("SECP256K1:{point}")))?,
        with("pub_key", json!(format!("ed25519:{point}")))?,
        with("pub_key", json!("secp256k1:AAAA"))?,
        with("pub_key", json!(format!("secp256k1:{off_curve}")))?,
    ];
    all_refused(world, 102, cases).await?;
    let answer = knock(world.gate(), &good).await?;
    refused(&answer, 401, 103).context("the good one")?;
    ensure!(answer.message().contains(&account.address), "says {}", answer.message());
    Ok(())
}

/// The other valid signature of the same key and message, which the node refuses too.
fn high_s(signature: &[u8]) -> Result<Vec<u8>> {
    use alloy::primitives::{U256, uint};
    const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    ensure!(signature.len() == 64, "a signature has 64 bytes");
    let s = ORDER - U256::from_be_slice(&signature[32..]);
    Ok([&signature[..32], &s.to_be_bytes::<32>()].concat())
}

async fn keys_that_nobody_knows_pass(world: &World) -> Result<()> {
    let (_, good) = somebody(world).await?;
    let mut body = serde_json::to_value(&good)?;
    body["version"] = json!({ "id": 1, "data": [] });
    refused(&knock(world.gate(), &body).await?, 401, 103)
}

/// Bodies nested as deeply as their size allows, and every key twice, at every endpoint that reads JSON: each is
/// refused in time and changes nothing.
async fn deep_and_doubled_json_everywhere(world: &World) -> Result<()> {
    // Together as long as the largest body.
    const ARRAYS: usize = 30_000;
    const OBJECTS: usize = 10_000;
    let gate = world.gate_with("gate-json", |_| ()).await?;
    let arrays = format!("{}{}", "[".repeat(ARRAYS), "]".repeat(ARRAYS));
    let objects = format!("{}1{}", "{\"x\":".repeat(OBJECTS), "}".repeat(OBJECTS));
    let values = [arrays, objects, "[".repeat(2 * ARRAYS)];
    let (public, private) = (gate.url.clone(), gate.admin.clone());
    let calls: [(String, &[&str]); 7] = [
        (format!("{public}/"), &["id", "data", "pub_key", "signature"]),
        (format!("{public}/gate/bindings"), &["message", "signature"]),
        (format!("{private}/pause"), &["reason"]),
        (format!("{private}/resume"), &["reason"]),
        (format!("{private}/lockdown"), &["reason"]),
        (format!("{private}/sessions/drop"), &["target", "reason"]),
        (format!("{private}/holder/0x{}/erase", "11".repeat(20)), &["reason"]),
    ];
    for (url, keys) in &calls {
        let good: Vec<_> = keys.iter().map(|key| format!("\"{key}\":\"x\"")).collect();
        let mut bodies: Vec<String> = values.to_vec();
        bodies.extend(values.iter().map(|value| format!("{{\"{}\":{value}}}", keys[0])));
        bodies.extend(values.iter().map(|value| format!("{{{},\"more\":{value}}}", good.join(","))));
        bodies.extend(good.iter().map(|field| format!("{{{},{field}}}", good.join(","))));
        // serde also reads a sequence as a struct.
        bodies.push(json!(vec!["x"; keys.len()]).to_string());
        for body in bodies {
            let begun = Instant::now();
            let caller = Caller::fresh()?;
            let request =
                caller.http().post(url).header("content-type", "application/json").body(body.clone());
            let answer = caller.send(request).await?;
            let name = format!("{url} {}", body.chars().take(80).collect::<String>());
            ensure!((400..500).contains(&answer.status), "{name}: {} {}", answer.status, answer.body);
            if url.starts_with(&public) {
                refused(&answer, 400, 101).with_context(|| name.clone())?;
            }
            ensure!(begun.elapsed() < PATIENCE, "{name} took {:?}", begun.elapsed());
        }
    }
    let answer = Caller::anywhere()?.get(&format!("{private}/audit")).await?;
    ensure!(answer.body["audit"] == json!([]), "the operator has done {}", answer.body);
    ensure!(crate::world::not_ready(&gate).await?.is_empty(), "the gate is not ready any more");
    Ok(())
}
