//! The network of one run: a bridge, and a namespace for each node and client.
//!
//! Everything carries the run's number: subnet `10.77.N.0/24`, bridge `sgNbr`, namespaces `sgN-…`, ports from a
//! block of their own. The number is held by a lock on a file, which the kernel releases when the holder dies,
//! so what a killed run left behind can be told from what is in use.

mod claim;
mod ip;
mod namespace;
mod ports;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context as _, Result};

pub(crate) use claim::Claim;
pub use namespace::Namespace;
pub(crate) use namespace::write_program;
pub(crate) use ports::Ports;

/// The bridge in the root namespace, with the namespaces that hang on it.
#[derive(Debug)]
pub(crate) struct Net {
    claim: Claim,
    namespaces: Mutex<Vec<Namespace>>,
}

impl Net {
    /// Takes a free number, after removing what dead runs left behind, and sets the bridge up.
    pub(crate) fn create() -> Result<Self> {
        claim::remove_stale()?;
        let claim = Claim::take()?;
        let net = Self { claim, namespaces: Mutex::default() };
        let bridge = net.bridge();
        ip::run(&["link", "add", &bridge, "type", "bridge"])?;
        ip::run(&["addr", "add", &format!("{}/24", net.host()), "dev", &bridge])?;
        ip::run(&["link", "set", &bridge, "up"])?;
        Ok(net)
    }

    /// The number of this run.
    pub(crate) fn number(&self) -> u8 {
        self.claim.number()
    }

    /// The address of the root namespace on the bridge.
    pub(crate) fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number(), 1)
    }

    /// Adds a namespace with an address on the bridge. `home` keeps the files that are its own.
    pub(crate) fn add(&self, name: &str, home: &Path) -> Result<Namespace> {
        let mut namespaces =
            self.namespaces.lock().map_err(|_| anyhow::anyhow!("the list of namespaces is lost"))?;
        let last = u8::try_from(namespaces.len() + 2).ok().filter(|last| *last < 255);
        let last = last.context("no address left in the subnet")?;
        let address = Ipv4Addr::new(10, 77, self.number(), last);
        let namespace = Namespace::create(self.number(), name, address, &self.bridge(), self.host(), home)
            .with_context(|| format!("cannot set up the namespace of {name}"))?;
        namespaces.push(namespace.clone());
        Ok(namespace)
    }

    /// Removes all of it; a second time does nothing.
    pub(crate) fn remove(&self) {
        if let Err(error) = claim::remove(self.number()) {
            tracing::warn!("cannot remove the network of this run: {error:#}");
        }
    }

    fn bridge(&self) -> String {
        format!("sg{}br", self.number())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.remove();
    }
}
