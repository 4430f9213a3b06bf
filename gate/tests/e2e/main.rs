//! End-to-end scenarios of the gate in a complete running network: real hub, real EVM, node, stock clients.
//!
//! `cargo test -p sovereign-gate --features e2e --test e2e -- [FILTER]`, as root. All scenarios share one network.
//! Each creates its own wallets, accounts and, where it needs another configuration, gates, so most of them run
//! concurrently. Exclusive scenarios, which stop programs that others need or measure times, run one at a time after
//! the others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]
#![allow(clippy::print_stderr, reason = "a harness of its own says how its trials went")]

mod gates;
mod leavings;
mod trial;
mod world;

mod client_address;
mod clock;
mod codes;
mod cold_storage;
mod devices;
mod doctor;
mod enforcement;
mod enforcement_restarts;
mod enforcement_sources;
mod ethereum_faults;
mod fake_node;
mod faults;
mod floods;
mod frames;
mod governed;
mod http;
mod http2;
mod hub_faults;
mod malformed;
mod meanwhile;
mod node_faults;
mod node_table;
mod operator;
mod order;
mod page;
mod process;
mod providers;
mod quorum;
mod reads;
mod recorder;
mod relay;
mod restarts;
mod rights_fixture;
mod rights_node;
mod rights_random;
mod rights_repeats;
mod rights_retention;
mod rights_scene;
mod rights_slots;
mod rights_strangers;
mod sign_in;
mod smuggling;
mod standing;
mod storage;
mod stories;
mod strangers;
mod stub;
mod wallets;
mod wire;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // More threads than cores: scenarios mostly wait for blocks.
    arguments.test_threads.get_or_insert(6);
    let trials = [
        stories::trials(),
        malformed::trials(),
        codes::trials(),
        devices::trials(),
        order::trials(),
        node_table::trials(),
        client_address::trials(),
        http::trials(),
        smuggling::trials(),
        http2::trials(),
        floods::trials(),
        sign_in::trials(),
        wallets::trials(),
        cold_storage::trials(),
        strangers::trials(),
        quorum::trials(),
        reads::trials(),
        restarts::trials(),
        enforcement::trials(),
        enforcement_restarts::trials(),
        enforcement_sources::trials(),
        meanwhile::trials(),
        clock::trials(),
        page::trials(),
        rights_retention::trials(),
        rights_strangers::trials(),
        rights_slots::trials(),
        rights_repeats::trials(),
        rights_random::trials(),
        rights_node::trials(),
        node_faults::trials(),
        storage::trials(),
        ethereum_faults::trials(),
        hub_faults::trials(),
        faults::trials(),
        governed::trials(),
        standing::trials(),
        doctor::trials(),
        operator::trials(),
    ];
    trial::run(&arguments, trials.into_iter().flatten().collect())
}
