//! Traffic: each kind of request that a gate sees, good and bad, fast and slow.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_stack::Stack;
use sentinel_stack::actors::{Account, Caller, Handshake, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::tally::AnswerCounter;

/// Wallets with a card that sign in again and again.
const HOLDERS: usize = 240;
/// A used nonce is remembered for ten minutes: so many a second are some megabytes in the end, and no more.
const BETWEEN_SIGN_INS: Duration = Duration::from_millis(20);
/// Opening sessions is the hub's work, not the gate's.
const BETWEEN_SESSIONS: Duration = Duration::from_secs(2);
/// A node takes 250 peers and refuses the next one, however long the soak is.
const NEWCOMERS: usize = 240;
/// Callers of each kind.
const EACH: usize = 2;
const SLOW: usize = 20;

/// Accounts and handshakes of the traffic.
pub(super) struct TrafficFixture {
    pub(super) gate: GateInfo,
    pub(super) tally: AnswerCounter,
    holders: Vec<(Wallet, String)>,
    account: Account,
    /// A handshake that is admitted already, and its answer.
    admitted: (Handshake, Vec<u8>),
    /// Handshake of an account without a sign-in.
    unbound: Handshake,
}

pub(super) async fn gather(stack: &Stack) -> Result<TrafficFixture> {
    let (ethereum, gate) = (stack.ethereum()?, stack.info().gates.first().context("no gate")?.clone());
    let (account, stranger) =
        (stack.hub().account("soak").await?, stack.hub().poor_account("stranger").await?);
    let soaker = stack.hub().poor_account("soaker").await?.address;
    let holders = (0..HOLDERS).map(|_| async {
        Ok::<_, anyhow::Error>((ethereum.holder(&[ethereum.other_card()]).await?, soaker.clone()))
    });
    let holders: Vec<_> = futures::stream::iter(holders).buffer_unordered(8).try_collect().await?;
    let (wallet, _) = holders.first().context("no holder")?;
    SignIn::at(&gate.url)?.sign_in(wallet, &account.address).await?;
    let node = &stack.info().nodes.first().context("no node")?.address;
    let handshake = account.wireguard_handshake(stack.hub().direct_session(&account, node).await?)?;
    let answer = Caller::fresh()?.post(&format!("{}/", gate.url), &handshake).await?;
    answer.result().context("the first handshake")?;
    let unbound = stranger.wireguard_handshake(handshake.id)?;
    Ok(TrafficFixture {
        gate,
        holders,
        account,
        admitted: (handshake, answer.bytes),
        unbound,
        tally: AnswerCounter::default(),
    })
}

/// Starts all traffic but the newcomers, which need the network.
pub(super) fn begin(cast: &Arc<TrafficFixture>) -> Vec<JoinHandle<Result<()>>> {
    let mut callers = vec![tokio::spawn(sign_ins(Arc::clone(cast)))];
    for number in 0..EACH {
        callers.push(tokio::spawn(refusals(Arc::clone(cast))));
        callers.push(tokio::spawn(repeats(Arc::clone(cast))));
        callers.push(tokio::spawn(questions(Arc::clone(cast), number)));
        callers.push(tokio::spawn(stock_clients(Arc::clone(cast))));
    }
    callers.extend((0..SLOW).map(|_| tokio::spawn(slow_bodies(Arc::clone(cast)))));
    callers
}

/// Handshakes that are refused, each for another reason, over a kept connection.
async fn refusals(cast: Arc<TrafficFixture>) -> Result<()> {
    let (caller, url) = (Caller::fresh()?, format!("{}/", cast.gate.url));
    let mut forged = cast.admitted.0.clone();
    forged.id += 1_000_000;
    while cast.tally.is_running() {
        cast.tally.add("forged", caller.post(&url, &forged).await);
        cast.tally.add("malformed", caller.post_text(&url, r#"{"id":1,"id":2}"#).await);
        cast.tally.add("unbound", caller.post(&url, &cast.unbound).await);
        cast.tally.add("no path", caller.get(&format!("{url}gate/nowhere")).await);
        cast.tally.add("too large", Caller::fresh()?.post_text(&url, " ".repeat(70_000)).await);
        cast.tally.add("another form", caller.post_text(&format!("{url}gate/bindings"), "{}").await);
    }
    Ok(())
}

/// The warm path: a handshake that is admitted already.
async fn repeats(cast: Arc<TrafficFixture>) -> Result<()> {
    let (caller, url) = (Caller::fresh()?, format!("{}/", cast.gate.url));
    while cast.tally.is_running() {
        let answer = caller.post(&url, &cast.admitted.0).await;
        if let Ok(answer) = &answer {
            ensure!(answer.bytes == cast.admitted.1, "a repeat gets another answer: {}", answer.body);
        }
        cast.tally.add("repeat", answer);
    }
    Ok(())
}

/// Eligibility questions; half of the wallets hold nothing.
async fn questions(cast: Arc<TrafficFixture>, number: usize) -> Result<()> {
    let site = SignIn::at(&cast.gate.url)?;
    let mut turn = number;
    while cast.tally.is_running() {
        let wallet = match cast.holders.get(turn % (2 * HOLDERS)) {
            Some((wallet, _)) => wallet.address(),
            None => Wallet::fresh().address(),
        };
        cast.tally.add("question", site.eligibility(wallet).await);
        turn += 1;
    }
    Ok(())
}

/// `GET /` on a connection of its own each time, as stock clients do it.
async fn stock_clients(cast: Arc<TrafficFixture>) -> Result<()> {
    while cast.tally.is_running() {
        cast.tally.add("info", Caller::fresh()?.get(&format!("{}/", cast.gate.url)).await);
    }
    Ok(())
}

/// Sign-ins, each of which is used a second time.
async fn sign_ins(cast: Arc<TrafficFixture>) -> Result<()> {
    for (wallet, account) in cast.holders.iter().cycle() {
        if !cast.tally.is_running() {
            break;
        }
        let site = SignIn::at(&cast.gate.url)?;
        match site.challenge(wallet.address(), account, None).await {
            Ok(challenge) => {
                let signature = wallet.sign(&challenge.message)?;
                cast.tally.add("sign-in", site.bind(&challenge.message, &signature).await);
                cast.tally.add("used nonce", site.bind(&challenge.message, &signature).await);
            }
            Err(error) => cast.tally.add("sign-in", Err(error)),
        }
        tokio::time::sleep(BETWEEN_SIGN_INS).await;
    }
    Ok(())
}

/// A body of which one byte comes, and no more.
async fn slow_bodies(cast: Arc<TrafficFixture>) -> Result<()> {
    let address = cast.gate.url.split("://").nth(1).context("no address")?.to_owned();
    while cast.tally.is_running() {
        cast.tally.add_told("slow", slow_body(&address).await);
    }
    Ok(())
}

async fn slow_body(address: &str) -> Result<(u16, u64)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: 400\r\n\r\n{").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let body: Value = serde_json::from_str(body)?;
    Ok((status, body["error"]["code"].as_u64().unwrap_or_default()))
}

/// New sessions, admitted for the first time, until the node is nearly full.
pub(super) async fn newcomers(stack: &Stack, cast: &TrafficFixture) -> Result<()> {
    let node = &stack.info().nodes.first().context("no node")?.address;
    for _ in 0..NEWCOMERS {
        if !cast.tally.is_running() {
            break;
        }
        let session = stack.hub().direct_session(&cast.account, node).await?;
        let handshake = cast.account.wireguard_handshake(session)?;
        let answer = Caller::fresh()?.post(&format!("{}/", cast.gate.url), &handshake).await;
        cast.tally.add("newcomer", answer);
        tokio::time::sleep(BETWEEN_SESSIONS).await;
    }
    Ok(())
}
