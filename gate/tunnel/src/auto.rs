//! Driver that detects the tunnel service at the first use, because the node may not answer when the gate starts.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Peer, Presence, RestoreOutcome, ServiceLookup, Tunnel, TunnelConfig, TunnelError};

/// Interval of the detection in [`Tunnel::maintain`].
const SERVICE_LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct AutoDetectedTunnel {
    config: TunnelConfig,
    lookup_service: ServiceLookup,
    chosen: OnceLock<Arc<dyn Tunnel>>,
}

impl AutoDetectedTunnel {
    pub(super) fn new(config: TunnelConfig, lookup_service: ServiceLookup) -> Self {
        Self { config, lookup_service, chosen: OnceLock::new() }
    }

    fn driver(&self) -> Result<&Arc<dyn Tunnel>, TunnelError> {
        if let Some(chosen) = self.chosen.get() {
            return Ok(chosen);
        }
        let service = self.config.service_of_node().or_else(|| (self.lookup_service)());
        let service =
            service.ok_or_else(|| TunnelError::UnknownService { home: self.config.node_home.clone() })?;
        let driver = super::driver(service, &self.config)?;
        tracing::info!(%service, "peers are shut out by the driver of the node's tunnel service");
        Ok(self.chosen.get_or_init(|| driver))
    }
}

impl Tunnel for AutoDetectedTunnel {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        async { self.driver()?.present().await }.boxed()
    }

    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        async { self.driver()?.has(peer).await }.boxed()
    }

    fn rebuild_answer<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        async { self.driver()?.rebuild_answer(peer, another).await }.boxed()
    }

    fn block<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async { self.driver()?.block(peers).await }.boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async { self.driver()?.remove(peers).await }.boxed()
    }

    fn restore<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<RestoreOutcome, TunnelError>> {
        async { self.driver()?.restore(peer).await }.boxed()
    }

    fn restarted_since(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async { self.driver()?.restarted_since().await }.boxed()
    }

    fn maintain(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move {
            loop {
                if let Ok(driver) = self.driver() {
                    return driver.maintain(stop).await;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(SERVICE_LOOKUP_INTERVAL) => {}
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use sentinel_proto::handshake::Service;

    use super::*;

    fn config(home: &std::path::Path) -> TunnelConfig {
        TunnelConfig { interface: Some("/nonexistent/wg.sock".into()), ..TunnelConfig::new(home) }
    }

    #[tokio::test]
    async fn detects_service_once_node_answers() {
        let home = tempfile::tempdir().unwrap();
        let told = Arc::new(Mutex::new(None));
        let says = Arc::clone(&told);
        let auto = AutoDetectedTunnel::new(config(home.path()), Box::new(move || *says.lock().unwrap()));
        assert!(matches!(auto.present().await, Err(TunnelError::UnknownService { .. })));
        *told.lock().unwrap() = Some(Service::WireGuard);
        assert!(matches!(auto.present().await, Err(TunnelError::Unreachable { .. })));
        // Once chosen it stays.
        *told.lock().unwrap() = None;
        assert!(matches!(auto.present().await, Err(TunnelError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn detects_service_from_node_home() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), "[node]\nservice_type = \"wireguard\"\n").unwrap();
        let auto = AutoDetectedTunnel::new(config(home.path()), Box::new(|| None));
        assert!(matches!(auto.present().await, Err(TunnelError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn maintenance_stops_without_a_known_service() {
        let auto = AutoDetectedTunnel::new(config("/nonexistent".as_ref()), Box::new(|| None));
        let stop = CancellationToken::new();
        let (keep, end) = (auto.maintain(stop.clone()), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stop.cancel();
        });
        let all = async { tokio::join!(keep, end) };
        tokio::time::timeout(SERVICE_LOOKUP_INTERVAL, all).await.unwrap();
    }
}
