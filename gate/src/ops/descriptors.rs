//! Open files and sockets. Running out of them would stop everything at once: the database, the way to the node,
//! the providers. So the process takes all that it may have, and gives clients no more than leaves enough.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// For everything that is not a client, at least: database, providers, hub, monitoring.
const RESERVED: u64 = 128;
/// One in so many, too: a request that is under way needs a connection to the node.
const SHARE: u64 = 4;

/// Takes as many descriptors as the process may have; how many that are.
pub fn take_all() -> u64 {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!(%error, "cannot tell how many descriptors there are");
            return u64::MAX;
        }
    };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft }
}

/// As many of the `wanted` connections as so many descriptors are enough for.
pub fn connections(wanted: usize, descriptors: u64) -> usize {
    let reserved = (descriptors / SHARE).max(RESERVED);
    let most = usize::try_from(descriptors.saturating_sub(reserved)).unwrap_or(usize::MAX).max(1);
    if wanted > most {
        tracing::warn!(descriptors, connections = most, "too few descriptors for gate.max_connections");
    }
    wanted.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_enough_for_the_rest() {
        assert_eq!(connections(4096, u64::MAX), 4096);
        assert_eq!(connections(4096, 1024), 768);
        assert_eq!(connections(4096, 256), 128);
        assert_eq!(connections(10, 1024), 10);
        assert_eq!(connections(10, 0), 1);
        assert!(take_all() > 0);
    }
}
