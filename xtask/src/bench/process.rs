//! The gate as a process: how soon it is up, what it holds in memory, and how many sign-ins it takes over HTTP from a
//! load generator that shares its cores.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue as _;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use sentinel_proto::address::AccountAddress;
use sentinel_stack::actors::{Caller, Ethereum, Wallet};
use sentinel_stack::{Stack, StackOptions};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::connections;
use super::report;
use super::requests::{self, RawRequest, get, post};
use crate::build::{self, Profile};

const STARTS: usize = 10;
const WALLETS: usize = 20_000;
const ACCOUNTS: usize = 5;
/// Sign-ins of one batch: first all challenges, then all bindings; between them the wallets sign, which does not count.
const BATCH: usize = 10_000;
const PARALLEL_CONNECTIONS: usize = 128;
const CONNECTIONS: usize = 10_000;

pub(super) async fn run() -> Result<()> {
    let program = build::gate(Profile::Release).await?;
    let stack = Stack::start(StackOptions::default().gates(1).program(&program)).await?;
    let measured = measure(&stack, &program).await;
    stack.stop().await?;
    let figures = measured?;
    println!("\nthe gate as a process; gate: {}", program.display());
    report::rows(&figures);
    report::write("process", &json!({ "program": program.display().to_string(), "figures": figures }))
}

async fn measure(stack: &Stack, program: &Path) -> Result<Value> {
    let config = &stack.info().gates.first().context("no gate")?.config;
    let config: toml::Table = std::fs::read_to_string(config)?.parse()?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begin = Instant::now();
        let gate = Gate::start(program, &config).await?;
        starts.push(begin.elapsed());
        gate.end().await?;
    }
    starts.sort_unstable();
    let start_ms = |time: Option<&Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
    let (typical, longest) = (start_ms(starts.get(STARTS / 2)), start_ms(starts.last()));

    let gate = Gate::start(program, &config).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = gate.memory()?;
    tracing::info!("{} sign-ins", WALLETS * ACCOUNTS);
    let signed_in = sign_in(&gate, &stack.ethereum()?).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let full = gate.memory()?;
    gate.end().await?;

    tracing::info!("{CONNECTIONS} connections");
    let gate = Gate::start(program, &config).await?;
    let open = connections::open(&gate.address, CONNECTIONS).await?;
    let crowded = gate.memory()?;
    let held = open.close();
    gate.end().await?;
    Ok(json!({
        "start_to_healthy_ms_p50": typical, "start_to_healthy_ms_max": longest,
        "memory_idle_mb": idle, "sign_ins": signed_in.count, "sign_ins_per_second": signed_in.per_second,
        "gate_cpu_us_per_sign_in": signed_in.cpu_us, "memory_after_sign_ins_mb": full,
        "connections": held, "memory_with_connections_mb": crowded,
    }))
}

/// A gate of its own, beside those of the network.
struct Gate {
    child: Child,
    address: String,
    admin: String,
    _home: tempfile::TempDir,
}

impl Gate {
    async fn start(program: &Path, config: &toml::Table) -> Result<Self> {
        let home = tempfile::tempdir_in(sentinel_stack::paths::target())?;
        let (address, admin) = (free_address()?, free_address()?);
        let mut config = config.clone();
        for (section, key, value) in [
            ("gate", "listen_addr", toml::Value::from(address.clone())),
            ("gate", "admin_addr", admin.clone().into()),
            ("gate", "max_connections", i64::try_from(2 * CONNECTIONS)?.into()),
            ("limits", "per_ip_per_second", 1_000_000.into()),
            ("limits", "burst", 1_000_000.into()),
            ("cache", "positive_ttl", "1h".into()),
            ("log", "level", "warn".into()),
        ] {
            let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
            section.as_table_mut().context("not a section")?.insert(key.to_owned(), value);
        }
        let path = home.path().join("config.toml");
        std::fs::write(&path, config.to_string())?;
        let mut command = Command::new(program);
        command.arg("--home").arg(home.path()).arg("start").kill_on_drop(true);
        let child = command.spawn().context("the gate does not start")?;
        let gate = Self { child, address, admin: format!("http://{admin}"), _home: home };
        let caller = Caller::anywhere()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while !caller.get(&format!("{}/health", gate.admin)).await.is_ok_and(|answer| answer.status == 200) {
            ensure!(Instant::now() < deadline, "the gate is not healthy within 10 s");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(gate)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let pid = self.child.id().context("the gate has ended")?;
        Ok(std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}")).join(file))?)
    }

    /// Resident memory in megabytes.
    fn memory(&self) -> Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok((kilobytes / 102.4).round() / 10.0)
    }

    /// Processor time so far.
    fn cpu(&self) -> Result<Duration> {
        // schedstat counts nanoseconds, for each thread apart.
        let pid = self.child.id().context("the gate has ended")?;
        let mut whole = Duration::ZERO;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
            whole += Duration::from_nanos(stat.split(' ').next().unwrap_or_default().parse()?);
        }
        Ok(whole)
    }

    async fn send(&self, requests: Vec<RawRequest>) -> Result<Vec<Bytes>> {
        requests::send_all(&self.address, requests, PARALLEL_CONNECTIONS).await
    }

    async fn end(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

struct SignedIn {
    count: usize,
    per_second: f64,
    cpu_us: f64,
}

async fn sign_in(gate: &Gate, ethereum: &Ethereum) -> Result<SignedIn> {
    let wallets: Vec<Wallet> = (0..WALLETS).map(|_| Wallet::fresh()).collect();
    give(ethereum, &wallets).await?;
    // Warm: the cards are known.
    let known = wallets.iter().map(|wallet| get(&format!("/gate/eligibility?wallet={}", wallet.address())));
    gate.send(known.collect()).await?;

    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let pairs: Vec<_> = (0..ACCOUNTS).flat_map(|_| &wallets).collect();
    for batch in pairs.chunks(BATCH) {
        let asked = batch.iter().map(|wallet| {
            let account = AccountAddress::new(rand::random());
            get(&format!("/gate/challenge?wallet={}&account={account}", wallet.address()))
        });
        let asked = asked.collect();
        let (begin, before) = (Instant::now(), gate.cpu()?);
        let challenges = gate.send(asked).await?;
        wall += begin.elapsed();
        cpu += gate.cpu()?.saturating_sub(before);

        let signed = batch.iter().zip(&challenges).map(|(wallet, challenge)| {
            let challenge: Value = serde_json::from_slice(challenge)?;
            let message = challenge["result"]["message"].as_str().context("no message")?;
            let body = json!({ "message": message, "signature": wallet.sign(message)? });
            Ok(post("/gate/bindings", &body.to_string()))
        });
        let signed = signed.collect::<Result<_>>()?;
        let (begin, before) = (Instant::now(), gate.cpu()?);
        gate.send(signed).await?;
        wall += begin.elapsed();
        cpu += gate.cpu()?.saturating_sub(before);
    }
    let count = f64::from(u32::try_from(pairs.len())?);
    let per_second = (count / wall.as_secs_f64()).round();
    Ok(SignedIn { count: pairs.len(), per_second, cpu_us: (cpu.as_secs_f64() * 1e6 / count).round() })
}

/// Puts a card into each wallet; a transaction each would take longer than the measurement.
async fn give(ethereum: &Ethereum, wallets: &[Wallet]) -> Result<()> {
    // `_balances` is the first variable of OpenZeppelin's ERC1155.
    let of_card = keccak256((U256::from(ethereum.other_card()), U256::ZERO).abi_encode());
    let place = |wallet: Address| keccak256((wallet, of_card).abi_encode());
    let memes = ethereum.memes();
    let writes = wallets.iter().map(|wallet| {
        let write = json!([memes, place(wallet.address()), B256::with_last_byte(1)]);
        async move { ethereum.chain().rpc("anvil_setStorageAt", write).await.map(drop) }
    });
    futures::stream::iter(writes).buffer_unordered(16).try_collect::<()>().await?;
    ethereum.chain().rpc("evm_mine", json!([])).await?;
    Ok(())
}
