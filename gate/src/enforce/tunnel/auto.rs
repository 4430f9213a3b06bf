//! The driver that is not known yet when the gate starts: it is chosen at the first use.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Peer, Presence, Restored, Told, Tunnel, TunnelConfig, TunnelError};

/// How often it is asked again what the service is, for [`Tunnel::keep`].
const EVERY: Duration = Duration::from_secs(1);

pub(super) struct Auto {
    config: TunnelConfig,
    told: Told,
    chosen: OnceLock<Arc<dyn Tunnel>>,
}

impl Auto {
    pub(super) fn new(config: TunnelConfig, told: Told) -> Self {
        Self { config, told, chosen: OnceLock::new() }
    }

    fn driver(&self) -> Result<&Arc<dyn Tunnel>, TunnelError> {
        if let Some(chosen) = self.chosen.get() {
            return Ok(chosen);
        }
        let service = self.config.service_of_node().or_else(|| (self.told)());
        let service =
            service.ok_or_else(|| TunnelError::UnknownService { home: self.config.node_home.clone() })?;
        let driver = super::driver(service, &self.config)?;
        tracing::info!(%service, "peers are shut out by the driver of the node's tunnel service");
        Ok(self.chosen.get_or_init(|| driver))
    }
}

impl Tunnel for Auto {
    fn present(&self) -> BoxFuture<'_, Result<Presence, TunnelError>> {
        async { self.driver()?.present().await }.boxed()
    }

    fn has<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<bool, TunnelError>> {
        async { self.driver()?.has(peer).await }.boxed()
    }

    fn retell<'a>(
        &'a self,
        peer: &'a Peer,
        another: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, TunnelError>> {
        async { self.driver()?.retell(peer, another).await }.boxed()
    }

    fn shut_out<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async { self.driver()?.shut_out(peers).await }.boxed()
    }

    fn remove<'a>(&'a self, peers: &'a [Peer]) -> BoxFuture<'a, Result<(), TunnelError>> {
        async { self.driver()?.remove(peers).await }.boxed()
    }

    fn let_back<'a>(&'a self, peer: &'a Peer) -> BoxFuture<'a, Result<Restored, TunnelError>> {
        async { self.driver()?.let_back(peer).await }.boxed()
    }

    fn renewed(&self) -> BoxFuture<'_, Result<Option<Duration>, TunnelError>> {
        async { self.driver()?.renewed().await }.boxed()
    }

    fn keep(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        async move {
            loop {
                if let Ok(driver) = self.driver() {
                    return driver.keep(stop).await;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
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
        let defaults = TunnelConfig::try_from(&crate::config::Tunnel::default()).unwrap();
        TunnelConfig { node_home: home.into(), interface: Some("/nonexistent/wg.sock".into()), ..defaults }
    }

    #[tokio::test]
    async fn the_service_is_learned_from_the_node_when_it_is_there() {
        let home = tempfile::tempdir().unwrap();
        let told = Arc::new(Mutex::new(None));
        let says = Arc::clone(&told);
        let auto = Auto::new(config(home.path()), Box::new(move || *says.lock().unwrap()));
        assert!(matches!(auto.present().await, Err(TunnelError::UnknownService { .. })));
        *told.lock().unwrap() = Some(Service::WireGuard);
        assert!(matches!(auto.present().await, Err(TunnelError::Unreachable { .. })));
        // Once chosen it stays.
        *told.lock().unwrap() = None;
        assert!(matches!(auto.present().await, Err(TunnelError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn the_service_is_learned_from_the_nodes_home() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), "[node]\nservice_type = \"wireguard\"\n").unwrap();
        let auto = Auto::new(config(home.path()), Box::new(|| None));
        assert!(matches!(auto.present().await, Err(TunnelError::Unreachable { .. })));
    }

    #[tokio::test]
    async fn keeping_ends_with_stop_even_if_nothing_is_known() {
        let auto = Auto::new(config("/nonexistent".as_ref()), Box::new(|| None));
        let stop = CancellationToken::new();
        let (keep, end) = (auto.keep(stop.clone()), async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stop.cancel();
        });
        let all = async { tokio::join!(keep, end) };
        tokio::time::timeout(EVERY, all).await.unwrap();
    }
}
