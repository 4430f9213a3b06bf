//! Amounts of coins as decimal text: they exceed the numbers of TOML and JSON.

use serde::{Deserialize, Deserializer, Serializer, de};

/// Serializes an amount.
pub fn serialize<S: Serializer>(amount: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// Deserializes an amount: digits only, without a leading zero, so that each amount has one spelling.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let text = String::deserialize(deserializer)?;
    let amount: u128 = text.parse().map_err(|_| de::Error::custom("not an amount of digits"))?;
    if amount.to_string() == text { Ok(amount) } else { Err(de::Error::custom("not a plain decimal")) }
}
