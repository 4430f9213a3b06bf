//! A limit per client address, before anything costs anything.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::client::Client;
use crate::config;
use crate::refusal::Refusal;

/// Requests per second and client, with a burst.
pub struct PerAddress {
    limiter: RwLock<Arc<DefaultKeyedRateLimiter<Client>>>,
    clock: DefaultClock,
}

impl PerAddress {
    /// A limiter as configured.
    pub fn new(limits: &config::Limits) -> Self {
        Self { limiter: RwLock::new(limiter(limits)), clock: DefaultClock::default() }
    }

    /// From now on as configured here. Everybody has a full burst again.
    pub fn set(&self, limits: &config::Limits) {
        *self.limiter.write().unwrap_or_else(PoisonError::into_inner) = limiter(limits);
    }

    fn now(&self) -> Arc<DefaultKeyedRateLimiter<Client>> {
        Arc::clone(&self.limiter.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts one request of `client`.
    pub fn check(&self, client: Client) -> Result<(), Refusal> {
        self.now()
            .check_key(&client)
            .map_err(|until| Refusal::TooMany { retry_after: until.wait_time_from(self.clock.now()) })
    }

    /// Forgets addresses whose bucket is full again, which changes nothing for them.
    pub fn forget_idle(&self) {
        let limiter = self.now();
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}

fn limiter(limits: &config::Limits) -> Arc<DefaultKeyedRateLimiter<Client>> {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let quota =
        Quota::per_second(at_least_one(limits.per_ip_per_second)).allow_burst(at_least_one(limits.burst));
    Arc::new(RateLimiter::keyed(quota))
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
