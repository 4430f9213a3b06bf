//! How often one wallet may ask.
//!
//! Who asks for a challenge names any wallet he likes, so a limit on the wallet alone would let anybody
//! lock its owner out. Before a signature is verified the limit is therefore on wallet and client
//! together; only what is signed by the wallet counts for the wallet.

use std::num::NonZeroU32;
use std::time::Duration;

use alloy::primitives::Address;
use governor::Quota;

use super::config::RateLimit;
use crate::client_key::ClientKey;
use crate::keyed_rate_limiter::{KeyedRateLimiter, OverflowPolicy};

/// Contract wallets cost a call to Ethereum before anything is proven.
const CONTRACT: RateLimit = RateLimit { burst: 60, per_minute: 60 };

/// What is counted apart.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum LimitedAction {
    /// A challenge.
    Ask(ClientKey),
    /// A message of ours comes back.
    Redeem(ClientKey),
    /// A wallet proved that it signed.
    Signed,
    /// A contract has to be asked.
    Contract(ClientKey),
}

/// The counters. Beyond the most of them wallets pass: the limit of each client still holds.
pub struct SignInRateLimiter {
    general: KeyedRateLimiter,
    contract: KeyedRateLimiter,
}

impl SignInRateLimiter {
    pub(super) fn new(rate: RateLimit) -> Self {
        let buckets = |rate: RateLimit| {
            let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_minute(number(rate.per_minute)).allow_burst(number(rate.burst));
            KeyedRateLimiter::new(quota, OverflowPolicy::Allow)
        };
        Self { general: buckets(rate), contract: buckets(CONTRACT) }
    }

    /// Counts one, or says how long to wait.
    pub(super) fn check(&self, wallet: Address, kind: LimitedAction) -> Result<(), Duration> {
        let buckets = if matches!(kind, LimitedAction::Contract(_)) { &self.contract } else { &self.general };
        buckets.check((wallet, kind))
    }

    /// Forgets wallets whose buckets are full again, which changes nothing for them.
    pub fn remove_idle(&self) {
        self.general.remove_idle();
        self.contract.remove_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientKey {
        address.parse::<std::net::IpAddr>().unwrap().into()
    }

    #[test]
    fn nobody_uses_up_what_is_another_ones() {
        let limits = SignInRateLimiter::new(RateLimit { burst: 3, per_minute: 1 });
        let (owner, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let attacker = client("192.0.2.1");
        for _ in 0..3 {
            limits.check(owner, LimitedAction::Ask(attacker)).unwrap();
        }
        let wait = limits.check(owner, LimitedAction::Ask(attacker)).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        limits.check(owner, LimitedAction::Ask(client("192.0.2.2"))).unwrap();
        limits.check(owner, LimitedAction::Redeem(attacker)).unwrap();
        limits.check(owner, LimitedAction::Signed).unwrap();
        limits.check(other, LimitedAction::Ask(attacker)).unwrap();
    }

    #[test]
    fn contract_wallets_have_a_limit_of_their_own() {
        let limits = SignInRateLimiter::new(RateLimit::default());
        let (wallet, client) = (Address::repeat_byte(1), client("192.0.2.1"));
        let passed =
            (0..100).filter(|_| limits.check(wallet, LimitedAction::Contract(client)).is_ok()).count();
        assert_eq!(passed, 60);
        limits.check(wallet, LimitedAction::Signed).unwrap();
    }
}
