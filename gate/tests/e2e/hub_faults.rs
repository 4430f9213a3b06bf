//! A faulty hub: the gate admits nothing on its word, answers in time, does not flood it with requests, and recovers
//! without a restart.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_proto::address::{AccountAddress, NodeAddress};
use sentinel_proto::hub::SessionKind;
use sentinel_proto::stub::{State, StubHub};
use sentinel_stack::actors::Account;
use sentinel_stack::info::GateInfo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tonic::Code;

use crate::devices::paid_tier;
use crate::fixture::response_time::within_response_limit;
use crate::fixture::{
    Fixture, edit_config, ensure_refusal, eventually, expect_admission, post_admin, send_handshake, set_key,
};
use crate::scenario::{Scenario, scenarios};
use crate::storage::set_stub_node;
use crate::stubs::stub_node::StubNode;

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        refuses_in_time_on_a_faulty_link,
        refuses_in_time_on_hub_errors,
        refuses_on_answers_to_another_query,
        answers_in_time_at_the_device_limit_with_a_slow_hub
    ]
}

const CHAIN: &str = "stub-1";
/// Requests that the gate makes for itself meanwhile.
const MAX_OWN_REQUESTS: u64 = 30;

/// Behaviour of the connection to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkBehavior {
    Forward,
    /// Delays every chunk.
    Delay(Duration),
    /// Delays every byte.
    Drip,
    /// Forwards nothing.
    Stall,
    /// Closes connections at once.
    Refuse,
    /// Closes connections in the middle of an answer.
    CutAnswers,
    /// Sends other bytes.
    Garble,
}

/// A TCP link with a controllable fault.
#[derive(Debug)]
struct FaultyLink {
    address: SocketAddr,
    behavior: watch::Sender<LinkBehavior>,
    opened: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl FaultyLink {
    async fn in_front_of(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, opened) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let (behavior, state) = watch::channel(LinkBehavior::Forward);
        let counter = Arc::clone(&opened);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(relay_link(stream, target, state.clone()));
            }
        });
        Ok(Self { address, behavior, opened, task })
    }
}

impl Drop for FaultyLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay_link(
    client: TcpStream,
    target: SocketAddr,
    behavior: watch::Receiver<LinkBehavior>,
) -> std::io::Result<()> {
    if *behavior.borrow() == LinkBehavior::Refuse {
        return Ok(());
    }
    let server = TcpStream::connect(target).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    let down = async {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            let read = from_server.read(&mut bytes).await?;
            if read == 0 {
                return Ok(());
            }
            let piece = &bytes[..read];
            let state = *behavior.borrow();
            match state {
                LinkBehavior::Forward => to_client.write_all(piece).await?,
                LinkBehavior::Delay(time) => {
                    tokio::time::sleep(time).await;
                    to_client.write_all(piece).await?;
                }
                LinkBehavior::Drip => {
                    for byte in piece {
                        to_client.write_all(&[*byte]).await?;
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
                LinkBehavior::Stall => std::future::pending().await,
                LinkBehavior::Refuse => return Ok(()),
                LinkBehavior::CutAnswers => return to_client.write_all(&piece[..read / 2]).await,
                LinkBehavior::Garble => to_client.write_all(&[0xff; 100]).await?,
            }
        }
    };
    tokio::select! {
        ended = up => ended.map(drop),
        ended = down => ended,
    }
}

/// A gate with a stub hub behind a faulty link, and a holder.
struct FaultyHubGate {
    hub: StubHub,
    link: FaultyLink,
    gate: GateInfo,
    account: Account,
    node: NodeAddress,
    next: Mutex<u64>,
    _node: StubNode,
}

impl FaultyHubGate {
    async fn start(fixture: &Fixture, name: &str) -> Result<Self> {
        let hub = StubHub::start(State::new(CHAIN))?;
        let (link, node) = (
            FaultyLink::in_front_of(hub.addr()).await?,
            StubNode::with_info_of(&fixture.node().plain_url).await?,
        );
        let gate = fixture
            .start_gate(name, |config| {
                set_key(config, "hub", "grpc_addrs", vec![format!("http://{}", link.address)]);
                set_key(config, "hub", "chain_id", CHAIN);
                set_stub_node(config, &node);
                set_key(config, "cache", "positive_ttl", "60s");
                set_key(config, "policy", "paid", {
                    let mut paid = toml::Table::new();
                    paid.insert("sessions".to_owned(), vec!["direct"].into());
                    paid.insert("devices".to_owned(), 100.into());
                    paid
                });
            })
            .await?;
        let cards = [fixture.ethereum.other_card()];
        let (wallet, account) =
            tokio::try_join!(fixture.ethereum.holder(&cards), fixture.hub().poor_account("hubless"),)?;
        fixture.bind_account(&gate, &wallet, &account.address).await?;
        let address = fixture.node().address.parse()?;
        Ok(Self { hub, link, gate, account, node: address, next: Mutex::new(1), _node: node })
    }

    /// A session id that has not been used.
    fn new_session_id(&self) -> u64 {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        *next
    }

    /// Puts a session of the holder on the hub.
    fn put_session(&self, id: u64) -> Result<()> {
        let account: AccountAddress = self.account.address.parse()?;
        let mut state = self.hub.state();
        state.put(id, account, self.node, SessionKind::Direct);
        state.height += 1;
        Ok(())
    }

    async fn expect_recovery(&self) -> Result<()> {
        let id = self.new_session_id();
        self.put_session(id)?;
        let handshake = self.account.wireguard_handshake(id)?;
        eventually("the hub is queried again", Duration::from_secs(15), || {
            expect_admission(&self.gate, &handshake)
        })
        .await?;
        Ok(())
    }

    /// Requires 112 in time for a session that the gate cannot know, at every attempt.
    async fn expect_refusals(&self, name: &str) -> Result<()> {
        let id = self.new_session_id();
        let handshake = self.account.wireguard_handshake(id)?;
        let (asked, opened) = (self.request_count(), self.link.opened.load(Ordering::SeqCst));
        let (begun, mut tries) = (Instant::now(), 0);
        while begun.elapsed() < Duration::from_secs(4) {
            let answer =
                within_response_limit(&self.gate, name, send_handshake(&self.gate, &handshake)).await?;
            ensure_refusal(&answer, 503, 112).with_context(|| name.to_owned())?;
            tries += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let asked = self.request_count() - asked;
        ensure!(
            asked <= tries + MAX_OWN_REQUESTS,
            "{name}: the hub received {asked} requests for {tries} requests"
        );
        let opened = self.link.opened.load(Ordering::SeqCst) - opened;
        ensure!(opened as u64 <= MAX_OWN_REQUESTS, "{name}: {opened} connections were opened");
        Ok(())
    }

    fn request_count(&self) -> u64 {
        self.hub.state().request_counts.values().sum()
    }
}

async fn refuses_in_time_on_a_faulty_link(fixture: &Fixture) -> Result<()> {
    let hub_gate = FaultyHubGate::start(fixture, "gate-behavior").await?;
    hub_gate.expect_recovery().await?;
    // A slow hub is not a broken one.
    hub_gate.link.behavior.send_replace(LinkBehavior::Delay(Duration::from_millis(200)));
    hub_gate.expect_recovery().await.context("200 ms away")?;
    for behavior in [
        LinkBehavior::Delay(Duration::from_secs(10)),
        LinkBehavior::Drip,
        LinkBehavior::Stall,
        LinkBehavior::Refuse,
        LinkBehavior::CutAnswers,
        LinkBehavior::Garble,
    ] {
        hub_gate.link.behavior.send_replace(behavior);
        hub_gate.expect_refusals(&format!("{behavior:?}")).await?;
        hub_gate.link.behavior.send_replace(LinkBehavior::Forward);
        hub_gate.expect_recovery().await.with_context(|| format!("after {behavior:?}"))?;
    }
    Ok(())
}

async fn refuses_in_time_on_hub_errors(fixture: &Fixture) -> Result<()> {
    type HubFault = fn(&mut State);
    let hub_gate = FaultyHubGate::start(fixture, "gate-hub-errs").await?;
    let hub_faults: [(&str, HubFault); 7] = [
        ("unavailable", |state| state.error = Some(Code::Unavailable)),
        ("too many requests", |state| state.error = Some(Code::ResourceExhausted)),
        ("internal", |state| state.error = Some(Code::Internal)),
        ("unimplemented", |state| state.error = Some(Code::Unimplemented)),
        ("syncing", |state| state.syncing = true),
        ("another chain", |state| "other-1".clone_into(&mut state.chain_id)),
        ("late", |state| state.delay = Duration::from_secs(10)),
    ];
    for (name, fault) in hub_faults {
        hub_gate.expect_recovery().await.with_context(|| format!("before {name}"))?;
        fault(&mut hub_gate.hub.state());
        if ["syncing", "another chain"].contains(&name) {
            // The gate queries the chain id again only on a new connection.
            hub_gate.link.behavior.send_replace(LinkBehavior::CutAnswers);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            hub_gate.link.behavior.send_replace(LinkBehavior::Forward);
        }
        hub_gate.expect_refusals(name).await?;
        let mut state = hub_gate.hub.state();
        (state.error, state.syncing, state.delay) = (None, false, Duration::ZERO);
        CHAIN.clone_into(&mut state.chain_id);
    }
    hub_gate.expect_recovery().await
}

/// With all places in use the gate asks the hub about each session in turn; the answer still comes in time.
async fn answers_in_time_at_the_device_limit_with_a_slow_hub(fixture: &Fixture) -> Result<()> {
    let hub_gate = FaultyHubGate::start(fixture, "gate-hub-full").await?;
    for _ in 0..2 {
        hub_gate.expect_recovery().await?;
    }
    edit_config(&hub_gate.gate, |config| drop(paid_tier(config).insert("devices".to_owned(), 2.into())))?;
    post_admin(&hub_gate.gate, "/reload", json!({})).await?;
    let id = hub_gate.new_session_id();
    hub_gate.put_session(id)?;
    let handshake = hub_gate.account.wireguard_handshake(id)?;
    ensure_refusal(&send_handshake(&hub_gate.gate, &handshake).await?, 409, 107)?;
    hub_gate.hub.state().delay = Duration::from_millis(1800);
    let request = send_handshake(&hub_gate.gate, &handshake);
    let answer = within_response_limit(&hub_gate.gate, "a handshake with a slow hub", request).await?;
    ensure_refusal(&answer, 503, 112)?;
    hub_gate.hub.state().delay = Duration::ZERO;
    let limit_reached =
        || async { ensure_refusal(&send_handshake(&hub_gate.gate, &handshake).await?, 409, 107) };
    eventually("the hub is in time again", Duration::from_secs(15), limit_reached).await
}

/// The hub answers another question than the one that was asked.
async fn refuses_on_answers_to_another_query(fixture: &Fixture) -> Result<()> {
    let hub_gate = FaultyHubGate::start(fixture, "gate-hub-lies").await?;
    hub_gate.expect_recovery().await?;
    let other = hub_gate.new_session_id();
    hub_gate.put_session(other)?;
    let session = hub_gate.hub.state().sessions[&other].clone();
    let mut torn = session.clone();
    torn.value.truncate(torn.value.len() / 2);
    let mut foreign = session.clone();
    "/cosmos.bank.v1beta1.MsgSend".clone_into(&mut foreign.type_url);
    let mut huge = session.clone();
    huge.value.extend([0xfa, 0x7f].into_iter().chain([0x80, 0x80, 0x80, 0x08]).chain(vec![0; 16 << 20]));
    for (name, lie) in
        [("another session", session), ("a torn one", torn), ("another type", foreign), ("a huge one", huge)]
    {
        hub_gate.hub.state().session_override = Some(lie);
        hub_gate.expect_refusals(name).await?;
        hub_gate.hub.state().session_override = None;
        hub_gate.expect_recovery().await.with_context(|| format!("after {name}"))?;
    }
    Ok(())
}
