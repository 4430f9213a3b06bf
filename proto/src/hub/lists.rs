//! Questions that are answered page by page.

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Completed, HubClient, HubError, Session,
    link::Reply,
    session::{Listed, senseless},
};
use crate::{
    address::{NodeAddress, ProviderAddress},
    wire::{
        cosmos::base::query::v1beta1::{PageRequest, PageResponse},
        sentinel::{
            lease::v1::{Lease, QueryLeasesForProviderRequest},
            node::v3::{Node, QueryNodesForPlanRequest},
            session::v3::QuerySessionsForNodeRequest,
            types::v1::Status,
        },
    },
};

/// Subscriptions asked for at the same time.
const AT_ONCE: usize = 8;
/// Entries of a page when everything is wanted.
const WHOLE_PAGE: u32 = 500;
/// Pages after which an endpoint that always has one more is not believed.
const MOST_PAGES: usize = 1000;

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
                let known = answer.sessions.iter().filter(|any| Listed::is_known(any));
                let listed: Vec<_> = known.map(Listed::read).collect::<Result<_, _>>()?;
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
            .buffered(AT_ONCE)
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
        let question = |pagination| QueryNodesForPlanRequest {
            id,
            status: Status::Unspecified.into(),
            pagination: Some(pagination),
        };
        self.whole(question, |answer| (answer.nodes, answer.pagination)).await
    }

    /// All leases of a provider.
    pub async fn leases_for_provider(&self, provider: &ProviderAddress) -> Result<Vec<Lease>, HubError> {
        let question = |pagination| QueryLeasesForProviderRequest {
            address: provider.to_string(),
            pagination: Some(pagination),
        };
        self.whole(question, |answer| (answer.leases, answer.pagination)).await
    }

    async fn whole<Q: super::query::Query, T>(
        &self,
        question: impl Fn(PageRequest) -> Q,
        parts: impl Fn(Q::Answer) -> (Vec<T>, Option<PageResponse>),
    ) -> Result<Vec<T>, HubError> {
        let mut all = Vec::new();
        let mut page = Page { limit: WHOLE_PAGE, ..Page::default() };
        for _ in 0..MOST_PAGES {
            let question = question(request(page.clone()));
            let reply = self.pool.ask(&question, self.pool.deadline(), |answer| Ok(parts(answer))).await?;
            let Some((items, pagination)) = reply.value else { break };
            all.extend(items);
            match next(pagination) {
                Some(key) => page.key = key,
                None => return Ok(all),
            }
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
