//! Cleanup after a scenario, whatever its outcome, so that the next one finds the network unchanged.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sentinel_stack::Stack;
use tokio::sync::Mutex;

/// Lines of a gate's log that are printed after a failure.
const LAST_WORDS: usize = 15;
/// Time limit of one undo step.
const PATIENCE: Duration = Duration::from_secs(60);

type Undo = (&'static str, Pin<Box<dyn Future<Output = Result<()>> + Send>>);

/// Gates that a scenario has added, and undo steps that it has registered.
#[derive(Default)]
pub(crate) struct Leavings {
    gates: Mutex<Vec<String>>,
    undo: Mutex<Vec<Undo>>,
}

impl Leavings {
    /// Registers a gate for removal after the scenario.
    pub(crate) async fn gate(&self, name: &str) {
        self.gates.lock().await.push(name.to_owned());
    }

    /// Registers a step that runs after the scenario.
    pub(crate) async fn afterwards(
        &self,
        what: &'static str,
        undo: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        self.undo.lock().await.push((what, Box::pin(undo)));
    }

    /// Latest log lines of the scenario's gates, or of the network's gates if the scenario has none.
    pub(crate) async fn last_words(&self, stack: &Stack) -> String {
        let mut names = self.gates.lock().await.clone();
        if names.is_empty() {
            names.extend(stack.info().gates.iter().map(|gate| gate.name.clone()));
        }
        let told = |name: &String| {
            let words = stack.last_words(name, LAST_WORDS).unwrap_or_else(|error| error.to_string());
            let words: Vec<_> = words.lines().map(|line| format!("    {line}")).collect();
            format!("{name} said last:\n{}", words.join("\n"))
        };
        names.iter().map(told).collect::<Vec<_>>().join("\n")
    }

    /// Runs the undo steps, last registered first, then removes the gates: each gate polls the node from a shared
    /// address, and the node's rate limit for it is low.
    pub(crate) async fn take_away(&self, stack: &Stack) -> Result<()> {
        let mut problem = Ok(());
        while let Some((what, undo)) = self.pop().await {
            let done = tokio::time::timeout(PATIENCE, undo).await.context("it takes too long");
            problem = problem.and(done.and_then(|done| done).context(what));
        }
        for gate in self.gates.lock().await.drain(..) {
            problem = problem.and(stack.remove_gate(&gate).await);
        }
        problem
    }

    async fn pop(&self) -> Option<Undo> {
        self.undo.lock().await.pop()
    }
}
