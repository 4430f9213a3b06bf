//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, each for a while, two at a time.
//!
//! With the compiler that everything else is built with, and in the same target directory: only our own crates are
//! instrumented (`fuzz/instrument.sh`), and the fuzzer is built as a test, so that its dependencies are those that the
//! tests have already.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use futures::StreamExt as _;
use sentinel_stack::{interrupted, paths};
use tokio::process::Command;

/// Number of cores of the smallest supported machine.
const MAX_PARALLEL_TARGETS: usize = 2;
/// Maximum input size in bytes: a sign-in message has up to 4 KiB, its body a little more.
const MAX_INPUT_BYTES: usize = 6 * 1024;
/// Lines of the log that are printed after a failure.
const MAX_LOG_LINES: usize = 40;

/// What to fuzz.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this target: handshake, signin, forwarding or hub.
    target: Option<String>,
    /// How long for each.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Afterwards put the smallest inputs that reach everything into fuzz/corpus, in place of what is there.
    #[arg(long)]
    keep: bool,
}

/// Runs one target, or all.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    tokio::select! {
        done = interrupted() => done.map(|()| ExitCode::from(130)),
        done = run_targets(options) => done,
    }
}

async fn run_targets(options: Options) -> Result<ExitCode> {
    let mut names = targets()?;
    if let Some(name) = options.target {
        ensure!(names.contains(&name), "no target {name}, only: {}", names.join(", "));
        names = vec![name];
    }
    let program = build().await?;
    let runs = names.iter().map(|name| run_target(&program, name, options.seconds));
    let good: Vec<_> = futures::stream::iter(runs).buffered(MAX_PARALLEL_TARGETS).collect().await;
    let good = good.into_iter().collect::<Result<Vec<_>>>()?;
    if options.keep {
        for name in &names {
            minimize_corpus(&program, name).await?;
        }
    }
    Ok(if good.into_iter().all(|good| good) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each target has a corpus of its name.
fn targets() -> Result<Vec<String>> {
    let corpora = fs::read_dir(directory().join("corpus")).context("fuzz/corpus")?;
    let mut names: Vec<_> =
        corpora.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Whether nothing broke the target in this time.
async fn run_target(program: &Path, name: &str, seconds: u64) -> Result<bool> {
    // What is found goes into the first; the second one is only read.
    let (found, kept) = (work(name)?, directory().join("corpus").join(name));
    let artifacts = directory().join("artifacts");
    fs::create_dir_all(&artifacts)?;
    let log = paths::target().join("fuzz").join(format!("{name}.log"));
    let status = fuzzer(program, name, &log)?
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_INPUT_BYTES}")])
        .arg(format!("-artifact_prefix={}/{name}-", artifacts.display()))
        .args(["-timeout=5", "-rss_limit_mb=1024", "-reduce_inputs=1", "-print_final_stats=1"])
        .args([&found, &kept])
        .status()
        .await
        .context("cannot run the fuzzer")?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let good = status.success();
    println!("\n=== {name}, {seconds} s{}", if good { "" } else { ": FAILED" });
    let lines: Vec<_> = text.lines().collect();
    if good {
        let told = lines.iter().filter(|line| line.starts_with("stat::") || line.contains(" DONE "));
        told.for_each(|line| println!("{line}"));
    } else {
        lines.iter().skip(lines.len().saturating_sub(MAX_LOG_LINES)).for_each(|line| println!("{line}"));
        println!("what broke it is in {}; the whole log is {}", artifacts.display(), log.display());
    }
    Ok(good)
}

/// The fewest inputs that reach all that both corpora reach, however often, in place of the committed ones.
async fn minimize_corpus(program: &Path, name: &str) -> Result<()> {
    let (found, kept) = (work(name)?, directory().join("corpus").join(name));
    let smallest = tempfile::tempdir_in(paths::target())?;
    let log = paths::target().join("fuzz").join(format!("{name}-keep.log"));
    let merged = fuzzer(program, name, &log)?
        .args(["-set_cover_merge=1", "-use_counters=0"])
        .args([smallest.path(), &kept, &found])
        .status()
        .await?;
    ensure!(merged.success(), "{name}: the corpora cannot be merged, see {}", log.display());
    fs::remove_dir_all(&kept)?;
    fs::create_dir(&kept)?;
    let mut count = 0;
    for entry in fs::read_dir(smallest.path())? {
        let entry = entry?;
        fs::copy(entry.path(), kept.join(entry.file_name()))?;
        count += 1;
    }
    println!("{name}: {count} inputs are in {}", kept.display());
    Ok(())
}

fn fuzzer(program: &Path, name: &str, log: &Path) -> Result<Command> {
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(program);
    command.env("FUZZ_TARGET", name).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

fn directory() -> PathBuf {
    paths::repository().join("fuzz")
}

fn work(name: &str) -> Result<PathBuf> {
    let path = paths::target().join("fuzz").join(name);
    fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

/// With the features of all tests, so that nothing but our own crates is built for it.
async fn build() -> Result<PathBuf> {
    let mut cargo = Command::from(crate::cargo::command());
    cargo
        .args(["test", "--workspace", "--all-features", "--test", "fuzzer", "--no-run"])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(paths::target())
        .env("RUSTC_WORKSPACE_WRAPPER", directory().join("instrument.sh"))
        .current_dir(paths::repository())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let built = cargo.output().await.context("cannot run cargo")?;
    if !built.status.success() {
        bail!("the fuzzer does not build");
    }
    let lines = built.stdout.split(|byte| *byte == b'\n');
    let mut programs = lines.filter_map(|line| {
        let told: serde_json::Value = serde_json::from_slice(line).ok()?;
        told["executable"].as_str().filter(|_| told["target"]["name"] == "fuzzer").map(PathBuf::from)
    });
    programs.next_back().context("cargo does not say where the fuzzer is")
}
