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
use crate::enforcement::post;
use crate::storage::before_a_stub;
use crate::stub::StubNode;
use crate::trial::{Trial, trials};
use crate::world::{PATIENCE, World, enter, eventually, knock, refused, rewrite, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_hub_on_a_bad_line, a_hub_that_errs, a_hub_that_lies, a_slow_hub_at_the_device_limit]
}

const CHAIN: &str = "stub-1";
/// Requests that the gate makes for itself meanwhile.
const OWN: u64 = 30;

/// Behaviour of the connection to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Good,
    /// Delays every chunk.
    Late(Duration),
    /// Delays every byte.
    Drips,
    /// Forwards nothing.
    Silent,
    /// Closes connections at once.
    Closes,
    /// Closes connections in the middle of an answer.
    Cuts,
    /// Sends other bytes.
    Noise,
}

/// A TCP proxy with a controllable fault.
#[derive(Debug)]
struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    opened: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn to(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (address, opened) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let (line, state) = watch::channel(Line::Good);
        let counter = Arc::clone(&opened);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(relay(stream, target, state.clone()));
            }
        });
        Ok(Self { address, line, opened, task })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: TcpStream, target: SocketAddr, line: watch::Receiver<Line>) -> std::io::Result<()> {
    if *line.borrow() == Line::Closes {
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
            let state = *line.borrow();
            match state {
                Line::Good => to_client.write_all(piece).await?,
                Line::Late(time) => {
                    tokio::time::sleep(time).await;
                    to_client.write_all(piece).await?;
                }
                Line::Drips => {
                    for byte in piece {
                        to_client.write_all(&[*byte]).await?;
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
                Line::Silent => std::future::pending().await,
                Line::Closes => return Ok(()),
                Line::Cuts => return to_client.write_all(&piece[..read / 2]).await,
                Line::Noise => to_client.write_all(&[0xff; 100]).await?,
            }
        }
    };
    tokio::select! {
        ended = up => ended.map(drop),
        ended = down => ended,
    }
}

/// A gate with a stub hub behind a faulty link, and a holder.
struct Scene {
    hub: StubHub,
    proxy: Proxy,
    gate: GateInfo,
    account: Account,
    node: NodeAddress,
    next: Mutex<u64>,
    _node: StubNode,
}

impl Scene {
    async fn set(world: &World, name: &str) -> Result<Self> {
        let hub = StubHub::start(State::new(CHAIN))?;
        let (proxy, node) = (Proxy::to(hub.addr()).await?, StubNode::like(&world.node().plain_url).await?);
        let gate = world
            .gate_with(name, |config| {
                set(config, "hub", "grpc_addrs", vec![format!("http://{}", proxy.address)]);
                set(config, "hub", "chain_id", CHAIN);
                before_a_stub(config, &node);
                set(config, "cache", "positive_ttl", "60s");
                set(config, "policy", "paid", {
                    let mut paid = toml::Table::new();
                    paid.insert("sessions".to_owned(), vec!["direct"].into());
                    paid.insert("devices".to_owned(), 100.into());
                    paid
                });
            })
            .await?;
        let cards = [world.ethereum.other_card()];
        let (wallet, account) =
            tokio::try_join!(world.ethereum.holder(&cards), world.hub().poor_account("hubless"),)?;
        world.bind(&gate, &wallet, &account.address).await?;
        let address = world.node().address.parse()?;
        Ok(Self { hub, proxy, gate, account, node: address, next: Mutex::new(1), _node: node })
    }

    /// A session id that has not been used.
    fn number(&self) -> u64 {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        *next
    }

    /// Puts a session of the holder on the hub.
    fn open(&self, id: u64) -> Result<()> {
        let account: AccountAddress = self.account.address.parse()?;
        let mut state = self.hub.state();
        state.put(id, account, self.node, SessionKind::Direct);
        state.height += 1;
        Ok(())
    }

    async fn is_well(&self) -> Result<()> {
        let id = self.number();
        self.open(id)?;
        let handshake = self.account.wireguard_handshake(id)?;
        eventually("the hub is asked again", Duration::from_secs(15), || enter(&self.gate, &handshake))
            .await?;
        Ok(())
    }

    /// Requires 112 in time for a session that the gate cannot know, at every attempt.
    async fn nobody_gets_in(&self, name: &str) -> Result<()> {
        let id = self.number();
        let handshake = self.account.wireguard_handshake(id)?;
        let (asked, opened) = (self.asked(), self.proxy.opened.load(Ordering::SeqCst));
        let (begun, mut tries) = (Instant::now(), 0);
        while begun.elapsed() < Duration::from_secs(4) {
            let again = Instant::now();
            let answer = knock(&self.gate, &handshake).await?;
            refused(&answer, 503, 112).with_context(|| name.to_owned())?;
            tries += 1;
            ensure!(again.elapsed() < PATIENCE, "{name}: it took {:?}", again.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let asked = self.asked() - asked;
        ensure!(asked <= tries + OWN, "{name}: the hub was asked {asked} times for {tries} requests");
        let opened = self.proxy.opened.load(Ordering::SeqCst) - opened;
        ensure!(opened as u64 <= OWN, "{name}: {opened} connections were opened");
        Ok(())
    }

    fn asked(&self) -> u64 {
        self.hub.state().request_counts.values().sum()
    }
}

async fn a_hub_on_a_bad_line(world: &World) -> Result<()> {
    let scene = Scene::set(world, "gate-line").await?;
    scene.is_well().await?;
    // A slow hub is not a broken one.
    scene.proxy.line.send_replace(Line::Late(Duration::from_millis(200)));
    scene.is_well().await.context("200 ms away")?;
    for line in [
        Line::Late(Duration::from_secs(10)),
        Line::Drips,
        Line::Silent,
        Line::Closes,
        Line::Cuts,
        Line::Noise,
    ] {
        scene.proxy.line.send_replace(line);
        scene.nobody_gets_in(&format!("{line:?}")).await?;
        scene.proxy.line.send_replace(Line::Good);
        scene.is_well().await.with_context(|| format!("after {line:?}"))?;
    }
    Ok(())
}

async fn a_hub_that_errs(world: &World) -> Result<()> {
    type Trouble = fn(&mut State);
    let scene = Scene::set(world, "gate-hub-errs").await?;
    let troubles: [(&str, Trouble); 7] = [
        ("unavailable", |state| state.error = Some(Code::Unavailable)),
        ("too many requests", |state| state.error = Some(Code::ResourceExhausted)),
        ("internal", |state| state.error = Some(Code::Internal)),
        ("unimplemented", |state| state.error = Some(Code::Unimplemented)),
        ("syncing", |state| state.syncing = true),
        ("another chain", |state| "other-1".clone_into(&mut state.chain_id)),
        ("late", |state| state.delay = Duration::from_secs(10)),
    ];
    for (name, trouble) in troubles {
        scene.is_well().await.with_context(|| format!("before {name}"))?;
        trouble(&mut scene.hub.state());
        if ["syncing", "another chain"].contains(&name) {
            // The gate queries the chain id again only on a new connection.
            scene.proxy.line.send_replace(Line::Cuts);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            scene.proxy.line.send_replace(Line::Good);
        }
        scene.nobody_gets_in(name).await?;
        let mut state = scene.hub.state();
        (state.error, state.syncing, state.delay) = (None, false, Duration::ZERO);
        CHAIN.clone_into(&mut state.chain_id);
    }
    scene.is_well().await
}

/// With all places in use the gate asks the hub about each session in turn; the answer still comes in time.
async fn a_slow_hub_at_the_device_limit(world: &World) -> Result<()> {
    let scene = Scene::set(world, "gate-hub-full").await?;
    for _ in 0..2 {
        scene.is_well().await?;
    }
    rewrite(&scene.gate, |config| drop(paid_tier(config).insert("devices".to_owned(), 2.into())))?;
    post(&scene.gate, "/reload", json!({})).await?;
    let id = scene.number();
    scene.open(id)?;
    let handshake = scene.account.wireguard_handshake(id)?;
    refused(&knock(&scene.gate, &handshake).await?, 409, 107)?;
    scene.hub.state().delay = Duration::from_millis(1800);
    let begun = Instant::now();
    refused(&knock(&scene.gate, &handshake).await?, 503, 112)?;
    ensure!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    scene.hub.state().delay = Duration::ZERO;
    let told = || async { refused(&knock(&scene.gate, &handshake).await?, 409, 107) };
    eventually("the hub is in time again", Duration::from_secs(15), told).await
}

/// The hub answers another question than the one that was asked.
async fn a_hub_that_lies(world: &World) -> Result<()> {
    let scene = Scene::set(world, "gate-hub-lies").await?;
    scene.is_well().await?;
    let other = scene.number();
    scene.open(other)?;
    let session = scene.hub.state().sessions[&other].clone();
    let mut torn = session.clone();
    torn.value.truncate(torn.value.len() / 2);
    let mut foreign = session.clone();
    "/cosmos.bank.v1beta1.MsgSend".clone_into(&mut foreign.type_url);
    let mut huge = session.clone();
    huge.value.extend([0xfa, 0x7f].into_iter().chain([0x80, 0x80, 0x80, 0x08]).chain(vec![0; 16 << 20]));
    for (name, lie) in
        [("another session", session), ("a torn one", torn), ("another type", foreign), ("a huge one", huge)]
    {
        scene.hub.state().session_override = Some(lie);
        scene.nobody_gets_in(name).await?;
        scene.hub.state().session_override = None;
        scene.is_well().await.with_context(|| format!("after {name}"))?;
    }
    Ok(())
}
