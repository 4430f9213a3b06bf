//! What ten thousand live sessions cost a running gate, and how fast it ends a thousand of them: run by
//! `cargo xtask bench enforce`, as root.
//!
//! The gate's own program, a real EVM and a real wireguard-go; the hub is one that says what it is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step ends the measurement"
)]
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod fixture;
mod process;
mod tunnel;

use std::time::{Duration, Instant};

use fixture::Fixture;
use process::Gate;
use serde_json::{Value, json};

const SESSIONS: usize = 10_000;
const SOLD: usize = 1000;
/// The Memes are minted three times a week, a thousand at most (ratemates, "The Memes by 6529", March 2023): 430 a day
/// with one transfer each. What is replayed is seventeen times that: one in every block of 12 s, 7,200 a day.
const BLOCKS: u32 = 300;
const BLOCK_TIME: Duration = Duration::from_secs(12);
const REPLAYED_EVERY: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() {
    let mut world = Fixture::build(SESSIONS).await;
    let empty = world.gate(0).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let without = empty.memory();
    drop(empty);

    let gate = world.gate(SESSIONS).await;
    gate.until("all sessions are live", |metrics| {
        metrics.sum("sovereign_gate_live_sessions") == SESSIONS as u64
    })
    .await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let with = gate.memory();

    let watching = watch(&world, &gate).await;
    let dropped = sell(&world, &gate).await;
    let rest = drop_all(&gate).await;
    let figures = json!({
        "sessions": SESSIONS,
        "memory_without_mb": without, "memory_with_mb": with,
        "memory_more_mb": ((with - without) * 10.0).round() / 10.0,
        "watching": watching, "sold_in_one_block": dropped, "lockdown_of_the_rest": rest,
    });
    println!("{}", json!({ "name": "ten thousand live sessions", "figures": figures }));
}

/// Blocks at mainnet's rate of events, faster than there: the cost of one, as a share of the time between two.
async fn watch(world: &Fixture, gate: &Gate) -> Value {
    let (before, begun) = (gate.cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(15)).await;
    let idle = gate.cpu().saturating_sub(before).as_secs_f64() / begun.elapsed().as_secs_f64();
    let (before, begun) = (gate.cpu(), Instant::now());
    for _ in 0..BLOCKS {
        world.strangers_transfer().await;
        tokio::time::sleep(REPLAYED_EVERY).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spent = gate.cpu().saturating_sub(before).as_secs_f64() - idle * begun.elapsed().as_secs_f64();
    let block = spent.max(0.0) / f64::from(BLOCKS);
    let percent = |share: f64| (share * 1e5).round() / 1e3;
    json!({
        "blocks": BLOCKS, "cpu_us_a_block": (block * 1e6).round(),
        "percent_of_a_core": percent(block / BLOCK_TIME.as_secs_f64()),
        "percent_of_a_core_without_events": percent(idle),
    })
}

/// So many holders sell their only card in one block.
async fn sell(world: &Fixture, gate: &Gate) -> Value {
    let before = gate.metrics().await.sum("sovereign_gate_evictions_total");
    world.sell(SOLD).await;
    let begun = Instant::now();
    let all = before + SOLD as u64;
    gate.until("the sellers are out", |metrics| metrics.sum("sovereign_gate_evictions_total") >= all).await;
    let took = begun.elapsed();
    assert_eq!(world.passing(), SESSIONS - SOLD, "peers in the tunnel");
    json!({ "peers": SOLD, "seconds": (took.as_secs_f64() * 1e3).round() / 1e3 })
}

async fn drop_all(gate: &Gate) -> Value {
    let begun = Instant::now();
    let dropped = gate.lock_down().await;
    json!({ "peers": dropped, "seconds": (begun.elapsed().as_secs_f64() * 1e3).round() / 1e3 })
}
