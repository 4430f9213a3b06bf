//! Rare reads of single rows, beside the writer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::StoreError;
use super::schema;

/// Maximum concurrent reads.
const MAX_CONCURRENT_READS: u32 = 2;
/// Time limit for a read permit.
const READ_PERMIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens a connection for each read: that is a tenth of a millisecond, and what stays open keeps memory.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, places: Arc::new(Semaphore::new(MAX_CONCURRENT_READS as usize)) }
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = tokio::time::timeout(READ_PERMIT_TIMEOUT, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| StoreError::Overloaded)?.map_err(|_| StoreError::Closed)?;
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            read(&schema::reader(&path)?)
        });
        done.await.map_err(|error| StoreError::Database(error.to_string()))?
    }

    /// Waits for running reads and refuses new ones.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.places.acquire_many(MAX_CONCURRENT_READS).await {
            self.places.close();
            drop(all);
        }
    }
}
