//! Whether a height can be true, by what this endpoint and others have shown.

use std::time::Duration;

use tokio::time::Instant;

use super::{error::EndpointFault, session::senseless};

/// Blocks that an endpoint may be behind the others.
const MAX_LAG_BLOCKS: u64 = 5;
/// How long a height that was seen counts. Height is compared, not time: our own clock proves nothing about
/// an endpoint, and a chain that was set back is taken again after this.
const HEIGHT_MAX_AGE: Duration = Duration::from_secs(30);
/// More blocks than any chain makes within [`HEIGHT_MAX_AGE`].
const MAX_HEIGHT_JUMP: u64 = 1000;

/// What one endpoint has shown.
#[derive(Debug, Default)]
pub(super) struct HeightTracker {
    /// The newest height that counted.
    counted: Option<(u64, Instant)>,
    /// The newest that was said and is no leap.
    said: Option<(u64, Instant)>,
    /// When that last grew.
    grew: Option<Instant>,
}

/// A height that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ObservedHeight {
    height: u64,
    /// Whether the endpoint is seen to follow its chain.
    grows: bool,
}

impl HeightTracker {
    /// What others may be measured by.
    pub(super) fn known(&self, now: Instant) -> Option<ObservedHeight> {
        let height = recent(self.counted, now)?;
        Some(ObservedHeight { height, grows: self.grows(now) })
    }

    /// Takes a height, unless it cannot be true or is behind. An endpoint that nothing is known of is not believed
    /// where it is far beyond one that grows; two that both grow and are far apart do not count for each other, so
    /// that neither can shut out the other by what it invents.
    pub(super) fn see(
        &mut self,
        height: u64,
        others: &[ObservedHeight],
        now: Instant,
    ) -> Result<(), EndpointFault> {
        let own = recent(self.counted, now);
        let leaps = |from: u64| height > from.saturating_add(MAX_HEIGHT_JUMP);
        if let Some(from) = own.filter(|from| leaps(*from)) {
            return Err(leap(height, from));
        }
        let witness = others.iter().find(|other| other.grows && leaps(other.height));
        let supported = others.iter().any(|other| other.height.abs_diff(height) <= MAX_HEIGHT_JUMP);
        if let Some(witness) = witness.filter(|_| own.is_none() && !supported) {
            return Err(leap(height, witness.height));
        }
        if recent(self.said, now).is_some_and(|said| height > said) {
            self.grew = Some(now);
        }
        self.said = Some((height, now));
        let counts = |other: &&ObservedHeight| {
            other.height <= height.saturating_add(MAX_HEIGHT_JUMP) || !self.grows(now)
        };
        let best =
            others.iter().filter(counts).map(|other| other.height).chain(own).max().unwrap_or_default();
        if height.saturating_add(MAX_LAG_BLOCKS) < best {
            return Err(EndpointFault::Behind { height, best });
        }
        self.counted = Some((height, now));
        Ok(())
    }

    fn grows(&self, now: Instant) -> bool {
        self.grew.is_some_and(|at| now.duration_since(at) < HEIGHT_MAX_AGE)
    }
}

fn recent(seen: Option<(u64, Instant)>, now: Instant) -> Option<u64> {
    seen.filter(|(_, at)| now.duration_since(*at) < HEIGHT_MAX_AGE).map(|(height, _)| height)
}

fn leap(height: u64, from: u64) -> EndpointFault {
    senseless(format!("it says that it is at height {height}, a moment after {from}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_grow_far_apart_shut_out_neither() {
        let now = Instant::now();
        let (mut low, mut high) = (HeightTracker::default(), HeightTracker::default());
        high.see(1_000_000, &[], now).unwrap();
        let known = |heights: &HeightTracker| heights.known(now).into_iter().collect::<Vec<_>>();
        assert!(matches!(low.see(100, &known(&high), now), Err(EndpointFault::Behind { .. })));
        low.see(101, &known(&high), now).unwrap();
        high.see(1_000_001, &known(&low), now).unwrap();
        low.see(102, &known(&high), now).unwrap();
        // Whoever comes then is measured by the one that it is near to.
        HeightTracker::default().see(1_000_002, &[known(&low), known(&high)].concat(), now).unwrap();
        let stranger = HeightTracker::default().see(9_000_000, &[known(&low), known(&high)].concat(), now);
        assert!(matches!(stranger, Err(EndpointFault::Answer(_))), "{stranger:?}");
    }

    #[test]
    fn what_was_seen_is_forgotten() {
        let now = Instant::now();
        let mut heights = HeightTracker::default();
        heights.see(100, &[], now).unwrap();
        assert!(matches!(heights.see(50, &[], now), Err(EndpointFault::Behind { .. })));
        assert!(matches!(heights.see(1101, &[], now), Err(EndpointFault::Answer(_))));
        let later = now + HEIGHT_MAX_AGE;
        assert_eq!(heights.known(later), None);
        heights.see(50, &[], later).unwrap();
    }
}
