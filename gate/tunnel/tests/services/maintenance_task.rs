//! What runs beside the orders.

use std::sync::Arc;

use sovereign_tunnel::Tunnel;
use tokio_util::sync::CancellationToken;

/// Runs [`Tunnel::keep`] until it is dropped.
pub(crate) struct MaintenanceTask(CancellationToken);

impl MaintenanceTask {
    pub(crate) fn start(tunnel: &Arc<dyn Tunnel>) -> Self {
        let (stop, tunnel) = (CancellationToken::new(), Arc::clone(tunnel));
        let until = stop.clone();
        tokio::spawn(async move { tunnel.maintain(until).await });
        Self(stop)
    }
}

impl Drop for MaintenanceTask {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
