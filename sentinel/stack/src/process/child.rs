//! One program: its command line, and the process that runs it now.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::readiness::Probe;

/// A program of the network and how it is run.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// The name that the controls use: `anvil`, `hub`, `node1`, `gate1`.
    pub(crate) name: String,
    /// The whole command line, the program first.
    pub(crate) command: Vec<OsString>,
    /// Added to the environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Both output streams are appended here.
    pub(crate) log: PathBuf,
    /// Asked until it answers before the program counts as started.
    pub(crate) probe: Probe,
    /// How long after `SIGTERM` it may take to end by itself.
    pub(crate) grace: Duration,
}

/// A running process. The thread that spawned it waits for it: so `PDEATHSIG`, which the kernel sends when the
/// *thread* that forked ends, fires when this program ends and never before.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    exit: Arc<Exit>,
}

#[derive(Debug, Default)]
struct Exit {
    state: Mutex<ExitState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ExitState {
    asked_for: bool,
    status: Option<ExitStatus>,
}

impl Exit {
    fn lock(&self) -> MutexGuard<'_, ExitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child {
    /// Starts the program in a process group of its own, so that a ctrl-c in the terminal does not reach it
    /// before its owner can stop everything in order.
    pub(crate) fn spawn(spec: &Spec, environment: &[(OsString, OsString)]) -> Result<Self> {
        let mut command = command(spec, environment)?;
        let exit = Arc::new(Exit::default());
        let (started, start) = mpsc::sync_channel(1);
        let (name, log, shared) = (spec.name.clone(), spec.log.clone(), Arc::clone(&exit));
        std::thread::Builder::new().name(format!("wait-{name}")).spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(started.send(Err(error))),
            };
            drop(started.send(Ok(child.id())));
            let status = child.wait().ok();
            let mut state = shared.lock();
            if !state.asked_for {
                let status = status.map_or_else(|| "for an unknown reason".to_owned(), |s| s.to_string());
                tracing::warn!("{name} ended by itself ({status}), see {}", log.display());
            }
            state.status = status.or_else(|| Some(ExitStatus::default()));
            shared.changed.notify_all();
        })?;
        let id = start.recv()?.with_context(|| format!("cannot start {}", spec.name))?;
        Ok(Self { pid: Pid::from_raw(i32::try_from(id)?), exit })
    }

    pub(crate) fn is_running(&self) -> bool {
        self.exit.lock().status.is_none()
    }

    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let mut state = self.exit.lock();
        if state.status.is_some() {
            bail!("it is not running");
        }
        state.asked_for |= matches!(signal, Signal::SIGTERM | Signal::SIGKILL);
        killpg(self.pid, signal).context("cannot signal the process")
    }

    /// Sends `SIGTERM`, waits for `grace`, then sends `SIGKILL`. Returns whether `SIGTERM` was enough.
    pub(crate) fn stop(&self, grace: Duration) -> bool {
        // A paused process would act on SIGTERM only after being continued. Errors mean: gone already.
        let _ = self.signal(Signal::SIGCONT);
        let _ = self.signal(Signal::SIGTERM);
        let ended = self.wait(grace);
        if !ended {
            self.kill();
        }
        ended
    }

    pub(crate) fn kill(&self) {
        let _ = self.signal(Signal::SIGKILL);
        self.wait(Duration::from_secs(5));
    }

    fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.exit.lock();
        while state.status.is_none() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            state = self
                .exit
                .changed
                .wait_timeout(state, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
        true
    }
}

fn command(spec: &Spec, environment: &[(OsString, OsString)]) -> Result<Command> {
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&spec.log)
        .with_context(|| format!("cannot write {}", spec.log.display()))?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--"])
        .args(&spec.command)
        .envs(spec.environment.iter().map(|(key, value)| (key, value)))
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0);
    Ok(command)
}
