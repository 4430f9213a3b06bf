//! The operator's own hand: drop sessions, admit nobody, drop everybody. Every deed is written down with its reason
//! before it is done.

use std::fmt;
use std::str::FromStr;

use alloy::primitives::Address;

use super::Enforcer;
use crate::store::{Cause, SessionRecord, StoreError};

/// Whose sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// This one.
    Session(u64),
    /// Those that rest on this address, as wallet or as vault.
    Wallet(Address),
    /// Everybody's.
    All,
}

/// Neither a session's number nor a wallet nor `all`.
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
    fn means(self, record: &SessionRecord) -> bool {
        match self {
            Self::Session(id) => record.session_id == id,
            Self::Wallet(wallet) => [record.wallet, record.vault].contains(&Some(wallet)),
            Self::All => true,
        }
    }
}

impl Enforcer {
    /// Drops sessions for good; how many tunnels that ended. Who is out already does not come back either.
    pub async fn drop_sessions(&self, target: Target, reason: &str) -> Result<usize, StoreError> {
        self.store.audit("drop", &target.to_string(), reason).await?;
        self.evict_all(target, Cause::Dropped).await
    }

    /// Admits nobody new, and drops everybody. Whoever is entitled may come back with the same handshake when the
    /// pause is over.
    pub async fn lock_down(&self, reason: &str) -> Result<usize, StoreError> {
        self.store.audit("lockdown", "all", reason).await?;
        self.store.set_paused(true, reason).await?;
        self.evict_all(Target::All, Cause::Lockdown).await
    }

    /// Begins or ends a pause.
    pub async fn pause(&self, paused: bool, reason: &str) -> Result<(), StoreError> {
        self.store.set_paused(paused, reason).await?;
        if !paused {
            self.everything_changed();
        }
        Ok(())
    }

    /// Forgets a wallet: its peers go, then everything that is kept of it; how many peers.
    pub async fn erase(&self, wallet: Address, reason: &str) -> Result<usize, StoreError> {
        let dropped = self.evict_all(Target::Wallet(wallet), Cause::Erased).await?;
        self.store.erase(wallet, reason).await?;
        self.access.invalidate(wallet);
        Ok(dropped)
    }

    async fn evict_all(&self, target: Target, cause: Cause) -> Result<usize, StoreError> {
        // Who is in the tunnel has a record then.
        self.settle_now().await;
        self.evictor.evict_all(|record| target.means(record), cause).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_number_a_wallet_or_all() {
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
