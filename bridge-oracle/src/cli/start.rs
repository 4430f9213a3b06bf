//! `start`: runs the rounds.

use std::path::Path;

use bridge_oracle::config::Config;
use bridge_oracle::policy::Governed;
use bridge_oracle::run::{self, RunOptions};
use clap::Args;
use service_runtime::settings::Settings as _;

#[derive(Debug, Args)]
pub(super) struct Start {
    /// Run one round and exit: for cron
    #[arg(long)]
    once: bool,
    /// In the first round, allow up to NODES removals within the governed window even if they exceed the limit
    #[arg(long, value_name = "NODES")]
    allow_removals: Option<usize>,
}

impl Start {
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        let (config, governed) = (Config::load(home)?, Governed::load(home)?);
        let mode = RunOptions { once: self.once, allow_removals: self.allow_removals };
        super::block_on(run::start(home, config, governed, mode))??;
        Ok(())
    }
}
