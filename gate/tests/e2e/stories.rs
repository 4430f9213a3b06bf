//! The stories of the demo, each with the stock client and, where it is admitted, a ping through the tunnel.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sentinel_stack::stories::{self, Ending};

use crate::fixture::{Fixture, read_metric, session_record};
use crate::scenario::{Scenario, scenarios};

macro_rules! story_scenarios {
    ($($name:ident: $check:expr),* $(,)?) => {
        $(async fn $name(fixture: &Fixture) -> Result<()> {
            $check(tell_story(fixture, stringify!($name)).await?)
        })*

        pub(crate) fn scenarios() -> Vec<Scenario> {
            let mut scenarios = scenarios![admits_probe_and_counts_it_separately, covers_every_story];
            scenarios.extend(scenarios![$($name),*]);
            scenarios
        }

        const CHECKED_STORIES: &[&str] = &[$(stringify!($name)),*];
    };
}

story_scenarios! {
    no_sign_in: |ending| expect_refusal_saying(&ending, &["sign in", "/gate/"]),
    no_card: |ending| expect_refusal_saying(&ending, &["no qualifying card"]),
    other_card: |ending| expect_tunnel(&ending, "paid"),
    this_card: |ending| expect_tunnel(&ending, "free"),
    other_card_on_free_plan: |ending| expect_refusal_saying(&ending, &["plan", "paid"]),
    cold_vault: |ending| expect_tunnel(&ending, "paid"),
    zero_click: |ending| expect_tunnel(&ending, "free"),
}

async fn tell_story(fixture: &Fixture, name: &str) -> Result<Ending> {
    let story = stories::all().into_iter().find(|story| story.name == name).context("no such story")?;
    story.tell(&fixture.stack).await
}

async fn covers_every_story(_: &Fixture) -> Result<()> {
    let all: Vec<_> = stories::all().iter().map(|story| story.name).collect();
    ensure!(all == CHECKED_STORIES, "the demo has {all:?}, the scenarios check {CHECKED_STORIES:?}");
    Ok(())
}

fn expect_tunnel(ending: &Ending, wanted: &str) -> Result<()> {
    match ending {
        Ending::Tunnel { tier, ping, .. } if tier == wanted && *ping > Duration::ZERO => Ok(()),
        other => bail!("not a tunnel of the {wanted} tier: {other:?}"),
    }
}

fn expect_refusal_saying(ending: &Ending, words: &[&str]) -> Result<()> {
    let Ending::Refused { refusal } = ending else { bail!("not refused: {ending:?}") };
    for word in words {
        ensure!(refusal.text.contains(word), "the message does not contain {word:?}: {refusal}");
    }
    Ok(())
}

/// The official health checks use an account without a card.
async fn admits_probe_and_counts_it_separately(fixture: &Fixture) -> Result<()> {
    const ADMISSIONS: &str = "sovereign_gate_admissions_total";
    let (gate, node) = (fixture.gate(), fixture.node());
    let key = &fixture.stack.info().hub.probe_key;
    let admitted = || read_metric(gate, ADMISSIONS, &[r#"outcome="admitted""#, r#"tier="probe""#]);
    let before = admitted().await?;
    let session = fixture.hub().direct_session_of(key, &node.address).await?;
    let client = fixture.stack.client().await?;
    let tunnel = client.connect_with(&gate.url, session, key, &node.address, &[]).await??;
    client.ping(&tunnel, Duration::from_secs(5)).await?;
    client.disconnect(&tunnel).await?;
    ensure!((admitted().await? - before - 1.0).abs() < 0.5, "the probe is not counted as a probe");
    ensure!(
        read_metric(gate, "sovereign_gate_live_sessions", &[r#"tier="probe""#]).await? >= 1.0,
        "not live"
    );
    let listed = session_record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(listed["tier"] == "probe" && listed["wallet"].is_null(), "listed as {listed}");
    Ok(())
}
