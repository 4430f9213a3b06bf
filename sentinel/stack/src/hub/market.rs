//! The provider, its two plans, and the nodes in them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::info::PlansInfo;

use super::{DENOM, LocalHub, PROVIDER};

/// Price of a plan, a gigabyte and an hour on this hub, in its smallest coin.
pub(crate) const PRICE: &str = "1000000";
const LEASE_HOURS: &str = "24";
/// Numbers of enums: the JSON of a transaction takes no lower-case names.
const STATUS_ACTIVE: u8 = 1;
const PLAN_BYTES: &str = "1000000000000";
const PLAN_DURATION: &str = "2592000s";

/// Plans of the provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Market {
    /// The zero-price public plan.
    pub(crate) free: u64,
    /// The priced one.
    pub(crate) paid: u64,
}

impl Market {
    /// Description for the info document.
    pub(crate) fn info(self) -> PlansInfo {
        PlansInfo { free: self.free, paid: self.paid }
    }

    /// Registers the provider and creates both plans, all in one transaction: the ids of a fresh chain are known.
    pub(crate) async fn open(hub: &LocalHub) -> Result<Self> {
        let account = provider_account(hub)?;
        let provider = provider_address(account)?;
        let market = Self { free: 1, paid: 2 };
        let plan = |price: &str| {
            json!({ "@type": "/sentinel.plan.v3.MsgCreatePlanRequest", "from": provider, "bytes": PLAN_BYTES,
                "duration": PLAN_DURATION, "prices": [amount(price)], "private": false })
        };
        let activate = |id: u64| {
            json!({ "@type": "/sentinel.plan.v3.MsgUpdatePlanStatusRequest", "from": provider,
                "id": id.to_string(), "status": STATUS_ACTIVE })
        };
        let messages = [
            json!({ "@type": "/sentinel.provider.v3.MsgRegisterProviderRequest", "from": account,
                "name": "local", "identity": "", "website": "", "description": "" }),
            json!({ "@type": "/sentinel.provider.v3.MsgUpdateProviderStatusRequest", "from": provider,
                "status": STATUS_ACTIVE }),
            plan("0"),
            plan(PRICE),
            activate(market.free),
            activate(market.paid),
        ];
        hub.cli().transact_messages(PROVIDER, &messages).await.context("cannot open the market")?;
        Ok(market)
    }

    /// Leases the nodes and links each to both plans.
    pub(crate) async fn list(self, hub: &LocalHub, nodes: &[String]) -> Result<()> {
        let provider = provider_address(provider_account(hub)?)?;
        let link = |id: u64, node: &str| {
            json!({ "@type": "/sentinel.plan.v3.MsgLinkNodeRequest", "from": provider,
                "id": id.to_string(), "node_address": node })
        };
        let lease = |node: &str| {
            json!({ "@type": "/sentinel.lease.v1.MsgStartLeaseRequest", "from": provider, "node_address": node,
                "hours": LEASE_HOURS, "max_price": amount(PRICE), "renewal_price_policy": 0 })
        };
        let messages: Vec<Value> = nodes
            .iter()
            .flat_map(|node| [lease(node), link(self.free, node), link(self.paid, node)])
            .collect();

        hub.cli().transact_messages(PROVIDER, &messages).await.context("cannot list the nodes")?;
        Ok(())
    }
}

/// A price without a base value; only the quote amount applies.
fn amount(quote: &str) -> Value {
    json!({ "denom": DENOM, "base_value": "0.000000000000000000", "quote_value": quote })
}

fn provider_account(hub: &LocalHub) -> Result<&str> {
    Ok(hub.keys.get(PROVIDER).context("the provider has no key")?)
}

fn provider_address(account: &str) -> Result<String> {
    let (_, bytes) = bech32::decode(account).context("not an account address")?;
    Ok(bech32::encode::<bech32::Bech32>(bech32::Hrp::parse("sentprov")?, &bytes)?)
}
