//! What a transaction costs.

use std::fmt;
use std::str::FromStr;

use sentinel_proto::wire::cosmos::base::v1beta1::Coin;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::reconcile::Action;

/// Decimals of a price.
const DECIMALS: usize = 18;
const ONE: u128 = 10_u128.pow(18);

/// What a message may use. Real ones use 8,000 (an unlink) to 70,000 (a renewal), as docs/scaling.md has it.
const MOST: u64 = 1_000_000;
/// What one may use that unlinks: it cancels every running session of the plan on the node.
const MOST_UNLINKING: u64 = 30_000_000;
/// What a transaction may use in all; a full one of leases and links uses 12.6 million.
const MOST_TOGETHER: u64 = 300_000_000;

/// Gas beyond which no simulation of these actions is believed.
pub(super) fn most(actions: &[Action]) -> u64 {
    let each = actions.iter().map(|action| match action {
        Action::Unlink { .. } | Action::EndLease { .. } => MOST_UNLINKING,
        _ => MOST,
    });
    // Once more for what is around the messages.
    each.fold(MOST, u64::saturating_add).min(MOST_TOGETHER)
}

/// Price of a unit of gas, such as `0.1udvpn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GasPrice {
    /// Times 10^18.
    scaled: u128,
    denom: String,
}

/// Not a price of gas.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a price of gas such as 0.1udvpn")]
pub struct NoGasPrice;

impl GasPrice {
    /// What so much gas costs, rounded up as the hub does.
    pub fn fee(&self, gas: u64) -> Coin {
        let amount = self.scaled.saturating_mul(gas.into()).div_ceil(ONE);
        Coin { denom: self.denom.clone(), amount: amount.to_string() }
    }

    /// So much gas can be paid for with this amount of the coin.
    pub fn buys(&self, amount: u128) -> u64 {
        // In two steps, as the product with 10^18 may be too large.
        let (whole, rest) = (amount / self.scaled.max(1), amount % self.scaled.max(1));
        let gas = whole.saturating_mul(ONE).saturating_add(rest.saturating_mul(ONE) / self.scaled.max(1));
        u64::try_from(gas).unwrap_or(u64::MAX)
    }

    /// The coin that it is paid in.
    pub fn denom(&self) -> &str {
        &self.denom
    }
}

impl FromStr for GasPrice {
    type Err = NoGasPrice;

    fn from_str(text: &str) -> Result<Self, NoGasPrice> {
        let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or(NoGasPrice)?;
        let (number, denom) = text.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let sound = denom.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && denom.len() <= 128
            && denom.chars().all(|letter| letter.is_ascii_alphanumeric() || "/:._-".contains(letter));
        if !sound || part.len() > DECIMALS || whole.is_empty() || part.contains('.') {
            return Err(NoGasPrice);
        }
        let whole: u128 = whole.parse().map_err(|_| NoGasPrice)?;
        let part: u128 = format!("{part:0<DECIMALS$}").parse().map_err(|_| NoGasPrice)?;
        let scaled = whole.checked_mul(ONE).and_then(|whole| whole.checked_add(part)).ok_or(NoGasPrice)?;
        Ok(Self { scaled, denom: denom.to_owned() })
    }
}

impl fmt::Display for GasPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:018}", self.scaled % ONE);
        let part = part.trim_end_matches('0');
        let dot = if part.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{part}{}", self.scaled / ONE, self.denom)
    }
}

impl Serialize for GasPrice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GasPrice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_rounded_up_and_prices_written_back() {
        let price: GasPrice = "0.1udvpn".parse().unwrap();
        assert_eq!(price.fee(1_000_001).amount, "100001");
        assert_eq!(price.fee(10).amount, "1");
        assert_eq!((price.buys(100_000), price.buys(0), price.buys(u128::MAX)), (1_000_000, 0, u64::MAX));
        assert_eq!("0udvpn".parse::<GasPrice>().unwrap().buys(1), 10_u64.pow(18));
        for text in ["0.1udvpn", "2udvpn", "0.000000000000000001ibc/AB", "0udvpn"] {
            assert_eq!(text.parse::<GasPrice>().unwrap().to_string(), text);
        }
        for bad in
            ["", "0.1", "udvpn", "-1udvpn", "1.2.3udvpn", "0.0000000000000000001udvpn", ".1udvpn", "1 udvpn"]
        {
            assert_eq!(bad.parse::<GasPrice>(), Err(NoGasPrice), "{bad}");
        }
    }

    #[test]
    fn what_is_believed_grows_with_what_is_done_up_to_a_bound() {
        let (activate, node) =
            (Action::ActivatePlan { plan: 1 }, sentinel_proto::address::NodeAddress::new([1; 20]));
        assert_eq!(most(std::slice::from_ref(&activate)), 2 * MOST);
        assert_eq!(most(&vec![activate; 90]), 91 * MOST);
        assert_eq!(most(&[Action::Unlink { plan: 1, node }]), MOST + MOST_UNLINKING);
        assert_eq!(most(&vec![Action::EndLease { lease: 1, node }; 360]), MOST_TOGETHER);
    }
}
