//! gRPC client of the Sentinel hub.
//!
//! A client has several endpoints, the preferred one first. An answer is accepted only from a connection whose
//! endpoint is on the configured chain and not syncing, and only from a state that is not far behind the heights
//! of other endpoints. "Not found" is an answer. Every other failure is an error that lists each endpoint with its
//! fault.

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

pub use accounts::{Authorization, FeeAllowance};
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
use session::{RawSession, invalid_answer};

/// Cached plan ids by subscription; the plan of a subscription never changes.
const MAX_CACHED_PLANS: u64 = 100_000;
/// Maximum lead of the time of a block over the local clock.
const MAX_CLOCK_AHEAD: Duration = Duration::from_secs(300);

/// An answer of the hub and the height of the state that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtHeight<T> {
    /// The answer.
    pub value: T,
    /// Height of that state; `None`: the endpoint does not report it.
    pub height: Option<u64>,
}

/// Typed client of the hub. Cheap to clone; clones share connections, circuit breakers and the cache of plans.
#[derive(Debug, Clone)]
pub struct HubClient {
    pool: Arc<EndpointPool>,
    plans: Cache<u64, u64>,
}

impl HubClient {
    /// Creates a client. It connects with the first request.
    pub fn new(config: HubConfig) -> Result<Self, HubConfigError> {
        Ok(Self { pool: Arc::new(EndpointPool::new(config)?), plans: Cache::new(MAX_CACHED_PLANS) })
    }

    /// Session by id. `None` also if the address of its account is no address of a key.
    pub async fn session(&self, id: u64) -> Result<Option<Session>, HubError> {
        Ok(self.session_at_height(id).await?.value)
    }

    /// [`HubClient::session`] and the height of its state.
    pub async fn session_at_height(&self, id: u64) -> Result<AtHeight<Option<Session>>, HubError> {
        let deadline = self.pool.deadline();
        let question = QuerySessionRequest { id };
        let Reply { value, height } = self
            .pool
            .ask(&question, deadline, |answer| {
                let any = answer.session.ok_or_else(|| invalid_answer("no session in it"))?;
                let listed = RawSession::read(&any)?;
                if listed.id == id { Ok(listed) } else { Err(invalid_answer("another session")) }
            })
            .await?;
        let session = match value {
            None => None,
            Some(listed) => match self.resolve_session(listed, deadline).await? {
                ResolvedSession::Session(session) => Some(session),
                ResolvedSession::NoKeyAccount => None,
                ResolvedSession::NoSubscription(subscription) => {
                    let problem = format!("session {id} has subscription {subscription}, which is not there");
                    return Err(HubError::Inconsistent(problem.into()));
                }
            },
        };
        Ok(AtHeight { value: session, height })
    }

    /// Newest height.
    pub async fn latest_height(&self) -> Result<u64, HubError> {
        let deadline = self.pool.deadline();
        let syncing = |answer: crate::wire::cosmos::base::tendermint::v1beta1::GetSyncingResponse| {
            if answer.syncing { Err(EndpointFault::Syncing) } else { Ok(()) }
        };
        // The cheapest request; the height comes in its response metadata.
        if let Some(height) = self.pool.ask(&GetSyncingRequest {}, deadline, syncing).await?.height {
            return Ok(height);
        }
        Ok(self.latest_header(deadline, |_| Ok(())).await?.0)
    }

    /// Height and time of the newest block. A time more than five minutes ahead of the local clock makes the
    /// answer invalid.
    pub async fn latest_block(&self) -> Result<(u64, SystemTime), HubError> {
        self.latest_header(self.pool.deadline(), |header| {
            let time = header.time.filter(|time| time.seconds > 0);
            let time = accounts::time(time.ok_or_else(|| invalid_answer("no time in it"))?);
            let ahead = time.duration_since(SystemTime::now()).unwrap_or_default();
            if ahead <= MAX_CLOCK_AHEAD {
                Ok(time)
            } else {
                Err(invalid_answer("its newest block is of a time to come"))
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
                let header = header.ok_or_else(|| invalid_answer("no header in it"))?;
                let height = u64::try_from(header.height).map_err(|_| invalid_answer("no height in it"))?;
                Ok((height, read(&header)?))
            })
            .await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there is no latest block".into()))
    }

    /// Whether more than one endpoint is configured.
    pub fn has_several_endpoints(&self) -> bool {
        self.pool.size() > 1
    }

    /// Requests sent to endpoints, retries included, without those that verify a new connection.
    pub fn request_count(&self) -> u64 {
        self.pool.request_count()
    }

    /// State of each endpoint. The heights found are also used to detect endpoints that are behind.
    pub async fn endpoints(&self) -> Vec<EndpointState> {
        self.pool.states(&GetSyncingRequest {}).await
    }

    /// Subscription by id.
    pub async fn subscription(&self, id: u64) -> Result<Option<Subscription>, HubError> {
        self.subscription_by(id, self.pool.deadline()).await
    }

    async fn subscription_by(&self, id: u64, deadline: Instant) -> Result<Option<Subscription>, HubError> {
        let reply = self
            .pool
            .ask(&QuerySubscriptionRequest { id }, deadline, |answer| {
                let found = answer.subscription.filter(|found| found.id == id);
                found.ok_or_else(|| invalid_answer("another subscription"))
            })
            .await?;
        Ok(reply.value)
    }

    /// Plan by id.
    pub async fn plan(&self, id: u64) -> Result<Option<Plan>, HubError> {
        let deadline = self.pool.deadline();
        let reply = self
            .pool
            .ask(&QueryPlanRequest { id }, deadline, |answer| {
                answer.plan.filter(|found| found.id == id).ok_or_else(|| invalid_answer("another plan"))
            })
            .await?;
        Ok(reply.value)
    }

    /// Parameters of the lease module.
    pub async fn lease_params(&self) -> Result<LeaseParams, HubError> {
        let deadline = self.pool.deadline();
        let params =
            |answer: QueryParamsResponse| answer.params.ok_or_else(|| invalid_answer("no parameters"));
        let reply = self.pool.ask(&QueryParamsRequest {}, deadline, params).await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there are no parameters of leases".into()))
    }

    /// Node by address.
    pub async fn node(&self, address: &NodeAddress) -> Result<Option<Node>, HubError> {
        let (deadline, address) = (self.pool.deadline(), address.to_string());
        let reply = self
            .pool
            .ask(&QueryNodeRequest { address: address.clone() }, deadline, |answer| {
                let found = answer.node.filter(|found| found.address == address);
                found.ok_or_else(|| invalid_answer("another node"))
            })
            .await?;
        Ok(reply.value)
    }

    /// Provider by address.
    pub async fn provider(&self, address: &ProviderAddress) -> Result<Option<Provider>, HubError> {
        let (deadline, address) = (self.pool.deadline(), address.to_string());
        let reply = self
            .pool
            .ask(&QueryProviderRequest { address: address.clone() }, deadline, |answer| {
                let found = answer.provider.filter(|found| found.address == address);
                found.ok_or_else(|| invalid_answer("another provider"))
            })
            .await?;
        Ok(reply.value)
    }

    /// Resolves the subscription of a session to its plan.
    async fn resolve_session(
        &self,
        listed: RawSession,
        deadline: Instant,
    ) -> Result<ResolvedSession, HubError> {
        let RawSession { id, account, node, status, subscription } = listed;
        let Some(account) = account else { return Ok(ResolvedSession::NoKeyAccount) };
        let kind = match subscription {
            None => SessionKind::Direct,
            Some(subscription) => match self.plan_of(subscription, deadline).await? {
                Some(plan) => SessionKind::Plan(plan),
                None => return Ok(ResolvedSession::NoSubscription(subscription)),
            },
        };
        Ok(ResolvedSession::Session(Session { id, account, node, kind, status }))
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

/// A session after its subscription was looked up.
enum ResolvedSession {
    Session(Session),
    /// The address of the account is no address of a key.
    NoKeyAccount,
    /// The hub does not have the subscription of the session.
    NoSubscription(u64),
}
