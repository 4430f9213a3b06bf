//! Resources of a gate's process, as `/proc` reports them.

use anyhow::{Context as _, Result};
use sentinel_stack::info::GateInfo;

use crate::world::World;

/// The process of a gate.
#[derive(Debug)]
pub(crate) struct Process(i32);

impl Process {
    pub(crate) fn of(world: &World, gate: &GateInfo) -> Result<Self> {
        Ok(Self(world.stack.process_id(&gate.name).context("the gate does not run")?))
    }

    /// Resident memory in KiB.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Number of open file descriptors.
    pub(crate) fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }

    /// Number of open sockets.
    pub(crate) fn sockets(&self) -> Result<usize> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.0))?.filter_map(Result::ok);
        let links = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        Ok(links.filter(|link| link.to_string_lossy().starts_with("socket:")).count())
    }
}

/// Number of established connections to a gate's port.
pub(crate) fn connections(gate: &GateInfo) -> Result<usize> {
    const ESTABLISHED: &str = "01";
    let port: u16 = gate.url.rsplit(':').next().context("no port")?.parse()?;
    let at_gate = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = rows.filter(|row| {
        row.get(1).is_some_and(|local| local.ends_with(&at_gate)) && row.get(3) == Some(&ESTABLISHED)
    });
    Ok(ours.count())
}
