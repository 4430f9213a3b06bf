//! Budget: the price limits of a lease and the remaining money.

use super::report::Spending;
use super::state::ReconcileState;
use crate::ledger::{Ledger, NodeOnHub, Price};
use crate::policy::Lease;

/// The budget of one round.
pub(super) struct Budget<'a> {
    policy: &'a Lease,
    spending: Spending,
    /// Sum reserved for leases that the hub renews by itself.
    reserved_for_hub: u128,
}

impl<'a> Budget<'a> {
    pub(super) fn new(policy: &'a Lease, state: &ReconcileState, ledger: &Ledger) -> Self {
        let hours = ledger.leases.values().map(|lease| lease.price.quote);
        let present_per_day = hours.fold(0_u128, |sum, price| sum.saturating_add(price.saturating_mul(24)));
        let spending =
            Spending { spent: state.spent(), this_round: 0, limit: policy.max_per_day, present_per_day };
        Self { policy, spending, reserved_for_hub: 0 }
    }

    /// Returns the price at which `node` may be leased now, or the reason against it.
    pub(super) fn price(&self, node: Option<&NodeOnHub>) -> Result<Price, String> {
        let Some(node) = node else { return Err("not on the hub".to_owned()) };
        if !node.active {
            return Err("inactive on the hub".to_owned());
        }
        let Some(price) = node.hourly else {
            return Err(format!("sells no hours for {}", self.policy.denom));
        };
        if price.quote > self.policy.max_hourly_price {
            return Err(format!(
                "an hour costs {}, allowed is {}",
                price.quote, self.policy.max_hourly_price
            ));
        }
        if price.base > self.policy.max_hourly_base {
            return Err(format!(
                "an hour's base price is {}, allowed is {}",
                price.base, self.policy.max_hourly_base
            ));
        }
        Ok(price)
    }

    /// Reserves a lease at `price` if the budget suffices.
    pub(super) fn reserve(&mut self, price: Price) -> Result<(), String> {
        self.spending.this_round += self.check_limit(price)?;
        Ok(())
    }

    /// Reserves the price of a lease that the hub renews by itself, if the budget suffices.
    pub(super) fn reserve_for_hub(&mut self, price: Price) -> Result<(), String> {
        self.reserved_for_hub += self.check_limit(price)?;
        Ok(())
    }

    /// Returns the cost of a lease at `price` if the budget suffices.
    fn check_limit(&self, price: Price) -> Result<u128, String> {
        let Spending { spent, this_round, limit, .. } = self.spending;
        let cost = price.quote.checked_mul(self.policy.hours.into());
        let total =
            |cost| spent.checked_add(this_round)?.checked_add(self.reserved_for_hub)?.checked_add(cost);
        cost.filter(|cost| total(*cost).is_some_and(|total| total <= limit))
            .ok_or_else(|| format!("the budget of {limit} a day is used up"))
    }

    /// Releases the reservation of a lease that does not happen.
    pub(super) fn release(&mut self, price: Price) {
        let cost = price.quote.saturating_mul(self.policy.hours.into());
        self.spending.this_round = self.spending.this_round.saturating_sub(cost);
    }

    pub(super) const fn spending(&self) -> Spending {
        self.spending
    }
}
