//! Runs scenarios in one shared network: concurrent ones first, exclusive ones after them.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::FutureExt as _;
use libtest_mimic::{Arguments, Failed, Trial};
use sentinel_stack::interrupted;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::fixture::Fixture;
use crate::scenario::Scenario;

const SCENARIO_TIMEOUT: Duration = Duration::from_secs(120);
/// Number of scenarios whose durations are printed.
const LISTED_DURATIONS: usize = 10;
const INTERRUPTED: i32 = 130;

/// Runs the scenarios that the arguments select.
pub(crate) fn run(arguments: &Arguments, scenarios: Vec<Scenario>) -> ExitCode {
    let harness =
        if arguments.list { Ok(None) } else { Harness::start().map(|harness| Some(Arc::new(harness))) };
    let harness = match harness {
        Ok(harness) => harness,
        Err(error) => {
            eprintln!("{error:?}");
            return ExitCode::FAILURE;
        }
    };
    let (exclusive, concurrent): (Vec<_>, Vec<_>) =
        scenarios.into_iter().partition(|scenario| scenario.exclusive);
    let trials = concurrent.into_iter().chain(exclusive).map(|scenario| {
        let harness = harness.clone();
        Trial::test(scenario.name(), move || {
            harness.map_or(Ok(()), |harness| harness.run_scenario(&scenario))
        })
    });
    let conclusion = libtest_mimic::run(arguments, trials.collect());
    if let Some(harness) = harness {
        harness.finish(conclusion.has_failed());
    }
    conclusion.exit_code()
}

/// An error with its causes, one a line.
fn describe(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join("\n  because: ")
}

fn panic_error(cause: &(dyn Any + Send)) -> anyhow::Error {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied());
    anyhow!("panicked: {}", text.unwrap_or("without a message"))
}

/// The network and the runtime in which it lives.
struct Harness {
    fixture: Arc<Fixture>,
    /// Shared by concurrent scenarios, locked by an exclusive one.
    schedule: RwLock<()>,
    runtime: Runtime,
    durations: Mutex<Vec<(&'static str, Duration)>>,
}

impl Harness {
    fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let fixture = runtime.block_on(async {
            tokio::select! {
                fixture = Fixture::start() => fixture.map(Arc::new),
                done = interrupted() => { done?; bail!("interrupted") }
            }
        })?;
        let shared = Arc::clone(&fixture);
        // An interrupt leaves no programs, namespaces or bridges behind.
        runtime.spawn(async move {
            if interrupted().await.is_ok() {
                shared.stack.end();
                std::process::exit(INTERRUPTED);
            }
        });
        Ok(Self { fixture, schedule: RwLock::new(()), runtime, durations: Mutex::default() })
    }

    fn run_scenario(&self, scenario: &Scenario) -> Result<(), Failed> {
        let begun = Instant::now();
        let outcome = self.runtime.block_on(async {
            if scenario.exclusive {
                let _exclusive = self.schedule.write().await;
                self.run_and_clean_up(scenario).await
            } else {
                let _shared = self.schedule.read().await;
                self.run_and_clean_up(scenario).await
            }
        });
        let duration = (scenario.name(), begun.elapsed());
        self.durations.lock().unwrap_or_else(PoisonError::into_inner).push(duration);
        outcome.map_err(|error| Failed::from(describe(&error)))
    }

    /// Runs a scenario with a cleanup list of its own. A cleanup that fails is a failure of the scenario.
    async fn run_and_clean_up(&self, scenario: &Scenario) -> Result<()> {
        let fixture = self.fixture.for_scenario();
        let running = AssertUnwindSafe((scenario.run)(&fixture)).catch_unwind();
        let outcome = match tokio::time::timeout(SCENARIO_TIMEOUT, running).await {
            Ok(outcome) => outcome.unwrap_or_else(|cause| Err(panic_error(&*cause))),
            Err(_) => Err(anyhow!("not finished within {SCENARIO_TIMEOUT:?}")),
        };
        let outcome = match outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                let logs = fixture.cleanup.recent_logs(&fixture.stack).await;
                Err(anyhow!("{}\n{}", describe(&error), logs.trim_end()))
            }
        };
        let mut cleaned = fixture.cleanup.run(&fixture.stack).await;
        if scenario.exclusive {
            // It may have stopped programs of the network.
            cleaned = cleaned.and(fixture.revive_network().await);
        }
        outcome.and(cleaned.context("cleanup"))
    }

    /// Stops the network and prints the longest durations. After a failure the logs are kept.
    fn finish(&self, failed: bool) {
        let mut durations =
            std::mem::take(&mut *self.durations.lock().unwrap_or_else(PoisonError::into_inner));
        durations.sort_by_key(|(_, duration)| std::cmp::Reverse(*duration));
        for (name, duration) in durations.iter().take(LISTED_DURATIONS) {
            eprintln!("{:8.2} s  {name}", duration.as_secs_f64());
        }
        self.fixture.stack.end();
        if failed {
            eprintln!("logs: {}", self.fixture.stack.info().directory);
        } else if let Err(error) = self.fixture.stack.remove_files() {
            eprintln!("{error:#}");
        }
    }
}
