//! Operator actions: drop sessions, pause admission, lock down, erase a wallet. The audit log records each action with
//! its reason before it is executed.

use std::fmt;
use std::str::FromStr;

use alloy::primitives::Address;

use super::Enforcer;
use crate::store::{EvictionCause, SessionRecord, StoreError};

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
    fn matches(self, record: &SessionRecord) -> bool {
        match self {
            Self::Session(id) => record.session_id == id,
            Self::Wallet(wallet) => [record.wallet, record.vault].contains(&Some(wallet)),
            Self::All => true,
        }
    }
}

impl Enforcer {
    /// Drops sessions for good and returns the number of ended tunnels. Evicted sessions are not restored either.
    pub async fn drop_sessions(&self, target: Target, reason: &str) -> Result<usize, StoreError> {
        self.store.append_audit("drop", &target.to_string(), reason).await?;
        self.evict_all(target, EvictionCause::Dropped).await
    }

    /// Pauses admission and evicts all sessions. After the pause, the same handshake restores an entitled session.
    pub async fn lock_down(&self, reason: &str) -> Result<usize, StoreError> {
        self.store.append_audit("lockdown", "all", reason).await?;
        self.store.set_paused(true, reason).await?;
        self.evict_all(Target::All, EvictionCause::Lockdown).await
    }

    /// Begins or ends a pause of admission.
    pub async fn pause(&self, paused: bool, reason: &str) -> Result<(), StoreError> {
        self.store.set_paused(paused, reason).await?;
        if !paused {
            self.everything_changed();
        }
        Ok(())
    }

    /// Evicts the sessions of a wallet, then erases its data. Returns the number of evicted sessions.
    pub async fn erase(&self, wallet: Address, reason: &str) -> Result<usize, StoreError> {
        let dropped = self.evict_all(Target::Wallet(wallet), EvictionCause::Erased).await?;
        self.store.erase_wallet(wallet, reason).await?;
        self.access.invalidate(wallet);
        Ok(dropped)
    }

    async fn evict_all(&self, target: Target, cause: EvictionCause) -> Result<usize, StoreError> {
        // Peers of unfinished handshakes get a record first.
        self.resolve_intents_now().await;
        self.evictor.evict_all(|record| target.matches(record), cause).await
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
