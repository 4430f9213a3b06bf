//! What single rooms of the gate cost, without the network around them: run by `cargo xtask bench rooms`.
//!
//! Prints one line of JSON for each measurement. Costs are processor time of this process; what it talks to runs in
//! others, or does nothing while it is measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step ends the measurement"
)]
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod admission;
mod cold;
mod measure;
mod provider;
mod sign_in;
mod signatures;
mod town;

/// The gate's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    // Cargo gives `--bench` to every benchmark.
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
            cold::run().await;
        }
    });
}
