//! Rate limits of sign-ins.
//!
//! A request for a challenge may name any wallet, so a limit per wallet alone would let an attacker lock its owner out.
//! Before a signature is verified, the limit therefore applies to the pair of wallet and client; only verified
//! signatures count for the wallet alone.

use std::num::NonZeroU32;
use std::time::Duration;

use alloy::primitives::Address;
use governor::Quota;

use super::config::RateLimit;
use crate::client_key::ClientKey;
use crate::keyed_rate_limiter::{KeyedRateLimiter, OverflowPolicy};

/// Rate limit of signature checks by contract wallets: each costs a call to Ethereum before anything is proven.
const CONTRACT_CALL_RATE: RateLimit = RateLimit { burst: 60, per_minute: 60 };

/// Actions with separate counters.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum LimitedAction {
    /// A challenge is requested.
    RequestChallenge(ClientKey),
    /// A challenge is redeemed.
    RedeemChallenge(ClientKey),
    /// A signature of the wallet was verified.
    VerifiedSignature,
    /// A contract wallet has to check the signature.
    ContractCall(ClientKey),
}

/// Counters per wallet and action. While the table is full, new wallets pass: the limit of each client still applies.
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
        Self { general: buckets(rate), contract: buckets(CONTRACT_CALL_RATE) }
    }

    /// Counts one action. The error is the delay until the next attempt.
    pub(super) fn check(&self, wallet: Address, action: LimitedAction) -> Result<(), Duration> {
        let buckets =
            if matches!(action, LimitedAction::ContractCall(_)) { &self.contract } else { &self.general };
        buckets.check((wallet, action))
    }

    /// Removes wallets with full buckets, which changes no decision.
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
    fn attacker_cannot_exhaust_limit_of_another_client_or_wallet() {
        let limits = SignInRateLimiter::new(RateLimit { burst: 3, per_minute: 1 });
        let (owner, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let attacker = client("192.0.2.1");
        for _ in 0..3 {
            limits.check(owner, LimitedAction::RequestChallenge(attacker)).unwrap();
        }
        let wait = limits.check(owner, LimitedAction::RequestChallenge(attacker)).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        limits.check(owner, LimitedAction::RequestChallenge(client("192.0.2.2"))).unwrap();
        limits.check(owner, LimitedAction::RedeemChallenge(attacker)).unwrap();
        limits.check(owner, LimitedAction::VerifiedSignature).unwrap();
        limits.check(other, LimitedAction::RequestChallenge(attacker)).unwrap();
    }

    #[test]
    fn contract_wallets_have_a_separate_limit() {
        let limits = SignInRateLimiter::new(RateLimit::default());
        let (wallet, client) = (Address::repeat_byte(1), client("192.0.2.1"));
        let passed =
            (0..100).filter(|_| limits.check(wallet, LimitedAction::ContractCall(client)).is_ok()).count();
        assert_eq!(passed, 60);
        limits.check(wallet, LimitedAction::VerifiedSignature).unwrap();
    }
}
