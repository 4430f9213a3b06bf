//! All programs of one run, by name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use nix::sys::signal::Signal;

use super::child::{Child, Spec};
use super::tail;

/// Starts and stops programs; ends all of them when it is dropped.
#[derive(Debug)]
pub(crate) struct Supervisor {
    http: reqwest::Client,
    entries: Mutex<Vec<Arc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    spec: Spec,
    child: Mutex<Option<Child>>,
}

impl Entry {
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor {
    pub(crate) fn new(http: reqwest::Client) -> Self {
        Self { http, entries: Mutex::default() }
    }

    /// Registers a program, starts it and waits until it is ready.
    pub(crate) async fn launch(&self, spec: Spec) -> Result<()> {
        let name = spec.name.clone();
        self.begin(spec)?;
        self.ready(&name).await
    }

    /// Registers a program and starts it. Part of it may be of use before [`Self::ready`].
    pub(crate) fn begin(&self, spec: Spec) -> Result<()> {
        let name = spec.name.clone();
        if self.entry(&name).is_ok() {
            bail!("{name} exists already");
        }
        self.lock().push(Arc::new(Entry { spec, child: Mutex::default() }));
        self.spawn(&name, &[])
    }

    /// Waits until a program that was started is ready.
    pub(crate) async fn ready(&self, name: &str) -> Result<()> {
        self.wait_until_ready(&*self.entry(name)?, Duration::from_secs(60)).await
    }

    /// Starts a stopped program and waits until it is ready.
    pub(crate) async fn start(&self, name: &str, environment: &[(OsString, OsString)]) -> Result<()> {
        self.spawn(name, environment)?;
        self.ready(name).await
    }

    fn spawn(&self, name: &str, environment: &[(OsString, OsString)]) -> Result<()> {
        let entry = self.entry(name)?;
        let mut child = entry.child();
        if child.as_ref().is_some_and(Child::is_running) {
            bail!("{name} is running already");
        }
        *child = Some(Child::spawn(&entry.spec, environment)?);
        Ok(())
    }

    /// Asks it to end and waits for that. One that has to be killed is an error.
    pub(crate) async fn stop(&self, name: &str) -> Result<()> {
        let (ended, grace) = (self.end(name, Child::stop).await?, self.entry(name)?.spec.grace);
        if ended { Ok(()) } else { Err(anyhow!("{name} did not end within {grace:?} and was killed")) }
    }

    /// Kills it with `SIGKILL`.
    pub(crate) async fn kill(&self, name: &str) -> Result<()> {
        self.end(name, |child, _| child.kill()).await
    }

    /// Ends it, if it runs, and forgets it.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        let runs = self.entry(name)?.child().is_some();
        let ended = if runs { self.stop(name).await } else { Ok(()) };
        self.lock().retain(|entry| entry.spec.name != name);
        ended
    }

    /// Suspends it: its ports stay open, nothing answers.
    pub(crate) fn pause(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::SIGSTOP)
    }

    /// Resumes a paused program.
    pub(crate) fn resume(&self, name: &str) -> Result<()> {
        self.signal(name, Signal::SIGCONT)
    }

    /// Every program with the id of its process, if it runs.
    pub(crate) fn list(&self) -> BTreeMap<String, Option<i32>> {
        let running =
            |entry: &Entry| entry.child().as_ref().filter(|child| child.is_running()).map(Child::id);
        self.lock().iter().map(|entry| (entry.spec.name.clone(), running(entry))).collect()
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self, name: &str, lines: usize) -> Result<String> {
        Ok(tail(&self.entry(name)?.spec.log, lines))
    }

    /// Ends everything, the last started first.
    pub(crate) fn stop_all(&self) {
        let entries = self.lock().clone();
        for entry in entries.iter().rev() {
            if let Some(child) = entry.child().take() {
                child.stop(entry.spec.grace);
            }
        }
    }

    async fn end<T: Send + 'static>(
        &self,
        name: &str,
        how: impl FnOnce(&Child, Duration) -> T + Send + 'static,
    ) -> Result<T> {
        let entry = self.entry(name)?;
        let child = entry.child().take().with_context(|| format!("{name} is not running"))?;
        let grace = entry.spec.grace;
        Ok(tokio::task::spawn_blocking(move || how(&child, grace)).await?)
    }

    fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let entry = self.entry(name)?;
        let child = entry.child();
        child.as_ref().with_context(|| format!("{name} is not running"))?.signal(signal)
    }

    async fn wait_until_ready(&self, entry: &Entry, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let Err(error) = entry.spec.probe.try_once(&self.http).await else { return Ok(()) };
            let problem = if !entry.child().as_ref().is_some_and(Child::is_running) {
                "it ended".to_owned()
            } else if Instant::now() > deadline {
                format!("{error:#}")
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Spec { name, log, .. } = &entry.spec;
            let lines = tail(log, 15);
            return Err(anyhow!("{name} does not start: {problem}\nlog: {}\n{lines}", log.display()));
        }
    }

    fn entry(&self, name: &str) -> Result<Arc<Entry>> {
        let entries = self.lock();
        let known = || entries.iter().map(|entry| entry.spec.name.clone()).collect::<Vec<_>>().join(", ");
        let found = entries.iter().find(|entry| entry.spec.name == name).cloned();
        found.with_context(|| format!("there is no program {name}, only: {}", known()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_all();
    }
}
