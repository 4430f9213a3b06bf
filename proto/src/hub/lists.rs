//! Questions that are answered page by page.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    AtHeight, Completed, HubClient, HubError, Session,
    link::Reply,
    session::{RawSession, senseless},
};
use crate::{
    address::{NodeAddress, ProviderAddress},
    wire::{
        cosmos::base::query::v1beta1::{PageRequest, PageResponse},
        sentinel::{
            lease::v1::{Lease, QueryLeasesForProviderRequest},
            node::v3::{Node, QueryNodesForPlanRequest, QueryNodesRequest},
            session::v3::QuerySessionsForNodeRequest,
            types::v1::Status,
        },
    },
};

/// Subscriptions asked for at the same time.
const MAX_CONCURRENT_SUBSCRIPTIONS: usize = 8;
/// Entries of a page when everything is wanted: a thousand nodes are half a megabyte, and one question.
const PAGE_ENTRIES: u32 = 2000;
/// Pages after which an endpoint that always has one more is not believed.
const MAX_PAGES: usize = 1000;
/// Entries after which the same holds; the whole network has some thousand nodes.
const MAX_ENTRIES: usize = 100_000;

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Where to go on, as the page before said; empty for the first.
    pub key: Vec<u8>,
    /// Entries, at most.
    pub limit: u32,
    /// From the end.
    pub newest_first: bool,
}

/// A part of a node's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions in the order of the list, without those that no key can use.
    pub sessions: Vec<Session>,
    /// The numbers of all of them, but for those of a type that this version does not know.
    pub ids: Vec<u64>,
    /// Where the next page starts; `None`: this was the last.
    pub next: Option<Vec<u8>>,
    /// At which height this was so.
    pub height: Option<u64>,
}

impl HubClient {
    /// A part of the sessions of `node`, ordered by number.
    pub async fn sessions_for_node(&self, node: &NodeAddress, page: Page) -> Result<SessionPage, HubError> {
        let deadline = self.pool.deadline();
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let question =
            QuerySessionsForNodeRequest { address: node.to_string(), pagination: Some(request(page)) };
        let Reply { value, height } = self
            .pool
            .ask(&question, deadline, |answer| {
                let known = answer.sessions.iter().filter(|any| RawSession::is_known(any));
                let listed: Vec<_> = known.map(RawSession::read).collect::<Result<_, _>>()?;
                if listed.len() > limit || listed.iter().any(|session| session.node != *node) {
                    return Err(senseless("sessions that were not asked for"));
                }
                Ok((listed, next(answer.pagination)))
            })
            .await?;
        let (listed, next) = value.unwrap_or_default();
        let ids = listed.iter().map(|session| session.id).collect();
        let sessions = stream::iter(listed)
            .map(|session| self.complete(session, deadline))
            .buffered(MAX_CONCURRENT_SUBSCRIPTIONS)
            .try_filter_map(async |completed| match completed {
                Completed::Session(session) => Ok(Some(session)),
                Completed::Nobodys | Completed::NoSubscription(_) => Ok(None),
            })
            .try_collect()
            .await?;
        Ok(SessionPage { sessions, ids, next, height })
    }

    /// All nodes that are linked to a plan, whatever their status.
    pub async fn nodes_for_plan(&self, id: u64) -> Result<Vec<Node>, HubError> {
        Ok(self.nodes_for_plan_seen(id).await?.value)
    }

    /// [`HubClient::nodes_for_plan`], and the lowest height at which a part of it was so.
    pub async fn nodes_for_plan_seen(&self, id: u64) -> Result<AtHeight<Vec<Node>>, HubError> {
        let question = |pagination| QueryNodesForPlanRequest {
            id,
            status: Status::Unspecified.into(),
            pagination: Some(pagination),
        };
        self.whole(question, |answer| (answer.nodes, answer.pagination)).await
    }

    /// All nodes with this status.
    pub async fn nodes(&self, status: Status) -> Result<Vec<Node>, HubError> {
        let question = |pagination| QueryNodesRequest { status: status.into(), pagination: Some(pagination) };
        Ok(self.whole(question, |answer| (answer.nodes, answer.pagination)).await?.value)
    }

    /// All leases of a provider.
    pub async fn leases_for_provider(&self, provider: &ProviderAddress) -> Result<Vec<Lease>, HubError> {
        Ok(self.leases_for_provider_seen(provider).await?.value)
    }

    /// [`HubClient::leases_for_provider`], and the lowest height at which a part of it was so.
    pub async fn leases_for_provider_seen(
        &self,
        provider: &ProviderAddress,
    ) -> Result<AtHeight<Vec<Lease>>, HubError> {
        let question = |pagination| QueryLeasesForProviderRequest {
            address: provider.to_string(),
            pagination: Some(pagination),
        };
        self.whole(question, |answer| (answer.leases, answer.pagination)).await
    }

    pub(super) async fn whole<Q: super::query::Query, T>(
        &self,
        question: impl Fn(PageRequest) -> Q,
        parts: impl Fn(Q::Answer) -> (Vec<T>, Option<PageResponse>),
    ) -> Result<AtHeight<Vec<T>>, HubError> {
        let (mut all, mut lowest): (_, Option<u64>) = (Vec::new(), None);
        let mut page = Page { limit: PAGE_ENTRIES, ..Page::default() };
        let (mut seen, until) = (HashSet::new(), self.pool.deadline_of_list());
        while all.len() <= MAX_ENTRIES && seen.len() < MAX_PAGES {
            let question = question(request(page.clone()));
            let check = |answer| {
                let (items, pagination) = parts(answer);
                let next = next(pagination);
                if items.len() > PAGE_ENTRIES as usize {
                    Err(senseless("more than was asked for"))
                } else if next.as_ref().is_some_and(|key| seen.contains(key)) {
                    Err(senseless("a list that leads back to itself"))
                } else {
                    Ok((items, next))
                }
            };
            let reply = self.pool.ask(&question, self.pool.deadline().min(until), check).await?;
            let Some((items, next)) = reply.value else { break };
            lowest = lowest.into_iter().chain(reply.height).min();
            all.extend(items);
            let Some(key) = next else { return Ok(AtHeight { value: all, height: lowest }) };
            seen.insert(key.clone());
            page.key = key;
        }
        Err(HubError::Inconsistent("a list without an end".into()))
    }
}

fn request(page: Page) -> PageRequest {
    PageRequest {
        key: page.key,
        offset: 0,
        limit: page.limit.into(),
        count_total: false,
        reverse: page.newest_first,
    }
}

fn next(pagination: Option<PageResponse>) -> Option<Vec<u8>> {
    pagination.map(|page| page.next_key).filter(|key| !key.is_empty())
}
