//! Grants that run out, told in time.

use std::time::SystemTime;

use super::SubmitError;
use super::authz::{Authz, SOON};
use crate::failpoint::{Place, passed};
use crate::grants::Granted;
use crate::ops::metrics;

/// Gas that the fee grant must still pay for, or it is warned of: about 300 nodes from nothing to linked.
pub(crate) const LOW_GAS: u64 = 20_000_000;

impl Authz {
    /// Warns of grants that end soon and of a fee grant that runs dry, and shows both as metrics.
    pub(super) async fn look_at_grants(&self) -> Result<(), SubmitError> {
        let (granter, grantee, now) = (self.granter(), self.key.account(), SystemTime::now());
        let grants = passed(Place::Upkeep, self.hub.authorizations(&granter, &grantee)).await?;
        let fees = passed(Place::Upkeep, self.hub.fee_allowance(&granter, &grantee)).await?;
        let granted = Granted::new(grants, fees, now);
        for name in granted.missing() {
            tracing::warn!(message = name, "not granted; see `bridge-oracle grants`");
        }
        let ends = granted.types.iter().filter_map(|(name, end)| Some((name.as_str(), (*end)?)));
        let fee_end = granted.fees.as_ref().and_then(|fees| fees.expires);
        let ends: Vec<_> = ends.chain(fee_end.map(|end| ("fee grant", end))).collect();
        for (name, _) in ends.iter().filter(|(_, end)| *end < now + SOON) {
            tracing::warn!(grant = name, "a grant ends soon; see `bridge-oracle doctor`");
        }
        metrics::grants_end(ends.iter().map(|(_, end)| *end).min());
        let price = &self.settings.gas_price;
        let pays_for = match &granted.fees {
            None => Some(0),
            Some(fees) if fees.left.is_empty() => None,
            Some(fees) => Some(price.buys(fees.left.get(price.denom()).copied().unwrap_or_default())),
        };
        metrics::fee_grant(pays_for);
        if let Some(gas) = pays_for.filter(|gas| *gas < LOW_GAS) {
            tracing::warn!(gas, "the fee grant runs dry; give it anew, see `bridge-oracle grants`");
        }
        Ok(())
    }
}
