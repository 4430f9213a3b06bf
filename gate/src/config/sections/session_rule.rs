//! Accepted sessions of a tier: `direct`, or `plan:N`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One kind of session on the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SessionRule {
    /// A pay-as-you-go session with the node.
    Direct,
    /// A session by a subscription to this plan.
    Plan(u64),
}

/// The text names no session kind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no session kind: write \"direct\" or \"plan:N\"")]
pub struct UnknownSessionRule(String);

impl FromStr for SessionRule {
    type Err = UnknownSessionRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownSessionRule(text.to_owned());
        match text.strip_prefix("plan:") {
            Some(id) => id.parse().map(Self::Plan).map_err(|_| unknown()),
            None if text == "direct" => Ok(Self::Direct),
            None => Err(unknown()),
        }
    }
}

impl TryFrom<String> for SessionRule {
    type Error = UnknownSessionRule;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SessionRule> for String {
    fn from(rule: SessionRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for SessionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Plan(id) => write!(f, "plan:{id}"),
        }
    }
}
