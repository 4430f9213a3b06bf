//! `config hash|diff|bundle`: the governed configuration and its approval.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bridge_oracle::config::Config;
use bridge_oracle::policy::{Bundle, Governed};
use bridge_oracle::run;
use clap::Subcommand;
use serde_json::{Value, json};
use service_runtime::settings::Settings as _;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the hash that the timelock has to approve
    Hash {
        /// Print the canonical text whose keccak256 is the hash
        #[arg(long)]
        canonical: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the differences from another governed file
    Diff {
        /// The other file, such as the approved one
        other: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the approval for the multisig: schedule, execute and cancel through the timelock
    Bundle {
        /// Directory for the three files
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// Distinguishes equal operations, for a second approval of the same hash
        #[arg(long, default_value_t = 0)]
        salt: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let governed = Governed::load(home)?;
        match self {
            Self::Hash { canonical: true, .. } => println!("{}", governed.canonical()),
            Self::Hash { json: true, .. } => {
                println!("{}", json!({ "hash": governed.hash(), "canonical": governed.canonical() }));
            }
            Self::Hash { .. } => println!("{}", governed.hash()),
            Self::Diff { other, json } => diff(&Governed::read(other)?, &governed, *json)?,
            Self::Bundle { out, salt, json } => bundle(home, &governed, out, *salt, *json)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn diff(before: &Governed, after: &Governed, json: bool) -> anyhow::Result<()> {
    let (old, new) = (flatten_keys(before)?, flatten_keys(after)?);
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let changed: Vec<_> = changed.map(|key| (key, old.get(key), new.get(key))).collect();
    if json {
        let lines: Vec<_> = changed
            .iter()
            .map(|(key, old, new)| json!({ "key": key, "before": old, "after": new }))
            .collect();
        println!("{}", json!({ "before": before.hash(), "after": after.hash(), "changes": lines }));
        return Ok(());
    }
    println!("before  {}\nafter   {}", before.hash(), after.hash());
    let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
    for (key, old, new) in changed {
        println!("{key}: {} -> {}", text(old), text(new));
    }
    Ok(())
}

/// Flattens the configuration to `section.key` and value.
fn flatten_keys(governed: &Governed) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut flat = BTreeMap::new();
    let Value::Object(sections) = serde_json::from_str(&governed.canonical())? else { return Ok(flat) };
    for (section, value) in sections {
        match value {
            Value::Object(keys) => {
                flat.extend(keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            value => drop(flat.insert(section, value)),
        }
    }
    Ok(flat)
}

fn bundle(home: &Path, governed: &Governed, out: &Path, salt: u64, json: bool) -> anyhow::Result<()> {
    let config = Config::load(home)?;
    let reader = run::clients::build_reader(&config, governed)?;
    let bundle = super::block_on(Bundle::make(governed, &reader, salt))??;
    let mut paths = Vec::new();
    for (name, content) in &bundle.files {
        let path = out.join(format!("{name}.json"));
        std::fs::write(&path, content.to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        paths.push(path);
    }
    if json {
        println!(
            "{}",
            json!({ "hash": governed.hash(), "timelock": bundle.timelock, "delay_seconds": bundle.delay,
                "files": paths })
        );
        return Ok(());
    }
    println!("Approval of {} through the timelock {}:", governed.hash(), bundle.timelock);
    for path in paths {
        println!("  {}", path.display());
    }
    println!("Schedule first; execute {} seconds later.", bundle.delay);
    Ok(())
}
