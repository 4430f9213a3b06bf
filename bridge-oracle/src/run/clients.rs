//! Constructors of the clients, from the two configurations.

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
use crate::round::ChainView;
use crate::standing::Follower;
use crate::submit::read_key;

/// Maximum distance between honest providers: finality advances by an epoch.
const MAX_PROVIDER_LAG_BLOCKS: u64 = 128;
/// A page of nodes has a few hundred bytes per node, twice that as hexadecimal text.
const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// Gas limit for reading a page of nodes. Providers allow 50 million and more.
const CALL_GAS_LIMIT: u64 = 50_000_000;

/// Builds the reader of Ethereum.
pub fn build_reader(config: &Config, governed: &Governed) -> Result<Reader, ReadError> {
    // The call fails only if a crypto provider is already installed, which is then the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let observer: Arc<dyn Observer> = Arc::new(EthereumMetrics);
    let reader = ReaderConfig {
        rpc_addrs: config.ethereum.rpc_addrs.clone(),
        chain_id: governed.ethereum.chain_id,
        quorum: governed.ethereum.quorum,
        timeout: config.ethereum.timeout,
        max_lag: MAX_PROVIDER_LAG_BLOCKS,
        max_response: MAX_RESPONSE_BYTES,
        gas: CALL_GAS_LIMIT,
        ..ReaderConfig::default()
    };
    Reader::new(reader, observer)
}

/// Builds the client of the hub.
pub fn build_hub_client(config: &Config, governed: &Governed) -> Result<HubClient, HubConfigError> {
    HubClient::new(config.hub.client(&governed.hub.chain_id))
}

/// Builds the view of both chains.
pub fn build_chain_view(
    config: &Config,
    governed: &Governed,
    hub: HubClient,
) -> Result<ChainView<HubLedger>, StartError> {
    let page = usize::try_from(config.ethereum.page).unwrap_or(usize::MAX);
    let reader = build_reader(config, governed)?;
    let follower = Follower::new(reader, &governed.ethereum, page, config.oracle.audit_interval);
    let ledger = HubLedger::new(hub, governed.hub.provider, &governed.hub.plans, &governed.lease.denom);
    Ok(ChainView { governed: governed.clone(), follower, ledger })
}

/// Loads the oracle's key, which must belong to a governed member.
pub(super) fn load_member_key(
    home: &Path,
    config: &Config,
    governed: &Governed,
) -> Result<SigningKey, StartError> {
    let key = read_key(&home.join(&config.key.file))?;
    let account = key.account();
    if governed.hub.members.contains(&account) { Ok(key) } else { Err(StartError::NotAMember(account)) }
}
