//! Gas prices and gas limits.

use std::fmt;
use std::str::FromStr;

use sentinel_proto::wire::cosmos::base::v1beta1::Coin;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::reconcile::Action;

/// Decimals of a gas price.
const DECIMALS: usize = 18;
const SCALE: u128 = 10_u128.pow(18);

/// Maximum gas of a message. Real messages use 8,000 (unlink) to 70,000 (renewal); see docs/scaling.md.
const MAX_MESSAGE_GAS: u64 = 1_000_000;
/// Maximum gas of a message that unlinks: it cancels every running session of the plan on the node.
const MAX_UNLINK_GAS: u64 = 30_000_000;
/// Maximum gas of a transaction; a full one of leases and links uses 12.6 million.
const MAX_TRANSACTION_GAS: u64 = 300_000_000;

/// Returns the gas above which a simulation of these actions is rejected as false.
pub(crate) fn max_credible_gas(actions: &[Action]) -> u64 {
    let each = actions.iter().map(|action| match action {
        Action::Unlink { .. } | Action::EndLease { .. } => MAX_UNLINK_GAS,
        _ => MAX_MESSAGE_GAS,
    });
    // One more share covers the transaction around the messages.
    each.fold(MAX_MESSAGE_GAS, u64::saturating_add).min(MAX_TRANSACTION_GAS)
}

/// Price of a unit of gas, such as `0.1udvpn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GasPrice {
    /// Price scaled by 10^18.
    scaled: u128,
    denom: String,
}

/// The text is not a gas price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a gas price such as 0.1udvpn")]
pub struct GasPriceParseError;

impl GasPrice {
    /// Returns the fee for `gas`, rounded up as the hub does.
    pub fn fee(&self, gas: u64) -> Coin {
        let amount = self.scaled.saturating_mul(gas.into()).div_ceil(SCALE);
        Coin { denom: self.denom.clone(), amount: amount.to_string() }
    }

    /// Returns the gas that `amount` of the coin pays for.
    pub fn affordable_gas(&self, amount: u128) -> u64 {
        // Two steps avoid an overflow of the product with 10^18.
        let (whole, rest) = (amount / self.scaled.max(1), amount % self.scaled.max(1));
        let gas = whole.saturating_mul(SCALE).saturating_add(rest.saturating_mul(SCALE) / self.scaled.max(1));
        u64::try_from(gas).unwrap_or(u64::MAX)
    }

    /// Returns the coin of the price.
    pub fn denom(&self) -> &str {
        &self.denom
    }
}

impl FromStr for GasPrice {
    type Err = GasPriceParseError;

    fn from_str(text: &str) -> Result<Self, GasPriceParseError> {
        let end =
            text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or(GasPriceParseError)?;
        let (number, denom) = text.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let sound = denom.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && denom.len() <= 128
            && denom.chars().all(|letter| letter.is_ascii_alphanumeric() || "/:._-".contains(letter));
        if !sound || part.len() > DECIMALS || whole.is_empty() || part.contains('.') {
            return Err(GasPriceParseError);
        }
        let whole: u128 = whole.parse().map_err(|_| GasPriceParseError)?;
        let part: u128 = format!("{part:0<DECIMALS$}").parse().map_err(|_| GasPriceParseError)?;
        let scaled =
            whole.checked_mul(SCALE).and_then(|whole| whole.checked_add(part)).ok_or(GasPriceParseError)?;
        Ok(Self { scaled, denom: denom.to_owned() })
    }
}

impl fmt::Display for GasPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:018}", self.scaled % SCALE);
        let part = part.trim_end_matches('0');
        let dot = if part.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{part}{}", self.scaled / SCALE, self.denom)
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
    fn rounds_fees_up_and_formats_prices() {
        let price: GasPrice = "0.1udvpn".parse().unwrap();
        assert_eq!(price.fee(1_000_001).amount, "100001");
        assert_eq!(price.fee(10).amount, "1");
        assert_eq!(
            (price.affordable_gas(100_000), price.affordable_gas(0), price.affordable_gas(u128::MAX)),
            (1_000_000, 0, u64::MAX)
        );
        assert_eq!("0udvpn".parse::<GasPrice>().unwrap().affordable_gas(1), 10_u64.pow(18));
        for text in ["0.1udvpn", "2udvpn", "0.000000000000000001ibc/AB", "0udvpn"] {
            assert_eq!(text.parse::<GasPrice>().unwrap().to_string(), text);
        }
        for bad in
            ["", "0.1", "udvpn", "-1udvpn", "1.2.3udvpn", "0.0000000000000000001udvpn", ".1udvpn", "1 udvpn"]
        {
            assert_eq!(bad.parse::<GasPrice>(), Err(GasPriceParseError), "{bad}");
        }
    }

    #[test]
    fn credible_gas_grows_with_actions_up_to_bound() {
        let (activate, node) =
            (Action::ActivatePlan { plan: 1 }, sentinel_proto::address::NodeAddress::new([1; 20]));
        assert_eq!(max_credible_gas(std::slice::from_ref(&activate)), 2 * MAX_MESSAGE_GAS);
        assert_eq!(max_credible_gas(&vec![activate; 90]), 91 * MAX_MESSAGE_GAS);
        assert_eq!(max_credible_gas(&[Action::Unlink { plan: 1, node }]), MAX_MESSAGE_GAS + MAX_UNLINK_GAS);
        assert_eq!(max_credible_gas(&vec![Action::EndLease { lease: 1, node }; 360]), MAX_TRANSACTION_GAS);
    }
}
