//! Status of access, for `/ready` and `doctor`.

use std::time::Duration;

use alloy::primitives::Address;
use sovereign_contracts::reader::{ProviderStatus, Reader};

use super::access_rules::AccessRules;

/// A condition that prevents answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Affected component.
    pub part: &'static str,
    /// Cause.
    pub reason: String,
    /// Duration so far, where known.
    pub duration: Duration,
}

/// Status of access.
#[derive(Debug, Clone)]
pub struct AccessStatus {
    /// Conditions that prevent answers; empty if there are none.
    pub problems: Vec<Problem>,
    /// Status of each provider.
    pub providers: Vec<ProviderStatus>,
}

/// A provider that answered within this time is not probed again.
const PROBE_MAX_AGE: Duration = Duration::from_secs(30);

/// Returns the status of the providers, and a problem for each unusable one if fewer than the quorum are usable.
pub(super) async fn provider_problems(reader: &Reader) -> (Vec<ProviderStatus>, Vec<Problem>) {
    reader.probe(PROBE_MAX_AGE).await;
    let providers = reader.status();
    let usable =
        providers.iter().filter(|provider| provider.problem.is_none() && provider.chain_checked).count();
    if usable >= reader.config().quorum {
        return (providers, Vec::new());
    }
    let problem = |provider: &ProviderStatus| {
        let unanswered = || ("gives no answer that counts".to_owned(), Duration::ZERO);
        let (why, lasting) = provider.problem.clone().unwrap_or_else(unanswered);
        Problem { part: "ethereum", reason: format!("{}: {why}", provider.provider), duration: lasting }
    };
    let unusable = providers.iter().filter(|provider| provider.problem.is_some() || !provider.chain_checked);
    let problems = unusable.map(problem).collect();
    (providers, problems)
}

/// Returns a problem for each configured contract that has no code on this chain.
pub(super) async fn missing_contracts(reader: &Reader, rules: &AccessRules) -> Vec<Problem> {
    let config = &rules.config;
    let registries = [Some(reader.config().aggregator), config.nft_delegation, config.delegate_registry];
    let wanted: Vec<Address> =
        registries.into_iter().flatten().chain(rules.contracts.iter().copied()).collect();
    let problem = |what, why| Problem { part: what, reason: why, duration: Duration::ZERO };
    match reader.without_code(&wanted).await {
        Ok(missing) => {
            let text = |contract| format!("no contract at {contract} on chain {}", reader.config().chain_id);
            missing.into_iter().map(|contract| problem("contracts", text(contract))).collect()
        }
        Err(error) => vec![problem("ethereum", error.to_string())],
    }
}
