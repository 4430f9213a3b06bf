//! Policy, key, settings and client for the commands that talk to the hub.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bridge_oracle::config::Config;
use bridge_oracle::policy::Governed;
use bridge_oracle::submit::{SendSettings, read_key};
use sentinel_proto::hub::HubClient;
use sentinel_proto::tx::SigningKey;
use service_runtime::settings::Settings as _;

pub(super) struct HubContext {
    pub(super) governed: Governed,
    pub(super) key: SigningKey,
    pub(super) settings: SendSettings,
    pub(super) hub: HubClient,
}

impl HubContext {
    /// Reads both configuration files and the key; makes no network call.
    pub(super) fn load(home: &Path) -> Result<Self> {
        let (config, governed) = (Config::load(home)?, Governed::load(home)?);
        let key = read_key(&home.join(&config.key.file))?;
        let (account, members) = (key.account(), &governed.hub.members);
        ensure!(
            members.contains(&account),
            "the key's account {account} is not among the governed hub.members"
        );
        let settings =
            SendSettings::from_config(&config, &governed).context("tx.gas_price and lease.denom")?;
        let hub = HubClient::new(config.hub.client(&governed.hub.chain_id)).context("[hub]")?;
        Ok(Self { governed, key, settings, hub })
    }
}
