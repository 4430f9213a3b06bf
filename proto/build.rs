//! Generates the hub's messages and clients from our own declarations of them.

use std::{env, error::Error, path::PathBuf};

const FILES: [&str; 17] = [
    "cosmos/auth.proto",
    "cosmos/authz.proto",
    "cosmos/bank.proto",
    "cosmos/base/abci.proto",
    "cosmos/base/coin.proto",
    "cosmos/base/query.proto",
    "cosmos/base/tendermint.proto",
    "cosmos/crypto.proto",
    "cosmos/feegrant.proto",
    "cosmos/tx.proto",
    "sentinel/lease.proto",
    "sentinel/node.proto",
    "sentinel/plan.proto",
    "sentinel/provider.proto",
    "sentinel/provider_v3.proto",
    "sentinel/session.proto",
    "sentinel/subscription.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let descriptors = protox::compile(FILES, [root])?;
    tonic_build::configure()
        .build_server(env::var_os("CARGO_FEATURE_STUB").is_some())
        .compile_fds(descriptors)?;
    Ok(())
}
