//! A limit per client address, before anything costs anything.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};

use governor::Quota;

use crate::buckets::{Beyond, Buckets};
use crate::client::Client;
use crate::config;
use crate::refusal::Refusal;

/// Requests per second and client, with a burst. Buckets are full again within seconds, so there are few, whoever
/// calls; it would take more new clients a second than can be accepted to make them share.
pub struct PerAddress {
    buckets: RwLock<Arc<Buckets>>,
}

impl PerAddress {
    /// A limiter as configured.
    pub fn new(limits: &config::Limits) -> Self {
        Self { buckets: RwLock::new(buckets(limits)) }
    }

    /// From now on as configured here. Everybody has a full burst again.
    pub fn set(&self, limits: &config::Limits) {
        *self.buckets.write().unwrap_or_else(PoisonError::into_inner) = buckets(limits);
    }

    fn now(&self) -> Arc<Buckets> {
        Arc::clone(&self.buckets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one request of `client`.
    pub fn check(&self, client: Client) -> Result<(), Refusal> {
        self.now().take(client).map_err(|retry_after| Refusal::TooMany { retry_after })
    }

    /// Forgets addresses whose bucket is full again, which changes nothing for them.
    pub fn forget_idle(&self) {
        self.now().forget_idle();
    }
}

fn buckets(limits: &config::Limits) -> Arc<Buckets> {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let quota =
        Quota::per_second(at_least_one(limits.per_ip_per_second)).allow_burst(at_least_one(limits.burst));
    Arc::new(Buckets::new(quota, Beyond::Share))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn a_burst_passes_and_the_next_is_told_when_to_come_back() {
        let limits = config::Limits { per_ip_per_second: 1, burst: 3, ..Default::default() };
        let limiter = PerAddress::new(&limits);
        let client = |last: u8| Client::from(IpAddr::from([192, 0, 2, last]));
        for _ in 0..3 {
            assert_eq!(limiter.check(client(1)), Ok(()));
        }
        let refused = limiter.check(client(1)).unwrap_err();
        assert_eq!(refused.code(), 113);
        assert_eq!(refused.retry_after().unwrap().as_secs(), 1);
        assert_eq!(limiter.check(client(2)), Ok(()));
        limiter.set(&config::Limits { burst: 1, ..limits });
        assert_eq!(limiter.check(client(1)), Ok(()));
        assert_eq!(limiter.check(client(1)).unwrap_err().code(), 113);
    }
}
