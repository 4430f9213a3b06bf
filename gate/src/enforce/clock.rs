//! Clock that never runs backwards: setting the machine's clock back does not extend an entitlement.

use std::time::{Instant, SystemTime};

use crate::store::clock::{Clock, SystemClock};

/// The machine's clock, but never behind the start time plus the elapsed time. A jump ahead counts only while it
/// lasts, so a clock that was wrong for a moment does not freeze the time.
#[derive(Debug)]
pub struct SteadyClock {
    machine: Box<dyn Clock>,
    start: (SystemTime, Instant),
}

impl SteadyClock {
    /// Starts at the current time of the machine.
    pub fn start() -> Self {
        Self::on(Box::new(SystemClock))
    }

    fn on(machine: Box<dyn Clock>) -> Self {
        let start = (machine.now(), Instant::now());
        Self { machine, start }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> SystemTime {
        let (time, instant) = self.start;
        let passed = time.checked_add(instant.elapsed()).unwrap_or(time);
        self.machine.now().max(passed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::clock::manual::ManualClock;

    #[derive(Debug)]
    struct Shared(Arc<ManualClock>);

    impl Clock for Shared {
        fn now(&self) -> SystemTime {
            self.0.now()
        }
    }

    #[test]
    fn ignores_jump_back_and_follows_jump_ahead() {
        let machine = Arc::new(ManualClock::at(1_000_000));
        let steady = SteadyClock::on(Box::new(Shared(Arc::clone(&machine))));
        assert_eq!(steady.unix(), 1_000_000);
        machine.advance(-50_000);
        assert!((1_000_000..1_000_010).contains(&steady.unix()), "{}", steady.unix());
        machine.advance(150_000);
        assert_eq!(steady.unix(), 1_100_000);
        machine.advance(-100_000);
        assert!((1_000_000..1_000_010).contains(&steady.unix()), "{}", steady.unix());
    }
}
