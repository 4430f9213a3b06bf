//! Long-lived programs of the network: start, supervision and end.

mod child;
mod readiness;
mod supervisor;

pub(crate) use child::Spec;
pub(crate) use readiness::Probe;
pub(crate) use supervisor::Supervisor;

/// The last lines of a log, for an error message.
pub(crate) fn tail(log: &std::path::Path, lines: usize) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Runs a short command and fails with what it said.
pub(crate) async fn run_to_end(command: &[std::ffi::OsString]) -> anyhow::Result<()> {
    let (program, args) = command.split_first().ok_or_else(|| anyhow::anyhow!("an empty command"))?;
    let output = tokio::process::Command::new(program).args(args).kill_on_drop(true).output().await?;
    if !output.status.success() {
        let line = command.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" ");
        anyhow::bail!("`{line}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
