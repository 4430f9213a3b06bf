//! What runs beside the orders.

use std::sync::Arc;

use sovereign_gate::enforce::tunnel::Tunnel;
use tokio_util::sync::CancellationToken;

/// Runs [`Tunnel::keep`] until it is dropped.
pub(crate) struct Keeper(CancellationToken);

impl Keeper {
    pub(crate) fn start(tunnel: &Arc<dyn Tunnel>) -> Self {
        let (stop, tunnel) = (CancellationToken::new(), Arc::clone(tunnel));
        let until = stop.clone();
        tokio::spawn(async move { tunnel.keep(until).await });
        Self(stop)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
