//! `init`: a home with both configuration files and a key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context as _;
use bridge_oracle::submit::read_key;
use bridge_oracle::{config, policy};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Replace configuration files that are there already; never a key
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes what is not there.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        if !home.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(home)
                .with_context(|| format!("cannot make {}", home.display()))?;
        }
        self.write(home, "config.toml", config::TEMPLATE)?;
        self.write(home, policy::FILE, policy::TEMPLATE)?;
        let path = home.join("oracle.key");
        if !path.exists() {
            let mut secret = [0; 32];
            File::open("/dev/urandom")?.read_exact(&mut secret)?;
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .and_then(|mut file| {
                    file.write_all(hex::encode(secret).as_bytes())?;
                    file.sync_all()
                })
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let account = read_key(&path)?.account();
        println!(
            "Wrote config.toml, {} and oracle.key in {}.\nThe oracle's account is {account}: name it in hub.members \
             of {}.\nThen have the configuration approved (`bridge-oracle config bundle`), the key granted \
             (`bridge-oracle grants`),\nand look at `bridge-oracle doctor` and `bridge-oracle plan` before \
             `bridge-oracle start`.",
            policy::FILE,
            home.display(),
            policy::FILE,
        );
        Ok(())
    }

    fn write(&self, home: &Path, name: &str, text: &str) -> anyhow::Result<()> {
        let path = home.join(name);
        let shown = path.display();
        anyhow::ensure!(
            self.force || !path.exists(),
            "{shown} is there already: edit it, or replace it with --force"
        );
        // A new file beside it, then a rename: a full disk leaves the old one whole.
        let fresh = home.join(format!("{name}.new"));
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(|| format!("cannot write {}", fresh.display()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot write {shown}"))
    }
}
