//! How to send.

use std::time::Duration;

use sentinel_proto::address::ProviderAddress;

use super::MOST_IN_EXEC;
use super::gas::{GasPrice, NoGasPrice};
use crate::config::Config;
use crate::policy::Governed;

/// `MsgExec`s in one transaction.
const EXECS: usize = 4;
/// Two minutes on the live hub.
const TIMEOUT_BLOCKS: u64 = 20;

/// How to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The hub's chain.
    pub chain_id: String,
    /// In whose name.
    pub provider: ProviderAddress,
    /// The coin that leases are paid in.
    pub denom: String,
    /// What gas costs.
    pub gas_price: GasPrice,
    /// Gas limit for each unit of gas that the simulation used; the limit is what is paid for.
    pub gas_adjustment: f64,
    /// Messages of the provider in one `MsgExec`.
    pub batch: usize,
    /// Messages of the provider in one transaction.
    pub max_messages: usize,
    /// Blocks after which a transaction that is in none has lapsed.
    pub timeout_blocks: u64,
    /// How long to wait for a transaction whose fate the hub does not tell.
    pub patience: Duration,
    /// Time between two looks.
    pub poll: Duration,
}

impl Settings {
    /// The usual ones.
    pub fn new(chain_id: &str, provider: ProviderAddress, gas_price: GasPrice) -> Self {
        Self {
            chain_id: chain_id.to_owned(),
            provider,
            denom: gas_price.denom().to_owned(),
            gas_price,
            gas_adjustment: 1.1,
            batch: MOST_IN_EXEC,
            max_messages: EXECS * MOST_IN_EXEC,
            timeout_blocks: TIMEOUT_BLOCKS,
            patience: Duration::from_secs(180),
            poll: Duration::from_millis(500),
        }
    }

    /// Those of the two files.
    pub fn of(config: &Config, governed: &Governed) -> Result<Self, NoGasPrice> {
        let price = format!("{}{}", config.tx.gas_price, governed.lease.denom).parse()?;
        Ok(Self {
            gas_adjustment: config.tx.gas_adjustment,
            batch: config.tx.batch,
            max_messages: EXECS * config.tx.batch,
            patience: config.tx.confirm_timeout,
            ..Self::new(&governed.hub.chain_id, governed.hub.provider, price)
        })
    }
}
