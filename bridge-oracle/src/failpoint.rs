//! Failpoints at which a test kills the program. There is one after each await and each use of the journal between
//! reading standing and the last confirmation, and some between two of them where a state has just changed. A build
//! without the feature `failpoints` contains none of it.

/// Declares the failpoints with their names, in the order in which a round passes them.
macro_rules! failpoints {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A failpoint of a round.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Failpoint { $($(#[$doc])* $variant,)* }

        impl Failpoint {
            /// All failpoints, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name, as [`FAILPOINT_VARIABLE`] takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

failpoints! {
    /// After standing is read.
    StandingRead = "standing",
    /// After the hub is read.
    LedgerRead = "ledger",
    /// After the state is written and before anything is sent.
    StateSaved = "remembered",
    /// After the grants are read.
    GrantsRead = "granted",
    /// After the account's sequence is read.
    AccountRead = "account",
    /// After a simulation.
    Simulated = "simulated",
    /// After earlier open transactions are listed.
    OpenListed = "listed",
    /// After signing; the transaction exists in memory only.
    Signed = "signed",
    /// After the journal write and before the broadcast.
    Journaled = "written",
    /// After the broadcast; the answer is not processed.
    Broadcast = "sent",
    /// After the hub accepted the transaction; no block is known to hold it.
    Accepted = "accepted",
    /// After the open transactions are read from the journal.
    OpenRead = "open",
    /// After a transaction is queried by its hash.
    TransactionQueried = "asked",
    /// After a transaction is found in a block and before the journal write.
    TransactionFound = "found",
    /// After the account's sequence is read for a transaction that is in no block.
    AccountPolled = "polled",
    /// After the ends are written and before they are reported.
    EndsWritten = "settled",
    /// After the journal is checked for remaining open transactions.
    ClosedChecked = "closed",
    /// After a repeated broadcast.
    Rebroadcast = "resent",
    /// Before the effects are read.
    EffectsPending = "effects",
    /// After links are read for the confirmation.
    LinksRead = "links",
    /// After leases are read for the confirmation.
    LeasesRead = "leases",
    /// After plans are read for the confirmation.
    PlansRead = "plans",
    /// After the grants are checked at the end of a round.
    GrantsChecked = "upkeep",
}

/// Environment variable that names the failpoint at which the program kills itself, as by `kill -9`.
pub const FAILPOINT_VARIABLE: &str = "BRIDGE_ORACLE_DIES_AT";

/// Awaits `work`, then passes the failpoint.
pub(crate) async fn hit_after<T>(failpoint: Failpoint, work: impl Future<Output = T> + Send) -> T {
    let done = work.await;
    hit(failpoint);
    done
}

/// Kills the program if the environment names this failpoint.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(failpoint: Failpoint) {
    if std::env::var_os(FAILPOINT_VARIABLE).is_some_and(|name| name == failpoint.name()) {
        tracing::warn!(place = failpoint.name(), "dying");
        let pid = nix::unistd::Pid::this();
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        // SIGKILL is delivered asynchronously; block until it arrives.
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

/// Does nothing without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn hit(_: Failpoint) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sources of everything between reading standing and the last confirmation. Functions that these files call
    /// elsewhere only read, or make one write of the journal.
    const SOURCES: [(&str, &str); 5] = [
        ("round.rs", include_str!("round.rs")),
        ("authz.rs", include_str!("submit/authz.rs")),
        ("send.rs", include_str!("submit/send.rs")),
        ("effect.rs", include_str!("submit/effect.rs")),
        ("upkeep.rs", include_str!("grants/upkeep.rs")),
    ];

    /// Returns the name of the function that is awaited at `end`: the identifier before the last pair of parentheses.
    fn awaited(text: &str, end: usize) -> &str {
        let mut depth = 0;
        let open = text[..end].rfind(|letter| {
            depth += i32::from(letter == ')') - i32::from(letter == '(');
            letter == '(' && depth == 0
        });
        let before = &text[..open.unwrap_or_default()];
        let start = before.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_');
        &before[start.map_or(0, |at| at + 1)..]
    }

    #[test]
    fn every_await_of_a_round_has_a_failpoint() {
        let own = |name: &str| SOURCES.iter().any(|(_, text)| text.contains(&format!("async fn {name}")));
        for (file, text) in SOURCES {
            for (at, _) in text.match_indices(".await") {
                let name = awaited(text, at);
                let line = text[..at].lines().count();
                // `sleep` changes no state.
                assert!(
                    ["hit_after", "sleep"].contains(&name) || own(name),
                    "{file}:{line}: {name} is awaited without a failpoint: wrap it into `hit_after`"
                );
            }
        }
    }

    #[test]
    fn every_journal_use_is_followed_by_a_failpoint() {
        for (file, text) in SOURCES {
            for (at, _) in text.match_indices("self.journal.") {
                let (used, next) = text[at..].split_once(';').unwrap();
                assert!(next.trim_start().starts_with("hit("), "{file}: {used}");
            }
        }
    }

    #[test]
    fn every_failpoint_is_used() {
        for failpoint in Failpoint::ALL {
            let name = format!("Failpoint::{failpoint:?}");
            assert!(SOURCES.iter().any(|(_, text)| text.contains(&name)), "{name}");
        }
    }
}
