//! `start`: the rounds.

use std::path::Path;

use bridge_oracle::config::Config;
use bridge_oracle::policy::Governed;
use bridge_oracle::run::{self, Mode};
use clap::Args;
use service_runtime::settings::Settings as _;

#[derive(Debug, Args)]
pub(super) struct Start {
    /// One round, and the end: for cron
    #[arg(long)]
    once: bool,
    /// In the first round, allow so many removals within the governed window although they are beyond the limit
    #[arg(long, value_name = "NODES")]
    allow_removals: Option<usize>,
}

impl Start {
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        let (config, governed) = (Config::load(home)?, Governed::load(home)?);
        let mode = Mode { once: self.once, allow_removals: self.allow_removals };
        super::block_on(run::start(home, config, governed, mode))??;
        Ok(())
    }
}
