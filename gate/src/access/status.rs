//! Whether questions can be answered, for `/ready` and `doctor`.

use std::time::Duration;

use alloy::primitives::Address;
use sovereign_contracts::reader::{ProviderStatus, Reader};

use super::world::World;

/// Something that keeps this room from answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which part.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
    /// For how long, where that is known.
    pub lasting: Duration,
}

/// The state of this room.
#[derive(Debug, Clone)]
pub struct AccessStatus {
    /// What keeps it from answering; empty when it answers.
    pub problems: Vec<Problem>,
    /// Each provider.
    pub providers: Vec<ProviderStatus>,
}

/// Answers younger than this need not be asked for again.
const FRESH: Duration = Duration::from_secs(30);

/// Providers that cannot be used, when so many that the rest is too few.
pub(super) async fn providers(reader: &Reader) -> (Vec<ProviderStatus>, Vec<Problem>) {
    reader.probe(FRESH).await;
    let providers = reader.status();
    let usable =
        providers.iter().filter(|provider| provider.problem.is_none() && provider.chain_checked).count();
    if usable >= reader.config().quorum {
        return (providers, Vec::new());
    }
    let problem = |provider: &ProviderStatus| {
        let unanswered = || ("gives no answer that counts".to_owned(), Duration::ZERO);
        let (why, lasting) = provider.problem.clone().unwrap_or_else(unanswered);
        Problem { what: "ethereum", why: format!("{}: {why}", provider.provider), lasting }
    };
    let unusable = providers.iter().filter(|provider| provider.problem.is_some() || !provider.chain_checked);
    let problems = unusable.map(problem).collect();
    (providers, problems)
}

/// Configured contracts that are not on this chain.
pub(super) async fn contracts(reader: &Reader, world: &World) -> Vec<Problem> {
    let config = &world.config;
    let registries = [Some(reader.config().aggregator), config.nft_delegation, config.delegate_registry];
    let wanted: Vec<Address> =
        registries.into_iter().flatten().chain(world.contracts.iter().copied()).collect();
    let problem = |what, why| Problem { what, why, lasting: Duration::ZERO };
    match reader.without_code(&wanted).await {
        Ok(missing) => {
            let text = |contract| format!("no contract at {contract} on chain {}", reader.config().chain_id);
            missing.into_iter().map(|contract| problem("contracts", text(contract))).collect()
        }
        Err(error) => vec![problem("ethereum", error.to_string())],
    }
}
