//! Used nonces, remembered as long as their challenge could be redeemed.

use std::collections::{BTreeMap, HashSet};

use crate::store::clock::UnixTime;

/// What identifies a challenge: 128 random bits and the second in which it was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce {
    /// When the challenge was issued.
    pub issued_at: UnixTime,
    /// The random part.
    pub random: [u8; 16],
}

/// State of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceState {
    /// Never redeemed.
    Fresh,
    /// Redeemed before.
    Used,
    /// So old that used ones of that time are no longer remembered: it counts as used.
    Forgotten,
}

/// The view in memory of the table `used_nonces`, in buckets of a minute so that old ones go whole.
///
/// Everything up to `horizon` was forgotten and is refused for good. So neither a longer time to live
/// nor a clock that is set back opens an old challenge again.
#[derive(Debug)]
pub(in crate::store) struct UsedNonces {
    horizon: UnixTime,
    buckets: BTreeMap<UnixTime, HashSet<u64>>,
}

impl UsedNonces {
    pub(in crate::store) fn new(horizon: UnixTime) -> Self {
        Self { horizon, buckets: BTreeMap::new() }
    }

    pub(in crate::store) fn horizon(&self) -> UnixTime {
        self.horizon
    }

    pub(in crate::store) fn state(&self, nonce: &Nonce) -> NonceState {
        if nonce.issued_at <= self.horizon {
            return NonceState::Forgotten;
        }
        let used =
            self.buckets.get(&minute(nonce.issued_at)).is_some_and(|bucket| bucket.contains(&short(nonce)));
        if used { NonceState::Used } else { NonceState::Fresh }
    }

    pub(in crate::store) fn insert(&mut self, nonce: &Nonce) {
        self.buckets.entry(minute(nonce.issued_at)).or_default().insert(short(nonce));
    }

    /// Forgets everything up to `horizon`. Only together with a new key may it be an earlier one.
    pub(in crate::store) fn forget(&mut self, horizon: UnixTime) {
        self.horizon = horizon;
        self.buckets = self.buckets.split_off(&minute(self.horizon));
    }
}

fn minute(time: UnixTime) -> UnixTime {
    time.div_euclid(60)
}

/// Half of the random part is enough: two equal halves refuse a sign-in that can be repeated, and only this gate
/// chooses them.
fn short(nonce: &Nonce) -> u64 {
    nonce.random.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(issued_at: UnixTime, first: u8) -> Nonce {
        let mut random = [7; 16];
        random[0] = first;
        Nonce { issued_at, random }
    }

    #[test]
    fn remembers_nonces_until_horizon() {
        let mut used = UsedNonces::new(0);
        assert_eq!(used.state(&nonce(100, 1)), NonceState::Fresh);
        used.insert(&nonce(100, 1));
        assert_eq!(used.state(&nonce(100, 1)), NonceState::Used);
        assert_eq!(used.state(&nonce(100, 2)), NonceState::Fresh);
        used.forget(99);
        assert_eq!(used.state(&nonce(100, 1)), NonceState::Used);
        used.forget(400);
        assert_eq!(used.state(&nonce(100, 1)), NonceState::Forgotten);
        assert_eq!(used.state(&nonce(100, 2)), NonceState::Forgotten);
        assert_eq!(used.state(&nonce(401, 2)), NonceState::Fresh);
        assert!(used.buckets.is_empty());
    }
}
