//! Cost of single modules of the gate without the network: run by `cargo xtask bench rooms`.
//!
//! Prints one JSON line for each measurement. Costs are CPU time of this process; its peers run in other processes or
//! are idle during a measurement.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step ends the measurement"
)]
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod admission;
mod cold_reads;
mod fixture;
mod measure;
mod provider;
mod sign_in;
mod signatures;

/// The allocator of the gate.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    // Cargo passes `--bench` to every benchmark.
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if wanted("admission") {
            admission::run().await;
        }
        if wanted("sign-in") {
            sign_in::run().await;
        }
        if wanted("cold") {
            cold_reads::run().await;
        }
    });
}
