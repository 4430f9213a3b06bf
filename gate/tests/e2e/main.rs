//! End-to-end scenarios of the gate in a complete running network: real hub, real EVM, node, stock clients.
//!
//! `cargo test -p sovereign-gate --features e2e --test e2e -- [FILTER]`, as root. All scenarios share one network.
//! Each creates its own wallets, accounts and, where it needs another configuration, gates, so most of them run
//! concurrently. Exclusive scenarios, which stop programs that others need or measure times, run one at a time after
//! the others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]
#![allow(clippy::print_stderr, reason = "a harness of its own reports the outcome")]

mod fixture;
mod harness;
mod http2_connection;
mod raw_connection;
mod scenario;
mod stubs;

mod client_address;
mod clock;
mod codes;
mod cold_storage;
mod devices;
mod doctor;
mod enforcement;
mod ethereum_faults;
mod faults;
mod floods;
mod governed;
mod http;
mod http2;
mod hub_faults;
mod malformed;
mod node_faults;
mod node_table;
mod operator;
mod order;
mod page;
mod quorum;
mod reads;
mod reorg_during_admission;
mod restarts;
mod rights;
mod sign_in;
mod smuggling;
mod standing;
mod storage;
mod stories;
mod strangers;
mod wallets;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // More threads than cores: scenarios mostly wait for blocks.
    arguments.test_threads.get_or_insert(6);
    let scenarios = [
        stories::scenarios(),
        malformed::scenarios(),
        codes::scenarios(),
        devices::scenarios(),
        order::scenarios(),
        node_table::scenarios(),
        client_address::scenarios(),
        http::scenarios(),
        smuggling::scenarios(),
        http2::scenarios(),
        floods::scenarios(),
        sign_in::scenarios(),
        wallets::scenarios(),
        cold_storage::scenarios(),
        strangers::scenarios(),
        quorum::scenarios(),
        reads::scenarios(),
        restarts::scenarios(),
        enforcement::scenarios(),
        reorg_during_admission::scenarios(),
        clock::scenarios(),
        page::scenarios(),
        node_faults::scenarios(),
        storage::scenarios(),
        ethereum_faults::scenarios(),
        hub_faults::scenarios(),
        faults::scenarios(),
        governed::scenarios(),
        standing::scenarios(),
        doctor::scenarios(),
        operator::scenarios(),
        rights::scenarios(),
    ];
    harness::run(&arguments, scenarios.into_iter().flatten().collect())
}
