//! Startup steps of a network in the order of their dependencies.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::gate::{Gate, GateEnvironment};
use crate::hub::{Limits, LocalHub, Market};
use crate::net::{Net, Ports};
use crate::node::Node;
use crate::options::StackOptions;
use crate::process::Supervisor;

/// Context shared by the startup steps.
pub(crate) struct StartupContext<'a> {
    pub(crate) options: &'a StackOptions,
    pub(crate) run: &'a Path,
    pub(crate) net: &'a Net,
    pub(crate) ports: &'a Ports,
    pub(crate) supervisor: &'a Supervisor,
}

impl StartupContext<'_> {
    /// Hub, provider and nodes: ready to sell sessions.
    pub(crate) async fn start_sentinel(&self) -> Result<(LocalHub, Vec<Node>, Market)> {
        let mut nodes = Vec::new();
        for number in 1..=self.options.gates.max(1) {
            let name = format!("node{number}");
            let namespace = self.net.add(&name, &self.run.join(&name))?;
            nodes.push(Node::prepare(&name, self.run, namespace, self.ports).await?);
        }
        let accounts: Vec<String> = nodes.iter().map(|node| node.account.clone()).collect();
        let limits = Limits { session_timeout: self.options.session_timeout };
        let home = self.run.join("hub");
        let (hub, spec) = LocalHub::prepare(&home, self.net.host(), self.ports, limits, &accounts).await?;
        hub.start(spec, self.supervisor).await?;
        tracing::info!("hub: {} makes blocks, RPC {}", crate::hub::CHAIN_ID, hub.rpc);
        let (market, ()) = tokio::try_join!(Market::open(&hub), self.start_nodes(&hub, &nodes))?;
        let addresses: Vec<String> = nodes.iter().map(|node| node.address.clone()).collect();
        market.list(&hub, &addresses).await?;
        tracing::info!(
            "provider: plan {} is free, plan {} is paid, {} node(s) in both",
            market.free,
            market.paid,
            nodes.len()
        );
        Ok((hub, nodes, market))
    }

    async fn start_nodes(&self, hub: &LocalHub, nodes: &[Node]) -> Result<()> {
        let advertised = self.net.host().to_string();
        for node in nodes {
            node.configure(hub, &advertised).await?;
            node.start(self.supervisor).await?;
            tracing::info!(
                "{}: {} registered, in namespace {}",
                node.name,
                node.address,
                node.namespace.name()
            );
        }
        Ok(())
    }

    /// One gate before each node.
    pub(crate) async fn start_gates(&self, nodes: &[Node], around: &GateEnvironment) -> Result<Vec<Gate>> {
        let mut gates = Vec::new();
        if self.options.gates == 0 {
            return Ok(gates);
        }
        let program = gate_program(self.options)?;
        for (number, node) in (1..=self.options.gates).zip(nodes) {
            let name = format!("gate{number}");
            let edit = |config: &mut toml::Table| (self.options.edit)(number, config);
            let place = (node, node.advertised_port);
            let gate = Gate::prepare(&name, &program, self.run, place, around, self.ports, edit)?;
            gate.start(self.supervisor).await?;
            wait_until_ready(&gate).await?;
            tracing::info!("{name}: {} before {}", gate.url(), node.name);
            gates.push(gate);
        }
        Ok(gates)
    }
}

/// The program that the options name, or the newest build.
pub(crate) fn gate_program(options: &StackOptions) -> Result<PathBuf> {
    let program = options.program.clone().or_else(crate::paths::gate_program);
    program.context("the gate is not built: cargo build -p sovereign-gate")
}

/// Waits until a running gate can admit.
pub(crate) async fn wait_until_ready(gate: &Gate) -> Result<()> {
    let probe = crate::process::Probe::Succeeds(format!("{}/ready", gate.admin()));
    let http = crate::http::client()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(error) = probe.try_once(&http).await {
        if Instant::now() > deadline {
            let log = gate.home.with_file_name("gate.log");
            let lines = crate::process::tail(&log, 15);
            return Err(anyhow!("{} is not ready: {error:#}\nlog: {}\n{lines}", gate.name, log.display()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
