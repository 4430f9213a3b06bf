//! Requests that gate and node might parse differently, over raw connections and with a recording backend: each is
//! refused, or arrives exactly once and exactly as the gate has parsed it.

mod cases;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;

use self::cases::ExpectedOutcome::{self, AnsweredWith, Forwarded, Refused};
use self::cases::{QUIET_TIME, check_cases, ensure_unambiguous, exchange, start_gate};
use crate::fixture::Fixture;
use crate::raw_connection::RawConnection;
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        rejects_ambiguous_lengths_and_codings,
        forwards_targets_verbatim_and_rejects_invalid_ones,
        removes_forged_and_hop_by_hop_fields,
        serves_pipelined_requests_in_order,
        rejects_bytes_other_than_requests,
    ]
}

/// A request of its own if the end of the previous one were read differently.
const NEXT_REQUEST: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

fn post_request(target: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("POST {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}").into_bytes()
}

async fn rejects_ambiguous_lengths_and_codings(fixture: &Fixture) -> Result<()> {
    let (gate, node) = start_gate(fixture, "gate-lengths").await?;
    let mut cases = vec![
        (post_request("/m1", "Content-Length: 3\r\n", "abc"), Forwarded("POST", "/m1", "abc")),
        (post_request("/m2", "Content-Length: 0\r\n", ""), Forwarded("POST", "/m2", "")),
        (post_request("/m3", "", ""), Forwarded("POST", "/m3", "")),
        (post_request("/m4", "Content-Length: 00003\r\n", "abc"), Forwarded("POST", "/m4", "abc")),
        (post_request("/m5", "Content-Length:\t3 \r\n", "abc"), Forwarded("POST", "/m5", "abc")),
        (
            post_request("/m6", "Content_Length: 90\r\nContent-Length: 3\r\n", "abc"),
            Forwarded("POST", "/m6", "abc"),
        ),
        (
            post_request("/m7", "Connection: content-length\r\nContent-Length: 3\r\n", "abc"),
            Forwarded("POST", "/m7", "abc"),
        ),
        (
            post_request("/m8", "Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"),
            Forwarded("POST", "/m8", "abc"),
        ),
        (b"POST /m9 HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc".to_vec(), Forwarded("POST", "/m9", "abc")),
        (
            b"GET /m10 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
            Forwarded("GET", "/m10", "abc"),
        ),
        // Parsers disagree on whether these lengths are 3 or 0.
        (post_request("/mx", "Content-Length: 300000000\r\n", "abc"), AnsweredWith(116)),
    ];
    for length in
        ["+3", "-3", "3.0", "0x3", "3,3", "3, 4", "3 3", "3;x", "", "three", "\u{b}3", "18446744073709551619"]
    {
        cases.push((post_request("/mx", &format!("Content-Length: {length}\r\n"), NEXT_REQUEST), Refused));
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
        cases.push((post_request("/mx", fields, &format!("3\r\nabc\r\n0\r\n\r\n{NEXT_REQUEST}")), Refused));
    }
    cases.push((
        format!("POST /mx HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{NEXT_REQUEST}")
            .into_bytes(),
        Refused,
    ));
    check_cases(&gate, &node, cases).await
}

async fn forwards_targets_verbatim_and_rejects_invalid_ones(fixture: &Fixture) -> Result<()> {
    let (gate, node) = start_gate(fixture, "gate-targets").await?;
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
        cases.push((get(target), Forwarded("GET", target, "")));
    }
    for (sent, arrives) in [
        ("http://evil.example/m20", "/m20"),
        ("http://user@evil.example:1/m21?x", "/m21?x"),
        ("https://x/m22", "/m22"),
        ("/m23#part", "/m23"),
    ] {
        cases.push((get(sent), Forwarded("GET", arrives, "")));
    }
    // A path below `/gate/` never reaches the node, whatever follows.
    for target in
        ["/gate/../mx", "/gate/%2e%2e/mx", "/gate/./mx", "/gate//mx", "http://x/gate/mx", "/gate/..;/mx"]
    {
        cases.push((get(target), AnsweredWith(118)));
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
        cases.push((
            format!("{line}\r\nHost: x\r\nContent-Length: 0\r\n\r\n{NEXT_REQUEST}").into_bytes(),
            Refused,
        ));
    }
    for target in ["//", "/.", "/%2e", "/%2f", "/%252f", "/;x", "/x/..", "/%5c", "///?x", "/.//..;a=b/"] {
        cases.push((post_request(target, "Content-Length: 2\r\n", "{}"), AnsweredWith(101)));
    }
    check_cases(&gate, &node, cases).await
}

async fn removes_forged_and_hop_by_hop_fields(fixture: &Fixture) -> Result<()> {
    let (gate, node) = start_gate(fixture, "gate-fields").await?;
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\n{fields}\r\n").into_bytes();
    let forged = "X-Forwarded-For: 6.6.6.6\r\nx-FORWARDED-for: 6.6.6.7\r\nX_Forwarded_For: 6.6.6.8\r\n\
        X.Real.IP: 6.6.6.9\r\nForwarded: for=6.6.6.1\r\nX-Real-Ip: 6.6.6.2\r\nTrue-Client-IP: 6.6.6.3\r\n";
    let cases = vec![
        (get("/m1", &format!("Host: x\r\n{forged}")), Forwarded("GET", "/m1", "")),
        // Named in `Connection`, the gate's own headers are still forwarded.
        (
            get("/m2", &format!("Host: x\r\nConnection: x-forwarded-for, x-real-ip, host\r\n{forged}")),
            Forwarded("GET", "/m2", ""),
        ),
        (
            get("/m3", "Host: x\r\nConnection: keep-alive, x-drop\r\nX-Drop: 1\r\nX-Keep: 2\r\n"),
            Forwarded("GET", "/m3", ""),
        ),
        (
            get(
                "/m4",
                "Host: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            ),
            Forwarded("GET", "/m4", ""),
        ),
        (get("/m5", "Host: x\r\nTE: trailers\r\nTrailer: x\r\n"), Forwarded("GET", "/m5", "")),
        (
            [&b"GET /m6 HTTP/1.1\r\nHost: x\r\nX-Bytes: \xff\xfe\r\n\r\n"[..]].concat(),
            Forwarded("GET", "/m6", ""),
        ),
        (get("/m7", "hOsT: x\r\nX-Same: 1\r\nx-same: 2\r\n"), Forwarded("GET", "/m7", "")),
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
    check_cases(&gate, &node, cases).await?;
    let received = node.requests_with("/m3").pop().context("/m3")?;
    ensure!(received.values("x-drop").is_empty() && received.values("x-keep") == [b"2"], "{received:?}");
    for path in ["/m1 ", "/m2 "] {
        let received = node.requests_with(path).pop().context(path)?;
        let lies =
            received.fields.iter().filter(|(_, value)| String::from_utf8_lossy(value).contains("6.6.6"));
        ensure!(lies.count() == 0, "a forged address was forwarded: {received:?}");
    }
    ensure!(
        node.requests_with("/m6").pop().context("/m6")?.values("x-bytes") == [b"\xff\xfe"],
        "other bytes"
    );
    ensure!(node.requests_with("/m7").pop().context("/m7")?.values("x-same") == [b"1", b"2"], "not both");
    Ok(())
}

/// Pipelined requests are served in order; bytes behind an ambiguous one are not read.
async fn serves_pipelined_requests_in_order(fixture: &Fixture) -> Result<()> {
    let (gate, node) = start_gate(fixture, "gate-pipeline").await?;
    let one = |n: usize| format!("POST /m{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{n:02}");
    let many: String = (1..=12).map(one).collect();
    let answer = exchange(&gate, many.as_bytes()).await?;
    ensure!(answer.matches("noted").count() == 12, "answered with {answer}");
    for n in 1..=12 {
        let received = node.requests_with(&format!("POST /m{n} "));
        ensure!(
            received.len() == 1 && received[0].body == format!("{n:02}").as_bytes(),
            "{n} arrives as {received:?}"
        );
    }
    let order: Vec<_> = node.requests_with("/m").iter().map(|received| received.body.clone()).collect();
    ensure!(order.is_sorted(), "they arrive as {order:?}");

    let bad =
        "POST /mx HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
    let answer = exchange(&gate, format!("{}{bad}{NEXT_REQUEST}", one(20)).as_bytes()).await?;
    ensure!(answer.matches("HTTP/1.1 ").count() == 2 && answer.contains(" 400 "), "answered with {answer}");
    // An upgrade is ignored: the following bytes are parsed as a request, and are none.
    let upgrade = "GET /m21 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer =
        exchange(&gate, format!("{upgrade}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{NEXT_REQUEST}").as_bytes())
            .await?;
    ensure!(!answer.contains(" 101 "), "it switched: {answer}");
    // A body for which the first answer did not wait does not become a request.
    let early = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{NEXT_REQUEST}", 60_000);
    let answer = exchange(&gate, early.as_bytes()).await?;
    ensure!(answer.is_empty(), "answered before its end: {answer}");
    let large =
        format!("POST /mx HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n{}", NEXT_REQUEST.repeat(2000));
    let answer = exchange(&gate, large.as_bytes()).await?;
    ensure!(answer.matches("HTTP/1.1 ").count() == 1 && answer.contains(" 413 "), "answered with {answer}");
    ensure!(
        node.requests_with("smuggled").is_empty() && node.faults().is_empty(),
        "{:?}",
        node.requests_with("smuggled")
    );
    node.requests_with("/m").iter().try_for_each(ensure_unambiguous)
}

async fn rejects_bytes_other_than_requests(fixture: &Fixture) -> Result<()> {
    let (gate, node) = start_gate(fixture, "gate-noise").await?;
    let mut cases: Vec<(Vec<u8>, ExpectedOutcome)> = vec![
        (b"\r\n\r\n\r\n".to_vec(), Refused),
        (b"\0\0\0\0\r\n\r\n".to_vec(), Refused),
        (b"SSH-2.0-x\r\n\r\n".to_vec(), Refused),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), Refused),
        // A TLS record header without TLS.
        ([&[0x16, 3, 1, 0xff, 0xff][..], &[0; 400]].concat(), Refused),
        ([&[0x16, 3, 1][..], NEXT_REQUEST.as_bytes()].concat(), Refused),
    ];
    for seed in 0..20_u8 {
        let noise =
            (0..600_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> (seed % 24)).to_be_bytes()[3] ^ seed);
        cases.push((noise.chain(*b"\r\n\r\n").collect(), Refused));
    }
    let tries = cases.iter().map(|(bytes, _)| async {
        let mut connection = RawConnection::connect(&gate).await?;
        connection.send_bytes(bytes).await?;
        connection.read_until_quiet(QUIET_TIME).await.map(drop)
    });
    // The answers are TLS alerts; what counts is that nothing reaches the node.
    let _ = futures::future::join_all(tries).await;
    ensure!(
        node.requests_with("/m").is_empty() && node.requests_with("smuggled").is_empty(),
        "something arrives"
    );
    Caller::fresh()?.get(&format!("{}/gate/openapi.json", gate.url)).await.map(drop)
}
