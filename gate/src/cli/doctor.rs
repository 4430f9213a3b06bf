//! `doctor`: checks every dependency of the gate.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use service_runtime::doctor;
use service_runtime::settings::Settings as _;
use sovereign_gate::config::Config;
use sovereign_gate::doctor::run_checks;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Runs all checks without changing anything. Exits with 1 if one of them is bad.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let config = Config::load(home)?;
        let checks = tokio::runtime::Runtime::new()?.block_on(run_checks(&config))?;
        println!("{}", doctor::report(&checks, self.json)?);
        Ok(doctor::code(&checks))
    }
}
