//! Failing disk, foreign database, killed process: confirmed state survives, and no session is admitted that cannot
//! be recorded.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use sentinel_stack::actors::{Caller, Challenge, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use sovereign_gate::store::MAX_PER_HOLDER;

use crate::enforcement::{SOON, state};
use crate::stub::{StubNode, TAKEN};
use crate::trial::{Trial, trials};
use crate::world::{
    PATIENCE, World, enter, eventually, knock, not_ready, own, record, refused, set, some_account,
};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_full_disk,
        a_locked_database,
        an_unbinding_that_nobody_waits_for,
        a_second_instance,
        files_that_are_not_ours_to_change,
        killed_while_it_works,
    ]
}

/// A small tmpfs, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path) -> Result<Self> {
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

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a gate that has not ended yet still has open files there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

pub(crate) fn before_a_stub(config: &mut toml::Table, node: &StubNode) {
    set(config, "gate", "node_url", node.url());
    // The stub node has no tunnel of which the gate could be told.
    set(config, "tunnel", "interface", "none0");
}

pub(crate) async fn challenge(world: &World, gate: &GateInfo) -> Result<(Wallet, Challenge)> {
    let wallet = world.ethereum.holder(&[world.ethereum.other_card()]).await?;
    let challenge = SignIn::at(&gate.url)?.challenge(wallet.address(), &some_account(), None).await?;
    Ok((wallet, challenge))
}

pub(crate) async fn redeem(
    gate: &GateInfo,
    (wallet, challenge): &(Wallet, Challenge),
) -> Result<sentinel_stack::actors::Answer> {
    SignIn::at(&gate.url)?.bind(&challenge.message, &wallet.sign(&challenge.message)?).await
}

async fn a_full_disk(world: &World) -> Result<()> {
    let name = &own("gate-disk");
    let disk = SmallDisk::at(&Path::new(&world.stack.info().directory).join(name).join("home"))?;
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world.gate_called(name, |config| before_a_stub(config, &node)).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let first = holder.account.wireguard_handshake(world.direct_session(&holder.account).await?)?;
    let second = holder.account.wireguard_handshake(world.direct_session(&holder.account).await?)?;
    enter(&gate, &first).await?;

    disk.fill()?;
    // The database file may have free pages for a few bindings.
    let mut bound = Vec::new();
    let unbound = loop {
        let newcomer = challenge(world, &gate).await?;
        let (answer, begun) = (redeem(&gate, &newcomer).await?, Instant::now());
        ensure!(begun.elapsed() < PATIENCE, "a sign-in took {:?}", begun.elapsed());
        if answer.status == 201 {
            bound.push(answer.result()?["token"].as_str().context("a token")?.to_owned());
            ensure!(bound.len() < 2000, "the disk is never full");
            continue;
        }
        refused(&answer, 500, 199)?;
        ensure!(answer.message().contains("request "), "says {}", answer.message());
        break newcomer;
    };
    // No session is admitted and the node is not asked, because nothing could be recorded.
    let before = node.seen("/").iter().filter(|seen| seen.method == "POST").count();
    refused(&knock(&gate, &second).await?, 500, 199)?;
    let after = node.seen("/").iter().filter(|seen| seen.method == "POST").count();
    ensure!(before == after, "the node was asked");
    let missing = not_ready(&gate).await?;
    ensure!(missing.iter().any(|(what, _)| what == "store"), "/ready says {missing:?}");
    // Reads still work.
    let site = SignIn::at(&gate.url)?;
    site.eligibility(holder.wallet.address()).await?.result()?;

    disk.clear()?;
    world.until_ready(&gate).await?;
    ensure!(redeem(&gate, &unbound).await?.status == 201, "the nonce was used up");
    let taken = enter(&gate, &second).await?;
    ensure!(enter(&gate, &second).await?.bytes == taken.bytes, "a repeat is answered in another way");
    world.stack.kill_program(name).await?;
    world.stack.start_program(name).await?;
    world.until_ready(&gate).await?;
    for token in bound.iter().map(String::as_str).chain([holder.token()]) {
        SignIn::at(&gate.url)?.binding(token).await?.result().context("a confirmed binding is gone")?;
    }
    refused(&redeem(&gate, &unbound).await?, 401, 120)?;
    world.stack.stop_program(name).await?;
    drop(disk);
    Ok(())
}

/// Another program holds a write lock on the database.
async fn a_locked_database(world: &World) -> Result<()> {
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world.gate_with("gate-locked", |config| before_a_stub(config, &node)).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let handshake = holder.account.wireguard_handshake(world.direct_session(&holder.account).await?)?;
    let newcomer = challenge(world, &gate).await?;
    let path = Path::new(&gate.home).join("gate.db");
    let locker = Connection::open(path)?;
    locker.execute_batch("BEGIN IMMEDIATE")?;
    // The first handshake may reach the node, because the gate has not noticed the lock; it is recorded later.
    let begun = Instant::now();
    let (bound, entered) = tokio::try_join!(redeem(&gate, &newcomer), knock(&gate, &handshake))?;
    ensure!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    refused(&bound, 500, 199)?;
    refused(&entered, 500, 199)?;
    SignIn::at(&gate.url)?.binding(holder.token()).await?.result().context("reading goes on")?;
    locker.execute_batch("ROLLBACK")?;
    drop(locker);
    world.until_ready(&gate).await?;
    ensure!(redeem(&gate, &newcomer).await?.status == 201, "the nonce was used up");
    let written = || async { record(&gate, handshake.id).await?.context("the session is not listed") };
    let asked = || node.seen("/").iter().filter(|seen| seen.method == "POST").count();
    if asked() == 0 {
        enter(&gate, &handshake).await?;
    }
    eventually("what the node took is written down", Duration::from_secs(15), written).await?;
    // A repeat is answered with the node's answer, and the node is not asked again.
    let again = enter(&gate, &handshake).await?;
    ensure!(again.bytes == TAKEN.as_bytes(), "another answer: {}", again.body);
    ensure!(asked() == 1, "the node was asked {} times", asked());
    Ok(())
}

/// The client disconnects while its unbinding waits for the disk: the session that rests on the binding is evicted
/// all the same.
async fn an_unbinding_that_nobody_waits_for(world: &World) -> Result<()> {
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world.gate_with("gate-unbound", |config| before_a_stub(config, &node)).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let session = world.direct_session(&holder.account).await?;
    enter(&gate, &holder.account.wireguard_handshake(session)?).await?;
    let locker = Connection::open(Path::new(&gate.home).join("gate.db"))?;
    locker.execute_batch("BEGIN IMMEDIATE")?;
    let site = SignIn::at(&gate.url)?;
    let unbound = tokio::time::timeout(Duration::from_millis(300), site.unbind(holder.token())).await;
    ensure!(unbound.is_err(), "answered before it is written: {unbound:?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    locker.execute_batch("ROLLBACK")?;
    let out = || async {
        let now = state(&gate, session).await?;
        ensure!(now == ("evicted".to_owned(), "unbound".to_owned()), "it is {now:?}");
        Ok(())
    };
    eventually("whoever rested on it is out", SOON, out).await
}

/// Runs the gate on a home directory until it ends by itself.
async fn start(home: PathBuf) -> Result<Output> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sovereign-gate"));
    command.arg("--home").arg(home).arg("start").kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(20), command.output());
    Ok(ended.await.context("it goes on running")??)
}

async fn a_second_instance(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-twins", |_| ()).await?;
    let ended = start(PathBuf::from(&gate.home)).await?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(
        ended.status.code() == Some(69) && said.contains("another instance"),
        "{:?}: {said}",
        ended.status
    );
    // The first instance is not affected.
    world.holder(&gate, &[world.ethereum.other_card()]).await.map(drop)
}

async fn files_that_are_not_ours_to_change(world: &World) -> Result<()> {
    let gate = world.gate_with("gate-files", |_| ()).await?;
    let holder = world.holder(&gate, &[world.ethereum.other_card()]).await?;
    let begun = Instant::now();
    world.stack.stop_program(&gate.name).await?;
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
        let ended = start(home.to_owned()).await.with_context(|| format!("a file that is {name}"))?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(ended.status.code() == Some(69) && said.contains(says), "{name}: {:?}: {said}", ended.status);
        ensure!(std::fs::read(&path)? == bytes, "a file that is {name} was changed");
    }
    std::fs::write(&path, &good)?;
    world.stack.start_program(&gate.name).await?;
    world.until_ready(&gate).await?;
    SignIn::at(&gate.url)?.binding(holder.token()).await?.result().map(drop)
}

/// What the gate has confirmed before it was killed.
#[derive(Default)]
struct Confirmed {
    tokens: Mutex<Vec<String>>,
    redeemed: Mutex<Vec<(Wallet, Challenge)>>,
    admitted: Mutex<Vec<u64>>,
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(item);
}

async fn killed_while_it_works(world: &World) -> Result<()> {
    const ROUNDS: usize = 4;
    const WORKERS: usize = 8;
    /// For each worker: beyond [`MAX_PER_HOLDER`] bindings of a wallet the oldest gives way.
    const WALLETS: usize = 12;
    let node = StubNode::like(&world.node().plain_url).await?;
    let gate = world
        .gate_with("gate-killed", |config| {
            set(config, "binding", "max_accounts", 10_000);
            set(config, "gate", "node_url", node.url());
            set(config, "cache", "positive_ttl", "60s");
        })
        .await?;
    let card = [world.ethereum.other_card()];
    let holder = world.holder(&gate, &card).await?;
    let sessions = world.hub().direct_sessions(&holder.account, &world.node().address, 3).await?;
    let holders = (0..WORKERS * WALLETS).map(|_| world.ethereum.holder(&card));
    let wallets = futures::future::try_join_all(holders).await?;
    let wallets: Vec<&[Wallet]> = wallets.chunks(WALLETS).collect();
    let mut signed_in = [0; WORKERS];
    let confirmed = Confirmed::default();
    for round in 0..ROUNDS {
        let work = wallets.iter().zip(&mut signed_in).map(|(wallets, signed_in)| async {
            // Until the gate is gone.
            loop {
                let wallet = wallets.get(*signed_in / MAX_PER_HOLDER).context("too few wallets")?;
                *signed_in += 1;
                let site = SignIn::at(&gate.url)?;
                let challenge = site.challenge(wallet.address(), &some_account(), None).await?;
                let answer = site.bind(&challenge.message, &wallet.sign(&challenge.message)?).await?;
                if let Ok(binding) = answer.result() {
                    push(&confirmed.tokens, binding["token"].as_str().context("a token")?.to_owned());
                    push(&confirmed.redeemed, (wallet.clone(), challenge));
                }
            }
            #[expect(unreachable_code, reason = "says of which type the errors are")]
            Ok::<(), anyhow::Error>(())
        });
        let entering = async {
            if let Some(session) = sessions.get(round) {
                let handshake = holder.account.wireguard_handshake(*session)?;
                if knock(&gate, &handshake).await?.result().is_ok() {
                    push(&confirmed.admitted, *session);
                }
            }
            Ok::<_, anyhow::Error>(())
        };
        let kill = async {
            tokio::time::sleep(Duration::from_millis(400 + 170 * round as u64)).await;
            world.stack.kill_program(&gate.name).await
        };
        // Requests to a killed gate fail.
        let (_, _, killed) = tokio::join!(futures::future::join_all(work), entering, kill);
        killed?;
        world.stack.start_program(&gate.name).await?;
        world.until_ready(&gate).await?;
        all_there(&gate, &confirmed).await.with_context(|| format!("round {round}"))?;
    }
    let redeemed = confirmed.redeemed.into_inner().unwrap_or_default().len();
    ensure!(redeemed > ROUNDS, "only {redeemed} were bound");
    Ok(())
}

async fn all_there(gate: &GateInfo, confirmed: &Confirmed) -> Result<()> {
    let copy = |list: &Mutex<Vec<String>>| list.lock().map(|list| list.clone()).unwrap_or_default();
    for token in copy(&confirmed.tokens) {
        let binding = SignIn::at(&gate.url)?.binding(&token).await?;
        binding.result().context("a confirmed binding is gone")?;
    }
    let redeemed = confirmed.redeemed.lock().map(|list| list.clone()).unwrap_or_default();
    for used in redeemed {
        refused(&redeem(gate, &used).await?, 401, 120).context("a used nonce is good again")?;
    }
    let admitted = confirmed.admitted.lock().map(|list| list.clone()).unwrap_or_default();
    for session in admitted {
        record(gate, session).await?.with_context(|| format!("session {session} is forgotten"))?;
    }
    Caller::fresh()?.get(&format!("{}/gate/openapi.json", gate.url)).await.map(drop)
}
