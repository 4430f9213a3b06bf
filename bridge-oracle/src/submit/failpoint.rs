//! Places where a test ends the program. Nothing of it is in a build without the feature `failpoints`.

/// A place between two awaits of a transaction's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Signed, and nowhere but in memory.
    Signed,
    /// Written, and not sent.
    Written,
    /// Handed to the hub, whose answer is not heard.
    Sent,
    /// Accepted by the hub, in no block that we know of.
    Accepted,
    /// Seen in a block, and not written.
    Found,
    /// Written as done, and not reported.
    Settled,
    /// Before its effect is looked at.
    Effects,
}

impl Place {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Signed, Self::Written, Self::Sent, Self::Accepted, Self::Found, Self::Settled, Self::Effects];

    /// Its name, for [`VARIABLE`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Written => "written",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Found => "found",
            Self::Settled => "settled",
            Self::Effects => "effects",
        }
    }
}

/// Names the place where the program ends, as by `kill -9`.
pub const VARIABLE: &str = "BRIDGE_ORACLE_DIES_AT";

#[cfg(feature = "failpoints")]
pub(super) fn reach(place: Place) {
    if std::env::var_os(VARIABLE).is_some_and(|name| name == place.name()) {
        tracing::warn!(place = place.name(), "dying");
        let pid = nix::unistd::Pid::this();
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        // The signal is on its way; nothing more may happen.
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

#[cfg(not(feature = "failpoints"))]
pub(super) const fn reach(_: Place) {}
