//! File descriptor limits. Without free descriptors, the database, the node, the providers and the hub would all fail.
//! The process therefore raises its limit to the maximum and reserves a part of it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Minimum number of descriptors reserved for the database, providers, hub and monitoring.
const MIN_RESERVED_DESCRIPTORS: u64 = 128;
/// Reserved fraction of all descriptors (1/n): each request in flight also needs a connection to the node.
const RESERVED_DIVISOR: u64 = 4;

/// Raises the soft limit of descriptors to the hard limit and returns it.
pub fn raise_descriptor_limit() -> u64 {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!(%error, "cannot tell how many descriptors there are");
            return u64::MAX;
        }
    };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft }
}

/// Limits `wanted` connections to what `descriptors` allow.
pub fn connection_limit(wanted: usize, descriptors: u64) -> usize {
    let reserved = (descriptors / RESERVED_DIVISOR).max(MIN_RESERVED_DESCRIPTORS);
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
    fn connection_limit_leaves_reserved_descriptors() {
        assert_eq!(connection_limit(4096, u64::MAX), 4096);
        assert_eq!(connection_limit(4096, 1024), 768);
        assert_eq!(connection_limit(4096, 256), 128);
        assert_eq!(connection_limit(10, 1024), 10);
        assert_eq!(connection_limit(10, 0), 1);
        assert!(raise_descriptor_limit() > 0);
    }
}
