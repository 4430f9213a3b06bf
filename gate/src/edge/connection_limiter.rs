//! Limit of open connections per client: without it, one client could occupy all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client_key::ClientKey;

/// Counts the open connections of each client.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    open: Mutex<HashMap<ClientKey, usize>>,
    per_client: usize,
}

/// One counted connection of a client, until dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    client: ClientKey,
}

impl ConnectionLimiter {
    /// `per_client`: maximum open connections for one client; 0 disables the limit.
    pub(super) fn new(per_client: usize) -> Arc<Self> {
        let per_client = if per_client == 0 { usize::MAX } else { per_client };
        Arc::new(Self { open: Mutex::default(), per_client })
    }

    /// Counts one connection of `client`; `None` at its limit.
    pub(super) fn try_acquire(self: &Arc<Self>, client: ClientKey) -> Option<ConnectionPermit> {
        let mut open = self.lock();
        let count = open.entry(client).or_default();
        if *count >= self.per_client {
            return None;
        }
        *count += 1;
        drop(open);
        Some(ConnectionPermit { limiter: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientKey, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limiter.lock();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(last: u8) -> ClientKey {
        IpAddr::from([192, 0, 2, last]).into()
    }

    #[test]
    fn limits_each_client_and_releases_on_drop() {
        let limiter = ConnectionLimiter::new(2);
        let (first, _second) =
            (limiter.try_acquire(client(1)).unwrap(), limiter.try_acquire(client(1)).unwrap());
        assert!(limiter.try_acquire(client(1)).is_none());
        assert!(limiter.try_acquire(client(2)).is_some());
        drop(first);
        assert!(limiter.try_acquire(client(1)).is_some());
    }

    #[test]
    fn removes_clients_without_connections() {
        let limiter = ConnectionLimiter::new(0);
        let many: Vec<_> = (0..=255).filter_map(|last| limiter.try_acquire(client(last))).collect();
        assert_eq!((many.len(), limiter.lock().len()), (256, 256));
        drop(many);
        assert!(limiter.lock().is_empty());
    }
}
