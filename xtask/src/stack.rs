//! `cargo xtask stack`: the network, for other programs and for trying things out.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sentinel_stack::{Stack, StackOptions, interrupted};

use crate::build::{self, Profile};

/// Runs until interrupted.
pub(crate) async fn run(gates: usize, json: Option<&Path>) -> Result<ExitCode> {
    if let Some(path) = json {
        // A program that waits for the file must not find that of an earlier run.
        if path.exists() {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    tokio::select! {
        done = interrupted() => {
            done?;
            tracing::info!("interrupted while starting");
            Ok(ExitCode::from(130))
        }
        stack = start(gates) => {
            let stack = stack?;
            announce(&stack, json)?;
            interrupted().await?;
            tracing::info!("stopping");
            stack.stop().await?;
            if let Some(path) = json {
                std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn start(gates: usize) -> Result<Stack> {
    let mut options = StackOptions::default().gates(gates);
    if gates > 0 {
        options = options.program(build::gate(Profile::Debug).await?);
    }
    Stack::start(options).await
}

fn announce(stack: &Stack, json: Option<&Path>) -> Result<()> {
    if let Some(path) = json {
        stack.write_info(path)?;
        tracing::info!("ready, described in {}; ctrl-c ends it", path.display());
    } else {
        println!("{}", serde_json::to_string_pretty(stack.info())?);
        tracing::info!("ready; ctrl-c ends it");
    }
    Ok(())
}
