//! Failover over several endpoints within one deadline.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout};

use super::{
    breaker::CircuitBreaker,
    config::{HubConfig, HubConfigError},
    error::{EndpointFault, Failure, HubError},
    heights::{HeightTracker, ObservedHeight},
    link::{EndpointConnection, Reply},
    query::Query,
};

/// Timeout of a complete list, as a multiple of the timeout of one request.
const LIST_TIMEOUT_FACTOR: u32 = 3;
/// Shortest timeout that counts as a failure of the endpoint.
const MIN_BLAMED_TIMEOUT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct EndpointPool {
    members: Vec<PooledEndpoint>,
    chain_id: String,
    timeout: Duration,
    request_count: AtomicU64,
}

#[derive(Debug)]
struct PooledEndpoint {
    name: Arc<str>,
    link: EndpointConnection,
    breaker: Mutex<CircuitBreaker>,
    heights: Mutex<HeightTracker>,
}

/// Result of probing one endpoint.
#[derive(Debug)]
pub struct EndpointState {
    /// Scheme, host and port.
    pub endpoint: Arc<str>,
    /// Its height, or its fault.
    pub state: Result<u64, EndpointFault>,
}

impl EndpointPool {
    pub(super) fn new(config: HubConfig) -> Result<Self, HubConfigError> {
        let members = config
            .endpoints()?
            .into_iter()
            .map(|uri| {
                let name = uri.to_string().trim_end_matches('/').into();
                let link = EndpointConnection::new(uri, config.timeout)?;
                Ok(PooledEndpoint { name, link, breaker: Mutex::default(), heights: Mutex::default() })
            })
            .collect::<Result<_, _>>()?;
        let request_count = AtomicU64::default();
        Ok(Self { members, chain_id: config.chain_id, timeout: config.timeout, request_count })
    }

    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// Requests sent to endpoints, retries included.
    pub(super) fn request_count(&self) -> u64 {
        self.request_count.load(Ordering::Relaxed)
    }

    /// Deadline of one request over all endpoints.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Deadline of a complete list over all its pages.
    pub(super) fn list_deadline(&self) -> Instant {
        Instant::now() + self.timeout * LIST_TIMEOUT_FACTOR
    }

    /// Tries the endpoints in order until one answers. `None`: the hub does not have the item.
    pub(super) async fn ask<Q: Query, T>(
        &self,
        question: &Q,
        deadline: Instant,
        check: impl Fn(Q::Answer) -> Result<T, EndpointFault>,
    ) -> Result<Reply<Option<T>>, HubError> {
        let mut failures = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            let others = self.members.iter().skip(index + 1).filter(|other| !other.is_resting()).count();
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(others + 1).unwrap_or(u32::MAX);
            if share.is_zero() {
                let endpoint = Arc::clone(&member.name);
                failures.push(Failure { endpoint, cause: EndpointFault::Timeout(self.timeout) });
                break;
            }
            match member.ask(question, share, self, &check).await {
                Ok(answer) => return Ok(answer),
                Err(cause) => {
                    let endpoint = Arc::clone(&member.name);
                    tracing::debug!(%endpoint, %cause, method = Q::PATH, "hub endpoint failed");
                    failures.push(Failure { endpoint, cause });
                }
            }
        }
        Err(HubError::Unavailable(failures.into()))
    }

    /// Probes every endpoint, including those with an open circuit breaker.
    pub(super) async fn states<Q: Query>(&self, question: &Q) -> Vec<EndpointState> {
        let asked = self.members.iter().map(|member| member.state(question, self));
        futures::future::join_all(asked).await
    }

    /// Heights of all endpoints except `member`.
    fn others(&self, member: &PooledEndpoint, now: Instant) -> Vec<ObservedHeight> {
        let others = self.members.iter().filter(|other| !std::ptr::eq(*other, member));
        others.filter_map(|other| locked(&other.heights).known(now)).collect()
    }
}

impl PooledEndpoint {
    fn is_resting(&self) -> bool {
        locked(&self.breaker).is_resting(Instant::now())
    }

    async fn ask<Q: Query, T>(
        &self,
        question: &Q,
        share: Duration,
        pool: &EndpointPool,
        check: impl Fn(Q::Answer) -> Result<T, EndpointFault>,
    ) -> Result<Reply<Option<T>>, EndpointFault> {
        let Some(ticket) = locked(&self.breaker).admit(Instant::now(), share) else {
            let (failures, last) = locked(&self.breaker).story();
            return Err(EndpointFault::Resting { failures, last });
        };
        let answer = self
            .question(question, share, pool)
            .await
            .and_then(|Reply { value, height }| Ok(Reply { value: value.map(check).transpose()?, height }));
        match &answer {
            Err(EndpointFault::Timeout(_)) if share < MIN_BLAMED_TIMEOUT => {}
            Err(cause) if cause.is_endpoints() => {
                locked(&self.breaker).failed(Instant::now(), ticket, cause.to_string());
            }
            _ => locked(&self.breaker).succeeded(ticket),
        }
        answer
    }

    async fn state<Q: Query>(&self, question: &Q, pool: &EndpointPool) -> EndpointState {
        let answer = self.question(question, pool.timeout, pool).await;
        let state = answer.and_then(|reply| reply.height.ok_or_else(no_height));
        EndpointState { endpoint: Arc::clone(&self.name), state }
    }

    async fn question<Q: Query>(
        &self,
        question: &Q,
        share: Duration,
        pool: &EndpointPool,
    ) -> Result<Reply<Option<Q::Answer>>, EndpointFault> {
        pool.request_count.fetch_add(1, Ordering::Relaxed);
        let Ok(answer) = timeout(share, self.link.ask(question, &pool.chain_id)).await else {
            // A connection without answers is likely to drop the next request too.
            if share >= MIN_BLAMED_TIMEOUT {
                self.link.reset();
            }
            return Err(EndpointFault::Timeout(share));
        };
        let answer = answer?;
        if let Some(height) = answer.height {
            let now = Instant::now();
            let others = pool.others(self, now);
            locked(&self.heights).record(height, &others, now)?;
        }
        Ok(answer)
    }
}

fn no_height() -> EndpointFault {
    EndpointFault::Answer("it does not say at which height".to_owned())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
