//! Requests that gate and node might parse differently, over raw connections and with a recording backend: each is
//! refused, or arrives exactly once and exactly as the gate has parsed it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;

use crate::recorder::{Recorder, Taken};
use crate::trial::{Trial, trials};
use crate::wire::Wire;
use crate::world::{World, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        lengths_and_codings,
        targets,
        fields,
        several_requests_on_one_connection,
        bytes_that_are_no_request,
    ]
}

/// Expected outcome of a case.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// 400, 413, 431 or the end of the connection; nothing reaches the node.
    Refused,
    /// One request reaches the node: method, target, body.
    Arrives(&'static str, &'static str, &'static str),
    /// The gate answers with this code; nothing reaches the node.
    Told(u64),
}

use Fate::{Arrives, Refused, Told};

/// A request of its own if the end of the previous one were read differently.
const NEXT: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// A gate in front of a recorder.
async fn gate(world: &World, name: &str) -> Result<(GateInfo, Recorder)> {
    let recorder = Recorder::like(&world.node().plain_url).await?;
    let gate = world.gate_with(name, |config| set(config, "gate", "node_url", recorder.url())).await?;
    Ok((gate, recorder))
}

/// Sends the bytes of a case; returns everything received until the connection is quiet.
async fn exchange(gate: &GateInfo, bytes: &[u8]) -> Result<String> {
    let mut wire = Wire::plain(gate).await?;
    wire.send_bytes(bytes).await?;
    wire.until_quiet(Duration::from_millis(250)).await
}

/// Requires that a request at the node can be parsed in one way only, and carries the true client address.
fn unambiguous(taken: &Taken) -> Result<()> {
    for name in ["transfer-encoding", "upgrade", "te", "trailer", "keep-alive", "proxy-connection", "expect"]
    {
        ensure!(taken.all(name).is_empty(), "{name} went through: {taken:?}");
    }
    for (name, most) in [("content-length", 1), ("host", 1), ("x-forwarded-for", 1), ("x-real-ip", 1)] {
        ensure!(taken.all(name).len() <= most, "{name} more than once: {taken:?}");
    }
    let told = taken.all("x-forwarded-for");
    let address = told.first().and_then(|told| std::str::from_utf8(told).ok()).unwrap_or_default();
    ensure!(address.starts_with("127."), "the address is {address}: {taken:?}");
    ensure!(taken.all("x-real-ip") == told, "two addresses: {taken:?}");
    ensure!(!taken.all("host").is_empty(), "no host: {taken:?}");
    let parts = taken.parts().with_context(|| format!("no request line: {taken:?}"))?;
    ensure!(parts.2 == "HTTP/1.1" && !parts.1.contains(' '), "the line is {:?}", taken.line);
    Ok(())
}

async fn try_all(gate: &GateInfo, node: &Recorder, cases: Vec<(Vec<u8>, Fate)>) -> Result<()> {
    let tries = cases.iter().map(|(bytes, fate)| async move {
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let answer = exchange(gate, bytes).await.with_context(|| shown.clone())?;
        match fate {
            Refused => {
                let refused = answer.is_empty()
                    || ["400", "413", "431"]
                        .iter()
                        .any(|status| answer[8..].trim_start().starts_with(status));
                ensure!(refused, "{shown:?} is answered with {answer}");
                ensure!(answer.matches("HTTP/1.").count() <= 1, "{shown:?} is answered twice: {answer}");
            }
            Told(code) => {
                ensure!(answer.contains(&format!("\"code\":{code},")), "{shown:?} is answered with {answer}");
            }
            Arrives(..) => {
                ensure!(answer.contains("noted"), "{shown:?} is answered with {answer}");
            }
        }
        Ok(())
    });
    futures::future::try_join_all(tries).await?;
    for (bytes, fate) in &cases {
        let Arrives(method, target, body) = fate else { continue };
        let shown = String::from_utf8_lossy(bytes);
        let line = format!("{method} {target} HTTP/1.1");
        let taken: Vec<_> = node.taken(&line).into_iter().filter(|taken| taken.line == line).collect();
        ensure!(taken.len() == 1, "{shown:?} arrives {} times", taken.len());
        ensure!(taken[0].body == body.as_bytes(), "{shown:?} arrives as {:?}", taken[0]);
    }
    let arrive = cases.iter().filter(|(_, fate)| matches!(fate, Arrives(..))).count();
    let all = node.taken("m");
    ensure!(all.len() == arrive, "{} requests arrive, not {arrive}: {all:?}", all.len());
    all.iter().try_for_each(unambiguous)?;
    ensure!(node.taken("smuggled").is_empty(), "something was smuggled: {:?}", node.taken("smuggled"));
    ensure!(node.faults().is_empty(), "the node could not read {:?}", node.faults());
    Ok(())
}

fn post(target: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("POST {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}").into_bytes()
}

async fn lengths_and_codings(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-lengths").await?;
    let mut cases = vec![
        (post("/m1", "Content-Length: 3\r\n", "abc"), Arrives("POST", "/m1", "abc")),
        (post("/m2", "Content-Length: 0\r\n", ""), Arrives("POST", "/m2", "")),
        (post("/m3", "", ""), Arrives("POST", "/m3", "")),
        (post("/m4", "Content-Length: 00003\r\n", "abc"), Arrives("POST", "/m4", "abc")),
        (post("/m5", "Content-Length:\t3 \r\n", "abc"), Arrives("POST", "/m5", "abc")),
        (post("/m6", "Content_Length: 90\r\nContent-Length: 3\r\n", "abc"), Arrives("POST", "/m6", "abc")),
        (
            post("/m7", "Connection: content-length\r\nContent-Length: 3\r\n", "abc"),
            Arrives("POST", "/m7", "abc"),
        ),
        (post("/m8", "Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), Arrives("POST", "/m8", "abc")),
        (b"POST /m9 HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc".to_vec(), Arrives("POST", "/m9", "abc")),
        (
            b"GET /m10 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
            Arrives("GET", "/m10", "abc"),
        ),
        // Parsers disagree on whether these lengths are 3 or 0.
        (post("/mx", "Content-Length: 300000000\r\n", "abc"), Told(116)),
    ];
    for length in
        ["+3", "-3", "3.0", "0x3", "3,3", "3, 4", "3 3", "3;x", "", "three", "\u{b}3", "18446744073709551619"]
    {
        cases.push((post("/mx", &format!("Content-Length: {length}\r\n"), NEXT), Refused));
    }
    for fields in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 0\r\ncontent-length: 36\r\n",
        "Content-Length : 3\r\n",
        " Content-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: CHUNKED\r\n",
        "Transfer-Encoding:\tchunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked;x=y\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\r\n : chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: \0\r\n",
        "Content-Length: 3\r\nConnection: close, transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
    ] {
        cases.push((post("/mx", fields, &format!("3\r\nabc\r\n0\r\n\r\n{NEXT}")), Refused));
    }
    cases.push((
        format!("POST /mx HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{NEXT}").into_bytes(),
        Refused,
    ));
    try_all(&gate, &node, cases).await
}

async fn targets(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-targets").await?;
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
    let mut cases = Vec::new();
    // A target other than the handshake's is forwarded as written; the gate does not normalise it.
    for target in [
        "/m1/../x",
        "/m2/%2e%2e/",
        "/m3/%2F",
        "//m4",
        "/m5//x",
        "/m6;x",
        "/m7/%00",
        "/m8?a=/../&b=%",
        "/m9/\\x",
        "/m10/%gg",
        "/m11?",
        "/m12/.",
        "/Gate/m13",
        "/gate%2fm14",
        "/gate;m15",
        "/m16/\"{}",
        "/gateway/m17",
    ] {
        cases.push((get(target), Arrives("GET", target, "")));
    }
    for (sent, arrives) in [
        ("http://evil.example/m20", "/m20"),
        ("http://user@evil.example:1/m21?x", "/m21?x"),
        ("https://x/m22", "/m22"),
        ("/m23#part", "/m23"),
    ] {
        cases.push((get(sent), Arrives("GET", arrives, "")));
    }
    // A path below `/gate/` never reaches the node, whatever follows.
    for target in
        ["/gate/../mx", "/gate/%2e%2e/mx", "/gate/./mx", "/gate//mx", "http://x/gate/mx", "/gate/..;/mx"]
    {
        cases.push((get(target), Told(118)));
    }
    for target in ["*", "mx", "x:80", "/m x", "/m\tx", "/m\u{7f}x", "/m<x>", "http://", ""] {
        cases.push((get(target), Refused));
    }
    for line in [
        "CONNECT mx:80 HTTP/1.1",
        "CONNECT /mx HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET /mx",
        "GET /mx HTTP/0.9",
        "GET /mx HTTP/1.2",
        "GET /mx HTTP/2.0",
        "GET  /mx HTTP/1.1",
        "GET /mx  HTTP/1.1",
        "G\0T /mx HTTP/1.1",
        "G(T /mx HTTP/1.1",
        " GET /mx HTTP/1.1",
        "GET /mx HTTP/1.1 x",
        "PRI * HTTP/2.0",
        // Methods are case-sensitive; a variant of POST in another case is refused.
        "post / HTTP/1.1",
        "Post / HTTP/1.1",
        "pOST /mx HTTP/1.1",
    ] {
        cases.push((format!("{line}\r\nHost: x\r\nContent-Length: 0\r\n\r\n{NEXT}").into_bytes(), Refused));
    }
    for target in ["//", "/.", "/%2e", "/%2f", "/%252f", "/;x", "/x/..", "/%5c", "///?x", "/.//..;a=b/"] {
        cases.push((post(target, "Content-Length: 2\r\n", "{}"), Told(101)));
    }
    try_all(&gate, &node, cases).await
}

async fn fields(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-fields").await?;
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\n{fields}\r\n").into_bytes();
    let forged = "X-Forwarded-For: 6.6.6.6\r\nx-FORWARDED-for: 6.6.6.7\r\nX_Forwarded_For: 6.6.6.8\r\n\
        X.Real.IP: 6.6.6.9\r\nForwarded: for=6.6.6.1\r\nX-Real-Ip: 6.6.6.2\r\nTrue-Client-IP: 6.6.6.3\r\n";
    let cases = vec![
        (get("/m1", &format!("Host: x\r\n{forged}")), Arrives("GET", "/m1", "")),
        // Named in `Connection`, the gate's own headers are still forwarded.
        (
            get("/m2", &format!("Host: x\r\nConnection: x-forwarded-for, x-real-ip, host\r\n{forged}")),
            Arrives("GET", "/m2", ""),
        ),
        (
            get("/m3", "Host: x\r\nConnection: keep-alive, x-drop\r\nX-Drop: 1\r\nX-Keep: 2\r\n"),
            Arrives("GET", "/m3", ""),
        ),
        (
            get(
                "/m4",
                "Host: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            ),
            Arrives("GET", "/m4", ""),
        ),
        (get("/m5", "Host: x\r\nTE: trailers\r\nTrailer: x\r\n"), Arrives("GET", "/m5", "")),
        (
            [&b"GET /m6 HTTP/1.1\r\nHost: x\r\nX-Bytes: \xff\xfe\r\n\r\n"[..]].concat(),
            Arrives("GET", "/m6", ""),
        ),
        (get("/m7", "hOsT: x\r\nX-Same: 1\r\nx-same: 2\r\n"), Arrives("GET", "/m7", "")),
        (get("/mx", "Host: x\r\nHost: y\r\n"), Refused),
        (get("/mx", "Host: x\r\nhost: x\r\n"), Refused),
        (get("/mx", ""), Refused),
        (get("/mx", "Host: x\r\nX Y: 1\r\n"), Refused),
        (get("/mx", "Host: x\r\n: 1\r\n"), Refused),
        (get("/mx", "Host: x\r\nno colon\r\n"), Refused),
        (get("/mx", "Host: x\r\nX: 1\r\n\tfolded\r\n"), Refused),
        (get("/mx", &format!("Host: x\r\n{}", "X: 1\r\n".repeat(150))), Refused),
        (get("/mx", &format!("Host: x\r\nX: {}\r\n", "x".repeat(40_000))), Refused),
    ];
    try_all(&gate, &node, cases).await?;
    let taken = node.taken("/m3").pop().context("/m3")?;
    ensure!(taken.all("x-drop").is_empty() && taken.all("x-keep") == [b"2"], "{taken:?}");
    for path in ["/m1 ", "/m2 "] {
        let taken = node.taken(path).pop().context(path)?;
        let lies = taken.fields.iter().filter(|(_, value)| String::from_utf8_lossy(value).contains("6.6.6"));
        ensure!(lies.count() == 0, "a lie went through: {taken:?}");
    }
    ensure!(node.taken("/m6").pop().context("/m6")?.all("x-bytes") == [b"\xff\xfe"], "other bytes");
    ensure!(node.taken("/m7").pop().context("/m7")?.all("x-same") == [b"1", b"2"], "not both");
    Ok(())
}

/// Pipelined requests are served in order; bytes behind an ambiguous one are not read.
async fn several_requests_on_one_connection(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-pipeline").await?;
    let one = |n: usize| format!("POST /m{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{n:02}");
    let many: String = (1..=12).map(one).collect();
    let answer = exchange(&gate, many.as_bytes()).await?;
    ensure!(answer.matches("noted").count() == 12, "answered with {answer}");
    for n in 1..=12 {
        let taken = node.taken(&format!("POST /m{n} "));
        ensure!(
            taken.len() == 1 && taken[0].body == format!("{n:02}").as_bytes(),
            "{n} arrives as {taken:?}"
        );
    }
    let order: Vec<_> = node.taken("/m").iter().map(|taken| taken.body.clone()).collect();
    ensure!(order.is_sorted(), "they arrive as {order:?}");

    let bad =
        "POST /mx HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
    let answer = exchange(&gate, format!("{}{bad}{NEXT}", one(20)).as_bytes()).await?;
    ensure!(answer.matches("HTTP/1.1 ").count() == 2 && answer.contains(" 400 "), "answered with {answer}");
    // An upgrade is ignored: the following bytes are parsed as a request, and are none.
    let upgrade = "GET /m21 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer =
        exchange(&gate, format!("{upgrade}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{NEXT}").as_bytes()).await?;
    ensure!(!answer.contains(" 101 "), "it switched: {answer}");
    // A body for which the first answer did not wait does not become a request.
    let early = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{NEXT}", 60_000);
    let answer = exchange(&gate, early.as_bytes()).await?;
    ensure!(answer.is_empty(), "answered before its end: {answer}");
    let large = format!("POST /mx HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n{}", NEXT.repeat(2000));
    let answer = exchange(&gate, large.as_bytes()).await?;
    ensure!(answer.matches("HTTP/1.1 ").count() == 1 && answer.contains(" 413 "), "answered with {answer}");
    ensure!(node.taken("smuggled").is_empty() && node.faults().is_empty(), "{:?}", node.taken("smuggled"));
    node.taken("/m").iter().try_for_each(unambiguous)
}

async fn bytes_that_are_no_request(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-noise").await?;
    let mut cases: Vec<(Vec<u8>, Fate)> = vec![
        (b"\r\n\r\n\r\n".to_vec(), Refused),
        (b"\0\0\0\0\r\n\r\n".to_vec(), Refused),
        (b"SSH-2.0-x\r\n\r\n".to_vec(), Refused),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), Refused),
        // A TLS record header without TLS.
        ([&[0x16, 3, 1, 0xff, 0xff][..], &[0; 400]].concat(), Refused),
        ([&[0x16, 3, 1][..], NEXT.as_bytes()].concat(), Refused),
    ];
    for seed in 0..20_u8 {
        let noise =
            (0..600_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> (seed % 24)).to_be_bytes()[3] ^ seed);
        cases.push((noise.chain(*b"\r\n\r\n").collect(), Refused));
    }
    let tries = cases.iter().map(|(bytes, _)| async {
        let mut wire = Wire::plain(&gate).await?;
        wire.send_bytes(bytes).await?;
        wire.until_quiet(Duration::from_millis(250)).await.map(drop)
    });
    // The answers are TLS alerts; what counts is that nothing reaches the node.
    let _ = futures::future::join_all(tries).await;
    ensure!(node.taken("/m").is_empty() && node.taken("smuggled").is_empty(), "something arrives");
    Caller::fresh()?.get(&format!("{}/gate/openapi.json", gate.url)).await.map(drop)
}
