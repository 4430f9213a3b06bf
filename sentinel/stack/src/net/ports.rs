//! Free ports: every run has a block of its own, below the range that the kernel hands out for connections.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

const FIRST_PORT: u16 = 20_000;
const PORTS_PER_RUN: u16 = 200;

/// Hands out the ports of a run's block.
#[derive(Debug)]
pub(crate) struct Ports {
    rest: Mutex<VecDeque<u16>>,
}

impl Ports {
    pub(crate) fn of_run(number: u8) -> Self {
        let start = FIRST_PORT + u16::from(number.saturating_sub(100)) * PORTS_PER_RUN;
        Self { rest: Mutex::new((start..start + PORTS_PER_RUN).collect()) }
    }

    /// Next port without a listener, for TCP and UDP.
    pub(crate) fn next(&self) -> Result<u16> {
        let free = |port: &u16| {
            let address = (Ipv4Addr::UNSPECIFIED, *port);
            TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
        };
        let mut rest = self.rest();
        std::iter::from_fn(|| rest.pop_front()).find(free).context("no free port is left in this run's block")
    }

    /// Returns ports to the block; they are handed out again after all others.
    pub(crate) fn give_back(&self, ports: impl IntoIterator<Item = u16>) {
        self.rest().extend(ports);
    }

    fn rest(&self) -> MutexGuard<'_, VecDeque<u16>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_port_in_use_and_hands_out_each_port_once() {
        let ports = Ports::of_run(159);
        let first = ports.next().unwrap();
        let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, first + 1));
        let second = ports.next().unwrap();
        assert!(second > first);
        assert!(held.is_err() || second > first + 1);
    }

    #[test]
    fn returned_ports_are_handed_out_last() {
        let ports = Ports::of_run(158);
        let first = ports.next().unwrap();
        ports.give_back([first]);
        assert_ne!(ports.next().unwrap(), first);
        let rest = std::iter::from_fn(|| ports.next().ok());
        assert_eq!(rest.last(), Some(first));
    }
}
