//! Settings of sending.

use std::time::Duration;

use sentinel_proto::address::ProviderAddress;

use super::MAX_EXEC_MESSAGES;
use crate::config::Config;
use crate::gas::{GasPrice, GasPriceParseError};
use crate::policy::Governed;

/// `MsgExec` messages in one transaction.
const EXECS_PER_TRANSACTION: usize = 4;
/// Two minutes on the live hub.
const TIMEOUT_BLOCKS: u64 = 20;

/// Settings of sending.
#[derive(Debug, Clone, PartialEq)]
pub struct SendSettings {
    /// Chain id of the hub.
    pub chain_id: String,
    /// The provider that the messages act for.
    pub provider: ProviderAddress,
    /// Denomination of leases.
    pub denom: String,
    /// Gas price.
    pub gas_price: GasPrice,
    /// Factor from simulated gas to the gas limit; the limit is paid.
    pub gas_adjustment: f64,
    /// Provider messages in one `MsgExec`.
    pub exec_messages: usize,
    /// Provider messages in one transaction.
    pub max_messages: usize,
    /// Blocks after which a transaction in no block has expired.
    pub timeout_blocks: u64,
    /// Time to wait for a transaction without a visible result.
    pub confirm_timeout: Duration,
    /// Interval between polls.
    pub poll_interval: Duration,
}

impl SendSettings {
    /// Creates the default settings.
    pub fn new(chain_id: &str, provider: ProviderAddress, gas_price: GasPrice) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            provider,
            denom: gas_price.denom().to_owned(),
            gas_price,
            gas_adjustment: 1.1,
            exec_messages: MAX_EXEC_MESSAGES,
            max_messages: EXECS_PER_TRANSACTION * MAX_EXEC_MESSAGES,
            timeout_blocks: TIMEOUT_BLOCKS,
            confirm_timeout: Duration::from_secs(180),
            poll_interval: Duration::from_millis(500),
        }
    }

    /// Creates the settings from both configuration files.
    pub fn from_config(config: &Config, governed: &Governed) -> Result<Self, GasPriceParseError> {
        let price = format!("{}{}", config.tx.gas_price, governed.lease.denom).parse()?;
        Ok(Self {
            gas_adjustment: config.tx.gas_adjustment,
            exec_messages: config.tx.batch,
            max_messages: EXECS_PER_TRANSACTION * config.tx.batch,
            confirm_timeout: config.tx.confirm_timeout,
            ..Self::new(&governed.hub.chain_id, governed.hub.provider, price)
        })
    }
}
