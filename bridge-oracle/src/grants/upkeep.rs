//! Checks of the grants.

use std::time::{Duration, SystemTime};

use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::{HubClient, HubError};

use super::CurrentGrants;
use crate::failpoint::{Failpoint, hit_after};
use crate::gas::GasPrice;
use crate::ops::metrics;

/// Remaining lifetime below which a grant is warned of.
pub(crate) const GRANT_EXPIRY_WARNING: Duration = Duration::from_secs(7 * 24 * 3600);
/// Minimum gas that the fee grant must still pay for without a warning: about 300 nodes from nothing to linked.
pub(crate) const MIN_FEE_GRANT_GAS: u64 = 20_000_000;

/// Warns of grants that expire soon and of a fee grant that runs low, and records both as metrics.
pub(crate) async fn check_grant_expiry(
    hub: &HubClient,
    granter: AccountAddress,
    grantee: AccountAddress,
    price: &GasPrice,
) -> Result<(), HubError> {
    let now = SystemTime::now();
    let grants = hit_after(Failpoint::GrantsChecked, hub.authorizations(&granter, &grantee)).await?;
    let fees = hit_after(Failpoint::GrantsChecked, hub.fee_allowance(&granter, &grantee)).await?;
    let granted = CurrentGrants::new(grants, fees, now);
    for name in granted.missing() {
        tracing::warn!(message = name, "not granted; see `bridge-oracle grants`");
    }
    let ends = granted.types.iter().filter_map(|(name, end)| Some((name.as_str(), (*end)?)));
    let fee_end = granted.fees.as_ref().and_then(|fees| fees.expires);
    let ends: Vec<_> = ends.chain(fee_end.map(|end| ("fee grant", end))).collect();
    for (name, _) in ends.iter().filter(|(_, end)| *end < now + GRANT_EXPIRY_WARNING) {
        tracing::warn!(grant = name, "grant expires soon; see `bridge-oracle doctor`");
    }
    metrics::set_grants_end(ends.iter().map(|(_, end)| *end).min());
    let pays_for = match &granted.fees {
        None => Some(0),
        Some(fees) if fees.left.is_empty() => None,
        Some(fees) => Some(price.affordable_gas(fees.left.get(price.denom()).copied().unwrap_or_default())),
    };
    metrics::set_fee_grant_gas(pays_for);
    if let Some(gas) = pays_for.filter(|gas| *gas < MIN_FEE_GRANT_GAS) {
        tracing::warn!(gas, "fee grant runs low; renew it, see `bridge-oracle grants`");
    }
    Ok(())
}
