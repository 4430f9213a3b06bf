//! Random sequences against a running gate. Strangers act between the steps of a victim, which must see what it would
//! see without them; and one holder acts over many accounts, whose peers must stay within the holder's slots.
//!
//! `RIGHTS_SEED` sets the seed of the first sequence, `RIGHTS_SEQUENCES` their number. A failure reports the seed of
//! its sequence and the steps that remain after shrinking. Cards and delegations are on the real EVM chain; hub and
//! node are stubs in this process, which makes hundreds of sequences affordable.

mod holder;
mod strangers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use futures::StreamExt as _;
use rand::Rng as _;
use rand::rngs::StdRng;
use sentinel_stack::actors::Answer;

use self::holder::random_accounts_of_a_holder_stay_within_its_slots;
use self::strangers::random_strangers_change_nothing_for_a_victim;
use crate::rights_fixture::Registry;
use crate::rights_scene::Scene;
use crate::trial::{Trial, trials};
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    trials![random_strangers_change_nothing_for_a_victim, random_accounts_of_a_holder_stay_within_its_slots]
}

const DEFAULT_SEED: u64 = 6529;
/// Concurrent sequences. The node has 250 slots, and a sequence uses up to 12.
const CONCURRENCY: usize = 12;
/// No further sequence begins after this time: a scenario must end within two minutes.
const TIME_LIMIT: Duration = Duration::from_secs(80);
const SHRINK_LIMIT: Duration = Duration::from_secs(20);

/// Seeds of the sequences, from the environment.
fn seeds(default_count: usize) -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("RIGHTS_SEED").unwrap_or(DEFAULT_SEED);
    let count = number("RIGHTS_SEQUENCES").unwrap_or(default_count as u64);
    (0..count).map(move |index| first.wrapping_add(index))
}

/// A sequence of steps that can be run, and run again with fewer steps.
trait Sequence: Clone {
    /// A step and the time until the next one.
    type Step: Clone + std::fmt::Debug;

    /// The sequence of a seed.
    fn of_seed(seed: u64) -> Self;
    /// The steps.
    fn steps(&mut self) -> &mut Vec<Self::Step>;
    /// The initial state.
    fn describe(&self) -> String;
    /// Runs the sequence; `Err`: a property does not hold.
    async fn run(&self, scene: &Scene) -> Result<()>;
}

/// Runs sequences concurrently; the first failure is shrunk and reported.
async fn run_sequences<S: Sequence>(world: &World, name: &str, default_count: usize) -> Result<()> {
    let scene = Scene::start(world, name).await?;
    let (begun, done) = (Instant::now(), AtomicUsize::new(0));
    let runs = futures::stream::iter(seeds(default_count)).map(|seed| {
        let (scene, done) = (&scene, &done);
        async move {
            if begun.elapsed() > TIME_LIMIT {
                return Ok(());
            }
            let sequence = S::of_seed(seed);
            let ran = sequence.run(scene).await;
            done.fetch_add(1, Ordering::SeqCst);
            ran.map_err(|error| (seed, sequence, error))
        }
    });
    let mut runs = Box::pin(runs.buffer_unordered(CONCURRENCY));
    let all = async {
        while let Some(ran) = runs.next().await {
            if let Err((seed, sequence, error)) = ran {
                let first = format!("{error:#}");
                // Cancels the others: what they have in progress does not affect this one.
                drop(runs);
                return Err(shrink(&scene, seed, sequence, first).await);
            }
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = all => ended,
        failed = scene.watch_sessions() => failed,
    };
    let count = done.load(Ordering::SeqCst);
    ended.with_context(|| format!("after {count} sequences in {:?}", begun.elapsed()))?;
    eprintln!("{name}: {count} sequences in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Removes steps that the failure does not need: first many at once, then single ones. Candidates run concurrently.
async fn shrink<S: Sequence>(scene: &Scene, seed: u64, sequence: S, first: String) -> anyhow::Error {
    let (begun, mut smallest, mut message) = (Instant::now(), sequence, first.clone());
    let mut size = smallest.steps().len().div_ceil(2);
    while size > 0 && begun.elapsed() < SHRINK_LIMIT {
        let starts = (0..smallest.steps().len()).step_by(size).rev();
        let candidates = starts.map(|start| {
            let mut candidate = smallest.clone();
            let end = candidate.steps().len().min(start + size);
            candidate.steps().drain(start..end);
            async move { candidate.run(scene).await.err().map(|error| (candidate, format!("{error:#}"))) }
        });
        let mut runs = Box::pin(futures::stream::iter(candidates).buffer_unordered(CONCURRENCY));
        let mut smaller = None;
        while let Some(ran) = runs.next().await {
            smaller = smaller.or(ran);
        }
        drop(runs);
        match smaller {
            Some(failed) => (smallest, message) = failed,
            None if size == 1 => break,
            None => size = size.div_ceil(2),
        }
    }
    let steps: Vec<String> = smallest.steps().iter().map(|step| format!("  {step:?}")).collect();
    let (begins, steps) = (smallest.describe(), steps.join("\n"));
    anyhow!("RIGHTS_SEED={seed}: {first}\nshrunk: {message}\n{begins}\n{steps}")
}

fn random_registry(rng: &mut StdRng) -> Registry {
    if rng.random() { Registry::Nft6529 } else { Registry::DelegateXyz }
}

/// Most steps follow at once; some give the gate time.
fn random_pause(rng: &mut StdRng) -> Duration {
    Duration::from_millis(if rng.random_bool(0.6) { 0 } else { rng.random_range(0..300) })
}

fn token(answer: &Answer) -> Option<String> {
    answer.body["result"]["token"].as_str().map(str::to_owned)
}
