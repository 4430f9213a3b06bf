//! Persistent state of the gate: bindings, used nonces, sessions. The only module that knows SQL.
//!
//! One process has one store with one writer, so the state in memory is always current, and a handshake is answered
//! from it without I/O. A write is confirmed after its commit, never before. A failing disk is an error to the caller;
//! the service continues.

mod audit;
mod batch;
mod bindings;
pub mod clock;
mod database;
mod error;
mod home;
mod intents;
mod options;
mod pause;
mod progress;
mod readers;
mod schema;
mod secret;
mod sessions;
mod sql;
mod state;
mod wallet_data;
mod write_request;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::Arc;

pub use self::audit::{AuditEntry, AuditRepository, MAX_REASON_CHARS};
pub use self::bindings::BindingRepository;
pub use self::bindings::binding::{Binding, BindingKey, BindingProof, BindingSource, Redemption};
pub(crate) use self::bindings::index::MAX_HOLDERS;
pub use self::bindings::index::{MAX_PER_ACCOUNT, MAX_PER_ACCOUNT_AND_HOLDER, MAX_PER_HOLDER};
pub use self::bindings::nonces::{Nonce, NonceState};
pub use self::error::{OpenError, StoreError};
pub use self::intents::IntentRepository;
pub use self::intents::unresolved::UnresolvedIntent;
pub use self::options::StoreOptions;
pub use self::pause::{Pause, PauseRepository};
pub use self::progress::ProgressRepository;
pub use self::secret::NonceKey;
pub use self::sessions::SessionRepository;
pub use self::sessions::cause::EvictionCause;
pub use self::sessions::record::{ClaimError, HolderLimits, SessionClaim, SessionRecord, SessionState};
pub use self::sessions::table::Reservation;
pub use self::state::WriteOutage;
pub use self::wallet_data::{
    ExportedBinding, ExportedHandshake, ExportedSession, WalletDataRepository, WalletExport,
};

use self::clock::{Clock, SystemClock};
use self::database::{Database, lock};

/// A handle on the store, which hands out its repositories; clones share it. It closes when the last one is dropped,
/// or by [`Store::close`].
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens the store in a home directory, which is created if it is not there.
    pub async fn open(home: &Path) -> Result<Self, OpenError> {
        Self::open_with(home, StoreOptions::default(), Arc::new(SystemClock)).await
    }

    /// Opens the store with these options and this clock.
    pub async fn open_with(
        home: &Path,
        options: StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let path = home.to_owned();
        let opened = tokio::task::spawn_blocking(move || Database::open(&path, options, clock)).await;
        let ended = |error| OpenError::Io { path: home.to_owned(), source: std::io::Error::other(error) };
        Ok(Self { database: Arc::new(opened.map_err(ended)??) })
    }

    /// Writes what is left and closes the database, in one file. Later calls that write fail.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Why nothing can be written at the moment, as far as it was tried.
    pub fn write_outage(&self) -> Option<WriteOutage> {
        lock(&self.database.memory.trouble).clone()
    }

    /// Bindings and used nonces.
    pub fn bindings(&self) -> BindingRepository<'_> {
        BindingRepository::new(&self.database)
    }

    /// Sessions that the gate admitted.
    pub fn sessions(&self) -> SessionRepository<'_> {
        SessionRepository::new(&self.database)
    }

    /// Handshake intents.
    pub fn intents(&self) -> IntentRepository<'_> {
        IntentRepository::new(&self.database)
    }

    /// Audit log of operator actions.
    pub fn audit(&self) -> AuditRepository<'_> {
        AuditRepository::new(&self.database)
    }

    /// Pause of new admissions.
    pub fn pauses(&self) -> PauseRepository<'_> {
        PauseRepository::new(&self.database)
    }

    /// Values that let a restarted gate resume.
    pub fn progress(&self) -> ProgressRepository<'_> {
        ProgressRepository::new(&self.database)
    }

    /// All stored data of one wallet.
    pub fn wallet_data(&self) -> WalletDataRepository<'_> {
        WalletDataRepository::new(&self.database)
    }
}
