//! Free ports: every run has a block of its own, below the range that the kernel hands out for connections.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

const FIRST: u16 = 20_000;
const BLOCK: u16 = 200;

/// Hands out the ports of a run's block.
#[derive(Debug)]
pub(crate) struct Ports {
    rest: Mutex<std::ops::Range<u16>>,
}

impl Ports {
    pub(crate) fn of_run(number: u8) -> Self {
        let start = FIRST + u16::from(number.saturating_sub(100)) * BLOCK;
        Self { rest: Mutex::new(start..start + BLOCK) }
    }

    /// The next port that nobody listens on, for TCP and UDP.
    pub(crate) fn next(&self) -> Result<u16> {
        let free = |port: &u16| {
            let address = (Ipv4Addr::UNSPECIFIED, *port);
            TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
        };
        self.rest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .find(free)
            .context("no free port is left in this run's block")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_skipped_and_none_is_given_twice() {
        let ports = Ports::of_run(159);
        let first = ports.next().unwrap();
        let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, first + 1));
        let second = ports.next().unwrap();
        assert!(second > first);
        assert!(held.is_err() || second > first + 1);
    }
}
