//! The parts, made from the two configurations.

use std::path::Path;
use std::sync::Arc;

use sentinel_proto::hub::{HubClient, HubConfigError};
use sentinel_proto::tx::SigningKey;
use sovereign_contracts::reader::{Observer, ReadError, Reader, ReaderConfig};

use super::StartError;
use crate::config::Config;
use crate::ledger::HubLedger;
use crate::ops::metrics::EthereumMetrics;
use crate::policy::Governed;
use crate::round::Eyes;
use crate::standing::Follower;
use crate::submit::read_key;

/// Finality comes in steps of an epoch, so honest providers may be so far apart.
const MAX_LAG: u64 = 128;
/// A page of nodes is a few hundred bytes each, twice as hexadecimal text.
const MAX_RESPONSE: usize = 16 << 20;
/// What a page of nodes may use. Providers allow 50 million and more.
const GAS: u64 = 50_000_000;

/// The reader of Ethereum.
pub fn reader(config: &Config, governed: &Governed) -> Result<Reader, ReadError> {
    // Fails only where a provider is installed already, which then is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let observer: Arc<dyn Observer> = Arc::new(EthereumMetrics);
    let reader = ReaderConfig {
        rpc_addrs: config.ethereum.rpc_addrs.clone(),
        chain_id: governed.ethereum.chain_id,
        quorum: governed.ethereum.quorum,
        timeout: config.ethereum.timeout,
        max_lag: MAX_LAG,
        max_response: MAX_RESPONSE,
        gas: GAS,
        ..ReaderConfig::default()
    };
    Reader::new(reader, observer)
}

/// The client of the hub.
pub fn hub(config: &Config, governed: &Governed) -> Result<HubClient, HubConfigError> {
    HubClient::new(config.hub.client(&governed.hub.chain_id))
}

/// Looks at both chains.
pub fn eyes(config: &Config, governed: &Governed, hub: HubClient) -> Result<Eyes<HubLedger>, StartError> {
    let page = usize::try_from(config.ethereum.page).unwrap_or(usize::MAX);
    let reader = reader(config, governed)?;
    let follower = Follower::new(reader, &governed.ethereum, page, config.oracle.audit_interval);
    let ledger = HubLedger::new(hub, governed.hub.provider, &governed.hub.plans, &governed.lease.denom);
    Ok(Eyes { governed: governed.clone(), follower, ledger })
}

/// The oracle's key, which must be a governed member's.
pub(super) fn key(home: &Path, config: &Config, governed: &Governed) -> Result<SigningKey, StartError> {
    let key = read_key(&home.join(&config.key.file))?;
    let account = key.account();
    if governed.hub.members.contains(&account) { Ok(key) } else { Err(StartError::NotAMember(account)) }
}
