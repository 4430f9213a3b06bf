//! Connections that send nothing, or never finish a request: other clients are served meanwhile, and the gate's
//! resources are free afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;

use crate::fixture::gate_process::{GateProcess, established_connections};
use crate::fixture::response_time::within;
use crate::fixture::{CONVERGENCE_LIMIT, Fixture, eventually, set_key};
use crate::raw_connection::RawConnection;
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        limits_connections_of_one_client,
        closes_idle_and_unfinished_connections,
        closes_connections_with_unread_answers
    ]
}

/// Below the time-outs of the gate: the answer of another client must not wait for connections to be closed.
const SERVICE_LIMIT: Duration = Duration::from_secs(5);

/// Requires that a client with a fresh address is served.
async fn expect_service(gate: &GateInfo) -> Result<()> {
    let url = format!("{}/gate/openapi.json", gate.url);
    let answer =
        tokio::time::timeout(SERVICE_LIMIT, Caller::fresh()?.get(&url)).await.context("not served")??;
    ensure!(answer.status == 200, "answered with {}", answer.status);
    Ok(())
}

async fn limits_connections_of_one_client(fixture: &Fixture) -> Result<()> {
    const CONNECTIONS_PER_CLIENT: usize = 20;
    let gate = fixture
        .start_gate("gate-share", |config| {
            set_key(config, "gate", "max_connections", 40);
            set_key(
                config,
                "limits",
                "connections_per_ip",
                i64::try_from(CONNECTIONS_PER_CLIENT).unwrap_or(0),
            );
        })
        .await?;
    let greedy = Caller::fresh_address();
    let open = || async { RawConnection::connect_from(&gate, greedy).await };
    let mut connections =
        futures::future::try_join_all((0..4 * CONNECTIONS_PER_CLIENT).map(|_| open())).await?;
    // Excess connections are closed at once; the others stay open.
    let tries = connections
        .iter_mut()
        .map(|connection| async { connection.closes_within(Duration::from_secs(2)).await });
    let closed = futures::future::join_all(tries).await.into_iter().filter(|ended| *ended).count();
    ensure!(closed == 3 * CONNECTIONS_PER_CLIENT, "{closed} of {} were closed", connections.len());
    let served = expect_service(&gate);
    // The control is a gate without a flood.
    within(fixture.gate(), Duration::from_secs(1), "the answer to another client", served).await?;
    drop(connections);
    let again = || async {
        let mut connection = RawConnection::connect_from(&gate, greedy).await?;
        connection.send("GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        ensure!(connection.read_head().await?.starts_with("HTTP/1.1 200 "), "not served");
        Ok(())
    };
    eventually("the greedy client is served again", CONVERGENCE_LIMIT, again).await
}

/// No bytes, half a head, half a body, half a TLS record, an idle connection: all of them end by time-out.
async fn closes_idle_and_unfinished_connections(fixture: &Fixture) -> Result<()> {
    const CONNECTIONS_PER_KIND: usize = 150;
    /// Upper bound of KiB for one connection.
    const MAX_KIB_PER_CONNECTION: u64 = 32;
    let gate = fixture.start_gate("gate-flood", |_| ()).await?;
    let process = GateProcess::of(fixture, &gate)?;
    expect_service(&gate).await?;
    let (memory, descriptors) = (process.resident_kib()?, process.open_descriptors()?);
    let kinds: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /gate/bindings HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{\"message\":\"",
    ];
    let begun = Instant::now();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_PER_KIND {
        for kind in kinds {
            let mut connection = RawConnection::connect(&gate).await?;
            connection.send_bytes(kind).await?;
            held.push(connection);
        }
    }
    let many = held.len() as u64;
    let what = format!("an answer beside {many} connections");
    within(fixture.gate(), Duration::from_secs(2), &what, expect_service(&gate)).await?;
    let grown = process.resident_kib()?.saturating_sub(memory);
    eprintln!("{many} connections: {grown} KiB more, {} descriptors", process.open_descriptors()?);
    ensure!(grown < many * MAX_KIB_PER_CONNECTION, "{many} connections cost {grown} KiB");
    let ended = || async {
        let open = process.open_descriptors()?;
        ensure!(open < descriptors + 10, "{open} descriptors are open, {descriptors} were before");
        Ok(())
    };
    eventually("all of them end", Duration::from_secs(25), ended).await?;
    ensure!(begun.elapsed() > Duration::from_secs(5), "they ended too soon to have been there");
    drop(held);
    expect_service(&gate).await
}

/// A stream of requests whose answers are never read: the gate stops reading and then closes the connection.
async fn closes_connections_with_unread_answers(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-unread", |_| ()).await?;
    let process = GateProcess::of(fixture, &gate)?;
    expect_service(&gate).await?;
    let memory = process.resident_kib()?;
    let one = b"GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400);
    let attackers = (0..4).map(|_| async {
        let mut connection = RawConnection::connect_with_small_buffer(&gate).await?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20)
            && matches!(
                tokio::time::timeout(Duration::from_secs(2), connection.send_bytes(&one)).await,
                Ok(Ok(()))
            )
        {}
        Ok::<_, anyhow::Error>(connection)
    });
    let held = futures::future::try_join_all(attackers).await?;
    let grown = process.resident_kib()?.saturating_sub(memory);
    ensure!(grown < 16 * 1024, "the gate grows by {grown} KiB");
    expect_service(&gate).await?;
    let ended = || async {
        let open = established_connections(&gate)?;
        // The connection of `expect_service` may still be open.
        ensure!(open <= 1, "{open} connections are open");
        Ok(())
    };
    eventually("the gate hangs up", Duration::from_secs(45), ended).await?;
    drop(held);
    Ok(())
}
