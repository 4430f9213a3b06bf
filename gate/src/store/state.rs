//! State of the store in memory.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::bindings::index::BindingIndex;
use super::bindings::nonces::UsedNonces;
use super::database::lock;
use super::error::StoreError;
use super::intents::unresolved::UnresolvedIntents;
use super::pause::Pause;
use super::secret::NonceKey;
use super::sessions::table::SessionTable;

/// State of the store in memory. Only the writer adds and removes entries.
#[derive(Debug)]
pub(super) struct StoreState {
    pub(super) view: Mutex<BindingIndex>,
    pub(super) nonces: Mutex<UsedNonces>,
    pub(super) live: Arc<Mutex<SessionTable>>,
    pub(super) intents: UnresolvedIntents,
    pub(super) nonce_key: Mutex<NonceKey>,
    pub(super) pause: Mutex<Option<Pause>>,
    pub(super) trouble: Mutex<Option<WriteOutage>>,
}

/// Cause and start of a period in which no write succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOutage {
    /// Message of the database.
    pub why: String,
    /// Since when.
    pub since: SystemTime,
}

impl StoreState {
    /// Records the result of a transaction. An error that concerns one write only says nothing about the next one.
    pub(super) fn note(&self, ended: &Result<(), StoreError>) {
        let mut trouble = lock(&self.trouble);
        match ended {
            Ok(()) => *trouble = None,
            Err(error) if error.affects_all_writes() => {
                let since = trouble.as_ref().map_or_else(SystemTime::now, |trouble| trouble.since);
                *trouble = Some(WriteOutage { why: error.to_string(), since });
            }
            Err(_) => {}
        }
    }
}
