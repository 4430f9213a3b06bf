//! Checks of `bridge-oracle doctor`: the oracle can work, and its key can do nothing else. Messages are simulated on
//! the hub, never sent.

mod power;

use std::time::SystemTime;

use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::HubClient;
use sentinel_proto::tx::SigningKey;
use sentinel_proto::wire::sentinel::types::v1::Status;
use service_runtime::doctor::{Check, Verdict};

use crate::grants::{CurrentGrants, FEE_GRANT_MESSAGE, GRANT_EXPIRY_WARNING, MIN_FEE_GRANT_GAS};
use crate::submit::SendSettings;

/// Inputs of the checks.
#[derive(Debug)]
pub struct HubDoctor<'a> {
    /// Hub client.
    pub hub: &'a HubClient,
    /// The oracle's key.
    pub key: &'a SigningKey,
    /// Settings of transactions.
    pub settings: &'a SendSettings,
    /// Governed plans.
    pub plans: &'a [u64],
    /// Governed hours of a lease.
    pub hours: u32,
    /// Maximum deposits of leases within 24 hours.
    pub budget: u128,
}

impl HubDoctor<'_> {
    /// Runs every check on the hub.
    pub async fn run_checks(&self, now: SystemTime) -> Vec<Check> {
        let mut checks = self.endpoints().await;
        if checks.iter().all(|check| check.verdict == Verdict::Bad) {
            return checks;
        }
        let parts = [self.market().await, self.grants(now).await, self.power().await];
        for part in parts {
            checks.extend(
                part.unwrap_or_else(|error| vec![Check::new(Verdict::Bad, "hub", error.to_string())]),
            );
        }
        checks
    }

    fn granter(&self) -> AccountAddress {
        self.settings.provider.in_role()
    }

    async fn endpoints(&self) -> Vec<Check> {
        let states = self.hub.endpoints().await;
        let check = |state: sentinel_proto::hub::EndpointState| match state.state {
            Ok(height) => Check::new(Verdict::Good, &*state.endpoint, format!("at height {height}")),
            Err(cause) => Check::new(Verdict::Bad, &*state.endpoint, cause.to_string()),
        };
        states.into_iter().map(check).collect()
    }

    /// Checks provider, plans, lease bounds and the provider's balance.
    async fn market(&self) -> Result<Vec<Check>, sentinel_proto::hub::HubError> {
        let provider = self.settings.provider;
        let mut checks = vec![match self.hub.provider(&provider).await? {
            Some(found) if found.status() == Status::Active => {
                Check::new(Verdict::Good, "provider", "active")
            }
            Some(_) => Check::new(Verdict::Bad, "provider", "not active: the hub refuses leases"),
            None => Check::new(Verdict::Bad, "provider", "not registered"),
        }];
        for plan in self.plans {
            let name = format!("plan {plan}");
            checks.push(match self.hub.plan(*plan).await? {
                Some(found) if found.prov_address != provider.to_string() => {
                    Check::new(Verdict::Bad, name, format!("belongs to {}", found.prov_address))
                }
                Some(found) if found.status() == Status::Active => Check::new(Verdict::Good, name, "active"),
                Some(_) => Check::new(Verdict::Warning, name, "not active: the next round activates it"),
                None => Check::new(Verdict::Bad, name, "does not exist"),
            });
        }
        let bounds = self.hub.lease_params().await?;
        let hours = i64::from(self.hours);
        let fits = (bounds.min_hours..=bounds.max_hours).contains(&hours);
        let found = format!("{hours} h, the hub takes {} to {}", bounds.min_hours, bounds.max_hours);
        checks.push(Check::new(if fits { Verdict::Good } else { Verdict::Bad }, "lease.hours", found));
        let denom = &self.settings.denom;
        let balance = self.hub.balance(&self.granter(), denom).await?;
        let verdict = if balance >= self.budget { Verdict::Good } else { Verdict::Warning };
        let found = format!("{balance}{denom}, leases may take {}{denom} a day", self.budget);
        checks.push(Check::new(verdict, "provider's coins", found));
        Ok(checks)
    }

    /// Checks that the required grants exist, how long they last, and that there are no others.
    async fn grants(&self, now: SystemTime) -> Result<Vec<Check>, sentinel_proto::hub::HubError> {
        let (granter, grantee) = (self.granter(), self.key.account());
        let grants = self.hub.authorizations(&granter, &grantee).await?;
        let granted = CurrentGrants::new(grants, self.hub.fee_allowance(&granter, &grantee).await?, now);
        let mut checks = Vec::new();
        for name in granted.missing() {
            checks.push(Check::new(Verdict::Bad, name, "not granted; see `bridge-oracle grants`"));
        }
        for (name, end) in &granted.types {
            checks.push(lifetime(name, *end, now));
        }
        for name in granted.surplus() {
            checks.push(Check::new(Verdict::Warning, name, "granted, and not needed to run: revoke it"));
        }
        checks.push(self.fees(&granted, now));
        Ok(checks)
    }

    fn fees(&self, granted: &CurrentGrants, now: SystemTime) -> Check {
        const NAME: &str = "fee grant";
        let Some(fees) = &granted.fees else {
            return Check::new(Verdict::Bad, NAME, "none; see `bridge-oracle grants`");
        };
        if fees.messages.as_deref() != Some(&[FEE_GRANT_MESSAGE.to_owned()]) {
            return Check::new(
                Verdict::Warning,
                NAME,
                format!("not limited to {FEE_GRANT_MESSAGE}: give it anew"),
            );
        }
        if fees.left.is_empty() {
            return Check::new(Verdict::Warning, NAME, "without a limit: a stolen key can burn every coin");
        }
        let price = &self.settings.gas_price;
        let left = fees.left.get(price.denom()).copied().unwrap_or_default();
        let low: u128 = price.fee(MIN_FEE_GRANT_GAS).amount.parse().unwrap_or_default();
        let found = format!("{left}{} left", price.denom());
        let ends = lifetime(NAME, fees.expires, now);
        match () {
            () if left == 0 => Check::new(Verdict::Bad, NAME, format!("{found}: nothing can be sent")),
            () if left < low => {
                Check::new(Verdict::Warning, NAME, format!("{found}, runs dry: give it anew"))
            }
            () => Check { found: format!("{found}, {}", ends.found), ..ends },
        }
    }
}

fn lifetime(name: &str, end: Option<SystemTime>, now: SystemTime) -> Check {
    let Some(end) = end else {
        return Check::new(Verdict::Warning, name, "granted without an end: give it anew with one");
    };
    let left = end.duration_since(now).unwrap_or_default();
    let found = format!("until {}", humantime::format_rfc3339_seconds(end));
    if left.is_zero() {
        return Check::new(Verdict::Bad, name, format!("ended {}", humantime::format_rfc3339_seconds(end)));
    }
    let verdict = if left < GRANT_EXPIRY_WARNING { Verdict::Warning } else { Verdict::Good };
    let advice = if left < GRANT_EXPIRY_WARNING { ", soon: give it anew" } else { "" };
    Check::new(verdict, name, format!("{found}{advice}"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn rates_grants_by_remaining_lifetime() {
        let day = Duration::from_secs(24 * 3600);
        let now = UNIX_EPOCH + 100 * day;
        let verdict = |end| lifetime("x", end, now).verdict;
        assert_eq!(verdict(None), Verdict::Warning);
        assert_eq!(verdict(Some(now + 8 * day)), Verdict::Good);
        assert_eq!(verdict(Some(now + 6 * day)), Verdict::Warning);
        assert_eq!(verdict(Some(now - day)), Verdict::Bad);
    }
}
