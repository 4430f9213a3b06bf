//! How often one wallet may ask.
//!
//! Who asks for a challenge names any wallet he likes, so a limit on the wallet alone would let anybody
//! lock its owner out. Before a signature is verified the limit is therefore on wallet and client
//! together; only what is signed by the wallet counts for the wallet.

use std::num::NonZeroU32;
use std::time::Duration;

use alloy::primitives::Address;
use governor::Quota;

use super::config::Rate;
use crate::buckets::{Beyond, Buckets};
use crate::client::Client;

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

/// The counters. Beyond the most of them wallets pass: the limit of each client still holds.
pub struct Limits {
    general: Buckets,
    contract: Buckets,
}

impl Limits {
    pub(super) fn new(rate: Rate) -> Self {
        let buckets = |rate: Rate| {
            let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_minute(number(rate.per_minute)).allow_burst(number(rate.burst));
            Buckets::new(quota, Beyond::Pass)
        };
        Self { general: buckets(rate), contract: buckets(CONTRACT) }
    }

    /// Counts one, or says how long to wait.
    pub(super) fn check(&self, wallet: Address, kind: Kind) -> Result<(), Duration> {
        let buckets = if matches!(kind, Kind::Contract(_)) { &self.contract } else { &self.general };
        buckets.take((wallet, kind))
    }

    /// Forgets wallets whose buckets are full again, which changes nothing for them.
    pub fn forget_idle(&self) {
        self.general.forget_idle();
        self.contract.forget_idle();
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
}
