//! From a question to an entitlement: one read, and a second one where lists name vaults.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, U256};
use sovereign_contracts::reader::{At, Reader, Request, Snapshot};
use tokio::time::Instant;

use super::clues::{Candidates, Clues};
use super::decide::{Source, decide};
use super::ids::CardIds;
use super::question::Question;
use super::world::{Results, World};
use super::{AccessError, Entitlement, holdings, lists, pair};

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
}

/// What the first read of a listed question told.
struct Listed {
    own: Source,
    candidates: Candidates,
    is_complete: bool,
}

impl Evaluation<'_> {
    pub(super) async fn run(self, question: Question) -> Result<Entitlement, AccessError> {
        let deadline = self.reader.deadline();
        let entitlement = match question {
            Question::Named { wallet, vault } => self.named(wallet, vault, deadline).await?,
            Question::Listed { wallet } => self.listed(wallet, deadline).await?,
        };
        Ok(entitlement)
    }

    /// One bounded read that no stranger can lengthen: the wallet's own cards and, if a vault is named, its cards and
    /// what it registered for this wallet.
    async fn named(
        self,
        wallet: Address,
        vault: Option<Address>,
        deadline: Instant,
    ) -> Result<Entitlement, AccessError> {
        let Self { world, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let everything = Clues::everything(world);
        let mut request = Request { calls: holdings::calls(world, &ids, wallet), ..Request::default() };
        request.gas = self.gas_of_holdings(&ids);
        if let Some(vault) = vault {
            request.calls.extend(holdings::calls(world, &ids, vault));
            request.calls.extend(pair::calls(world, wallet, vault, &everything));
            request.fragile.extend(lists::outgoing_call(world, vault));
            request.gas += self.gas_of_holdings(&ids) + GAS_PER_PAIR;
        }
        let snapshot = self.reader.read_until(&request, At::Latest, deadline).await?;
        let Snapshot { block, results, fragile } = &snapshot;
        let mut results = Results::new(results);
        let own = holdings::read(world, &ids, &mut results)?;
        let mut sources = vec![Source { block: block.number, cards: own, vault: None }];
        let mut is_complete = true;
        if let Some(vault) = vault {
            let cards = holdings::read(world, &ids, &mut results)?;
            let now = now(block.timestamp);
            let mut claims = pair::read(world, wallet, vault, &everything, &mut results, now);
            if !request.fragile.is_empty() {
                let rows = fragile.as_deref().and_then(|fragile| Results::new(fragile).next());
                let rows = rows.and_then(|rows| lists::read_outgoing(world, wallet, vault, rows));
                is_complete = rows.is_some();
                claims.extend(rows.unwrap_or_default());
            }
            sources.push(Source { block: block.number, cards, vault: Some((vault, claims)) });
        }
        Ok(Entitlement { delegations_unread: !is_complete, ..self.entitlement(wallet, &sources) })
    }

    /// The wallet's own cards and the vaults that the lists name. Strangers can lengthen the lists, so a vault may be
    /// missing; own cards never are.
    async fn listed(self, wallet: Address, deadline: Instant) -> Result<Entitlement, AccessError> {
        let Listed { own, candidates, is_complete } = self.own_and_lists(wallet, deadline).await?;
        let vaults = candidates.choose(self.most_vaults(deadline).await?);
        let mut sources = vec![own];
        let mut is_partial = false;
        if !vaults.is_empty() {
            match self.vaults(wallet, &vaults, deadline).await {
                Ok(vaults) => sources.extend(vaults),
                // A vault of a stranger must not hide the wallet's own cards.
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

    fn entitlement(self, wallet: Address, sources: &[Source]) -> Entitlement {
        for source in sources {
            self.ids.seen(&source.cards);
        }
        Entitlement {
            wallet,
            bases: decide(sources),
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

    async fn own_and_lists(self, wallet: Address, deadline: Instant) -> Result<Listed, AccessError> {
        let Self { world, .. } = self;
        let ids = self.ids.get(deadline).await?;
        let request = Request {
            calls: holdings::calls(world, &ids, wallet),
            fragile: lists::calls(world, wallet),
            gas: self.gas_of_holdings(&ids) + GAS_FOR_LISTS,
        };
        let snapshot = self.reader.read_until(&request, At::Latest, deadline).await?;
        let Snapshot { block, results, fragile } = &snapshot;
        let own = holdings::read(world, &ids, &mut Results::new(results))?;
        let own = Source { block: block.number, cards: own, vault: None };
        let Some(fragile) = fragile.as_deref() else {
            return Ok(Listed { own, candidates: Candidates::default(), is_complete: false });
        };
        let now = now(block.timestamp);
        let (candidates, is_complete) = lists::read(world, wallet, &mut Results::new(fragile), now);
        Ok(Listed { own, candidates, is_complete })
    }

    /// Cards and claims of `vaults`, all at one block. That block may be newer than the first read's: each source
    /// stands for itself, so no mixture of two states is ever taken for one.
    async fn vaults(
        self,
        wallet: Address,
        vaults: &[(Address, Clues)],
        deadline: Instant,
    ) -> Result<Vec<Source>, AccessError> {
        let Self { world, .. } = self;
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
