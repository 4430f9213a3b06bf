//! `doctor`: whether everything that the gate needs answers.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sovereign_gate::config::Config;
use sovereign_gate::run::{Verdict, examine};
use sovereign_program::settings::Settings as _;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Asks everybody; changes nothing. Ends with 1 when something is bad.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let config = Config::load(home)?;
        let checks = tokio::runtime::Runtime::new()?.block_on(examine(&config))?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&checks)?);
        } else {
            for check in &checks {
                let mark = match check.verdict {
                    Verdict::Good => "ok",
                    Verdict::Warning => "warn",
                    Verdict::Bad => "BAD",
                };
                println!("{mark:<5}{:<36} {}", check.name, check.found);
            }
        }
        let bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
        Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
