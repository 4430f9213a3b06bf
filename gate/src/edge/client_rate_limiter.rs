//! Rate limit per client, checked before any costly work.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};

use governor::Quota;

use crate::client_key::ClientKey;
use crate::config;
use crate::keyed_rate_limiter::{KeyedRateLimiter, OverflowPolicy};
use crate::refusal::Refusal;

/// Limits requests per second and client, with a burst. Buckets refill within seconds, so their number stays small: only
/// more new clients per second than the listener can accept would make them share buckets.
pub struct ClientRateLimiter {
    limiter: RwLock<Arc<KeyedRateLimiter>>,
}

impl ClientRateLimiter {
    /// Creates a limiter with the configured limits.
    pub fn new(limits: &config::LimitsSection) -> Self {
        Self { limiter: RwLock::new(limiter(limits)) }
    }

    /// Replaces the limits. Every client has a full burst again.
    pub fn reconfigure(&self, limits: &config::LimitsSection) {
        *self.limiter.write().unwrap_or_else(PoisonError::into_inner) = limiter(limits);
    }

    fn current(&self) -> Arc<KeyedRateLimiter> {
        Arc::clone(&self.limiter.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one request of `client`; refuses it with code 113 at the limit.
    pub fn check(&self, client: ClientKey) -> Result<(), Refusal> {
        self.current().check(client).map_err(|retry_after| Refusal::TooMany { retry_after })
    }

    /// Removes full buckets, which affects no client.
    pub fn remove_idle(&self) {
        self.current().remove_idle();
    }
}

fn limiter(limits: &config::LimitsSection) -> Arc<KeyedRateLimiter> {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let quota =
        Quota::per_second(at_least_one(limits.per_ip_per_second)).allow_burst(at_least_one(limits.burst));
    Arc::new(KeyedRateLimiter::new(quota, OverflowPolicy::ShareBuckets))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn allows_a_burst_and_refuses_the_next_with_a_retry_delay() {
        let limits = config::LimitsSection { per_ip_per_second: 1, burst: 3, ..Default::default() };
        let limiter = ClientRateLimiter::new(&limits);
        let client = |last: u8| ClientKey::from(IpAddr::from([192, 0, 2, last]));
        for _ in 0..3 {
            assert_eq!(limiter.check(client(1)), Ok(()));
        }
        let refused = limiter.check(client(1)).unwrap_err();
        assert_eq!(refused.code(), 113);
        assert_eq!(refused.retry_after().unwrap().as_secs(), 1);
        assert_eq!(limiter.check(client(2)), Ok(()));
        limiter.reconfigure(&config::LimitsSection { burst: 1, ..limits });
        assert_eq!(limiter.check(client(1)), Ok(()));
        assert_eq!(limiter.check(client(1)).unwrap_err().code(), 113);
    }
}
