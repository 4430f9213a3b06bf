//! The hub, asked over gRPC.
//!
//! A client has several endpoints, the preferred one first. An answer counts only if it came over a connection
//! whose other end proved to be on the configured chain and not syncing, and was not read from a state far
//! behind what other endpoints showed. "There is no such thing" is an answer; everything else that is no
//! answer is an error that names each endpoint and what was wrong there.

mod accounts;
mod breaker;
mod config;
mod error;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod heights;
mod link;
mod lists;
mod pool;
mod query;
mod session;
mod transactions;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use moka::future::Cache;
use tokio::time::Instant;

pub use accounts::{AccountState, Authorization, FeeAllowance};
pub use config::{HubConfig, HubConfigError};
pub use error::{EndpointFault, Failure, HubError};
pub use lists::{Page, SessionPage};
pub use pool::EndpointState;
pub use session::{DIRECT_TYPE, SUBSCRIPTION_TYPE, Session, SessionKind, SessionStatus};
pub use transactions::{ExecutedTx, Simulation, TxRejection};

use crate::{
    address::{NodeAddress, ProviderAddress},
    wire::{
        cosmos::base::tendermint::v1beta1::{GetLatestBlockRequest, GetSyncingRequest, Header},
        sentinel::{
            lease::v1::{Params as LeaseParams, QueryParamsRequest, QueryParamsResponse},
            node::v3::{Node, QueryNodeRequest},
            plan::v3::{Plan, QueryPlanRequest},
            provider::v2::{Provider, QueryProviderRequest},
            session::v3::QuerySessionRequest,
            subscription::v3::{QuerySubscriptionRequest, Subscription},
        },
    },
};
use link::Reply;
use pool::EndpointPool;
use session::{RawSession, senseless};

/// Plans of subscriptions to remember; they never change.
const PLANS: u64 = 100_000;
/// How far the hub's clock may be ahead of ours.
const MAX_CLOCK_AHEAD: Duration = Duration::from_secs(300);

/// Something the hub said, and the height at which it was so, if the endpoint told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtHeight<T> {
    /// What it said.
    pub value: T,
    /// At which height.
    pub height: Option<u64>,
}

/// A typed client. Cheap to clone; all clones share connections, failures and what is remembered.
#[derive(Debug, Clone)]
pub struct HubClient {
    pool: Arc<EndpointPool>,
    plans: Cache<u64, u64>,
}

impl HubClient {
    /// Prepares a client; connects to nothing yet.
    pub fn new(config: HubConfig) -> Result<Self, HubConfigError> {
        Ok(Self { pool: Arc::new(EndpointPool::new(config)?), plans: Cache::new(PLANS) })
    }

    /// The session with this number. `None` also if no key can have its account.
    pub async fn session(&self, id: u64) -> Result<Option<Session>, HubError> {
        Ok(self.session_seen(id).await?.value)
    }

    /// [`HubClient::session`], and the height at which it was so.
    pub async fn session_seen(&self, id: u64) -> Result<AtHeight<Option<Session>>, HubError> {
        let deadline = self.pool.deadline();
        let question = QuerySessionRequest { id };
        let Reply { value, height } = self
            .pool
            .ask(&question, deadline, |answer| {
                let any = answer.session.ok_or_else(|| senseless("no session in it"))?;
                let listed = RawSession::read(&any)?;
                if listed.id == id { Ok(listed) } else { Err(senseless("another session")) }
            })
            .await?;
        let session = match value {
            None => None,
            Some(listed) => match self.complete(listed, deadline).await? {
                Completed::Session(session) => Some(session),
                Completed::Nobodys => None,
                Completed::NoSubscription(subscription) => {
                    let problem = format!("session {id} has subscription {subscription}, which is not there");
                    return Err(HubError::Inconsistent(problem.into()));
                }
            },
        };
        Ok(AtHeight { value: session, height })
    }

    /// The newest height.
    pub async fn latest_height(&self) -> Result<u64, HubError> {
        let deadline = self.pool.deadline();
        let syncing = |answer: crate::wire::cosmos::base::tendermint::v1beta1::GetSyncingResponse| {
            if answer.syncing { Err(EndpointFault::Syncing) } else { Ok(()) }
        };
        // The cheapest question there is; its answer comes with the height.
        if let Some(height) = self.pool.ask(&GetSyncingRequest {}, deadline, syncing).await?.height {
            return Ok(height);
        }
        Ok(self.latest_header(deadline, |_| Ok(())).await?.0)
    }

    /// The newest block: its height, and its time, which is the hub's clock. A time that is some minutes ahead of our
    /// own clock is taken for senseless.
    pub async fn latest_block(&self) -> Result<(u64, SystemTime), HubError> {
        self.latest_header(self.pool.deadline(), |header| {
            let time = header.time.filter(|time| time.seconds > 0);
            let time = accounts::time(time.ok_or_else(|| senseless("no time in it"))?);
            let ahead = time.duration_since(SystemTime::now()).unwrap_or_default();
            if ahead <= MAX_CLOCK_AHEAD {
                Ok(time)
            } else {
                Err(senseless("its newest block is of a time to come"))
            }
        })
        .await
    }

    async fn latest_header<T>(
        &self,
        deadline: Instant,
        read: impl Fn(&Header) -> Result<T, EndpointFault>,
    ) -> Result<(u64, T), HubError> {
        let reply = self
            .pool
            .ask(&GetLatestBlockRequest {}, deadline, |answer| {
                let header = answer.block.and_then(|block| block.header);
                let header = header.ok_or_else(|| senseless("no header in it"))?;
                let height = u64::try_from(header.height).map_err(|_| senseless("no height in it"))?;
                Ok((height, read(&header)?))
            })
            .await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there is no latest block".into()))
    }

    /// Whether there is more than one endpoint.
    pub fn has_several_endpoints(&self) -> bool {
        self.pool.size() > 1
    }

    /// Questions put to endpoints so far, each attempt for itself, without those that prove a new connection.
    pub fn asked(&self) -> u64 {
        self.pool.asked()
    }

    /// The state of each endpoint. Heights that it finds count when answers are judged as being behind.
    pub async fn endpoints(&self) -> Vec<EndpointState> {
        self.pool.states(&GetSyncingRequest {}).await
    }

    /// The subscription with this number.
    pub async fn subscription(&self, id: u64) -> Result<Option<Subscription>, HubError> {
        self.subscription_by(id, self.pool.deadline()).await
    }

    async fn subscription_by(&self, id: u64, deadline: Instant) -> Result<Option<Subscription>, HubError> {
        let reply = self
            .pool
            .ask(&QuerySubscriptionRequest { id }, deadline, |answer| {
                let found = answer.subscription.filter(|found| found.id == id);
                found.ok_or_else(|| senseless("another subscription"))
            })
            .await?;
        Ok(reply.value)
    }

    /// The plan with this number.
    pub async fn plan(&self, id: u64) -> Result<Option<Plan>, HubError> {
        let deadline = self.pool.deadline();
        let reply = self
            .pool
            .ask(&QueryPlanRequest { id }, deadline, |answer| {
                answer.plan.filter(|found| found.id == id).ok_or_else(|| senseless("another plan"))
            })
            .await?;
        Ok(reply.value)
    }

    /// Bounds of leases.
    pub async fn lease_params(&self) -> Result<LeaseParams, HubError> {
        let deadline = self.pool.deadline();
        let params = |answer: QueryParamsResponse| answer.params.ok_or_else(|| senseless("no parameters"));
        let reply = self.pool.ask(&QueryParamsRequest {}, deadline, params).await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there are no parameters of leases".into()))
    }

    /// The node with this address.
    pub async fn node(&self, address: &NodeAddress) -> Result<Option<Node>, HubError> {
        let (deadline, address) = (self.pool.deadline(), address.to_string());
        let reply = self
            .pool
            .ask(&QueryNodeRequest { address: address.clone() }, deadline, |answer| {
                let found = answer.node.filter(|found| found.address == address);
                found.ok_or_else(|| senseless("another node"))
            })
            .await?;
        Ok(reply.value)
    }

    /// The provider with this address.
    pub async fn provider(&self, address: &ProviderAddress) -> Result<Option<Provider>, HubError> {
        let (deadline, address) = (self.pool.deadline(), address.to_string());
        let reply = self
            .pool
            .ask(&QueryProviderRequest { address: address.clone() }, deadline, |answer| {
                let found = answer.provider.filter(|found| found.address == address);
                found.ok_or_else(|| senseless("another provider"))
            })
            .await?;
        Ok(reply.value)
    }

    /// Finds out what pays for a session.
    async fn complete(&self, listed: RawSession, deadline: Instant) -> Result<Completed, HubError> {
        let RawSession { id, account, node, status, subscription } = listed;
        let Some(account) = account else { return Ok(Completed::Nobodys) };
        let kind = match subscription {
            None => SessionKind::Direct,
            Some(subscription) => match self.plan_of(subscription, deadline).await? {
                Some(plan) => SessionKind::Plan(plan),
                None => return Ok(Completed::NoSubscription(subscription)),
            },
        };
        Ok(Completed::Session(Session { id, account, node, kind, status }))
    }

    async fn plan_of(&self, subscription: u64, deadline: Instant) -> Result<Option<u64>, HubError> {
        if let Some(plan) = self.plans.get(&subscription).await {
            return Ok(Some(plan));
        }
        let Some(found) = self.subscription_by(subscription, deadline).await? else { return Ok(None) };
        self.plans.insert(subscription, found.plan_id).await;
        Ok(Some(found.plan_id))
    }
}

enum Completed {
    Session(Session),
    Nobodys,
    NoSubscription(u64),
}
