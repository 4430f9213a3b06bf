//! `bridge-oracle grants`: the transactions for the governance account.

#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use bridge_oracle::grants::{Granted, Unsigned, Wanted, grant, purpose, revoke};
use clap::Args;

use super::parts::Parts;

/// Setting up takes minutes; a day is generous.
const SETUP: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Args)]
pub(super) struct Grants {
    /// How long the grants hold
    #[arg(long, default_value = "90days", value_name = "TIME")]
    expires: humantime::Duration,
    /// Most that the fee grant pays, in the smallest coin
    #[arg(long, default_value_t = 100_000_000, value_name = "AMOUNT")]
    fee_limit: u128,
    /// Also what registers the provider and creates its plans, for a day: for a multisig, which cannot do it itself
    #[arg(long)]
    setup: bool,
    /// Take everything away instead: for a key that may be in other hands
    #[arg(long, conflicts_with = "setup")]
    revoke: bool,
    /// Write the unsigned transaction here
    #[arg(long, default_value = "grants.json", value_name = "FILE")]
    out: PathBuf,
    /// Print the unsigned transaction and write nothing
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(home: &Path, arguments: Grants) -> Result<()> {
    let parts = Parts::load(home)?;
    let now = SystemTime::now();
    let (granter, grantee) = (parts.settings.provider.in_role(), parts.key.account());
    let wanted = Wanted {
        granter,
        grantee,
        expires: now + *arguments.expires,
        denom: parts.settings.denom.clone(),
        fee_limit: arguments.fee_limit,
        setup_expires: arguments.setup.then(|| now + SETUP),
    };
    let grants = parts.hub.authorizations(&granter, &grantee).await?;
    let granted = Granted::new(grants, parts.hub.fee_allowance(&granter, &grantee).await?, now);
    let price = &parts.settings.gas_price;
    let make = if arguments.revoke { revoke } else { grant };
    let unsigned = make(&wanted, &granted, price);
    let text = serde_json::to_string_pretty(&unsigned.json)?;
    if arguments.json {
        println!("{text}");
        return Ok(());
    }
    std::fs::write(&arguments.out, text)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    if arguments.revoke {
        println!("Takes {} grants of {granter} from {grantee}.", unsigned.messages.len());
    } else {
        tell(&wanted);
    }
    commands(&arguments.out, &parts.settings.chain_id, &wanted, &unsigned);
    Ok(())
}

fn tell(wanted: &Wanted) {
    println!("The provider {} lets the oracle {} send", wanted.granter, wanted.grantee);
    for (name, end) in wanted.types() {
        println!("  {name:<50} until {}", humantime::format_rfc3339_seconds(end));
        println!("  {:<50} {}", "", purpose(name));
    }
    println!("and pays for it, and for nothing else, up to {}{}.", wanted.fee_limit, wanted.denom);
}

fn commands(file: &Path, chain_id: &str, wanted: &Wanted, unsigned: &Unsigned) {
    let (file, granter) = (file.display(), wanted.granter);
    let count = unsigned.messages.len();
    println!("\n{file} holds {count} messages, unsigned. With a single key NAME:");
    println!("  sentinelhub tx sign {file} --from NAME --chain-id {chain_id} --output-document signed.json");
    println!("With a multisig BOARD, each member M first:");
    println!(
        "  sentinelhub tx sign {file} --multisig {granter} --from M --chain-id {chain_id} --output-document M.json"
    );
    println!("  sentinelhub tx multi-sign {file} BOARD M1.json M2.json --chain-id {chain_id} \\");
    println!("    --output-document signed.json");
    println!("Then, and see with `bridge-oracle doctor` that it did what it should:");
    println!("  sentinelhub tx broadcast signed.json");
}
