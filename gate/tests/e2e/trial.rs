//! What a trial is and how all of them are run.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::FutureExt as _;
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

/// What a trial that panicked said.
fn panicked(cause: &(dyn Any + Send)) -> anyhow::Error {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    anyhow!(
        "panicked: {}",
        text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("without a word")
    )
}

/// The network and the runtime in which it lives.
struct Stage {
    world: Arc<World>,
    turn: RwLock<()>,
    runtime: Runtime,
    times: Mutex<Vec<(&'static str, Duration)>>,
    /// Trials that were good alone only, and why not beside others.
    shaky: Mutex<Vec<(&'static str, String)>>,
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
        Ok(Self { world, turn: RwLock::new(()), runtime, times: Mutex::default(), shaky: Mutex::default() })
    }

    /// A trial that fails beside others is tried once more, alone: nearly all of them hold the gate to times, and two
    /// cores with ten programs on them do not always keep theirs. What it said first is told, and told again when
    /// everything is over.
    fn play(&self, trial: &Trial) -> Result<(), Failed> {
        let begun = Instant::now();
        let played = self.runtime.block_on(async {
            let Err(first) = self.attempt(trial, trial.alone).await else { return Ok(()) };
            if trial.alone {
                return Err(told(&first));
            }
            eprintln!("{} is tried again, alone: {}", trial.name(), told(&first));
            let second = self.attempt(trial, true).await;
            let Err(second) = second else {
                self.shaky().push((trial.name(), told(&first)));
                return Ok(());
            };
            Err(format!("alone: {}\nbefore that, beside others: {}", told(&second), told(&first)))
        });
        let time = (trial.name(), begun.elapsed());
        self.times.lock().unwrap_or_else(PoisonError::into_inner).push(time);
        played.map_err(Failed::from)
    }

    /// Plays it in a world of its own and takes that away; a trial is not good before the network is as it was.
    async fn attempt(&self, trial: &Trial, alone: bool) -> Result<()> {
        let _turn =
            if alone { (Some(self.turn.write().await), None) } else { (None, Some(self.turn.read().await)) };
        let world = self.world.for_trial();
        let playing = AssertUnwindSafe((trial.run)(&world)).catch_unwind();
        let ended = match tokio::time::timeout(LONGEST, playing).await {
            Ok(ended) => ended.unwrap_or_else(|cause| Err(panicked(&*cause))),
            Err(_) => Err(anyhow!("it does not come to an end")),
        };
        let ended = match ended {
            Ok(()) => Ok(()),
            Err(error) => {
                let words = world.leavings.last_words(&world.stack).await;
                Err(anyhow!("{}\n{}", told(&error), words.trim_end()))
            }
        };
        let mut left = world.leavings.take_away(&world.stack).await;
        if alone {
            // Whoever is alone may stop what others need.
            left = left.and(world.mend().await);
        }
        ended.and(left.context("afterwards"))
    }

    fn shaky(&self) -> MutexGuard<'_, Vec<(&'static str, String)>> {
        self.shaky.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the network and says what took long. After a failure the logs stay.
    fn clear(&self, failed: bool) {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        for (name, time) in times.iter().take(10) {
            eprintln!("{:8.2} s  {name}", time.as_secs_f64());
        }
        for (name, why) in &*self.shaky() {
            eprintln!("only alone: {name}: {why}");
        }
        self.world.stack.end();
        if failed {
            eprintln!("logs: {}", self.world.stack.info().directory);
        } else if let Err(error) = self.world.stack.remove_files() {
            eprintln!("{error:#}");
        }
    }
}
