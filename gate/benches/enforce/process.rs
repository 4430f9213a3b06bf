//! The gate's own program in a home of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};

const PROCESS_TIMEOUT: Duration = Duration::from_secs(180);

pub(crate) struct Gate {
    child: Child,
    admin: String,
    client: Client,
}

/// What `/metrics` says.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) fn sum(&self, name: &str) -> u64 {
        let lines = self.0.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Gate {
    pub(crate) async fn start(home: &Path, admin: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovereign-gate"));
        let log = std::fs::File::create(home.join("gate.log")).unwrap();
        command.arg("--home").arg(home).arg("start").stdout(Stdio::null()).stderr(log);
        let gate = Self {
            child: command.spawn().unwrap(),
            admin: format!("http://127.0.0.1:{admin}"),
            client: Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap(),
        };
        let begun = Instant::now();
        while !gate.is_ready().await {
            let log = std::fs::read_to_string(home.join("gate.log")).unwrap_or_default();
            assert!(begun.elapsed() < PROCESS_TIMEOUT, "the gate is not ready: {log}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        gate
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/ready", self.admin)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    pub(crate) async fn metrics(&self) -> Metrics {
        let answer = self.client.get(format!("{}/metrics", self.admin)).send().await.unwrap();
        Metrics(answer.text().await.unwrap())
    }

    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Metrics) -> bool) {
        let begun = Instant::now();
        while !done(&self.metrics().await) {
            assert!(begun.elapsed() < PROCESS_TIMEOUT, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends all tunnels; how many.
    pub(crate) async fn lock_down(&self) -> u64 {
        let order = self.client.post(format!("{}/lockdown", self.admin)).json(&json!({ "reason": "bench" }));
        let answer: Value = order.send().await.unwrap().json().await.unwrap();
        answer["dropped"].as_u64().unwrap()
    }

    /// Resident memory in megabytes.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap();
        (kilobytes / 102.4).round() / 10.0
    }

    /// Processor time so far.
    pub(crate) fn cpu(&self) -> Duration {
        // schedstat counts nanoseconds, for each thread apart; one that has just ended counts no more.
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let stats =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
        stats.filter_map(|stat| stat.split(' ').next()?.parse().ok()).map(Duration::from_nanos).sum()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
