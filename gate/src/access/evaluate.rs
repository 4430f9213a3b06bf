//! From a wallet to its entitlement: one read, and a second one only where vaults can improve the first answer.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, U256};
use sovereign_contracts::reader::{At, Reader, Request, Snapshot};
use tokio::time::Instant;

use super::clues::{Candidates, Clues};
use super::decide::{Source, decide};
use super::ids::CardIds;
use super::world::{Results, World};
use super::{AccessError, Entitlement, Tier, holdings, lists, pair};

/// Gas for the balance of one id, generously.
const GAS_PER_ID: u64 = 4_500;
/// Gas for the checks with one vault, generously.
const GAS_PER_PAIR: u64 = 600_000;
/// Gas for the lists of a wallet that nobody bloated.
const GAS_FOR_LISTS: u64 = 300_000;

/// Everything that a decision needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) world: &'a World,
    pub(super) reader: &'a Reader,
    pub(super) ids: &'a CardIds,
    pub(super) wallet: Address,
    pub(super) hint: Option<Address>,
    /// What rests on these comes last.
    pub(super) denied: &'a HashSet<Address>,
}

/// What the first read told.
struct First {
    sources: Vec<Source>,
    candidates: Candidates,
    complete: bool,
}

impl Evaluation<'_> {
    pub(super) async fn run(self) -> Result<Entitlement, AccessError> {
        let deadline = self.reader.deadline();
        let First { mut sources, candidates, complete } = self.first(deadline).await?;
        let denied = self.denied;
        let mut entitlement = decide(self.wallet, &sources, denied);
        let settled =
            entitlement.tier == Tier::Free && entitlement.vault.is_none_or(|vault| !denied.contains(&vault));
        let vaults = if settled { Vec::new() } else { candidates.choose(self.most_vaults(deadline).await?) };
        if !vaults.is_empty() {
            sources.extend(self.vaults(&vaults, deadline).await?);
            entitlement = decide(self.wallet, &sources, denied);
        }
        entitlement.delegations_unread = !complete && entitlement.tier != Tier::Free;
        for source in &sources {
            self.ids.seen(&source.cards);
        }
        Ok(entitlement)
    }

    /// The wallet's own cards, the lists of its vaults, and everything about a vault that was named.
    async fn first(self, deadline: Instant) -> Result<First, AccessError> {
        let Self { world, wallet, hint, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let everything = Clues::everything(world);
        let mut request = Request { calls: holdings::calls(world, &ids, wallet), ..Request::default() };
        request.gas = self.gas_of_holdings(&ids) + GAS_FOR_LISTS;
        let mut outgoing = None;
        if let Some(vault) = hint {
            request.calls.extend(holdings::calls(world, &ids, vault));
            request.calls.extend(pair::calls(world, wallet, vault, &everything));
            outgoing = lists::outgoing_call(world, vault);
            request.fragile.extend(outgoing.clone());
            request.gas += self.gas_of_holdings(&ids) + GAS_PER_PAIR;
        }
        request.fragile.extend(lists::calls(world, wallet));

        let snapshot = self.reader.read_until(&request, At::Latest, deadline).await?;
        let Snapshot { block, results, fragile } = &snapshot;
        let now = now(block.timestamp);
        let mut results = Results::new(results);
        let own = holdings::read(world, &ids, &mut results)?;
        let mut sources = vec![Source { block: block.number, cards: own, vault: None }];
        let mut fragile = fragile.as_deref().map(Results::new);
        let mut complete = fragile.is_some();
        if let Some(vault) = hint {
            let cards = holdings::read(world, &ids, &mut results)?;
            let mut claims = pair::read(world, wallet, vault, &everything, &mut results, now);
            if outgoing.is_some() {
                let rows = fragile.as_mut().and_then(Results::next);
                let rows = rows.and_then(|rows| lists::read_outgoing(world, wallet, vault, rows));
                complete &= rows.is_some();
                claims.extend(rows.unwrap_or_default());
            }
            sources.push(Source { block: block.number, cards, vault: Some((vault, claims)) });
        }
        let mut candidates = Candidates::default();
        if let Some(mut fragile) = fragile {
            let (found, whole) = lists::read(world, wallet, &mut fragile, now);
            complete &= whole;
            candidates = found;
        }
        if let Some(vault) = hint {
            candidates.forget(vault);
        }
        Ok(First { sources, candidates, complete })
    }

    /// Cards and claims of `vaults`, all at one block. That block may be newer than the first read's: each source
    /// stands for itself, so no mixture of two states is ever taken for one.
    async fn vaults(
        self,
        vaults: &[(Address, Clues)],
        deadline: Instant,
    ) -> Result<Vec<Source>, AccessError> {
        let Self { world, wallet, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let mut request = Request::default();
        for (vault, clues) in vaults {
            request.calls.extend(holdings::calls(world, &ids, *vault));
            request.calls.extend(pair::calls(world, wallet, *vault, clues));
            request.gas += self.gas_of_holdings(&ids) + GAS_PER_PAIR;
        }
        let snapshot = self.reader.read_until(&request, At::Latest, deadline).await?;
        let mut results = Results::new(&snapshot.results);
        let now = now(snapshot.block.timestamp);
        let mut sources = Vec::with_capacity(vaults.len());
        for (vault, clues) in vaults {
            let cards = holdings::read(world, &ids, &mut results)?;
            let claims = pair::read(world, wallet, *vault, clues, &mut results, now);
            sources.push(Source { block: snapshot.block.number, cards, vault: Some((*vault, claims)) });
        }
        Ok(sources)
    }

    /// As many vaults as the gas of one read is enough for.
    async fn most_vaults(self, deadline: Instant) -> Result<usize, AccessError> {
        let cost = self.gas_of_holdings(&self.ids.get(deadline).await?) + GAS_PER_PAIR;
        let affordable = usize::try_from(self.reader.config().gas / cost).unwrap_or(usize::MAX);
        Ok(affordable.clamp(1, self.world.config.max_vaults.max(1)))
    }

    fn gas_of_holdings(self, ids: &[U256]) -> u64 {
        GAS_PER_ID.saturating_mul((ids.len() + self.world.named_tokens().len()) as u64)
    }
}

/// The time at which delegations must be good: a chain that makes no block does not keep an ended one alive.
fn now(block: u64) -> u64 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    block.max(clock)
}
