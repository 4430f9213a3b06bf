//! Failing disk, foreign database, killed process: confirmed state survives, and no session is admitted that cannot
//! be recorded.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use sentinel_stack::actors::{Caller, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use sovereign_gate::store::MAX_PER_HOLDER;

use crate::fixture::response_time::{eventually_evicted, within_response_limit};
use crate::fixture::{
    Fixture, Newcomer, ensure_refusal, eventually, expect_admission, random_account, send_handshake,
    session_record, session_state, set_key, unique_name, unready_parts,
};
use crate::scenario::{Scenario, scenarios};
use crate::stubs::stub_node::{STUB_HANDSHAKE_ANSWER, StubNode};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        refuses_on_full_disk_and_recovers,
        refuses_on_locked_database_and_recovers,
        completes_abandoned_unbinding,
        rejects_second_instance,
        rejects_foreign_and_damaged_databases,
        keeps_confirmed_state_when_killed,
    ]
}

/// A small tmpfs, unmounted when dropped.
struct TmpfsMount(PathBuf);

impl TmpfsMount {
    fn mount(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1536k,mode=0700", "tmpfs"])
            .arg(path)
            .status()
            .context("mount")?;
        ensure!(mounted.success(), "cannot mount a small disk at {}", path.display());
        Ok(Self(path.to_owned()))
    }

    /// Fills the remaining space.
    fn fill(&self) -> Result<()> {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("filler"))?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.0.join("filler"))?)
    }
}

impl Drop for TmpfsMount {
    fn drop(&mut self) {
        // Lazily: a gate that has not ended yet still has open files there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

pub(crate) fn set_stub_node(config: &mut toml::Table, node: &StubNode) {
    set_key(config, "gate", "node_url", node.url());
    // The stub node has no tunnel of which the gate could be told.
    set_key(config, "tunnel", "interface", "none0");
}

async fn refuses_on_full_disk_and_recovers(fixture: &Fixture) -> Result<()> {
    let name = &unique_name("gate-disk");
    let disk = TmpfsMount::mount(&Path::new(&fixture.stack.info().directory).join(name).join("home"))?;
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = fixture.start_gate_named(name, |config| set_stub_node(config, &node)).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let first = holder.account.wireguard_handshake(fixture.open_direct_session(&holder.account).await?)?;
    let second = holder.account.wireguard_handshake(fixture.open_direct_session(&holder.account).await?)?;
    expect_admission(&gate, &first).await?;

    disk.fill()?;
    // The database file may have free pages for a few bindings.
    let mut bound = Vec::new();
    let unbound = loop {
        let newcomer = Newcomer::create(fixture, &gate).await?;
        let answer = within_response_limit(&gate, "a sign-in", newcomer.redeem(&gate)).await?;
        if answer.status == 201 {
            bound.push(answer.result()?["token"].as_str().context("a token")?.to_owned());
            ensure!(bound.len() < 2000, "the disk is never full");
            continue;
        }
        ensure_refusal(&answer, 500, 199)?;
        ensure!(answer.message().contains("request "), "the message is {}", answer.message());
        break newcomer;
    };
    // No session is admitted and the node is not asked, because nothing could be recorded.
    let before = node.requests_to("/").iter().filter(|seen| seen.method == "POST").count();
    ensure_refusal(&send_handshake(&gate, &second).await?, 500, 199)?;
    let after = node.requests_to("/").iter().filter(|seen| seen.method == "POST").count();
    ensure!(before == after, "the node was asked");
    let missing = unready_parts(&gate).await?;
    ensure!(missing.iter().any(|(what, _)| what == "store"), "/ready reports {missing:?}");
    // Reads still work.
    let site = SignIn::at(&gate.url)?;
    site.eligibility(holder.wallet.address()).await?.result()?;

    disk.clear()?;
    fixture.wait_until_ready(&gate).await?;
    ensure!(unbound.redeem(&gate).await?.status == 201, "the nonce was used up");
    let first_answer = expect_admission(&gate, &second).await?;
    ensure!(
        expect_admission(&gate, &second).await?.bytes == first_answer.bytes,
        "a repeat has another answer"
    );
    fixture.stack.kill_program(name).await?;
    fixture.stack.start_program(name).await?;
    fixture.wait_until_ready(&gate).await?;
    for token in bound.iter().map(String::as_str).chain([holder.token()]) {
        SignIn::at(&gate.url)?.binding(token).await?.result().context("a confirmed binding is gone")?;
    }
    ensure_refusal(&unbound.redeem(&gate).await?, 401, 120)?;
    fixture.stack.stop_program(name).await?;
    drop(disk);
    Ok(())
}

/// Another program holds a write lock on the database.
async fn refuses_on_locked_database_and_recovers(fixture: &Fixture) -> Result<()> {
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = fixture.start_gate("gate-locked", |config| set_stub_node(config, &node)).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let handshake =
        holder.account.wireguard_handshake(fixture.open_direct_session(&holder.account).await?)?;
    let newcomer = Newcomer::create(fixture, &gate).await?;
    let path = Path::new(&gate.home).join("gate.db");
    let locker = Connection::open(path)?;
    locker.execute_batch("BEGIN IMMEDIATE")?;
    // The first handshake may reach the node, because the gate has not noticed the lock; it is recorded later.
    let both = async { tokio::try_join!(newcomer.redeem(&gate), send_handshake(&gate, &handshake)) };
    let (bound, entered) = within_response_limit(&gate, "a sign-in beside a handshake", both).await?;
    ensure_refusal(&bound, 500, 199)?;
    ensure_refusal(&entered, 500, 199)?;
    SignIn::at(&gate.url)?.binding(holder.token()).await?.result().context("reading goes on")?;
    locker.execute_batch("ROLLBACK")?;
    drop(locker);
    fixture.wait_until_ready(&gate).await?;
    ensure!(newcomer.redeem(&gate).await?.status == 201, "the nonce was used up");
    let written =
        || async { session_record(&gate, handshake.id).await?.context("the session is not listed") };
    let handshakes = || node.requests_to("/").iter().filter(|seen| seen.method == "POST").count();
    if handshakes() == 0 {
        expect_admission(&gate, &handshake).await?;
    }
    eventually("what the node took is written down", Duration::from_secs(15), written).await?;
    // A repeat is answered with the node's answer, and the node is not asked again.
    let again = expect_admission(&gate, &handshake).await?;
    ensure!(again.bytes == STUB_HANDSHAKE_ANSWER.as_bytes(), "another answer: {}", again.body);
    ensure!(handshakes() == 1, "the node received {} handshakes", handshakes());
    Ok(())
}

/// The client disconnects while its unbinding waits for the disk: the session that rests on the binding is evicted
/// all the same.
async fn completes_abandoned_unbinding(fixture: &Fixture) -> Result<()> {
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = fixture.start_gate("gate-unbound", |config| set_stub_node(config, &node)).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    expect_admission(&gate, &holder.account.wireguard_handshake(session)?).await?;
    let locker = Connection::open(Path::new(&gate.home).join("gate.db"))?;
    locker.execute_batch("BEGIN IMMEDIATE")?;
    let site = SignIn::at(&gate.url)?;
    let unbound = tokio::time::timeout(Duration::from_millis(300), site.unbind(holder.token())).await;
    ensure!(unbound.is_err(), "answered before it is written: {unbound:?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    locker.execute_batch("ROLLBACK")?;
    let is_out = || async {
        let now = session_state(&gate, session).await?;
        ensure!(now == ("evicted".to_owned(), "unbound".to_owned()), "it is {now:?}");
        Ok(())
    };
    eventually_evicted(&gate, "the session of the binding is evicted", is_out).await
}

/// Runs the gate on a home directory until it ends by itself.
async fn run_until_end(home: PathBuf) -> Result<Output> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sovereign-gate"));
    command.arg("--home").arg(home).arg("start").kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(20), command.output());
    Ok(ended.await.context("it goes on running")??)
}

async fn rejects_second_instance(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-twins", |_| ()).await?;
    let ended = run_until_end(PathBuf::from(&gate.home)).await?;
    let output = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(
        ended.status.code() == Some(69) && output.contains("another instance"),
        "{:?}: {output}",
        ended.status
    );
    // The first instance is not affected.
    fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await.map(drop)
}

async fn rejects_foreign_and_damaged_databases(fixture: &Fixture) -> Result<()> {
    let gate = fixture.start_gate("gate-files", |_| ()).await?;
    let holder = fixture.create_holder(&gate, &[fixture.ethereum.other_card()]).await?;
    let begun = Instant::now();
    fixture.stack.stop_program(&gate.name).await?;
    let ended = begun.elapsed();
    let home = Path::new(&gate.home);
    let path = home.join("gate.db");
    ensure!(
        !home.join("gate.db-wal").exists(),
        "its log is still beside the database {ended:?} after the end began"
    );
    let good = std::fs::read(&path)?;
    let changed = |at: std::ops::Range<usize>, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at].copy_from_slice(with);
        bytes
    };
    for (name, bytes, says) in [
        ("of a newer version", changed(60..64, &99_u32.to_be_bytes()), "newer"),
        ("of another program", changed(68..72, b"else"), "not a database of this program"),
        ("no database", b"[gate]\n".repeat(1000), "not a database of this program"),
        ("torn", good[..good.len() / 2].to_vec(), "damaged"),
        ("empty", Vec::new(), "damaged"),
    ] {
        std::fs::write(&path, &bytes)?;
        let ended = run_until_end(home.to_owned()).await.with_context(|| format!("a file that is {name}"))?;
        let output = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(
            ended.status.code() == Some(69) && output.contains(says),
            "{name}: {:?}: {output}",
            ended.status
        );
        ensure!(std::fs::read(&path)? == bytes, "a file that is {name} was changed");
    }
    std::fs::write(&path, &good)?;
    fixture.stack.start_program(&gate.name).await?;
    fixture.wait_until_ready(&gate).await?;
    SignIn::at(&gate.url)?.binding(holder.token()).await?.result().map(drop)
}

/// What the gate has confirmed before it was killed.
#[derive(Default)]
struct ConfirmedState {
    tokens: Mutex<Vec<String>>,
    redeemed: Mutex<Vec<Newcomer>>,
    admitted: Mutex<Vec<u64>>,
}

fn record_confirmed<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(item);
}

async fn keeps_confirmed_state_when_killed(fixture: &Fixture) -> Result<()> {
    const ROUNDS: usize = 4;
    const WORKERS: usize = 8;
    /// For each worker: beyond [`MAX_PER_HOLDER`] bindings of a wallet the oldest gives way.
    const WALLETS: usize = 12;
    let node = StubNode::with_info_of(&fixture.node().plain_url).await?;
    let gate = fixture
        .start_gate("gate-killed", |config| {
            set_key(config, "binding", "max_accounts", 10_000);
            set_key(config, "gate", "node_url", node.url());
            set_key(config, "cache", "positive_ttl", "60s");
        })
        .await?;
    let card = [fixture.ethereum.other_card()];
    let holder = fixture.create_holder(&gate, &card).await?;
    let sessions = fixture.hub().direct_sessions(&holder.account, &fixture.node().address, 3).await?;
    let holders = (0..WORKERS * WALLETS).map(|_| fixture.ethereum.holder(&card));
    let wallets = futures::future::try_join_all(holders).await?;
    let wallets: Vec<&[Wallet]> = wallets.chunks(WALLETS).collect();
    let mut signed_in = [0; WORKERS];
    let confirmed = ConfirmedState::default();
    for round in 0..ROUNDS {
        let work = wallets.iter().zip(&mut signed_in).map(|(wallets, signed_in)| async {
            // Until the gate is gone.
            loop {
                let wallet = wallets.get(*signed_in / MAX_PER_HOLDER).context("too few wallets")?;
                *signed_in += 1;
                let site = SignIn::at(&gate.url)?;
                let challenge = site.challenge(wallet.address(), &random_account(), None).await?;
                let answer = site.bind(&challenge.message, &wallet.sign(&challenge.message)?).await?;
                if let Ok(binding) = answer.result() {
                    record_confirmed(
                        &confirmed.tokens,
                        binding["token"].as_str().context("a token")?.to_owned(),
                    );
                    record_confirmed(&confirmed.redeemed, Newcomer { wallet: wallet.clone(), challenge });
                }
            }
            #[expect(unreachable_code, reason = "names the error type")]
            Ok::<(), anyhow::Error>(())
        });
        let entering = async {
            if let Some(session) = sessions.get(round) {
                let handshake = holder.account.wireguard_handshake(*session)?;
                if send_handshake(&gate, &handshake).await?.result().is_ok() {
                    record_confirmed(&confirmed.admitted, *session);
                }
            }
            Ok::<_, anyhow::Error>(())
        };
        let kill = async {
            tokio::time::sleep(Duration::from_millis(400 + 170 * round as u64)).await;
            fixture.stack.kill_program(&gate.name).await
        };
        // Requests to a killed gate fail.
        let (_, _, killed) = tokio::join!(futures::future::join_all(work), entering, kill);
        killed?;
        fixture.stack.start_program(&gate.name).await?;
        fixture.wait_until_ready(&gate).await?;
        expect_all_kept(&gate, &confirmed).await.with_context(|| format!("round {round}"))?;
    }
    let redeemed = confirmed.redeemed.into_inner().unwrap_or_default().len();
    ensure!(redeemed > ROUNDS, "only {redeemed} were bound");
    Ok(())
}

async fn expect_all_kept(gate: &GateInfo, confirmed: &ConfirmedState) -> Result<()> {
    let copy = |list: &Mutex<Vec<String>>| list.lock().map(|list| list.clone()).unwrap_or_default();
    for token in copy(&confirmed.tokens) {
        let binding = SignIn::at(&gate.url)?.binding(&token).await?;
        binding.result().context("a confirmed binding is gone")?;
    }
    let redeemed = confirmed.redeemed.lock().map(|list| list.clone()).unwrap_or_default();
    for used in redeemed {
        ensure_refusal(&used.redeem(gate).await?, 401, 120).context("a used nonce is good again")?;
    }
    let admitted = confirmed.admitted.lock().map(|list| list.clone()).unwrap_or_default();
    for session in admitted {
        session_record(gate, session).await?.with_context(|| format!("session {session} is forgotten"))?;
    }
    Caller::fresh()?.get(&format!("{}/gate/openapi.json", gate.url)).await.map(drop)
}
