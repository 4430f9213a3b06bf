//! The listener at the level of HTTP: protocols, limits, and requests refused before they are interpreted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http::Version;
use sentinel_stack::actors::Caller;

use crate::stub::StubNode;
use crate::trial::{Trial, trials};
use crate::wire::{self, Wire};
use crate::world::{World, refused, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        plain_and_tls_on_one_port,
        http2_over_tls,
        a_body_that_is_too_large,
        a_body_that_comes_too_slowly,
        framing_that_two_could_read_differently,
        other_spellings_of_the_handshakes_path,
        more_connections_than_allowed,
        a_request_under_way_is_finished,
    ]
}

async fn plain_and_tls_on_one_port(world: &World) -> Result<()> {
    let tls = world.gate().url.clone();
    let plain = tls.replace("https://", "http://");
    for url in [tls, plain] {
        let answer = Caller::fresh()?.get(&format!("{url}/")).await?;
        ensure!(answer.result()?["addr"] == world.node().address, "not the node's info over {url}");
    }
    Ok(())
}

async fn http2_over_tls(world: &World) -> Result<()> {
    let holder = world.paid().await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = serde_json::to_vec(&holder.account.wireguard_handshake(session)?)?;
    let mut client = wire::http2(world.gate()).await?;
    let info = client.call("GET", "/", Vec::new()).await?;
    ensure!(info.version == Version::HTTP_2 && info.status == 200, "{info:?}");
    ensure!(info.text().contains(&world.node().address), "{info:?}");
    let taken = client.call("POST", "/", handshake).await?;
    ensure!(taken.status == 200 && taken.text().starts_with(r#"{"success":true"#), "{taken:?}");
    let page = client.call("GET", "/gate/openapi.json", Vec::new()).await?;
    ensure!(page.status == 200, "{page:?}");
    let large = client.call("POST", "/", vec![b' '; 1 << 20]).await?;
    ensure!(large.status == 413 && large.text().contains(r#""code":116"#), "{large:?}");
    Ok(())
}

/// 116, with or without a length that announces it.
async fn a_body_that_is_too_large(world: &World) -> Result<()> {
    let gate = world.gate();
    for path in ["/", "/gate/bindings", "/other"] {
        let answer = Caller::fresh()?.post_text(&format!("{}{path}", gate.url), " ".repeat(65_537)).await?;
        refused(&answer, 413, 116).context(path)?;
    }
    // The announced length alone is refused, before any of the body has arrived.
    let mut wire = Wire::plain(gate).await?;
    wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n").await?;
    wire.expect_refusal(413, 116).await
}

/// 117.
async fn a_body_that_comes_too_slowly(world: &World) -> Result<()> {
    let mut wire = Wire::plain(world.gate()).await?;
    wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await?;
    let begun = Instant::now();
    wire.expect_refusal(408, 117).await?;
    ensure!(begun.elapsed() > Duration::from_secs(2), "that was no time to send it");
    wire.expect_end().await
}

/// Each is answered with 400 and the end of the connection: no bytes behind it are read as a request.
async fn framing_that_two_could_read_differently(world: &World) -> Result<()> {
    const NEXT: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let cases = [
        format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{NEXT}"),
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{NEXT}"
        ),
        format!("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{NEXT}"),
        format!(
            "POST /other HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{NEXT}"
        ),
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n{NEXT}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n{{}}\n{NEXT}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{NEXT}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 0\r\n\r\n{NEXT}"),
        format!("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n{NEXT}"),
    ];
    for case in cases {
        let mut wire = Wire::plain(world.gate()).await?;
        wire.send(&case).await?;
        let answer = wire.everything().await.context(case.clone())?;
        ensure!(answer.starts_with("HTTP/1.1 400 "), "{case:?} is answered with {answer}");
        ensure!(answer.matches("HTTP/1.1 ").count() == 1, "{case:?} is answered twice: {answer}");
    }
    // Requests that parse as HTTP receive a refusal in the envelope.
    let mut wire = Wire::plain(world.gate()).await?;
    wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await?;
    wire.expect_refusal(400, 101).await?;
    wire.expect_end().await
}

async fn other_spellings_of_the_handshakes_path(world: &World) -> Result<()> {
    for path in ["//", "/.", "/..", "/%2e", "/%2F", "/a/..", "/;x", "/gate/..", "/%5c"] {
        let mut wire = Wire::plain(world.gate()).await?;
        wire.send(&format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}")).await?;
        let answer = wire.everything_or_idle().await?;
        let refused = answer.contains(r#""code":101"#) || answer.contains(r#""code":118"#);
        ensure!(refused, "POST {path} is answered with {answer}");
    }
    Ok(())
}

async fn more_connections_than_allowed(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-few", |config| set(config, "gate", "max_connections", 3)).await?;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::plain(&gate).await?;
        wire.send("GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        ensure!(wire.head().await?.starts_with("HTTP/1.1 200 "), "one of the first is not answered");
        held.push(wire);
    }
    let mut late = Wire::plain(&gate).await?;
    late.send("GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let early = tokio::time::timeout(Duration::from_millis(500), late.head()).await;
    ensure!(early.is_err(), "one too many is answered: {early:?}");
    held.pop();
    let answer = tokio::time::timeout(Duration::from_secs(5), late.head()).await.context("still waits")??;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "answered with {answer}");
    Ok(())
}

/// After SIGTERM no connection is accepted, and requests in progress are completed.
async fn a_request_under_way_is_finished(world: &World) -> Result<()> {
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world.gate_with("gate-drain", |config| set(config, "gate", "node_url", node.url())).await?;
    let caller = Caller::fresh()?;
    let under_way = tokio::spawn({
        let (caller, url) = (caller.clone(), format!("{}/slow", gate.url));
        async move { caller.get(&url).await }
    });
    node.slow_came().await;
    let idle = Wire::plain(&gate).await?;
    let stopping = world.stack.stop_program(&gate.name);
    let watch = async {
        let closed = || async {
            ensure!(Wire::plain(&gate).await.is_err(), "it still listens");
            Ok(())
        };
        crate::world::eventually("the door closes", Duration::from_secs(5), closed).await?;
        ensure!(!under_way.is_finished(), "the request was cut");
        node.let_slow_end();
        let answer = under_way.await??;
        ensure!(answer.status == 200 && answer.bytes == b"done", "answered with {answer:?}");
        Ok(())
    };
    let begun = Instant::now();
    let (stopped, watched): (Result<()>, Result<()>) = tokio::join!(stopping, watch);
    watched?;
    stopped?;
    drop(idle);
    ensure!(
        begun.elapsed() < Duration::from_secs(9),
        "it waited for the shutdown time-out, not for the request"
    );
    Ok(())
}
