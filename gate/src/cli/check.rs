//! `check`: validates the configuration and prints the effective one.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use service_runtime::exit;
use service_runtime::settings::{ConfigError, Settings as _};
use sovereign_gate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Loads and validates the configuration without network access.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let loaded = Config::load(home);
        if !self.json {
            let config = loaded?;
            println!("{}", config.effective_toml()?.trim_end());
            if let Some(warning) = config.gate.exposure_warning() {
                eprintln!("warning: {warning}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let answer = match &loaded {
            Ok(config) => {
                let table = toml::from_str::<toml::Table>(&config.effective_toml()?)?;
                let warnings: Vec<String> = config.gate.exposure_warning().into_iter().collect();
                json!({ "valid": true, "config": table, "warnings": warnings })
            }
            Err(ConfigError::Invalid { problems, .. }) => json!({
                "valid": false,
                "problems": problems.iter()
                    .map(|problem| json!({ "key": problem.key, "problem": problem.problem }))
                    .collect::<Vec<_>>(),
            }),
            Err(error) => {
                json!({ "valid": false, "problems": [{ "key": null, "problem": error.to_string() }] })
            }
        };
        println!("{answer}");
        Ok(if loaded.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(exit::CONFIGURATION) })
    }
}
