//! Connections that send nothing, or never finish a request: other clients are served meanwhile, and the gate's
//! resources are free afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;

use crate::process::{Process, connections};
use crate::trial::{Trial, trials};
use crate::wire::Wire;
use crate::world::{World, eventually, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![one_client_takes_its_share_only, connections_that_want_nothing, answers_that_nobody_reads]
}

async fn is_served(gate: &GateInfo) -> Result<Duration> {
    let begun = Instant::now();
    let answer = Caller::fresh()?.get(&format!("{}/gate/openapi.json", gate.url)).await?;
    ensure!(answer.status == 200, "answered with {}", answer.status);
    Ok(begun.elapsed())
}

async fn one_client_takes_its_share_only(world: &World) -> Result<()> {
    const SHARE: usize = 20;
    let gate = world
        .gate_with("gate-share", |config| {
            set(config, "gate", "max_connections", 40);
            set(config, "limits", "connections_per_ip", i64::try_from(SHARE).unwrap_or(0));
        })
        .await?;
    let greedy = Caller::fresh_address();
    let open = || async { Wire::from_address(&gate, greedy).await };
    let mut wires = futures::future::try_join_all((0..4 * SHARE).map(|_| open())).await?;
    // Excess connections are closed at once; the others stay open.
    let tries = wires.iter_mut().map(|wire| async { wire.ends_within(Duration::from_secs(2)).await });
    let closed = futures::future::join_all(tries).await.into_iter().filter(|ended| *ended).count();
    ensure!(closed == 3 * SHARE, "{closed} of {} were closed", wires.len());
    let took = is_served(&gate).await.context("somebody else")?;
    ensure!(took < Duration::from_secs(1), "somebody else waited {took:?}");
    drop(wires);
    let again = || async {
        let mut wire = Wire::from_address(&gate, greedy).await?;
        wire.send("GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        ensure!(wire.head().await?.starts_with("HTTP/1.1 200 "), "not served");
        Ok(())
    };
    eventually("the greedy one is served again", Duration::from_secs(5), again).await
}

/// No bytes, half a head, half a body, half a TLS record, an idle connection: all of them end by time-out.
async fn connections_that_want_nothing(world: &World) -> Result<()> {
    const EACH: usize = 150;
    /// Upper bound of KiB for one connection.
    const COST: u64 = 32;
    let gate = world.gate_with("gate-flood", |_| ()).await?;
    let process = Process::of(world, &gate)?;
    is_served(&gate).await?;
    let (memory, descriptors) = (process.memory()?, process.descriptors()?);
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
    for _ in 0..EACH {
        for kind in kinds {
            let mut wire = Wire::plain(&gate).await?;
            wire.send_bytes(kind).await?;
            held.push(wire);
        }
    }
    let many = held.len() as u64;
    let took = is_served(&gate).await?;
    ensure!(took < Duration::from_secs(2), "beside {many} connections an answer took {took:?}");
    let grown = process.memory()?.saturating_sub(memory);
    eprintln!("{many} connections: {grown} KiB more, {} descriptors", process.descriptors()?);
    ensure!(grown < many * COST, "{many} connections cost {grown} KiB");
    let ended = || async {
        let open = process.descriptors()?;
        ensure!(open < descriptors + 10, "{open} descriptors are open, {descriptors} were before");
        Ok(())
    };
    eventually("all of them end", Duration::from_secs(25), ended).await?;
    ensure!(begun.elapsed() > Duration::from_secs(5), "they ended too soon to have been there");
    drop(held);
    is_served(&gate).await.map(drop)
}

/// A stream of requests whose answers are never read: the gate stops reading and then closes the connection.
async fn answers_that_nobody_reads(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-unread", |_| ()).await?;
    let process = Process::of(world, &gate)?;
    is_served(&gate).await?;
    let memory = process.memory()?;
    let one = b"GET /gate/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400);
    let attackers = (0..4).map(|_| async {
        let mut wire = Wire::narrow(&gate).await?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20)
            && matches!(tokio::time::timeout(Duration::from_secs(2), wire.send_bytes(&one)).await, Ok(Ok(())))
        {
        }
        Ok::<_, anyhow::Error>(wire)
    });
    let held = futures::future::try_join_all(attackers).await?;
    let grown = process.memory()?.saturating_sub(memory);
    ensure!(grown < 16 * 1024, "the gate grows by {grown} KiB");
    is_served(&gate).await?;
    let ended = || async {
        let open = connections(&gate)?;
        // The last connection of `served_within` may still be open.
        ensure!(open <= 1, "{open} connections are open");
        Ok(())
    };
    eventually("the gate hangs up", Duration::from_secs(45), ended).await?;
    drop(held);
    Ok(())
}
