//! The hub client against hubs that fail in every way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod answers;
mod endpoints;
mod faults;
mod lists;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use sentinel_proto::{
    address::{AccountAddress, NodeAddress},
    hub::{EndpointFault, Failure, HubClient, HubConfig, HubError},
    stub::{State, StubHub},
};

const CHAIN: &str = "chain-1";
const TIMEOUT: Duration = Duration::from_millis(600);
const ACCOUNT: AccountAddress = AccountAddress::new([1; 20]);
const NODE: NodeAddress = NodeAddress::new([2; 20]);

fn client(addrs: &[SocketAddr]) -> HubClient {
    HubClient::new(HubConfig {
        grpc_addrs: addrs.iter().map(ToString::to_string).collect(),
        chain_id: CHAIN.to_owned(),
        timeout: TIMEOUT,
    })
    .unwrap()
}

fn stub() -> StubHub {
    StubHub::start(State::new(CHAIN)).unwrap()
}

/// A port where nobody listens.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The causes, endpoint by endpoint.
fn causes<T: std::fmt::Debug>(answer: Result<T, HubError>) -> Vec<EndpointFault> {
    match answer {
        Err(HubError::Unavailable(failures)) => {
            failures.iter().map(|Failure { cause, .. }| cause.clone()).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Asks until it goes well; how long that took.
async fn until_answered(hub: &HubClient) -> Duration {
    let start = Instant::now();
    while hub.latest_height().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "never again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    start.elapsed()
}
