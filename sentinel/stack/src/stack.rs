//! The whole network: started in order, described in one document, stopped in reverse order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tokio::sync::Mutex;

use crate::actors::{Client, Ethereum, Hub, SignIn};
use crate::client::Machine;
use crate::control::{self, Control, MovableClock};
use crate::ethereum::Anvil;
use crate::gate::{Gate, GateEnvironment};
use crate::hub::LocalHub;
use crate::info::{GateInfo, StackInfo};
use crate::net::{Net, Ports};
use crate::node::Node;
use crate::options::StackOptions;
use crate::prerequisites::{self, Need};
use crate::process::Supervisor;
use crate::run_directory::RunDirectory;
use crate::startup::{self, StartupContext};

/// A running network. It ends when this is dropped.
#[derive(Debug)]
pub struct Stack {
    // Dropped in this order: first the controls close, then the programs end, then their network.
    control: Control,
    supervisor: Arc<Supervisor>,
    net: Net,
    directory: RunDirectory,
    ports: Ports,
    options: StackOptions,
    hub: LocalHub,
    accounts: Hub,
    nodes: Vec<Node>,
    gates: Mutex<Vec<Gate>>,
    machines: AtomicUsize,
    around: GateEnvironment,
    info: StackInfo,
}

impl Stack {
    /// Starts it and waits until every gate is ready to admit.
    pub async fn start(options: StackOptions) -> Result<Self> {
        tokio::task::spawn_blocking(|| prerequisites::ensure(&[Need::Network])).await??;
        let net = Net::create()?;
        let directory = RunDirectory::create(net.number())?;
        let run = directory.path().to_owned();
        let started = Self::bring_up(options, net, directory).await;
        started.with_context(|| format!("the local network does not start; logs: {}", run.display()))
    }

    async fn bring_up(options: StackOptions, net: Net, directory: RunDirectory) -> Result<Self> {
        let supervisor = Arc::new(Supervisor::new(crate::http::client()?));
        let (run, ports) = (directory.path(), Ports::of_run(net.number()));
        let site =
            StartupContext { options: &options, run, net: &net, ports: &ports, supervisor: &supervisor };
        let (ethereum, (hub, nodes, market)) =
            tokio::try_join!(Anvil::start(run, &ports, &supervisor), site.start_sentinel())?;
        let around = GateEnvironment { ethereum: ethereum.info(), hub: hub.info(), market, host: net.host() };
        let gates = site.start_gates(&nodes, &around).await?;
        supervisor.ready(crate::hub::NAME).await?;
        let machine = Machine::create("client", run, &net, &hub, &nodes).await?;
        let control = Control::open(run, &supervisor).await?;
        let info = StackInfo {
            ethereum: around.ethereum.clone(),
            hub: around.hub.clone(),
            nodes: nodes.iter().map(|node| node.info(net.host())).collect(),
            gates: gates.iter().map(|gate| gate.info(&control)).collect(),
            signin_site: None,
            plans: market.info(),
            client: machine.info(),
            control: control.command(&[]),
            directory: run.display().to_string(),
        };
        let (gates, accounts, machines) = (Mutex::new(gates), Hub::new(hub.cli()), AtomicUsize::new(1));
        Ok(Self {
            control,
            supervisor,
            net,
            directory,
            ports,
            options,
            hub,
            accounts,
            nodes,
            gates,
            machines,
            around,
            info,
        })
    }

    /// Description of the network.
    pub fn info(&self) -> &StackInfo {
        &self.info
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Wallets and contracts of the EVM chain.
    pub fn ethereum(&self) -> Result<Ethereum> {
        Ethereum::on(&self.info.ethereum)
    }

    /// The hub and its accounts.
    pub fn hub(&self) -> &Hub {
        &self.accounts
    }

    /// The sign-in of the first gate, called from a source address of its own.
    pub fn sign_in(&self) -> Result<SignIn> {
        let gate = self.info.gates.first().context("this network has no gate")?;
        SignIn::at(&gate.url)
    }

    /// A holder's machine with the stock client, in a namespace and with an address of its own.
    pub async fn client(&self) -> Result<Client> {
        Ok(Client::on(self.machine().await?))
    }

    /// Writes [`Self::info`] as JSON; the file appears whole.
    pub fn write_info(&self, path: &Path) -> Result<()> {
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)
            .with_context(|| format!("cannot write into {}", directory.display()))?;
        serde_json::to_writer_pretty(&mut file, &self.info)?;
        file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(())
    }

    /// Asks a program (`anvil`, `hub`, `node1`, `gate1`, …) to end, and waits for that; it must not have to be killed.
    pub async fn stop_program(&self, name: &str) -> Result<()> {
        self.supervisor.stop(name).await
    }

    /// Starts a stopped program again and waits until it answers.
    pub async fn start_program(&self, name: &str) -> Result<()> {
        self.supervisor.start(name, &[]).await
    }

    /// Kills a program with `SIGKILL`.
    pub async fn kill_program(&self, name: &str) -> Result<()> {
        self.supervisor.kill(name).await
    }

    /// Freezes a program: its ports stay open, nothing answers.
    pub fn pause_program(&self, name: &str) -> Result<()> {
        self.supervisor.pause(name)
    }

    /// Resumes a frozen program.
    pub fn resume_program(&self, name: &str) -> Result<()> {
        self.supervisor.resume(name)
    }

    /// Resumes every frozen program and starts the stopped ones.
    pub async fn revive(&self) -> Result<()> {
        for (name, id) in self.supervisor.list() {
            match id {
                Some(_) => self.supervisor.resume(&name)?,
                None => self.supervisor.start(&name, &[]).await?,
            }
        }
        Ok(())
    }

    /// Last lines of the log of a program.
    pub fn last_words(&self, name: &str, lines: usize) -> Result<String> {
        self.supervisor.last_words(name, lines)
    }

    /// The id of a program's process, if it runs.
    pub fn process_id(&self, name: &str) -> Option<i32> {
        self.supervisor.list().get(name).copied().flatten()
    }

    /// Restarts a program, with its clock shifted (`Some("+25h")`) or in real time.
    pub async fn restart_program(&self, name: &str, shift: Option<&str>) -> Result<()> {
        control::restart(&self.supervisor, name, shift).await
    }

    /// Restarts a program with a clock that can be moved while it runs.
    pub async fn restart_with_clock(&self, name: &str) -> Result<MovableClock> {
        let clock = MovableClock::at(self.directory.path().join(format!("{name}.clock")))?;
        control::restart_in(&self.supervisor, name, &clock.environment()?).await?;
        Ok(clock)
    }

    /// One more gate before a node (from 0), with a configuration of its own, on a port that the node does not
    /// advertise. [`Self::remove_gate`] ends it; else it ends with the network.
    pub async fn add_gate(
        &self,
        name: &str,
        node: usize,
        edit: impl FnOnce(&mut toml::Table),
    ) -> Result<GateInfo> {
        let node = self.nodes.get(node).with_context(|| format!("there is no node {node}"))?;
        let program = startup::gate_program(&self.options)?;
        let (run, place) = (self.directory.path(), (node, self.ports.next()?));
        let gate = Gate::prepare(name, &program, run, place, &self.around, &self.ports, edit)?;
        self.gates.lock().await.push(gate.clone());
        gate.start(&self.supervisor).await?;
        startup::wait_until_ready(&gate).await?;
        Ok(gate.info(&self.control))
    }

    /// Ends a gate that [`Self::add_gate`] made, also one that did not come up.
    pub async fn remove_gate(&self, name: &str) -> Result<()> {
        let ended = self.supervisor.remove(name).await;
        let mut gates = self.gates.lock().await;
        let gone = gates.extract_if(.., |gate| gate.name == name);
        gone.for_each(|gate| self.ports.give_back(gate.ports()));
        ended
    }

    /// Changes a gate's file and restarts it in real time.
    pub async fn reconfigure_gate(&self, name: &str, edit: impl FnOnce(&mut toml::Table)) -> Result<()> {
        let gates = self.gates.lock().await;
        let gate = gates.iter().find(|gate| gate.name == name).with_context(|| format!("no gate {name}"))?;
        let mut config = gate.read()?;
        edit(&mut config);
        gate.write(&config)?;
        control::restart(&self.supervisor, name, None).await?;
        startup::wait_until_ready(gate).await
    }

    /// A further machine of a holder, with an address of its own.
    async fn machine(&self) -> Result<Machine> {
        let name = format!("client{}", self.machines.fetch_add(1, Ordering::Relaxed) + 1);
        Machine::create(&name, self.directory.path(), &self.net, &self.hub, &self.nodes).await
    }

    /// Stops everything and removes its files.
    pub async fn stop(self) -> Result<()> {
        tokio::task::spawn_blocking(move || {
            self.end();
            self.remove_files()
        })
        .await?
    }

    /// Removes the files of a network that was ended.
    pub fn remove_files(&self) -> Result<()> {
        self.directory.remove()
    }

    /// Stops everything and keeps the files. For callers that share the stack and must end at once.
    pub fn end(&self) {
        self.supervisor.stop_all();
        self.net.remove();
    }
}

/// Waits for ctrl-c or the signals that ask a program to end.
pub async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => Ok(done?),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}
