//! How often one wallet may ask.
//!
//! Who asks for a challenge names any wallet he likes, so a limit on the wallet alone would let anybody
//! lock its owner out. Before a signature is verified the limit is therefore on wallet and client
//! together; only what is signed by the wallet counts for the wallet.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::config::Rate;
use crate::client::Client;

/// Beyond this many a table is swept, now and then. If that does not help, new ones are let through:
/// the limit of each client still holds, and nobody may fill our memory.
const TABLE: usize = 1 << 16;
/// A sweep looks at every entry, so it may not be had at every call.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Contract wallets cost a call to Ethereum before anything is proven.
const CONTRACT: Rate = Rate { burst: 60, per_minute: 60 };

/// What is counted apart.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum Kind {
    /// A challenge.
    Ask(Client),
    /// A message of ours comes back.
    Redeem(Client),
    /// A wallet proved that it signed.
    Signed,
    /// A contract has to be asked.
    Contract(Client),
}

/// The counters. Keys are hashed with a secret, which makes them small and their places unpredictable.
pub(super) struct Limits {
    hasher: RandomState,
    general: DefaultKeyedRateLimiter<u64>,
    contract: DefaultKeyedRateLimiter<u64>,
    clock: DefaultClock,
    swept: Mutex<Instant>,
}

impl Limits {
    pub(super) fn new(rate: Rate) -> Self {
        let table = |rate: Rate| {
            let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
            RateLimiter::keyed(Quota::per_minute(number(rate.per_minute)).allow_burst(number(rate.burst)))
        };
        let clock = DefaultClock::default();
        let (hasher, swept) = (RandomState::new(), Mutex::new(Instant::now()));
        Self { hasher, general: table(rate), contract: table(CONTRACT), clock, swept }
    }

    /// Counts one, or says how long to wait.
    pub(super) fn check(&self, wallet: Address, kind: Kind) -> Result<(), Duration> {
        let table = if matches!(kind, Kind::Contract(_)) { &self.contract } else { &self.general };
        if table.len() >= TABLE {
            self.sweep();
            if table.len() >= TABLE {
                return Ok(());
            }
        }
        let key = self.hasher.hash_one((wallet, kind));
        table.check_key(&key).map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// Drops the entries that are as if they were new.
    fn sweep(&self) {
        // Whoever finds another one sweeping has no need to wait for it.
        if let Ok(mut swept) = self.swept.try_lock()
            && swept.elapsed() >= SWEEP_EVERY
        {
            self.general.retain_recent();
            self.contract.retain_recent();
            *swept = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        address.parse::<std::net::IpAddr>().unwrap().into()
    }

    #[test]
    fn nobody_uses_up_what_is_another_ones() {
        let limits = Limits::new(Rate { burst: 3, per_minute: 1 });
        let (owner, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let attacker = client("192.0.2.1");
        for _ in 0..3 {
            limits.check(owner, Kind::Ask(attacker)).unwrap();
        }
        let wait = limits.check(owner, Kind::Ask(attacker)).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
        limits.check(owner, Kind::Ask(client("192.0.2.2"))).unwrap();
        limits.check(owner, Kind::Redeem(attacker)).unwrap();
        limits.check(owner, Kind::Signed).unwrap();
        limits.check(other, Kind::Ask(attacker)).unwrap();
    }

    #[test]
    fn contract_wallets_have_a_limit_of_their_own() {
        let limits = Limits::new(Rate::default());
        let (wallet, client) = (Address::repeat_byte(1), client("192.0.2.1"));
        let passed = (0..100).filter(|_| limits.check(wallet, Kind::Contract(client)).is_ok()).count();
        assert_eq!(passed, 60);
        limits.check(wallet, Kind::Signed).unwrap();
    }

    #[test]
    fn the_table_does_not_grow_without_bound_and_gives_back() {
        // One in a millisecond is soon forgotten.
        let limits = Limits::new(Rate { burst: 1, per_minute: 60_000 });
        let wallet = |n: usize| Address::left_padding_from(&n.to_be_bytes());
        for n in 0..TABLE + 1000 {
            limits.check(wallet(n), Kind::Signed).unwrap();
        }
        assert_eq!(limits.general.len(), TABLE);
        std::thread::sleep(SWEEP_EVERY);
        limits.check(wallet(usize::MAX), Kind::Signed).unwrap();
        assert_eq!(limits.general.len(), 1);
    }
}
