//! `init`: writes a home with both configuration files and a key.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bridge_oracle::submit::read_key;
use bridge_oracle::{config, policy};
use clap::Args;
use service_runtime::{home, settings};

const KEY_FILE: &str = "oracle.key";

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Replace existing configuration files; never replaces a key
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes the files that are missing.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        home::make(home)?;
        home::write(home, settings::FILE, config::TEMPLATE, self.force)?;
        home::write(home, policy::GOVERNED_FILE, policy::TEMPLATE, self.force)?;
        let path = home.join(KEY_FILE);
        if !path.exists() {
            let mut secret = [0; 32];
            File::open("/dev/urandom")?.read_exact(&mut secret)?;
            home::write(home, KEY_FILE, &hex::encode(secret), false)?;
        }
        let account = read_key(&path)?.account();
        println!(
            "Wrote config.toml, {} and oracle.key in {}.\nThe oracle's account is {account}: name it in hub.members \
             of {}.\nThen have the configuration approved (`bridge-oracle config bundle`), the key granted \
             (`bridge-oracle grants`),\nand look at `bridge-oracle doctor` and `bridge-oracle plan` before \
             `bridge-oracle start`.",
            policy::GOVERNED_FILE,
            home.display(),
            policy::GOVERNED_FILE,
        );
        Ok(())
    }
}
