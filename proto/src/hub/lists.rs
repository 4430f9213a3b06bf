//! Paginated queries.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    AtHeight, HubClient, HubError, ResolvedSession, Session,
    link::Reply,
    session::{RawSession, invalid_answer},
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

/// Maximum concurrent requests for subscriptions.
const MAX_CONCURRENT_SUBSCRIPTIONS: usize = 8;
/// Page size for complete lists: 1,000 nodes are half a megabyte.
const PAGE_ENTRIES: u32 = 2000;
/// Maximum pages of a list; bounds the work that a faulty endpoint can cause.
const MAX_PAGES: usize = 1000;
/// Maximum entries of a list; the whole network has some thousand nodes.
const MAX_ENTRIES: usize = 100_000;

/// Page request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Key of the page, from the page before; empty for the first.
    pub key: Vec<u8>,
    /// Maximum entries.
    pub limit: u32,
    /// Whether the order is reversed.
    pub newest_first: bool,
}

/// One page of the sessions of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// Sessions in the order of the list, without those whose account is no address of a key or whose subscription
    /// is missing.
    pub sessions: Vec<Session>,
    /// Ids of all listed sessions except those of an unknown type.
    pub ids: Vec<u64>,
    /// Key of the next page; `None`: this is the last.
    pub next: Option<Vec<u8>>,
    /// Height of the state; `None`: the endpoint does not report it.
    pub height: Option<u64>,
}

impl HubClient {
    /// One page of the sessions of `node`, ordered by id.
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
                    return Err(invalid_answer("sessions that were not asked for"));
                }
                Ok((listed, next(answer.pagination)))
            })
            .await?;
        let (listed, next) = value.unwrap_or_default();
        let ids = listed.iter().map(|session| session.id).collect();
        let sessions = stream::iter(listed)
            .map(|session| self.resolve_session(session, deadline))
            .buffered(MAX_CONCURRENT_SUBSCRIPTIONS)
            .try_filter_map(async |resolved| match resolved {
                ResolvedSession::Session(session) => Ok(Some(session)),
                ResolvedSession::NoKeyAccount | ResolvedSession::NoSubscription(_) => Ok(None),
            })
            .try_collect()
            .await?;
        Ok(SessionPage { sessions, ids, next, height })
    }

    /// All nodes linked to a plan, of any status.
    pub async fn nodes_for_plan(&self, id: u64) -> Result<Vec<Node>, HubError> {
        Ok(self.nodes_for_plan_at_height(id).await?.value)
    }

    /// [`HubClient::nodes_for_plan`] and the lowest height of its pages.
    pub async fn nodes_for_plan_at_height(&self, id: u64) -> Result<AtHeight<Vec<Node>>, HubError> {
        let question = |pagination| QueryNodesForPlanRequest {
            id,
            status: Status::Unspecified.into(),
            pagination: Some(pagination),
        };
        self.fetch_all_pages(question, |answer| (answer.nodes, answer.pagination)).await
    }

    /// All nodes with this status.
    pub async fn nodes(&self, status: Status) -> Result<Vec<Node>, HubError> {
        let question = |pagination| QueryNodesRequest { status: status.into(), pagination: Some(pagination) };
        Ok(self.fetch_all_pages(question, |answer| (answer.nodes, answer.pagination)).await?.value)
    }

    /// All leases of a provider.
    pub async fn leases_for_provider(&self, provider: &ProviderAddress) -> Result<Vec<Lease>, HubError> {
        Ok(self.leases_for_provider_at_height(provider).await?.value)
    }

    /// [`HubClient::leases_for_provider`] and the lowest height of its pages.
    pub async fn leases_for_provider_at_height(
        &self,
        provider: &ProviderAddress,
    ) -> Result<AtHeight<Vec<Lease>>, HubError> {
        let question = |pagination| QueryLeasesForProviderRequest {
            address: provider.to_string(),
            pagination: Some(pagination),
        };
        self.fetch_all_pages(question, |answer| (answer.leases, answer.pagination)).await
    }

    /// Reads all pages of a list. Fails on a page key that repeats and on a list over [`MAX_PAGES`] or [`MAX_ENTRIES`].
    pub(super) async fn fetch_all_pages<Q: super::query::Query, T>(
        &self,
        question: impl Fn(PageRequest) -> Q,
        parts: impl Fn(Q::Answer) -> (Vec<T>, Option<PageResponse>),
    ) -> Result<AtHeight<Vec<T>>, HubError> {
        let (mut all, mut lowest): (_, Option<u64>) = (Vec::new(), None);
        let mut page = Page { limit: PAGE_ENTRIES, ..Page::default() };
        let (mut seen, until) = (HashSet::new(), self.pool.list_deadline());
        while all.len() <= MAX_ENTRIES && seen.len() < MAX_PAGES {
            let question = question(request(page.clone()));
            let check = |answer| {
                let (items, pagination) = parts(answer);
                let next = next(pagination);
                if items.len() > PAGE_ENTRIES as usize {
                    Err(invalid_answer("more than was asked for"))
                } else if next.as_ref().is_some_and(|key| seen.contains(key)) {
                    Err(invalid_answer("a list that leads back to itself"))
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
