//! Money: what a lease may cost, and whether there is any left.

use super::memory::Memory;
use super::report::Spending;
use crate::ledger::{Ledger, NodeOnHub, Price};
use crate::policy::Lease;

/// The budget of one round.
pub(super) struct Budget<'a> {
    policy: &'a Lease,
    spending: Spending,
}

impl<'a> Budget<'a> {
    pub(super) fn new(policy: &'a Lease, memory: &Memory, ledger: &Ledger) -> Self {
        let hours = ledger.leases.values().map(|lease| lease.price.quote);
        let present_per_day = hours.fold(0_u128, |sum, price| sum.saturating_add(price.saturating_mul(24)));
        let spending =
            Spending { spent: memory.spent(), this_round: 0, limit: policy.max_per_day, present_per_day };
        Self { policy, spending }
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
        let cost = price.quote.checked_mul(self.policy.hours.into());
        let total = |cost| self.spending.spent.checked_add(self.spending.this_round)?.checked_add(cost);
        match cost.and_then(total) {
            Some(total) if total <= self.spending.limit => {
                self.spending.this_round = total - self.spending.spent;
                Ok(())
            }
            _ => Err(format!("the budget of {} a day is used up", self.spending.limit)),
        }
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
