//! What a trial is and how all of them are run.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use libtest_mimic::{Arguments, Failed};
use sentinel_stack::interrupted;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::world::World;

/// A trial that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(120);

type Run = for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// One trial.
pub(crate) struct Trial {
    pub(crate) name: &'static str,
    pub(crate) alone: bool,
    pub(crate) run: Run,
}

impl Trial {
    fn name(&self) -> &'static str {
        self.name.trim_start_matches("e2e::")
    }
}

/// Lists functions of a module as trials: `trials![a, b]`, or `trials![alone: a, b]` for those that stop what
/// others need.
macro_rules! trials {
    (alone: $($name:ident),* $(,)?) => { $crate::trial::trials!(@ true, $($name),*) };
    ($($name:ident),* $(,)?) => { $crate::trial::trials!(@ false, $($name),*) };
    (@ $alone:literal, $($name:ident),*) => {
        vec![$($crate::trial::Trial {
            name: concat!(module_path!(), "::", stringify!($name)),
            alone: $alone,
            run: |world| Box::pin($name(world)),
        }),*]
    };
}
pub(crate) use trials;

/// Runs the trials that the arguments ask for.
pub(crate) fn run(arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
    let stage = if arguments.list { Ok(None) } else { Stage::set().map(|stage| Some(Arc::new(stage))) };
    let stage = match stage {
        Ok(stage) => stage,
        Err(error) => {
            eprintln!("{error:?}");
            return ExitCode::FAILURE;
        }
    };
    let (alone, together): (Vec<_>, Vec<_>) = trials.into_iter().partition(|trial| trial.alone);
    let trials = together.into_iter().chain(alone).map(|trial| {
        let stage = stage.clone();
        libtest_mimic::Trial::test(trial.name(), move || stage.map_or(Ok(()), |stage| stage.play(&trial)))
    });
    let conclusion = libtest_mimic::run(arguments, trials.collect());
    if let Some(stage) = stage {
        stage.clear(conclusion.has_failed());
    }
    conclusion.exit_code()
}

/// An error with its causes, one a line.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join("\n  because: ")
}

/// The network and the runtime in which it lives.
struct Stage {
    world: Arc<World>,
    turn: RwLock<()>,
    runtime: Runtime,
    times: Mutex<Vec<(&'static str, Duration)>>,
}

impl Stage {
    fn set() -> Result<Self> {
        let runtime = Runtime::new()?;
        let world = runtime.block_on(async {
            tokio::select! {
                world = World::start() => world.map(Arc::new),
                done = interrupted() => { done?; bail!("interrupted") }
            }
        })?;
        let shared = Arc::clone(&world);
        // Whoever interrupts this leaves nothing behind: no programs, no namespaces, no bridge.
        runtime.spawn(async move {
            if interrupted().await.is_ok() {
                shared.stack.end();
                std::process::exit(130);
            }
        });
        Ok(Self { world, turn: RwLock::new(()), runtime, times: Mutex::default() })
    }

    /// A trial that fails beside others is tried once more, alone: nearly all of them hold the gate to times, and two
    /// cores with ten programs on them do not always keep theirs. What it said first is told.
    fn play(&self, trial: &Trial) -> Result<(), Failed> {
        let begun = Instant::now();
        let played = self.runtime.block_on(async {
            match self.attempt(trial, trial.alone).await {
                Err(error) if !trial.alone => {
                    eprintln!("{} is tried again, alone: {}", trial.name(), told(&error));
                    self.attempt(trial, true).await
                }
                ended => ended,
            }
        });
        let time = (trial.name(), begun.elapsed());
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(time);
        played.map_err(|error| Failed::from(told(&error)))
    }

    async fn attempt(&self, trial: &Trial, alone: bool) -> Result<()> {
        let _turn =
            if alone { (Some(self.turn.write().await), None) } else { (None, Some(self.turn.read().await)) };
        let world = self.world.for_trial();
        let ended = tokio::time::timeout(LONGEST, (trial.run)(&world)).await;
        world.tidy_up().await;
        ended.context("it does not come to an end")?
    }

    /// Ends the network and says what took long. After a failure the logs stay.
    fn clear(&self, failed: bool) {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        for (name, time) in times.iter().take(10) {
            eprintln!("{:8.2} s  {name}", time.as_secs_f64());
        }
        self.world.stack.end();
        if failed {
            eprintln!("logs: {}", self.world.stack.info().directory);
        } else if let Err(error) = self.world.stack.remove_files() {
            eprintln!("{error:#}");
        }
    }
}
