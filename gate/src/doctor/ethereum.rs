//! Checks of Ethereum: providers and contracts.

use std::time::Duration;

use alloy::primitives::Address;
use service_runtime::doctor::{Check, Verdict};
use sovereign_contracts::reader::Reader;

use crate::config::Config;

/// Checks each provider and the quorum.
pub(super) async fn check_providers(reader: &Reader) -> Vec<Check> {
    reader.probe(Duration::ZERO).await;
    let (mut checks, mut usable) = (Vec::new(), 0);
    for provider in reader.status() {
        let name = format!("ethereum {}", provider.provider);
        checks.push(match (provider.problem, provider.head) {
            (None, Some(block)) if provider.chain_checked => {
                usable += 1;
                Check::new(Verdict::Good, name, format!("at block {}", block.number))
            }
            (problem, _) => {
                let why = problem.map_or_else(|| "gives no answer that counts".to_owned(), |(why, _)| why);
                Check::new(Verdict::Bad, name, why)
            }
        });
    }
    let quorum = reader.config().quorum;
    if usable < quorum {
        let found = format!("{usable} providers answer, {quorum} must agree");
        checks.push(Check::new(Verdict::Bad, "ethereum", found));
    }
    checks
}

/// Checks that every configured contract has code.
pub(super) async fn check_contracts(config: &Config, reader: &Reader) -> Vec<Check> {
    let own_chain = !config.registry.rpc_addrs.is_empty();
    let mut named = vec![
        ("memes.contract", config.memes.contract),
        ("delegation.nft_delegation", config.delegation.nft_delegation),
        ("delegation.delegate_registry", config.delegation.delegate_registry),
        ("governance.parameters", config.governance.parameters),
        ("governance.access_policy", config.governance.access_policy),
        ("multicall", reader.config().aggregator),
    ];
    named.extend(config.collections.iter().map(|collection| ("collections.contract", collection.contract)));
    if !own_chain {
        named.push(("registry.contract", config.registry.contract));
    }
    named.retain(|(_, contract)| !contract.is_zero());
    let wanted: Vec<Address> = named.iter().map(|(_, contract)| *contract).collect();
    match reader.without_code(&wanted).await {
        Err(error) => vec![Check::new(Verdict::Bad, "contracts", error.to_string())],
        Ok(missing) => named
            .into_iter()
            .map(|(name, contract)| {
                if missing.contains(&contract) {
                    Check::new(Verdict::Bad, name, format!("no contract at {contract}"))
                } else {
                    Check::new(Verdict::Good, name, contract.to_string())
                }
            })
            .collect(),
    }
}
