//! Endpoints that are no hub at all, storms and recovery.

use sentinel_proto::hub::EndpointFault;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tonic::Code;

use super::*;

/// What a listener does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Takes it and says nothing.
    Silence,
    /// Closes it at once.
    Close,
    /// Answers with these bytes and leaves it open.
    Say(&'static [u8]),
    /// Sends one byte of an HTTP/2 frame now and then.
    Drip,
}

async fn impostor(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                match manner {
                    Manner::Close => return,
                    Manner::Silence => {}
                    Manner::Say(bytes) => {
                        let _ = stream.read(&mut buffer).await;
                        let _ = stream.write_all(bytes).await;
                    }
                    Manner::Drip => {
                        // A settings frame that never ends.
                        let _ = stream.write_all(&[0, 0x30, 0, 4, 0, 0, 0, 0, 0]).await;
                        while stream.write_all(&[0]).await.is_ok() {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    addr
}

#[tokio::test]
async fn fails_over_from_invalid_servers_in_time() {
    let manners = [
        Manner::Silence,
        Manner::Close,
        Manner::Drip,
        Manner::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        Manner::Say(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
        Manner::Say(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        Manner::Say(b"SSH-2.0-OpenSSH_9.2\r\n"),
    ];
    let good = stub();
    for (index, manner) in manners.into_iter().enumerate() {
        let addr = impostor(manner).await;
        let start = Instant::now();
        let problem = causes(client(&[addr]).session(3).await);
        assert!(
            matches!(problem[..], [EndpointFault::Transport(_) | EndpointFault::Timeout(_)]),
            "{index}: {problem:?}"
        );
        assert!(start.elapsed() < TIMEOUT * 2, "{index}: {:?}", start.elapsed());
        assert_eq!(client(&[addr, good.addr()]).session(3).await.unwrap(), None, "{index}");
    }
}

#[tokio::test]
async fn rejects_plain_text_endpoint_for_tls() {
    let stub = stub();
    let config =
        |addr: String| HubConfig { grpc_addrs: vec![addr], chain_id: CHAIN.to_owned(), timeout: TIMEOUT };
    let hub = HubClient::new(config(format!("https://{}", stub.addr()))).unwrap();
    let problem = causes(hub.session(3).await);
    assert!(matches!(problem[..], [EndpointFault::Transport(_)]), "{problem:?}");
    assert!(stub.state().request_counts.is_empty());
}

#[tokio::test]
async fn short_timeout_is_not_counted_as_a_failure() {
    let stub = stub();
    stub.state().put(3, ACCOUNT, NODE, sentinel_proto::hub::SessionKind::Plan(1));
    let hub = client(&[stub.addr()]);
    until_answered(&hub).await;
    // The session takes most of the time, so that its subscription comes too late.
    stub.state().delay = TIMEOUT * 9 / 10;
    assert!(matches!(causes(hub.session(3).await)[..], [EndpointFault::Timeout(_)]));
    stub.state().delay = Duration::ZERO;
    assert!(hub.session(3).await.unwrap().is_some());
}

#[tokio::test]
async fn slow_endpoints_end_within_the_timeout() {
    let stubs = [stub(), stub(), stub()];
    for stub in &stubs {
        stub.state().delay = Duration::from_secs(20);
    }
    let hub = client(&stubs.each_ref().map(StubHub::addr));
    let start = Instant::now();
    assert_eq!(causes(hub.session(3).await).len(), 3);
    assert!(start.elapsed() < TIMEOUT + Duration::from_millis(200), "{:?}", start.elapsed());
}

#[tokio::test]
async fn outage_does_not_cause_a_request_storm() {
    let stub = stub();
    let hub = client(&[stub.addr()]);
    hub.session(3).await.unwrap();
    stub.state().error = Some(Code::Unavailable);
    let before = stub.state().count("QuerySession");
    // 20 askers for a second: at most the first ones, then trials after 250 and 750 ms.
    let ask = async {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            assert!(hub.session(3).await.is_err());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    futures::future::join_all((0..20).map(|_| ask_again(&hub))).await;
    ask.await;
    let asked = stub.state().count("QuerySession") - before;
    assert!(asked <= 24, "{asked}");
    assert!(matches!(causes(hub.session(3).await)[..], [EndpointFault::Resting { .. }]));
}

async fn ask_again(hub: &HubClient) {
    for _ in 0..10 {
        assert!(hub.session(3).await.is_err());
    }
}

#[tokio::test]
async fn uses_recovered_hub_again() {
    let first = stub();
    let addr = first.addr();
    let hub = client(&[addr]);
    until_answered(&hub).await;
    first.stop().await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        assert!(hub.latest_height().await.is_err());
        assert!(asked.elapsed() < TIMEOUT * 2);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _back = StubHub::start_at(addr, State::new(CHAIN)).unwrap();
    assert!(until_answered(&hub).await < Duration::from_secs(6));
}

#[tokio::test]
async fn replaces_connection_without_answers() {
    let stub = stub();
    let hub = client(&[stub.addr()]);
    until_answered(&hub).await;
    stub.state().delay = Duration::from_secs(20);
    assert!(matches!(causes(hub.session(3).await)[..], [EndpointFault::Timeout(_)]));
    stub.state().delay = Duration::ZERO;
    let proofs = stub.state().count("GetNodeInfo");
    assert!(until_answered(&hub).await < Duration::from_secs(1));
    assert_eq!(stub.state().count("GetNodeInfo"), proofs + 1);
}
