//! What a trial leaves behind. It is taken away again whatever came of the trial, so that the next one, or the same once
//! more, finds the network as it was.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sentinel_stack::Stack;
use tokio::sync::Mutex;

/// Lines of a gate's log that are told after a failure.
const LAST_WORDS: usize = 15;
/// For one thing to be set back.
const PATIENCE: Duration = Duration::from_secs(60);

type Undo = (&'static str, Pin<Box<dyn Future<Output = Result<()>> + Send>>);

/// Gates that a trial has added, and what it has to set back.
#[derive(Default)]
pub(crate) struct Leavings {
    gates: Mutex<Vec<String>>,
    undo: Mutex<Vec<Undo>>,
}

impl Leavings {
    /// A gate of this name ends with the trial.
    pub(crate) async fn gate(&self, name: &str) {
        self.gates.lock().await.push(name.to_owned());
    }

    /// This is done after the trial.
    pub(crate) async fn afterwards(
        &self,
        what: &'static str,
        undo: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        self.undo.lock().await.push((what, Box::pin(undo)));
    }

    /// What the trial's gates said last; if it has none, those of the network.
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

    /// Sets everything back, the last thing first, and ends the gates: each asks the node now and then, and the node's
    /// patience with their common address is short.
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
