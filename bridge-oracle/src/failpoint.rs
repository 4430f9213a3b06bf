//! Places where a test ends the program: one after each await and each use of the journal between reading standing and
//! the last confirmation, and some between two of them where something has just become true. Nothing of it is in a build
//! without the feature `failpoints`.

/// Declares the places with their names, in the order in which a round comes by.
macro_rules! places {
    ($($(#[$doc:meta])* $place:ident = $name:literal,)*) => {
        /// A place in a round.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Place { $($(#[$doc])* $place,)* }

        impl Place {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$place,)*];

            /// Its name, for [`VARIABLE`].
            pub const fn name(self) -> &'static str {
                match self { $(Self::$place => $name,)* }
            }
        }
    };
}

places! {
    /// Standing is read.
    Standing = "standing",
    /// The hub is read.
    Ledger = "ledger",
    /// What is remembered is written, and nothing is sent.
    Remembered = "remembered",
    /// The grants are read.
    Granted = "granted",
    /// The account's sequence is read.
    Account = "account",
    /// Simulated.
    Simulated = "simulated",
    /// Looked for earlier transactions that are open.
    Listed = "listed",
    /// Signed, and nowhere but in memory.
    Signed = "signed",
    /// Written, and not sent.
    Written = "written",
    /// Handed to the hub, whose answer is not heard.
    Sent = "sent",
    /// Accepted by the hub, in no block that we know of.
    Accepted = "accepted",
    /// Open, as the journal says.
    Open = "open",
    /// Asked for by its hash, whatever the answer.
    Asked = "asked",
    /// Seen in a block, and not written.
    Found = "found",
    /// In no block yet, and the account's sequence is read.
    Polled = "polled",
    /// Written as done, and not reported.
    Settled = "settled",
    /// Nothing is open, as the journal says.
    Closed = "closed",
    /// Handed to the hub once more.
    Resent = "resent",
    /// Before its effect is looked at.
    Effects = "effects",
    /// Links are read for the confirmation.
    Links = "links",
    /// Leases are read for the confirmation.
    Leases = "leases",
    /// Plans are read for the confirmation.
    Plans = "plans",
    /// The grants are looked at, after the round.
    Upkeep = "upkeep",
}

/// Names the place where the program ends, as by `kill -9`.
pub const VARIABLE: &str = "BRIDGE_ORACLE_DIES_AT";

/// Waits for `work`, and is at `place` then.
pub(crate) async fn passed<T>(place: Place, work: impl Future<Output = T> + Send) -> T {
    let done = work.await;
    reach(place);
    done
}

/// The program is at `place`.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(place: Place) {
    if std::env::var_os(VARIABLE).is_some_and(|name| name == place.name()) {
        tracing::warn!(place = place.name(), "dying");
        let pid = nix::unistd::Pid::this();
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        // The signal is on its way; nothing more may happen.
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

/// The program is at `place`.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn reach(_: Place) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything between reading standing and the last confirmation. What these files call in others only reads, or
    /// is one write of the journal.
    const SOURCES: [(&str, &str); 5] = [
        ("round.rs", include_str!("round.rs")),
        ("authz.rs", include_str!("submit/authz.rs")),
        ("send.rs", include_str!("submit/send.rs")),
        ("effect.rs", include_str!("submit/effect.rs")),
        ("upkeep.rs", include_str!("submit/upkeep.rs")),
    ];

    /// The name of what is awaited at `end`: what stands before the last pair of brackets.
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
    fn no_await_of_a_round_is_without_its_place() {
        let own = |name: &str| SOURCES.iter().any(|(_, text)| text.contains(&format!("async fn {name}")));
        for (file, text) in SOURCES {
            for (at, _) in text.match_indices(".await") {
                let name = awaited(text, at);
                let line = text[..at].lines().count();
                // Sleeping changes nothing anywhere.
                assert!(
                    ["passed", "sleep"].contains(&name) || own(name),
                    "{file}:{line}: {name} is awaited without a place: wrap it into `passed`"
                );
            }
        }
    }

    #[test]
    fn no_use_of_the_journal_is_without_its_place() {
        for (file, text) in SOURCES {
            for (at, _) in text.match_indices("self.journal.") {
                let (used, next) = text[at..].split_once(';').unwrap();
                assert!(next.trim_start().starts_with("reach("), "{file}: {used}");
            }
        }
    }

    #[test]
    fn every_place_is_passed_somewhere() {
        for place in Place::ALL {
            let name = format!("Place::{place:?}");
            assert!(SOURCES.iter().any(|(_, text)| text.contains(&name)), "{name}");
        }
    }
}
