//! `cargo xtask test`: everything that can fail.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sentinel_stack::prerequisites::{self, Need};
use sentinel_stack::{interrupted, paths};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStdout, Command};

use crate::failures::Failures;

/// One runner: what it is, where it runs, how.
struct Step {
    name: &'static str,
    directory: PathBuf,
    command: Vec<String>,
}

impl Step {
    fn new(name: &'static str, directory: PathBuf, command: &[&str]) -> Self {
        Self { name, directory, command: command.iter().map(|&word| word.to_owned()).collect() }
    }
}

/// Installs what is missing, then runs one runner after the other; a failure does not keep the others from running.
pub(crate) async fn run() -> Result<ExitCode> {
    prepare().await?;
    let mut results = Vec::new();
    for step in steps() {
        println!("\n=== {} ({})", step.name, step.command.join(" "));
        let begin = Instant::now();
        let failures = execute(&step).await?;
        results.push((step.name, failures, begin.elapsed().as_secs_f32()));
    }
    println!("\n=== summary");
    for (name, failures, seconds) in &results {
        println!("{} {name:<34} {seconds:>7.1}s", if failures.is_none() { "ok    " } else { "FAILED" });
    }
    let failed = results
        .iter()
        .filter_map(|(name, failures, _)| Some(format!("=== {name}\n{}\n", failures.as_ref()?)));
    let failed = failed.collect::<Vec<_>>().join("\n");
    // Others may have something to say after this program.
    std::fs::write(paths::target().join("failures.txt"), &failed)?;
    print!("{failed}");
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs what is missing.
pub(crate) async fn prepare() -> Result<()> {
    tokio::task::spawn_blocking(|| prerequisites::ensure(&[Need::Network, Need::Browser])).await?
}

fn steps() -> Vec<Step> {
    let root = paths::repository();
    let cargo = |args: &[&str]| Step::new("Rust", root.clone(), &[&[env!("CARGO")], args].concat());
    vec![
        // With long invariants, and the gas of every action compared with the committed figures.
        Step::new("contracts", root.join("contracts"), &["npm", "run", "--silent", "test:ci"]),
        Step::new("stock side, vet", root.join("sentinel"), &["go", "vet", "./..."]),
        Step::new("stock side", root.join("sentinel"), &["go", "test", "-count=1", "./..."]),
        // Reference node and, with SENTINEL_DVPNX_BIN, the real one: the same answers to everything.
        Step::new(
            "stock side, whole",
            root.join("sentinel"),
            &["go", "test", "-count=1", "-tags=stack", "./internal/parity"],
        ),
        // With all features: the tests against a real anvil, a real hub, and the whole network end to end, the
        // sign-in page in a browser included.
        cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]),
    ]
}

/// Runs a step, forwards its output and returns its failures. After an interrupt the step gets time to clean up: it is
/// in the same process group and receives a ctrl-c itself, but not a SIGTERM.
async fn execute(step: &Step) -> Result<Option<String>> {
    let (program, args) = step.command.split_first().context("an empty command")?;
    require_directory(&step.directory)?;
    let mut command = Command::new(program);
    for name in crate::cargo::run_variables(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    let mut child = command
        .args(args)
        .current_dir(&step.directory)
        .env("CARGO_TARGET_DIR", paths::target())
        .env("STOCK_DIR", paths::stock())
        .env("SENTINELHUB_BIN", paths::stock_program("sentinelhub"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let printed = tokio::spawn(pass_on(child.stdout.take().context("no output")?));
    tokio::select! {
        status = child.wait() => {
            let good = status?.success();
            // Something that it has left behind may hold its output open.
            let failures = tokio::time::timeout(Duration::from_secs(5), printed).await;
            Ok((!good).then(|| failures.ok().and_then(Result::ok).unwrap_or_default()))
        }
        done = interrupted() => {
            done?;
            if let Some(id) = child.id() {
                let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
            }
            child.wait().await?;
            bail!("interrupted");
        }
    }
}

async fn pass_on(output: ChildStdout) -> String {
    let (mut output, mut line, mut failures) = (BufReader::new(output), Vec::new(), Failures::default());
    while matches!(output.read_until(b'\n', &mut line).await, Ok(1..)) {
        // The reader of standard output may have closed it.
        let _ = std::io::stdout().write_all(&line);
        failures.add_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    failures.told()
}

fn require_directory(path: &Path) -> Result<()> {
    if path.is_dir() { Ok(()) } else { bail!("{} is missing", path.display()) }
}
