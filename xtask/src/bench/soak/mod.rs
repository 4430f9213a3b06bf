//! Mixed traffic at full speed for a long time: nothing is lost, nothing grows, and the gate has counted what the
//! driver has counted.

mod tally;
mod traffic;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;
use sentinel_stack::{Stack, StackOptions};
use serde::Serialize;
use serde_json::json;

use super::report;
use crate::build::{self, Profile};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);
/// Time until unused connections are closed: the slowest request is given up after ten seconds.
const SETTLE_TIME: Duration = Duration::from_secs(12);

/// What the gate's process uses.
#[derive(Debug, Clone, Copy, Serialize)]
struct ResourceUsage {
    seconds: u64,
    memory_kib: u64,
    descriptors: usize,
    answers: u64,
}

pub(super) async fn run(minutes: u64) -> Result<()> {
    let program = build::gate(Profile::Release).await?;
    let options = StackOptions::default().gates(1).program(&program).configure(|_, config| {
        let mut set = |section: &str, key: &str, value: toml::Value| {
            let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
            section.as_table_mut().map(|section| section.insert(key.to_owned(), value));
        };
        set("limits", "per_ip_per_second", 1_000_000.into());
        set("limits", "burst", 1_000_000.into());
        set("limits", "connections_per_ip", 0.into());
        set("log", "level", "warn".into());
        let mut paid = toml::Table::new();
        paid.insert("sessions".into(), vec!["direct"].into());
        paid.insert("devices".into(), 1_000_000.into());
        set("policy", "paid", paid.into());
    });
    let stack = Stack::start(options).await?;
    let soaked = soak(&stack, Duration::from_secs(60 * minutes)).await;
    stack.stop().await?;
    soaked
}

async fn soak(stack: &Stack, time: Duration) -> Result<()> {
    let cast = Arc::new(traffic::gather(stack).await?);
    let (gate, tally) = (&cast.gate, &cast.tally);
    let pid = stack.process_id(&gate.name).context("the gate does not run")?;
    let before = metrics(gate).await?;
    let start = used(pid, 0, 0)?;
    tracing::info!("soaking for {} minutes", time.as_secs() / 60);
    let traffic = traffic::begin(&cast);
    let newcomers = traffic::newcomers(stack, &cast);
    let watch = async {
        let (begun, mut samples) = (Instant::now(), Vec::new());
        while begun.elapsed() < time {
            tokio::time::sleep(SAMPLE_INTERVAL).await;
            samples.push(used(pid, begun.elapsed().as_secs(), tally.all())?);
        }
        tally.end();
        Ok::<_, anyhow::Error>(samples)
    };
    let ((), samples) = tokio::try_join!(newcomers, watch)?;
    for one in traffic {
        one.await??;
    }
    tokio::time::sleep(SETTLE_TIME).await;
    let end = used(pid, time.as_secs() + SETTLE_TIME.as_secs(), tally.all())?;
    let after = metrics(gate).await?;

    println!("\n{:>8} {:>12} {:>12} {:>12}", "s", "answers", "memory KiB", "descriptors");
    let step = (samples.len() / 12).max(1);
    for sample in [start].iter().chain(samples.iter().step_by(step)).chain([&end]) {
        let ResourceUsage { seconds, memory_kib, descriptors, answers } = sample;
        println!("{seconds:>8} {answers:>12} {memory_kib:>12} {descriptors:>12}");
    }
    let answers = tally.told();
    for (kind, status, code, count) in &answers {
        println!("{kind:<14} {status} {code:>4} {count:>10}");
    }
    report::write(
        "soak",
        &json!({ "start": start, "samples": samples, "end": end, "answers": answers, "lost": tally.lost() }),
    )?;
    verdict::counted(tally, &before, &after)?;
    verdict::flat(&samples, start, end)
}

fn used(pid: i32, seconds: u64, answers: u64) -> Result<ResourceUsage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let memory_kib = memory.trim().trim_end_matches(" kB").parse()?;
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok(ResourceUsage { seconds, memory_kib, descriptors, answers })
}

/// The samples of the gate's metrics, a line each.
async fn metrics(gate: &GateInfo) -> Result<Vec<String>> {
    let answer = Caller::anywhere()?.get(&format!("{}/metrics", gate.admin)).await?;
    Ok(String::from_utf8(answer.bytes)?.lines().map(str::to_owned).collect())
}
