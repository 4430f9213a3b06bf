//! Times, and what is said about them.

use std::time::Duration;

use serde::Serialize;

/// Times of one kind of request.
#[derive(Debug, Default)]
pub(super) struct Sample(Vec<Duration>);

/// What is told of a sample, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Sample {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(super) fn figures(mut self) -> Figures {
        self.0.sort_unstable();
        let at = |percent: usize| {
            // The smallest time that so many percent do not exceed.
            let rank = (self.0.len() * percent).div_ceil(100).max(1);
            self.0.get(rank - 1).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        Figures { p50_ms: at(50), p99_ms: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_times_that_occurred() {
        let mut sample = Sample::default();
        for ms in (1..=200).rev() {
            sample.add(Duration::from_millis(ms));
        }
        assert_eq!(sample.figures(), Figures { p50_ms: 100.0, p99_ms: 198.0 });
        let mut one = Sample::default();
        one.add(Duration::from_millis(7));
        assert_eq!(one.figures(), Figures { p50_ms: 7.0, p99_ms: 7.0 });
    }
}
