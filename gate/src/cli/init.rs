//! `init`: creates a home with a commented configuration.

use std::path::Path;

use clap::Args;
use service_runtime::{home, settings};
use sovereign_gate::config::TEMPLATE;

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Replace an existing configuration
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes `config.toml`. Replaces an existing file only with `--force`.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        home::make(home)?;
        let written = home::write(home, settings::FILE, TEMPLATE, self.force)?;
        println!(
            "Wrote {}.\nSet at least gate.public_url, gate.node_url, ethereum.rpc_addrs, \
             memes.this_card and hub.grpc_addrs,\nthen run `sovereign-gate check` and `sovereign-gate start`.",
            written.display()
        );
        Ok(())
    }
}
