//! The listener at the level of HTTP: protocols, limits, and requests refused before they are interpreted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http::Version;
use sentinel_stack::actors::Caller;

use crate::fixture::{CONVERGENCE_LIMIT, Fixture, ensure_refusal, eventually, set_key};
use crate::raw_connection::{self, RawConnection};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::stub_node::StubNode;

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        serves_plain_and_tls_on_one_port,
        serves_http2_over_tls,
        rejects_oversized_body,
        rejects_slow_body,
        rejects_ambiguous_framing,
        rejects_variants_of_the_handshake_path,
        queues_connections_beyond_the_limit,
        completes_requests_in_progress_on_shutdown,
    ]
}

async fn serves_plain_and_tls_on_one_port(fixture: &Fixture) -> Result<()> {
    let tls = fixture.gate().url.clone();
    let plain = tls.replace("https://", "http://");
    for url in [tls, plain] {
        let answer = Caller::fresh()?.get(&format!("{url}/")).await?;
        ensure!(answer.result()?["addr"] == fixture.node().address, "not the node's info over {url}");
    }
    Ok(())
}

async fn serves_http2_over_tls(fixture: &Fixture) -> Result<()> {
    let holder = fixture.create_paid_holder().await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = serde_json::to_vec(&holder.account.wireguard_handshake(session)?)?;
    let mut client = raw_connection::connect_http2(fixture.gate()).await?;
    let info = client.call("GET", "/", Vec::new()).await?;
    ensure!(info.version == Version::HTTP_2 && info.status == 200, "{info:?}");
    ensure!(info.text().contains(&fixture.node().address), "{info:?}");
    let admitted = client.call("POST", "/", handshake).await?;
    ensure!(admitted.status == 200 && admitted.text().starts_with(r#"{"success":true"#), "{admitted:?}");
    let page = client.call("GET", "/gate/openapi.json", Vec::new()).await?;
    ensure!(page.status == 200, "{page:?}");
    let large = client.call("POST", "/", vec![b' '; 1 << 20]).await?;
    ensure!(large.status == 413 && large.text().contains(r#""code":116"#), "{large:?}");
    Ok(())
}

/// 116, with or without a length that announces it.
async fn rejects_oversized_body(fixture: &Fixture) -> Result<()> {
    let gate = fixture.gate();
    for path in ["/", "/gate/bindings", "/other"] {
        let answer = Caller::fresh()?.post_text(&format!("{}{path}", gate.url), " ".repeat(65_537)).await?;
        ensure_refusal(&answer, 413, 116).context(path)?;
    }
    // The announced length alone is refused, before any of the body has arrived.
    let mut connection = RawConnection::connect(gate).await?;
    connection.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n").await?;
    connection.expect_refusal(413, 116).await
}

/// 117.
async fn rejects_slow_body(fixture: &Fixture) -> Result<()> {
    let mut connection = RawConnection::connect(fixture.gate()).await?;
    connection.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").await?;
    let begun = Instant::now();
    connection.expect_refusal(408, 117).await?;
    ensure!(begun.elapsed() > Duration::from_secs(2), "that was no time to send it");
    connection.expect_end().await
}

/// Each is answered with 400 and the end of the connection: no bytes behind it are read as a request.
async fn rejects_ambiguous_framing(fixture: &Fixture) -> Result<()> {
    const NEXT_REQUEST: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let cases = [
        format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{NEXT_REQUEST}"),
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{NEXT_REQUEST}"
        ),
        format!("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{NEXT_REQUEST}"),
        format!(
            "POST /other HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{NEXT_REQUEST}"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n{NEXT_REQUEST}"
        ),
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n{{}}\n{NEXT_REQUEST}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{NEXT_REQUEST}"),
        format!("POST / HTTP/1.1\r\nHost: x\r\nHost: y\r\nContent-Length: 0\r\n\r\n{NEXT_REQUEST}"),
        format!("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n{NEXT_REQUEST}"),
    ];
    for case in cases {
        let mut connection = RawConnection::connect(fixture.gate()).await?;
        connection.send(&case).await?;
        let answer = connection.read_to_end().await.context(case.clone())?;
        ensure!(answer.starts_with("HTTP/1.1 400 "), "{case:?} is answered with {answer}");
        ensure!(answer.matches("HTTP/1.1 ").count() == 1, "{case:?} is answered twice: {answer}");
    }
    // Requests that parse as HTTP receive a refusal in the envelope.
    let mut connection = RawConnection::connect(fixture.gate()).await?;
    connection
        .send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await?;
    connection.expect_refusal(400, 101).await?;
    connection.expect_end().await
}

async fn rejects_variants_of_the_handshake_path(fixture: &Fixture) -> Result<()> {
    for path in ["//", "/.", "/..", "/%2e", "/%2F", "/a/..", "/;x", "/gate/..", "/%5c"] {
        let mut connection = RawConnection::connect(fixture.gate()).await?;
        connection.send(&format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}")).await?;
        let answer = connection.read_until_idle().await?;
        let refused = answer.contains(r#""code":101"#) || answer.contains(r#""code":118"#);
        ensure!(refused, "POST {path} is answered with {answer}");
    }
    Ok(())
}

async fn queues_connections_beyond_the_limit(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-few", |config| set_key(config, "gate", "max_connections", 3)).await?;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = RawConnection::connect(&gate).await?;
        connection.send("GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        ensure!(
            connection.read_head().await?.starts_with("HTTP/1.1 200 "),
            "one of the first is not answered"
        );
        held.push(connection);
    }
    let mut late = RawConnection::connect(&gate).await?;
    late.send("GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let early = tokio::time::timeout(Duration::from_millis(500), late.read_head()).await;
    ensure!(early.is_err(), "one too many is answered: {early:?}");
    held.pop();
    let answer = tokio::time::timeout(CONVERGENCE_LIMIT, late.read_head()).await.context("still waits")??;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "answered with {answer}");
    Ok(())
}

/// After SIGTERM no connection is accepted, and requests in progress are completed.
async fn completes_requests_in_progress_on_shutdown(fixture: &Fixture) -> Result<()> {
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate =
        fixture.start_gate("gate-drain", |config| set_key(config, "gate", "node_url", node.url())).await?;
    let caller = Caller::fresh()?;
    let under_way = tokio::spawn({
        let (caller, url) = (caller.clone(), format!("{}/slow", gate.url));
        async move { caller.get(&url).await }
    });
    node.wait_for_slow_request().await;
    let idle = RawConnection::connect(&gate).await?;
    let stopping = fixture.stack.stop_program(&gate.name);
    let watch = async {
        let closed = || async {
            ensure!(RawConnection::connect(&gate).await.is_err(), "it still listens");
            Ok(())
        };
        eventually("the listener closes", CONVERGENCE_LIMIT, closed).await?;
        ensure!(!under_way.is_finished(), "the request was cut");
        node.release_slow_request();
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
