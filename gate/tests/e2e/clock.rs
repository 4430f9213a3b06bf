//! The clock of a running gate jumps forward and back: a jump admits nothing, and nothing stays refused after it.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::MovableClock;
use sentinel_stack::info::GateInfo;

use crate::fixture::{
    ConnectedClient, Fixture, Newcomer, ensure_refusal, expect_admission, expect_refusal, session_state,
    set_key,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![recovers_after_the_clock_jumps_ahead_and_returns, keeps_its_own_time_when_the_clock_jumps_back]
}

/// Lifetime of a challenge: the shortest that the configuration accepts.
const CHALLENGE_LIFETIME: Duration = Duration::from_secs(10);
/// Smaller than every jump.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// A gate and its movable clock, at the true time.
async fn gate_with_clock(fixture: &Fixture, name: &str) -> Result<(GateInfo, MovableClock)> {
    let short = format!("{}s", CHALLENGE_LIFETIME.as_secs());
    let gate = fixture.start_gate(name, |config| set_key(config, "binding", "challenge_ttl", short)).await?;
    let clock = fixture.stack.restart_with_clock(&gate.name).await?;
    fixture.wait_until_ready(&gate).await?;
    Ok((gate, clock))
}

/// Requires that a new holder can sign in and is admitted.
async fn expect_service(fixture: &Fixture, gate: &GateInfo) -> Result<()> {
    let holder = fixture.create_paid_holder_at(gate).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    expect_admission(gate, &holder.account.wireguard_handshake(session)?).await.map(drop)
}

/// Time stamp of the gate's last log line, which shows the shifted clock.
fn last_log_time(fixture: &Fixture, gate: &GateInfo) -> Result<SystemTime> {
    let line = fixture.stack.last_words(&gate.name, 1)?;
    let time = line.split_whitespace().next().context("nothing is logged")?;
    humantime::parse_rfc3339(time).with_context(|| format!("no time in {line}"))
}

/// A right that a clock ahead has ended returns with the true time, and a challenge issued by that clock is worth
/// nothing.
async fn recovers_after_the_clock_jumps_ahead_and_returns(fixture: &Fixture) -> Result<()> {
    let (gate, clock) = gate_with_clock(fixture, "gate-ahead").await?;
    let holder = fixture.create_paid_holder_at(&gate).await?;
    let connected = ConnectedClient::connect(fixture, &gate, &holder.account).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    let before = Newcomer::create(fixture, &gate).await?;

    clock.jump("+2h")?;
    ensure_refusal(&before.redeem(&gate).await?, 401, 120).context("a challenge of two hours ago")?;
    connected.expect_ping().await.context("a sign-in of two hours ago")?;
    expect_service(fixture, &gate).await.context("two hours ahead")?;

    clock.jump("+25h")?;
    connected.expect_eviction().await.context("a binding of yesterday")?;
    ensure!(
        session_state(&gate, connected.session).await? == ("evicted".into(), "expired".into()),
        "not evicted by expiry"
    );
    expect_refusal(&gate, &handshake, 401, 104).await?;
    expect_service(fixture, &gate).await.context("a day ahead")?;
    let to_come = Newcomer::create(fixture, &gate).await?;

    clock.jump("+0s")?;
    connected.expect_return().await?;
    expect_admission(&gate, &handshake).await.context("the binding has not ended")?;
    ensure_refusal(&to_come.redeem(&gate).await?, 401, 120).context("a challenge of tomorrow")?;
    expect_service(fixture, &gate).await.context("in time again")
}

/// The gate's own time never goes back: what has expired stays expired, and what begins is not dated in the past.
async fn keeps_its_own_time_when_the_clock_jumps_back(fixture: &Fixture) -> Result<()> {
    let (gate, clock) = gate_with_clock(fixture, "gate-back").await?;
    let holder = fixture.create_paid_holder_at(&gate).await?;
    let connected = ConnectedClient::connect(fixture, &gate, &holder.account).await?;
    let (old, begun) = (Newcomer::create(fixture, &gate).await?, Instant::now());
    for shift in ["-2h", "-400d"] {
        clock.jump(shift)?;
        tokio::time::sleep(CHALLENGE_LIFETIME.saturating_sub(begun.elapsed()) + Duration::from_secs(1)).await;
        ensure_refusal(&old.redeem(&gate).await?, 401, 120).context("a challenge that has ended")?;
        connected.expect_ping().await?;
        let now = SystemTime::now();
        let bound = fixture
            .create_paid_holder_at(&gate)
            .await
            .with_context(|| format!("{shift}: a new sign-in"))?
            .binding;
        let issued = humantime::parse_rfc3339(bound["issued_at"].as_str().unwrap_or_default())?;
        ensure!(
            now.duration_since(issued).unwrap_or_default() < CLOCK_TOLERANCE,
            "{shift}: issued at {issued:?}"
        );
        expect_service(fixture, &gate).await.context(shift)?;
        let logged = last_log_time(fixture, &gate)?;
        ensure!(
            logged + CLOCK_TOLERANCE < now,
            "{shift}: the log is of {logged:?}, so the clock was not moved"
        );
    }
    clock.jump("+0s")?;
    connected.expect_ping().await.context("in time again")?;
    expect_service(fixture, &gate).await.context("in time again")
}
