//! `AmneziaWG` outside of the kernel: real amneziawg-go on both ends, with junk packets and headers of its own.

use sentinel_proto::handshake::Service;

use crate::wireguard::{Flavour, stops_and_comes_back};

const AMNEZIA: Flavour = Flavour {
    service: Service::AmneziaWg,
    program: || sentinel_stack::paths::stock_program("amneziawg-go"),
    sockets: "/var/run/amneziawg",
    besides: "jc=4\njmin=40\njmax=70\ns1=15\ns2=25\nh1=1234567\nh2=2345678\nh3=3456789\nh4=4567890",
};

#[tokio::test(flavor = "multi_thread")]
async fn blocks_and_restores_peer_without_disturbing_others() {
    stops_and_comes_back(&AMNEZIA).await;
}
