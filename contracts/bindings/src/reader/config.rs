//! Configuration of a reader.

use std::collections::HashSet;
use std::time::Duration;

use alloy::primitives::Address;
use reqwest::Url;

use super::ReadError;
use crate::multicall;

/// Settings of a reader. Addresses may contain keys: `Debug` shows only their hosts.
#[derive(Clone)]
pub struct ReaderConfig {
    /// JSON-RPC addresses, `http` or `https`, in order of preference.
    pub rpc_addrs: Vec<String>,
    /// Chain that every answer must come from.
    pub chain_id: u64,
    /// Providers that must return the same answer for the same block. With 1 the first valid answer counts.
    pub quorum: usize,
    /// Time limit of a whole read, failover included.
    pub timeout: Duration,
    /// A provider whose latest block is older is not used; zero disables the check.
    pub max_head_age: Duration,
    /// Maximum blocks that a provider may be behind the others.
    pub max_lag: u64,
    /// With a quorum of 1: delay before the next provider is asked as well.
    pub hedge_delay: Duration,
    /// Maximum size of a response, in bytes.
    pub max_response: usize,
    /// Gas limit of a read. 50 million is the default limit of nodes (geth's `rpc.gascap`); a request that uses it
    /// stays below 1 MB, the limit of some providers.
    pub gas: u64,
    /// Maximum calls in any second; beyond it reads share calls. Zero disables the limit.
    pub calls_per_second: u32,
    /// Address of Multicall3.
    pub aggregator: Address,
}

impl Default for ReaderConfig {
    fn default() -> Self {
        Self {
            rpc_addrs: Vec::new(),
            chain_id: 1,
            quorum: 1,
            timeout: Duration::from_millis(2500),
            max_head_age: Duration::ZERO,
            max_lag: 3,
            hedge_delay: Duration::from_millis(500),
            max_response: 4 << 20,
            gas: 50_000_000,
            calls_per_second: 40,
            aggregator: multicall::CANONICAL,
        }
    }
}

impl std::fmt::Debug for ReaderConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts: Vec<_> =
            self.rpc_addrs.iter().map(|addr| Url::parse(addr).map(|url| label(&url))).collect();
        f.debug_struct("ReaderConfig")
            .field("rpc_addrs", &hosts)
            .field("chain_id", &self.chain_id)
            .field("quorum", &self.quorum)
            .field("timeout", &self.timeout)
            .field("max_head_age", &self.max_head_age)
            .finish_non_exhaustive()
    }
}

impl ReaderConfig {
    /// Validates the configuration and returns the parsed addresses.
    pub(super) fn urls(&self) -> Result<Vec<Url>, ReadError> {
        let mut urls = Vec::with_capacity(self.rpc_addrs.len());
        let mut seen = HashSet::new();
        for (index, address) in self.rpc_addrs.iter().enumerate() {
            let invalid = |why: &str| ReadError::Config(format!("address {} {why}", index + 1));
            let url = Url::parse(address).map_err(|_| invalid("is not a URL"))?;
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(invalid("is neither http nor https"));
            }
            // A repeated provider would count twice for the quorum.
            if !seen.insert(url.clone()) {
                return Err(invalid("is there twice"));
            }
            urls.push(url);
        }
        if urls.is_empty() {
            return Err(ReadError::Config("no address of a provider".to_owned()));
        }
        if self.quorum == 0 || self.quorum > urls.len() {
            let text = format!("a quorum of {} cannot be had from {} providers", self.quorum, urls.len());
            return Err(ReadError::Config(text));
        }
        if self.timeout.is_zero() {
            return Err(ReadError::Config("no time to ask".to_owned()));
        }
        Ok(urls)
    }
}

/// Returns host and port of a URL for logs and errors. Path and query often contain a key.
pub(super) fn label(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(addresses: &[&str], quorum: usize) -> ReaderConfig {
        let rpc_addrs = addresses.iter().map(|&address| address.to_owned()).collect();
        ReaderConfig { rpc_addrs, quorum, ..ReaderConfig::default() }
    }

    fn refusal(addresses: &[&str], quorum: usize) -> String {
        config(addresses, quorum).urls().unwrap_err().to_string()
    }

    #[test]
    fn rejects_invalid_settings() {
        assert!(refusal(&[], 1).contains("no address"));
        assert!(refusal(&["nonsense"], 1).contains("address 1 is not a URL"));
        assert!(refusal(&["http://a", "ws://b"], 1).contains("address 2 is neither"));
        assert!(refusal(&["http://a", "http://a/"], 1).contains("twice"));
        assert!(refusal(&["http://a"], 2).contains("quorum of 2"));
        assert!(refusal(&["http://a"], 0).contains("quorum of 0"));
        assert_eq!(config(&["http://a", "https://b"], 2).urls().unwrap().len(), 2);
    }

    #[test]
    fn debug_output_hides_keys_in_addresses() {
        let config = config(&["https://user:pass@eth.example:8443/v3/SECRET?key=SECRET"], 1);
        let shown = format!("{config:?}");
        assert!(shown.contains("eth.example:8443"));
        assert!(!shown.contains("SECRET") && !shown.contains("pass"), "{shown}");
    }
}
