//! A limit per client address, before anything costs anything.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::client::Client;
use crate::config;
use crate::refusal::Refusal;

/// Requests per second and client, with a burst.
pub struct PerAddress {
    limiter: DefaultKeyedRateLimiter<Client>,
    clock: DefaultClock,
}

impl PerAddress {
    /// A limiter as configured.
    pub fn new(limits: &config::Limits) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota =
            Quota::per_second(at_least_one(limits.per_ip_per_second)).allow_burst(at_least_one(limits.burst));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts one request of `client`.
    pub fn check(&self, client: Client) -> Result<(), Refusal> {
        self.limiter
            .check_key(&client)
            .map_err(|until| Refusal::TooMany { retry_after: until.wait_time_from(self.clock.now()) })
    }

    /// Forgets addresses whose bucket is full again, which changes nothing for them.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
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
    }
}
