//! Follows the sessions of the node on the hub block by block, so that a usual handshake needs no query to the hub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::{HubError, Page};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::block_time::BlockTimeEstimator;
use super::index::MAX_INDEXED_SESSIONS;
use super::{SessionEvent, Sessions};

/// Sessions listed at each new block, newest first. A node with fewer sessions is listed completely each time.
const RECENT_PAGE_SIZE: u32 = 50;
/// Page size of a complete listing.
const FULL_PAGE_SIZE: u32 = 500;
/// Time between two complete listings of a node with more than [`RECENT_PAGE_SIZE`] sessions.
const FULL_LISTING_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum concurrent queries for sessions that are missing from a listing.
const MAX_CONCURRENT_QUERIES: usize = 8;
/// Time between two height checks of the endpoints that no query used, so that a lagging endpoint is noticed.
const ENDPOINT_CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// The task that keeps [`Sessions`] up to date.
pub struct Follower<N> {
    sessions: Arc<Sessions>,
    node: N,
    events: mpsc::Sender<SessionEvent>,
    block_time: BlockTimeEstimator,
    last_full_listing: Option<Instant>,
}

impl<N: Fn() -> Option<NodeAddress> + Send + Sync> Follower<N> {
    /// Follows the sessions of the node whose address `node` returns, once it returns one. Changes go to `events`;
    /// none is lost: while the channel is full, the follower waits.
    pub fn new(sessions: Arc<Sessions>, node: N, events: mpsc::Sender<SessionEvent>) -> Self {
        Self { sessions, node, events, block_time: BlockTimeEstimator::new(), last_full_listing: None }
    }

    /// Follows until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let sessions = Arc::clone(&self.sessions);
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow() => {}
            () = check_endpoints(&sessions) => {}
        }
    }

    async fn follow(&mut self) {
        loop {
            let new_block = self.poll_hub().await.unwrap_or_else(|error| {
                self.block_time.record_failure();
                self.sessions.health.note(Err(error.to_string()));
                false
            });
            self.publish_events().await;
            tokio::time::sleep(self.block_time.poll_delay(new_block)).await;
        }
    }

    /// Reads the hub's height, and the sessions if there is a new block; returns whether there is one.
    async fn poll_hub(&mut self) -> Result<bool, HubError> {
        let height = self.sessions.hub.latest_height().await?;
        let node = (self.node)();
        let unread = node.is_some() && !self.sessions.index().is_complete();
        let new_block = self.block_time.observe_height(height, Instant::now());
        if let Some(node) = node.filter(|_| new_block || unread) {
            self.sessions.index().set_node(node);
            self.list_sessions(&node).await?;
        }
        self.sessions.health.note(Ok(height));
        Ok(new_block)
    }

    /// Lists sessions down to the newest indexed one, or completely when that is due.
    async fn list_sessions(&mut self, node: &NodeAddress) -> Result<(), HubError> {
        let whole = !self.sessions.index().is_complete()
            || self.last_full_listing.is_none_or(|last| last.elapsed() >= FULL_LISTING_INTERVAL);
        let mut listing = self.sessions.index().begin_listing();
        let mut page = Page {
            limit: if whole { FULL_PAGE_SIZE } else { RECENT_PAGE_SIZE },
            newest_first: true,
            ..Page::default()
        };
        let mut taken = 0;
        let complete = loop {
            let answer = self.sessions.hub.sessions_for_node(node, page.clone()).await?;
            let more = self.sessions.index().add_page(&mut listing, &answer);
            taken += answer.ids.len().max(1);
            match answer.next {
                None => break true,
                Some(key) if taken < MAX_INDEXED_SESSIONS && (whole || more) => page.key = key,
                Some(_) => break false,
            }
        };
        self.sessions.index().finish_listing(&listing);
        if whole {
            self.last_full_listing = Some(Instant::now());
        }
        if complete {
            let missing = self.sessions.index().missing(&listing, Instant::now());
            self.resolve_missing(missing).await?;
        }
        Ok(())
    }

    /// Queries each indexed session that a complete listing lacks.
    async fn resolve_missing(&self, missing: Vec<u64>) -> Result<(), HubError> {
        let hub = &self.sessions.hub;
        let mut asked = stream::iter(missing)
            .map(|id| async move { (id, hub.session_at_height(id).await) })
            .buffer_unordered(MAX_CONCURRENT_QUERIES);
        while let Some((id, seen)) = asked.next().await {
            let seen = match seen {
                Err(HubError::Inconsistent(_)) => continue,
                seen => seen?,
            };
            self.sessions.index().resolve_missing(id, &seen);
        }
        Ok(())
    }

    /// Publishes pending events, whichever query found them.
    async fn publish_events(&self) {
        let events = self.sessions.index().take_events();
        for event in events {
            tracing::debug!(?event, "a session changed on the hub");
            let (SessionEvent::Cancelled(id) | SessionEvent::Ended(id)) = event;
            self.sessions.asked.invalidate(&id).await;
            if self.events.send(event).await.is_err() {
                tracing::debug!("nobody wants to know of sessions");
            }
        }
    }
}

async fn check_endpoints(sessions: &Sessions) {
    loop {
        tokio::time::sleep(ENDPOINT_CHECK_INTERVAL).await;
        if !sessions.hub.has_several_endpoints() {
            continue;
        }
        for state in sessions.hub.endpoints().await {
            if let Err(cause) = state.state {
                tracing::debug!(endpoint = %state.endpoint, %cause, "a hub endpoint is not usable");
            }
        }
    }
}
