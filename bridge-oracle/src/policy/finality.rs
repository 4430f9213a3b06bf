//! Which Ethereum block counts as settled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Which Ethereum block counts as settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// The chain's own finality.
    Finalized,
    /// The chain's safe head.
    Safe,
    /// This many blocks below the head, for chains without finality.
    Depth(u64),
}

impl fmt::Display for Finality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finalized => f.write_str("finalized"),
            Self::Safe => f.write_str("safe"),
            Self::Depth(depth) => write!(f, "depth:{depth}"),
        }
    }
}

impl FromStr for Finality {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text {
            "finalized" => Some(Self::Finalized),
            "safe" => Some(Self::Safe),
            _ => text.strip_prefix("depth:").and_then(|depth| depth.parse().ok()).map(Self::Depth),
        };
        // "depth:012" would be a second spelling of the same value.
        parsed
            .filter(|finality| finality.to_string() == text)
            .ok_or_else(|| format!("{text:?} is none of finalized, safe, depth:N"))
    }
}

impl Serialize for Finality {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Finality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
