//! How many connections one client has open: without a bound for each, one could take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::Client;

/// The connections of everybody.
#[derive(Debug)]
pub(super) struct Seats {
    taken: Mutex<HashMap<Client, usize>>,
    each: usize,
}

/// One connection of one client, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    client: Client,
}

impl Seats {
    /// So many for each client; 0: as many as there are in all.
    pub(super) fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), each: if each == 0 { usize::MAX } else { each } })
    }

    /// One more for `client`, unless it has as many as it may.
    pub(super) fn take(self: &Arc<Self>, client: Client) -> Option<Seat> {
        let mut taken = self.lock();
        let count = taken.entry(client).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Seat { seats: Arc::clone(self), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(last: u8) -> Client {
        IpAddr::from([192, 0, 2, last]).into()
    }

    #[test]
    fn each_has_its_own_and_gives_them_back() {
        let seats = Seats::new(2);
        let (first, _second) = (seats.take(client(1)).unwrap(), seats.take(client(1)).unwrap());
        assert!(seats.take(client(1)).is_none());
        assert!(seats.take(client(2)).is_some());
        drop(first);
        assert!(seats.take(client(1)).is_some());
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let seats = Seats::new(0);
        let many: Vec<_> = (0..=255).filter_map(|last| seats.take(client(last))).collect();
        assert_eq!((many.len(), seats.lock().len()), (256, 256));
        drop(many);
        assert!(seats.lock().is_empty());
    }
}
