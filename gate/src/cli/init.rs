//! `init`: a home with a commented configuration.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use sovereign_gate::config::TEMPLATE;

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Replace a configuration that is there already
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes `config.toml`; never over one that is there, unless forced.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        if !home.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(home)
                .with_context(|| format!("cannot make {}", home.display()))?;
        }
        let path = home.join("config.toml");
        let shown = path.display();
        anyhow::ensure!(
            self.force || !path.exists(),
            "{shown} is there already: edit it, or replace it with --force"
        );
        // A new file beside it, then a rename: a full disk leaves the old one whole.
        let fresh = home.join("config.toml.new");
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(|| format!("cannot write {}", fresh.display()))?;
        file.write_all(TEMPLATE.as_bytes()).and_then(|()| file.sync_all())?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot write {shown}"))?;
        println!(
            "Wrote {shown}.\nSet at least gate.public_url, gate.node_url, ethereum.rpc_addrs, \
             memes.this_card and hub.grpc_addrs,\nthen run `sovereign-gate check` and `sovereign-gate start`."
        );
        Ok(())
    }
}
