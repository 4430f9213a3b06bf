//! Graceful shutdown.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::Store;

/// Additional time for remaining tasks after the shutdown timeout of requests.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// The running tasks of the gate.
pub struct Drain {
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) serving: JoinHandle<()>,
    pub(super) store: Store,
    pub(super) shutdown_timeout: Duration,
}

impl Drain {
    /// Stops all tasks, waits for requests in flight within a time limit, and closes the database. Because of the limit,
    /// a hanging task cannot prevent that before the supervisor kills the process.
    pub async fn drain(self) {
        tracing::info!("stopping: waiting for requests in flight");
        self.stop.cancel();
        self.tasks.close();
        let ended = async {
            if let Err(error) = self.serving.await {
                tracing::error!(%error, "the listener failed");
            }
            self.tasks.wait().await;
        };
        if tokio::time::timeout(self.shutdown_timeout + SHUTDOWN_GRACE, ended).await.is_err() {
            tracing::warn!("tasks still running after the shutdown timeout were cancelled");
        }
        self.store.close().await;
    }
}
