//! Evaluates a query: one read, and a second one if lists name vaults.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, U256};
use sovereign_contracts::reader::{BlockTag, ReadRequest, Reader, Snapshot};
use tokio::time::Instant;

use super::access_rules::{AccessRules, CallResults};
use super::card_ids::CardIds;
use super::decide::{CardSource, decide_bases};
use super::delegation_hints::{DelegationHints, VaultCandidates};
use super::entitlement_query::EntitlementQuery;
use super::{AccessError, Entitlement, delegation_lists, holdings, pair_checks};

/// Upper bound of gas for the balance of one id.
const GAS_PER_ID: u64 = 4_500;
/// Upper bound of gas for the checks with one vault.
const GAS_PER_PAIR: u64 = 600_000;
/// Gas for the delegation lists of a wallet, unless third parties have bloated them.
const GAS_FOR_LISTS: u64 = 300_000;

/// Inputs of one evaluation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) rules: &'a AccessRules,
    pub(super) reader: &'a Reader,
    pub(super) ids: &'a CardIds,
}

/// Result of the first read of a listed query.
struct ListRead {
    own: CardSource,
    candidates: VaultCandidates,
    is_complete: bool,
}

impl Evaluation<'_> {
    pub(super) async fn evaluate(self, question: EntitlementQuery) -> Result<Entitlement, AccessError> {
        let deadline = self.reader.deadline();
        let entitlement = match question {
            EntitlementQuery::Named { wallet, vault } => self.evaluate_named(wallet, vault, deadline).await?,
            EntitlementQuery::Listed { wallet } => self.evaluate_listed(wallet, deadline).await?,
        };
        Ok(entitlement)
    }

    /// Reads the wallet's own cards and, if a vault is named, its cards and its registrations for this wallet. One
    /// bounded read that third parties cannot lengthen.
    async fn evaluate_named(
        self,
        wallet: Address,
        vault: Option<Address>,
        deadline: Instant,
    ) -> Result<Entitlement, AccessError> {
        let Self { rules, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let all_checks = DelegationHints::for_named_vault(rules);
        let mut request =
            ReadRequest { calls: holdings::balance_calls(rules, &ids, wallet), ..ReadRequest::default() };
        request.gas_estimate = self.holdings_gas(&ids);
        if let Some(vault) = vault {
            request.calls.extend(holdings::balance_calls(rules, &ids, vault));
            request.calls.extend(pair_checks::check_calls(rules, wallet, vault, &all_checks));
            request.isolated_calls.extend(delegation_lists::outgoing_call(rules, vault));
            request.gas_estimate += self.holdings_gas(&ids) + GAS_PER_PAIR;
        }
        let snapshot = self.reader.read_until(&request, BlockTag::Latest, deadline).await?;
        let Snapshot { block, results, isolated_results: fragile } = &snapshot;
        let mut results = CallResults::new(results);
        let own = holdings::decode_cards(rules, &ids, &mut results)?;
        let mut sources = vec![CardSource { block: block.number, cards: own, vault: None }];
        let mut is_complete = true;
        if let Some(vault) = vault {
            let cards = holdings::decode_cards(rules, &ids, &mut results)?;
            let now = effective_time(block.timestamp);
            let mut claims = pair_checks::decode_claims(rules, wallet, vault, &all_checks, &mut results, now);
            if !request.isolated_calls.is_empty() {
                let rows = fragile.as_deref().and_then(|fragile| CallResults::new(fragile).next());
                let rows =
                    rows.and_then(|rows| delegation_lists::decode_outgoing(rules, wallet, vault, rows));
                is_complete = rows.is_some();
                claims.extend(rows.unwrap_or_default());
            }
            sources.push(CardSource { block: block.number, cards, vault: Some((vault, claims)) });
        }
        Ok(Entitlement { delegations_unread: !is_complete, ..self.entitlement(wallet, &sources) })
    }

    /// Reads the wallet's own cards and the listed vaults. Third parties can lengthen the lists, so a vault may be
    /// missing; own cards never are.
    async fn evaluate_listed(self, wallet: Address, deadline: Instant) -> Result<Entitlement, AccessError> {
        let ListRead { own, candidates, is_complete } = self.read_own_and_lists(wallet, deadline).await?;
        let vaults = candidates.select(self.max_vaults_per_read(deadline).await?);
        let mut sources = vec![own];
        let mut is_partial = false;
        if !vaults.is_empty() {
            match self.read_vaults(wallet, &vaults, deadline).await {
                Ok(vaults) => sources.extend(vaults),
                // A third party's vault must not hide the wallet's own cards.
                Err(error) if !sources.iter().all(|source| source.cards.is_empty()) => {
                    tracing::debug!(%error, "the vaults of a wallet cannot be read");
                    is_partial = true;
                }
                Err(error) => return Err(error),
            }
        }
        let entitlement = self.entitlement(wallet, &sources);
        Ok(Entitlement { delegations_unread: !is_complete, is_partial, ..entitlement })
    }

    fn entitlement(self, wallet: Address, sources: &[CardSource]) -> Entitlement {
        for source in sources {
            self.ids.note_cards(&source.cards);
        }
        Entitlement {
            wallet,
            bases: decide_bases(sources),
            examined: sources
                .iter()
                .filter_map(|source| source.vault.as_ref())
                .map(|(vault, _)| *vault)
                .collect(),
            block: sources.iter().map(|source| source.block).min().unwrap_or_default(),
            delegations_unread: false,
            is_partial: false,
        }
    }

    async fn read_own_and_lists(self, wallet: Address, deadline: Instant) -> Result<ListRead, AccessError> {
        let Self { rules, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let request = ReadRequest {
            calls: holdings::balance_calls(rules, &ids, wallet),
            isolated_calls: delegation_lists::list_calls(rules, wallet),
            gas_estimate: self.holdings_gas(&ids) + GAS_FOR_LISTS,
        };
        let snapshot = self.reader.read_until(&request, BlockTag::Latest, deadline).await?;
        let Snapshot { block, results, isolated_results: fragile } = &snapshot;
        let own = holdings::decode_cards(rules, &ids, &mut CallResults::new(results))?;
        let own = CardSource { block: block.number, cards: own, vault: None };
        let Some(fragile) = fragile.as_deref() else {
            return Ok(ListRead { own, candidates: VaultCandidates::default(), is_complete: false });
        };
        let now = effective_time(block.timestamp);
        let (candidates, is_complete) =
            delegation_lists::decode_lists(rules, wallet, &mut CallResults::new(fragile), now);
        Ok(ListRead { own, candidates, is_complete })
    }

    /// Reads cards and claims of `vaults` at one block. It may be newer than the block of the first read; each source
    /// is evaluated on its own, so two states are never mixed.
    async fn read_vaults(
        self,
        wallet: Address,
        vaults: &[(Address, DelegationHints)],
        deadline: Instant,
    ) -> Result<Vec<CardSource>, AccessError> {
        let Self { rules, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let mut request = ReadRequest::default();
        for (vault, hints) in vaults {
            request.calls.extend(holdings::balance_calls(rules, &ids, *vault));
            request.calls.extend(pair_checks::check_calls(rules, wallet, *vault, hints));
            request.gas_estimate += self.holdings_gas(&ids) + GAS_PER_PAIR;
        }
        let snapshot = self.reader.read_until(&request, BlockTag::Latest, deadline).await?;
        let mut results = CallResults::new(&snapshot.results);
        let now = effective_time(snapshot.block.timestamp);
        let mut sources = Vec::with_capacity(vaults.len());
        for (vault, hints) in vaults {
            let cards = holdings::decode_cards(rules, &ids, &mut results)?;
            let claims = pair_checks::decode_claims(rules, wallet, *vault, hints, &mut results, now);
            sources.push(CardSource { block: snapshot.block.number, cards, vault: Some((*vault, claims)) });
        }
        Ok(sources)
    }

    /// Maximum number of vaults that the gas limit of one read allows.
    async fn max_vaults_per_read(self, deadline: Instant) -> Result<usize, AccessError> {
        let cost = self.holdings_gas(&self.ids.get(deadline).await?) + GAS_PER_PAIR;
        let affordable = usize::try_from(self.reader.config().gas / cost).unwrap_or(usize::MAX);
        Ok(affordable.clamp(1, self.rules.config.max_vaults.max(1)))
    }

    fn holdings_gas(self, ids: &[U256]) -> u64 {
        GAS_PER_ID.saturating_mul((ids.len() + self.rules.configured_tokens().len()) as u64)
    }
}

/// Time at which delegations must be valid: the later of block time and clock, so that a stalled chain does not extend
/// an expired delegation.
fn effective_time(block: u64) -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    block.max(clock)
}
