//! Machines of holders: namespaces where the stock client runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::hub::{CHAIN_ID, LocalHub};
use crate::info::ClientInfo;
use crate::net::{Namespace, Net};
use crate::node::Node;

/// A holder's machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) namespace: Namespace,
    pub(crate) binary: PathBuf,
    keyring: PathBuf,
    via: String,
}

impl Machine {
    /// Creates the machine. Nodes advertise the address of the host, where their gates listen, but their tunnels
    /// end in their own namespaces. A real node has one address for both, so the machine maps one to the other.
    pub(crate) async fn create(
        name: &str,
        run: &Path,
        net: &Net,
        hub: &LocalHub,
        nodes: &[Node],
    ) -> Result<Self> {
        let namespace = net.add(name, &run.join(name))?;
        let host = net.host().to_string();
        for node in nodes {
            let (port, target) = (node.tunnel_port.to_string(), node.namespace.address().to_string());
            let rule = ["iptables", "-t", "nat", "-A", "OUTPUT", "-d", &host, "-p", "udp", "--dport", &port];
            let command =
                namespace.enter(rule.into_iter().chain(["-j", "DNAT", "--to-destination", &target]));
            crate::process::run_to_end(&command).await.context("cannot point the client at the tunnels")?;
        }
        let binary = crate::paths::stock_program("sentinel-client");
        Ok(Self { namespace, binary, keyring: hub.home.clone(), via: host })
    }

    /// Description for the info document.
    pub(crate) fn info(&self) -> ClientInfo {
        ClientInfo {
            binary: self.binary.display().to_string(),
            namespace: self.namespace.name().to_owned(),
            connect: self.connect(),
        }
    }

    /// The command line that connects, with the fields `{url} {session} {key} {node}`.
    pub(crate) fn connect(&self) -> Vec<String> {
        let keyring = self.keyring.display().to_string();
        let args = [
            ("--url", "{url}"),
            ("--session", "{session}"),
            ("--key", "{key}"),
            ("--node", "{node}"),
            ("--keyring-home", &keyring),
            ("--chain-id", CHAIN_ID),
            ("--interface", "sgt{session}"),
            ("--via", &self.via),
        ];
        let binary = self.binary.display().to_string();
        let words = [binary, "connect".to_owned()].into_iter();
        let words =
            words.chain(args.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value.to_owned()]));
        self.namespace.enter(words).into_iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }
}
