//! `bridge-oracle grants`: the unsigned transactions for the governance account.

#![allow(clippy::similar_names, reason = "granter and grantee are the hub's own words")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use bridge_oracle::grants::{
    CurrentGrants, GrantRequest, UnsignedTransaction, build_grant, build_revocation, describe_grant,
};
use clap::Args;

use super::context::HubContext;

/// Lifetime of the setup grants. Setup takes minutes; one day leaves room.
const SETUP_GRANT_LIFETIME: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Args)]
pub(super) struct Grants {
    /// Lifetime of the grants
    #[arg(long, default_value = "90days", value_name = "TIME")]
    expires: humantime::Duration,
    /// Limit of the fee grant, in the smallest coin
    #[arg(long, default_value_t = 100_000_000, value_name = "AMOUNT")]
    fee_limit: u128,
    /// Add the grants that register the provider and create its plans, for one day: needed by a multisig, which cannot
    /// send these messages itself
    #[arg(long)]
    setup: bool,
    /// Revoke all grants instead: for a key that may be compromised
    #[arg(long, conflicts_with = "setup")]
    revoke: bool,
    /// Output file of the unsigned transaction
    #[arg(long, default_value = "grants.json", value_name = "FILE")]
    out: PathBuf,
    /// Print the unsigned transaction and write nothing
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(home: &Path, arguments: Grants) -> Result<()> {
    let context = HubContext::load(home)?;
    let now = SystemTime::now();
    let (granter, grantee) = (context.settings.provider.in_role(), context.key.account());
    let wanted = GrantRequest {
        granter,
        grantee,
        expires: now + *arguments.expires,
        denom: context.settings.denom.clone(),
        fee_limit: arguments.fee_limit,
        setup_expires: arguments.setup.then(|| now + SETUP_GRANT_LIFETIME),
    };
    let grants = context.hub.authorizations(&granter, &grantee).await?;
    let granted = CurrentGrants::new(grants, context.hub.fee_allowance(&granter, &grantee).await?, now);
    let price = &context.settings.gas_price;
    let make = if arguments.revoke { build_revocation } else { build_grant };
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
        print_grants(&wanted);
    }
    print_commands(&arguments.out, &context.settings.chain_id, &wanted, &unsigned);
    Ok(())
}

fn print_grants(wanted: &GrantRequest) {
    println!("The provider {} lets the oracle {} send", wanted.granter, wanted.grantee);
    for (name, end) in wanted.types() {
        println!("  {name:<50} until {}", humantime::format_rfc3339_seconds(end));
        println!("  {:<50} {}", "", describe_grant(name));
    }
    println!("and pays for it, and for nothing else, up to {}{}.", wanted.fee_limit, wanted.denom);
}

fn print_commands(file: &Path, chain_id: &str, wanted: &GrantRequest, unsigned: &UnsignedTransaction) {
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
