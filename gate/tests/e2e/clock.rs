//! The clock of a running gate jumps forward and back: a jump admits nothing, and nothing stays refused after it.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::MovableClock;
use sentinel_stack::info::GateInfo;

use crate::enforcement::{Guest, SOON, state};
use crate::storage::{challenge, redeem};
use crate::trial::{Trial, trials};
use crate::world::{World, enter, eventually, refused, set, turned_away};

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_clock_that_jumps_ahead_and_comes_back, a_clock_that_jumps_back]
}

/// Lifetime of a challenge: the shortest that the configuration accepts.
const CHALLENGE_LIVES: Duration = Duration::from_secs(10);

/// A gate and its movable clock, at the true time.
async fn gate_with_clock(world: &World, name: &str) -> Result<(GateInfo, MovableClock)> {
    let short = format!("{}s", CHALLENGE_LIVES.as_secs());
    let gate = world.gate_with(name, |config| set(config, "binding", "challenge_ttl", short)).await?;
    let clock = world.stack.restart_with_clock(&gate.name).await?;
    world.until_ready(&gate).await?;
    Ok((gate, clock))
}

/// Requires that a new holder can sign in and is admitted.
async fn serves(world: &World, gate: &GateInfo) -> Result<()> {
    let holder = world.paid_at(gate).await?;
    let session = world.direct_session(&holder.account).await?;
    enter(gate, &holder.account.wireguard_handshake(session)?).await.map(drop)
}

/// Time stamp of the gate's last log line, which shows the shifted clock.
fn last_log(world: &World, gate: &GateInfo) -> Result<SystemTime> {
    let line = world.stack.last_words(&gate.name, 1)?;
    let time = line.split_whitespace().next().context("nothing is logged")?;
    humantime::parse_rfc3339(time).with_context(|| format!("no time in {line}"))
}

/// A right that a clock ahead has ended returns with the true time, and a challenge issued by that clock is worth
/// nothing.
async fn a_clock_that_jumps_ahead_and_comes_back(world: &World) -> Result<()> {
    let (gate, clock) = gate_with_clock(world, "gate-ahead").await?;
    let holder = world.paid_at(&gate).await?;
    let guest = Guest::arrive(world, &gate, &holder.account).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let before = challenge(world, &gate).await?;

    clock.jump("+2h")?;
    refused(&redeem(&gate, &before).await?, 401, 120).context("a challenge of two hours ago")?;
    guest.pings().await.context("a sign-in of two hours ago")?;
    serves(world, &gate).await.context("two hours ahead")?;

    clock.jump("+25h")?;
    guest.falls_silent(SOON).await.context("a sign-in of yesterday")?;
    ensure!(state(&gate, guest.session).await? == ("evicted".into(), "expired".into()), "in another way");
    turned_away(&gate, &handshake, 401, 104).await?;
    serves(world, &gate).await.context("a day ahead")?;
    let to_come = challenge(world, &gate).await?;

    clock.jump("+0s")?;
    eventually("the ping is back", SOON, || guest.pings()).await?;
    enter(&gate, &handshake).await.context("its sign-in has not ended")?;
    refused(&redeem(&gate, &to_come).await?, 401, 120).context("a challenge of tomorrow")?;
    serves(world, &gate).await.context("in time again")
}

/// The gate's own time never goes back: what has expired stays expired, and what begins is not dated in the past.
async fn a_clock_that_jumps_back(world: &World) -> Result<()> {
    let (gate, clock) = gate_with_clock(world, "gate-back").await?;
    let holder = world.paid_at(&gate).await?;
    let guest = Guest::arrive(world, &gate, &holder.account).await?;
    let (old, begun) = (challenge(world, &gate).await?, Instant::now());
    for shift in ["-2h", "-400d"] {
        clock.jump(shift)?;
        tokio::time::sleep(CHALLENGE_LIVES.saturating_sub(begun.elapsed()) + Duration::from_secs(1)).await;
        refused(&redeem(&gate, &old).await?, 401, 120).context("a challenge that has ended")?;
        guest.pings().await?;
        let now = SystemTime::now();
        let bound = world.paid_at(&gate).await.with_context(|| format!("{shift}: a new sign-in"))?.binding;
        let issued = humantime::parse_rfc3339(bound["issued_at"].as_str().unwrap_or_default())?;
        ensure!(now.duration_since(issued).unwrap_or_default() < SOON, "{shift}: issued at {issued:?}");
        serves(world, &gate).await.context(shift)?;
        let logged = last_log(world, &gate)?;
        ensure!(logged + SOON < now, "{shift}: the log is of {logged:?}, so the clock was not moved");
    }
    clock.jump("+0s")?;
    guest.pings().await.context("in time again")?;
    serves(world, &gate).await.context("in time again")
}
