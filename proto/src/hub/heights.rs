//! Checks the height that an endpoint reports against its own earlier heights and those of other endpoints.

use std::time::Duration;

use tokio::time::Instant;

use super::{error::EndpointFault, session::invalid_answer};

/// Maximum blocks that an endpoint may be behind the others.
const MAX_LAG_BLOCKS: u64 = 5;
/// Maximum age of a height in comparisons. Heights are compared, not block times, since the local clock proves
/// nothing about an endpoint. A chain that was rolled back is accepted again after this time.
const HEIGHT_MAX_AGE: Duration = Duration::from_secs(30);
/// More blocks than any chain produces within [`HEIGHT_MAX_AGE`].
const MAX_HEIGHT_JUMP: u64 = 1000;

/// Heights of one endpoint.
#[derive(Debug, Default)]
pub(super) struct HeightTracker {
    /// Newest accepted height.
    accepted: Option<(u64, Instant)>,
    /// Newest reported height that is not an implausible jump.
    reported: Option<(u64, Instant)>,
    /// Time at which `reported` last increased.
    last_growth: Option<Instant>,
}

/// Accepted height of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ObservedHeight {
    height: u64,
    /// Whether the heights of the endpoint increased within [`HEIGHT_MAX_AGE`].
    is_growing: bool,
}

impl HeightTracker {
    /// Height for comparison with other endpoints.
    pub(super) fn known(&self, now: Instant) -> Option<ObservedHeight> {
        let height = recent(self.accepted, now)?;
        Some(ObservedHeight { height, is_growing: self.is_growing(now) })
    }

    /// Records a height, or rejects it as implausible or behind. The first height of an endpoint is rejected if it is
    /// far ahead of a growing endpoint. Two growing endpoints that are far apart are not compared with each other, so
    /// that neither can exclude the other by invented heights.
    pub(super) fn record(
        &mut self,
        height: u64,
        others: &[ObservedHeight],
        now: Instant,
    ) -> Result<(), EndpointFault> {
        let own = recent(self.accepted, now);
        let is_jump = |from: u64| height > from.saturating_add(MAX_HEIGHT_JUMP);
        if let Some(from) = own.filter(|from| is_jump(*from)) {
            return Err(implausible_jump(height, from));
        }
        let witness = others.iter().find(|other| other.is_growing && is_jump(other.height));
        let supported = others.iter().any(|other| other.height.abs_diff(height) <= MAX_HEIGHT_JUMP);
        if let Some(witness) = witness.filter(|_| own.is_none() && !supported) {
            return Err(implausible_jump(height, witness.height));
        }
        if recent(self.reported, now).is_some_and(|reported| height > reported) {
            self.last_growth = Some(now);
        }
        self.reported = Some((height, now));
        let counts = |other: &&ObservedHeight| {
            other.height <= height.saturating_add(MAX_HEIGHT_JUMP) || !self.is_growing(now)
        };
        let best =
            others.iter().filter(counts).map(|other| other.height).chain(own).max().unwrap_or_default();
        if height.saturating_add(MAX_LAG_BLOCKS) < best {
            return Err(EndpointFault::Behind { height, best });
        }
        self.accepted = Some((height, now));
        Ok(())
    }

    fn is_growing(&self, now: Instant) -> bool {
        self.last_growth.is_some_and(|at| now.duration_since(at) < HEIGHT_MAX_AGE)
    }
}

fn recent(entry: Option<(u64, Instant)>, now: Instant) -> Option<u64> {
    entry.filter(|(_, at)| now.duration_since(*at) < HEIGHT_MAX_AGE).map(|(height, _)| height)
}

fn implausible_jump(height: u64, from: u64) -> EndpointFault {
    invalid_answer(format!("it says that it is at height {height}, a moment after {from}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_growing_endpoints_far_apart_do_not_exclude_each_other() {
        let now = Instant::now();
        let (mut low, mut high) = (HeightTracker::default(), HeightTracker::default());
        high.record(1_000_000, &[], now).unwrap();
        let known = |heights: &HeightTracker| heights.known(now).into_iter().collect::<Vec<_>>();
        assert!(matches!(low.record(100, &known(&high), now), Err(EndpointFault::Behind { .. })));
        low.record(101, &known(&high), now).unwrap();
        high.record(1_000_001, &known(&low), now).unwrap();
        low.record(102, &known(&high), now).unwrap();
        // A third endpoint is compared with the one near its height.
        HeightTracker::default().record(1_000_002, &[known(&low), known(&high)].concat(), now).unwrap();
        let stranger = HeightTracker::default().record(9_000_000, &[known(&low), known(&high)].concat(), now);
        assert!(matches!(stranger, Err(EndpointFault::Answer(_))), "{stranger:?}");
    }

    #[test]
    fn forgets_heights_after_their_maximum_age() {
        let now = Instant::now();
        let mut heights = HeightTracker::default();
        heights.record(100, &[], now).unwrap();
        assert!(matches!(heights.record(50, &[], now), Err(EndpointFault::Behind { .. })));
        assert!(matches!(heights.record(1101, &[], now), Err(EndpointFault::Answer(_))));
        let later = now + HEIGHT_MAX_AGE;
        assert_eq!(heights.known(later), None);
        heights.record(50, &[], later).unwrap();
    }
}
