//! The `ip` command.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Runs it and gives what it printed.
pub(super) fn run(args: &[&str]) -> Result<String> {
    let output = Command::new("ip").args(args).output().context("cannot run `ip` (package iproute2)")?;
    if !output.status.success() {
        bail!("`ip {}`: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The names of all network namespaces.
pub(super) fn namespaces() -> Result<Vec<String>> {
    Ok(run(&["netns", "list"])?
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}

/// The names of all interfaces of the root namespace.
pub(super) fn interfaces() -> Result<Vec<String>> {
    let list = run(&["-brief", "link"])?;
    let names = list.lines().filter_map(|line| line.split([' ', '@']).next());
    Ok(names.map(str::to_owned).collect())
}
