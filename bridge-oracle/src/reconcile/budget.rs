//! Money: what a lease may cost, and whether there is any left.

use super::memory::Memory;
use super::report::Spending;
use crate::ledger::{Ledger, NodeOnHub, Price};
use crate::policy::Lease;

/// The budget of one round.
pub(super) struct Budget<'a> {
    policy: &'a Lease,
    spending: Spending,
    /// What the hub takes soon by itself.
    set_aside: u128,
}

impl<'a> Budget<'a> {
    pub(super) fn new(policy: &'a Lease, memory: &Memory, ledger: &Ledger) -> Self {
        let hours = ledger.leases.values().map(|lease| lease.price.quote);
        let present_per_day = hours.fold(0_u128, |sum, price| sum.saturating_add(price.saturating_mul(24)));
        let spending =
            Spending { spent: memory.spent(), this_round: 0, limit: policy.max_per_day, present_per_day };
        Self { policy, spending, set_aside: 0 }
    }

    /// The price at which `node` may be leased now, or why it may not.
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

    /// Takes a lease at `price` out of the budget, if there is enough.
    pub(super) fn take(&mut self, price: Price) -> Result<(), String> {
        self.spending.this_round += self.fits(price)?;
        Ok(())
    }

    /// Keeps the price of a lease that the hub renews by itself, if there is enough.
    pub(super) fn set_aside(&mut self, price: Price) -> Result<(), String> {
        self.set_aside += self.fits(price)?;
        Ok(())
    }

    /// What a lease at `price` costs, if there is enough for it.
    fn fits(&self, price: Price) -> Result<u128, String> {
        let Spending { spent, this_round, limit, .. } = self.spending;
        let cost = price.quote.checked_mul(self.policy.hours.into());
        let total = |cost| spent.checked_add(this_round)?.checked_add(self.set_aside)?.checked_add(cost);
        cost.filter(|cost| total(*cost).is_some_and(|total| total <= limit))
            .ok_or_else(|| format!("the budget of {limit} a day is used up"))
    }

    /// Puts back what was taken for something that is not done after all.
    pub(super) fn put_back(&mut self, price: Price) {
        let cost = price.quote.saturating_mul(self.policy.hours.into());
        self.spending.this_round = self.spending.this_round.saturating_sub(cost);
    }

    pub(super) const fn spending(&self) -> Spending {
        self.spending
    }
}
