//! Token ids in the configuration: a number, or decimal or 0x-hexadecimal text for ids beyond 64 bits.

use alloy::primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A token id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TokenId(pub U256);

#[derive(Deserialize)]
#[serde(untagged)]
enum TokenIdRepr {
    Number(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match TokenIdRepr::deserialize(deserializer)? {
            TokenIdRepr::Number(number) => Ok(Self(U256::from(number))),
            TokenIdRepr::Text(text) => text.parse().map(Self).map_err(|_| {
                de::Error::custom(format!(
                    "{text:?} is no token id: write a decimal or 0x-hexadecimal number"
                ))
            }),
        }
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
