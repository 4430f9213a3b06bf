//! `doctor`: whether everything that the gate needs answers.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use service_runtime::doctor;
use service_runtime::settings::Settings as _;
use sovereign_gate::config::Config;
use sovereign_gate::run::examine;

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
        println!("{}", doctor::report(&checks, self.json)?);
        Ok(doctor::code(&checks))
    }
}
