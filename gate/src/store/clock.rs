//! The time of day, injectable so that tests can move it.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970 UTC.
pub type UnixTime = i64;

/// Where the time of day comes from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> SystemTime;

    /// The same in whole seconds, as it is stored and written into messages.
    fn unix(&self) -> UnixTime {
        let seconds = self.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        UnixTime::try_from(seconds).unwrap_or(UnixTime::MAX)
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The moment as a `SystemTime`, for formatting. Times before 1970 become 1970.
pub fn system_time(seconds: UnixTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The moment as RFC 3339 UTC with whole seconds. Beyond the year 9999 it stays there.
pub fn rfc3339(seconds: UnixTime) -> String {
    const YEAR_9999: UnixTime = 253_402_300_799;
    humantime::format_rfc3339_seconds(system_time(seconds.clamp(0, YEAR_9999))).to_string()
}

#[cfg(test)]
pub(crate) mod manual {
    //! A clock for tests.

    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::SystemTime;

    use super::{Clock, UnixTime, system_time};

    /// Stands still until it is moved.
    #[derive(Debug)]
    pub(crate) struct ManualClock(AtomicI64);

    impl ManualClock {
        pub(crate) fn at(seconds: UnixTime) -> Self {
            Self(AtomicI64::new(seconds))
        }

        pub(crate) fn advance(&self, seconds: UnixTime) {
            self.0.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> SystemTime {
            system_time(self.0.load(Ordering::SeqCst))
        }
    }
}
