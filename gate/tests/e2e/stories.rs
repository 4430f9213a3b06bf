//! The stories of the demo, each with the stock client and, where it is admitted, a ping through the tunnel.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sentinel_stack::stories::{self, Ending};

use crate::trial::{Trial, trials};
use crate::world::{World, metric, record};

macro_rules! told {
    ($($name:ident: $check:expr),* $(,)?) => {
        $(async fn $name(world: &World) -> Result<()> {
            $check(tell(world, stringify!($name)).await?)
        })*

        pub(crate) fn trials() -> Vec<Trial> {
            let mut trials = trials![a_probe_passes_and_is_counted_apart, every_story_is_told];
            trials.extend(trials![$($name),*]);
            trials
        }

        const TOLD: &[&str] = &[$(stringify!($name)),*];
    };
}

told! {
    no_sign_in: |ending| refused_with(&ending, &["sign in", "/gate/"]),
    no_card: |ending| refused_with(&ending, &["no qualifying card"]),
    other_card: |ending| tunnel(&ending, "paid"),
    this_card: |ending| tunnel(&ending, "free"),
    other_card_on_free_plan: |ending| refused_with(&ending, &["plan", "paid"]),
    cold_vault: |ending| tunnel(&ending, "paid"),
    zero_click: |ending| tunnel(&ending, "free"),
}

async fn tell(world: &World, name: &str) -> Result<Ending> {
    let story = stories::all().into_iter().find(|story| story.name == name).context("no such story")?;
    story.tell(&world.stack).await
}

async fn every_story_is_told(_: &World) -> Result<()> {
    let all: Vec<_> = stories::all().iter().map(|story| story.name).collect();
    ensure!(all == TOLD, "the demo tells {all:?}, the trials {TOLD:?}");
    Ok(())
}

fn tunnel(ending: &Ending, wanted: &str) -> Result<()> {
    match ending {
        Ending::Tunnel { tier, ping, .. } if tier == wanted && *ping > Duration::ZERO => Ok(()),
        other => bail!("not a tunnel of the {wanted} tier: {other:?}"),
    }
}

fn refused_with(ending: &Ending, words: &[&str]) -> Result<()> {
    let Ending::Refused { refusal } = ending else { bail!("not refused: {ending:?}") };
    for word in words {
        ensure!(refusal.text.contains(word), "the sentence does not say {word:?}: {refusal}");
    }
    Ok(())
}

/// The official health checks use an account without a card.
async fn a_probe_passes_and_is_counted_apart(world: &World) -> Result<()> {
    const ADMISSIONS: &str = "sovereign_gate_admissions_total";
    let (gate, node) = (world.gate(), world.node());
    let key = &world.stack.info().hub.probe_key;
    let admitted = || metric(gate, ADMISSIONS, &[r#"outcome="admitted""#, r#"tier="probe""#]);
    let before = admitted().await?;
    let session = world.hub().direct_session_of(key, &node.address).await?;
    let client = world.stack.client().await?;
    let tunnel = client.connect_with(&gate.url, session, key, &node.address, &[]).await??;
    client.ping(&tunnel, Duration::from_secs(5)).await?;
    client.disconnect(&tunnel).await?;
    ensure!((admitted().await? - before - 1.0).abs() < 0.5, "the probe is not counted as a probe");
    ensure!(metric(gate, "sovereign_gate_live_sessions", &[r#"tier="probe""#]).await? >= 1.0, "not live");
    let listed = record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(listed["tier"] == "probe" && listed["wallet"].is_null(), "listed as {listed}");
    Ok(())
}
