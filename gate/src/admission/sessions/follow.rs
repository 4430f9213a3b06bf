//! Follows the hub block by block, so that the usual handshake asks it nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::{HubError, Page};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::known::MOST;
use super::pace::Pace;
use super::{SessionEvent, Sessions};

/// Newest sessions to look at for each block. A node with fewer is seen completely each time.
const NEWEST: u32 = 50;
/// Sessions of a page of everything.
const WHOLE_PAGE: u32 = 500;
/// A node with more sessions than [`NEWEST`] is seen completely this often.
const SWEEP: Duration = Duration::from_secs(60);
/// Missing sessions to ask for at the same time.
const AT_ONCE: usize = 8;
/// Endpoints that were not needed are asked for their height, so that one that is behind is noticed.
const SURVEY: Duration = Duration::from_secs(15);

/// The task that keeps [`Sessions`] up to date.
pub struct Follower<N> {
    sessions: Arc<Sessions>,
    node: N,
    events: mpsc::Sender<SessionEvent>,
    pace: Pace,
    swept: Option<Instant>,
}

impl<N: Fn() -> Option<NodeAddress> + Send + Sync> Follower<N> {
    /// Follows the sessions of the node that `node` tells, once it does. Ends go to `events`, none is lost:
    /// when nobody takes them, following waits.
    pub fn new(sessions: Arc<Sessions>, node: N, events: mpsc::Sender<SessionEvent>) -> Self {
        Self { sessions, node, events, pace: Pace::new(), swept: None }
    }

    /// Follows until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let sessions = Arc::clone(&self.sessions);
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow() => {}
            () = survey(&sessions) => {}
        }
    }

    async fn follow(&mut self) {
        loop {
            let new_block = self.look().await.unwrap_or_else(|error| {
                self.pace.failed();
                self.sessions.health.note(Err(error.to_string()));
                false
            });
            self.tell().await;
            tokio::time::sleep(self.pace.pause(new_block)).await;
        }
    }

    /// Looks for a new block, and at the sessions if there is one.
    async fn look(&mut self) -> Result<bool, HubError> {
        let height = self.sessions.hub.latest_height().await?;
        let node = (self.node)();
        let unread = node.is_some() && !self.sessions.known().is_complete();
        let new_block = self.pace.saw(height, Instant::now());
        if let Some(node) = node.filter(|_| new_block || unread) {
            self.sessions.known().is_node(node);
            self.list(&node).await?;
        }
        self.sessions.health.note(Ok(height));
        Ok(new_block)
    }

    /// Reads the list of sessions: down to the known ones, or as a whole when that is due.
    async fn list(&mut self, node: &NodeAddress) -> Result<(), HubError> {
        let whole =
            !self.sessions.known().is_complete() || self.swept.is_none_or(|last| last.elapsed() >= SWEEP);
        let mut listing = self.sessions.known().begin();
        let mut page =
            Page { limit: if whole { WHOLE_PAGE } else { NEWEST }, newest_first: true, ..Page::default() };
        let mut taken = 0;
        let complete = loop {
            let answer = self.sessions.hub.sessions_for_node(node, page.clone()).await?;
            let more = self.sessions.known().take(&mut listing, &answer);
            taken += answer.ids.len().max(1);
            match answer.next {
                None => break true,
                Some(key) if taken < MOST && (whole || more) => page.key = key,
                Some(_) => break false,
            }
        };
        self.sessions.known().reached(&listing);
        if whole {
            self.swept = Some(Instant::now());
        }
        if complete {
            let missing = self.sessions.known().missing(&listing, Instant::now());
            self.settle(missing).await?;
        }
        Ok(())
    }

    /// Asks for each session that the list should have named.
    async fn settle(&self, missing: Vec<u64>) -> Result<(), HubError> {
        let hub = &self.sessions.hub;
        let mut asked = stream::iter(missing)
            .map(|id| async move { (id, hub.session_seen(id).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((id, seen)) = asked.next().await {
            let seen = match seen {
                Err(HubError::Inconsistent(_)) => continue,
                seen => seen?,
            };
            self.sessions.known().settle(id, &seen);
        }
        Ok(())
    }

    /// Tells what happened, whichever way it was learned.
    async fn tell(&self) {
        let events = self.sessions.known().take_events();
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

async fn survey(sessions: &Sessions) {
    loop {
        tokio::time::sleep(SURVEY).await;
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
