//! The drivers of the tunnel services against the real services, with running traffic.
//!
//! `cargo test -p sovereign-tunnel --features services`, as root. Every test has network namespaces of its
//! own, removes them at its end, and removes what killed runs have left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]
#![allow(clippy::print_stdout, reason = "times are of interest")]

mod amneziawg;
mod driver;
mod maintenance_task;
mod net;
mod openvpn;
mod ping;
mod raw_tcp_flow;
mod service;
mod stream;
mod v2ray;
mod wireguard;
mod xray;
