//! The sessions that an operator action applies to.

use std::fmt;
use std::str::FromStr;

use alloy::primitives::Address;

use crate::store::SessionRecord;

/// Sessions that an operator action applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One session.
    Session(u64),
    /// Sessions whose basis has this address as wallet or as vault.
    Wallet(Address),
    /// All sessions.
    All,
}

/// The text names no [`Target`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a session's number nor a wallet (0x…) nor `all`")]
pub struct UnknownTarget;

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        if text == "all" {
            return Ok(Self::All);
        }
        let session = text.parse().map(Self::Session);
        session.or_else(|_| text.parse().map(Self::Wallet)).map_err(|_| UnknownTarget)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => write!(f, "{id}"),
            Self::Wallet(wallet) => f.write_str(&wallet.to_checksum(None)),
            Self::All => f.write_str("all"),
        }
    }
}

impl Target {
    pub(super) fn matches(self, record: &SessionRecord) -> bool {
        match self {
            Self::Session(id) => record.session_id == id,
            Self::Wallet(wallet) => [record.wallet, record.vault].contains(&Some(wallet)),
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_session_wallet_or_all() {
        let wallet = Address::repeat_byte(0xab);
        assert_eq!("all".parse(), Ok(Target::All));
        assert_eq!("42".parse(), Ok(Target::Session(42)));
        assert_eq!(wallet.to_string().parse(), Ok(Target::Wallet(wallet)));
        for bad in ["", "everybody", "-1", "0x12", "sent1abc", "ALL"] {
            assert_eq!(bad.parse::<Target>(), Err(UnknownTarget), "{bad}");
        }
        for target in [Target::All, Target::Session(7), Target::Wallet(wallet)] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
    }
}
