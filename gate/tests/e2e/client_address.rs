//! The node's rate limit applies to the client address that the gate forwards: the true one, and no other.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, Caller};

use crate::fixture::{Fixture, ensure_refusal, expect_admission, set_key};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::stub_node::{STUB_HANDSHAKE_ANSWER, StubNode};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        gives_each_client_a_rate_limit_of_its_own,
        forged_headers_do_not_evade_the_rate_limit,
        forged_headers_do_not_exhaust_the_rate_limit_of_another_client,
        forwards_only_the_true_client_address,
        forwards_handshake_and_answer_unchanged,
    ]
}

/// Burst of the node's rate limit.
const NODE_BURST: usize = 5;

/// Headers from which some programs take a client's address.
const FORGED_HEADERS: [&str; 8] = [
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "x_forwarded_for",
    "x-client-ip",
    "true-client-ip",
    "x-original-forwarded-for",
    "cf-connecting-ip",
];

/// Sends `GET /` with all of these headers claiming one address.
async fn request_with_forged_headers(
    fixture: &Fixture,
    caller: &Caller,
    claimed: Ipv4Addr,
) -> Result<Answer> {
    let mut request = caller.http().get(format!("{}/", fixture.gate().url));
    for name in FORGED_HEADERS {
        let value =
            if name == "forwarded" { format!("for={claimed};proto=http") } else { claimed.to_string() };
        request = request.header(name, value);
    }
    caller.send(request).await
}

async fn gives_each_client_a_rate_limit_of_its_own(fixture: &Fixture) -> Result<()> {
    let url = format!("{}/", fixture.gate().url);
    let callers = (0..4 * NODE_BURST).map(|_| Caller::fresh()).collect::<Result<Vec<_>>>()?;
    let answers = futures::future::try_join_all(callers.iter().map(|caller| caller.get(&url))).await?;
    for answer in answers {
        answer.result()?;
    }
    Ok(())
}

async fn forged_headers_do_not_evade_the_rate_limit(fixture: &Fixture) -> Result<()> {
    let caller = Caller::fresh()?;
    let claims = (1..=10).map(|last| Ipv4Addr::new(203, 0, 113, last));
    let answers = futures::future::try_join_all(
        claims.map(|claimed| request_with_forged_headers(fixture, &caller, claimed)),
    )
    .await?;
    let limited = answers.iter().filter(|answer| answer.status == 429);
    ensure!(limited.clone().count() >= 10 - NODE_BURST - 2, "{} of 10 were limited", limited.count());
    limited.into_iter().try_for_each(|answer| ensure_refusal(answer, 429, 113))
}

async fn forged_headers_do_not_exhaust_the_rate_limit_of_another_client(fixture: &Fixture) -> Result<()> {
    let address = Caller::fresh_address();
    let (forger, victim) = (Caller::fresh()?, Caller::from_address(address)?);
    let requests = (0..10).map(|_| request_with_forged_headers(fixture, &forger, address));
    futures::future::try_join_all(requests).await?;
    for _ in 0..NODE_BURST {
        victim.get(&format!("{}/", fixture.gate().url)).await?.result().context("the victim is limited")?;
    }
    Ok(())
}

async fn forwards_only_the_true_client_address(fixture: &Fixture) -> Result<()> {
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate =
        fixture.start_gate("gate-address", |config| set_key(config, "gate", "node_url", node.url())).await?;
    let (claimed, address) = ("203.0.113.99", Caller::fresh_address());
    let caller = Caller::from_address(address)?;
    let mut request = caller.http().get(format!("{}/address", gate.url)).header("x-kept", "as it was");
    for name in FORGED_HEADERS {
        request = request.header(name, claimed).header(name, "198.51.100.1, 192.0.2.1");
    }
    caller.send(request.header("connection", "x-for-one-hop").header("x-for-one-hop", "1")).await?;
    let received = node.requests_to("/address").pop().context("nothing arrived")?;
    let address = address.to_string();
    for name in ["x-forwarded-for", "x-real-ip"] {
        let values: Vec<_> = received.headers.get_all(name).iter().collect();
        ensure!(values == [address.as_str()], "{name} is {values:?}, not {address}");
    }
    let text = format!("{:?}", received.headers);
    ensure!(!text.contains(claimed) && !text.contains("198.51.100.1"), "forwarded headers: {text}");
    ensure!(
        received.headers["x-kept"] == "as it was" && !received.headers.contains_key("x-for-one-hop"),
        "{text}"
    );
    Ok(())
}

/// Bytes are unchanged in both directions, whatever white space and further keys there are.
async fn forwards_handshake_and_answer_unchanged(fixture: &Fixture) -> Result<()> {
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = fixture
        .start_gate("gate-bytes", |config| {
            set_key(config, "gate", "node_url", node.url());
            // The stub node has no tunnel of which the gate could be told.
            set_key(config, "tunnel", "interface", "none0");
        })
        .await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = serde_json::to_string(&holder.account.wireguard_handshake(session)?)?;
    let body = format!("\t{{\"x\" : [1, {{}}],\r\n {}  \n", &handshake[1..]);
    let answer = Caller::fresh()?.post_text(&format!("{}/?from=here", gate.url), body.clone()).await?;
    ensure!(
        answer.status == 200 && answer.bytes == STUB_HANDSHAKE_ANSWER.as_bytes(),
        "the answer is another one: {answer:?}"
    );
    let received =
        node.requests_to("/").into_iter().filter(|received| received.method == "POST").collect::<Vec<_>>();
    ensure!(received.len() == 1, "the node got {} handshakes", received.len());
    ensure!(
        received[0].body == body.as_bytes() && received[0].uri == "/?from=here",
        "it got {:?}",
        received[0]
    );
    // A repeat that the gate answers from its record has the same bytes.
    let repeat = expect_admission(&gate, &serde_json::from_str(&handshake)?).await?;
    ensure!(
        repeat.bytes == STUB_HANDSHAKE_ANSWER.as_bytes()
            && node.requests_to("/").iter().filter(|s| s.method == "POST").count() == 1
    );
    Ok(())
}
