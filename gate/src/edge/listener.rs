//! Listener of the advertised port: bounded connections, graceful drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Edge;
use super::connection::Connection;
use super::connection_limiter::ConnectionLimiter;
use crate::config::Config;

/// Limits of the listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Maximum open connections.
    pub connections: usize,
    /// Maximum open connections of one client; 0 disables the limit.
    pub connections_per_client: usize,
    /// Maximum size of a request head in bytes.
    pub header_bytes: usize,
}

impl From<&Config> for ListenerLimits {
    fn from(config: &Config) -> Self {
        Self {
            connections: config.gate.max_connections,
            connections_per_client: config.limits.connections_per_ip,
            header_bytes: config.limits.header_bytes,
        }
    }
}

/// Where and how a [`Listener`] serves.
pub struct ListenerConfig {
    /// Address to bind.
    pub address: SocketAddr,
    /// Certificate and protocols.
    pub tls: Arc<rustls::ServerConfig>,
    /// Limits.
    pub limits: ListenerLimits,
}

/// A bound port and the components that serve it.
pub struct Listener {
    tcp: TcpListener,
    tls: TlsAcceptor,
    permits: Arc<Semaphore>,
    per_client: Arc<ConnectionLimiter>,
    header_bytes: usize,
    edge: Arc<Edge>,
}

impl Listener {
    /// Binds the configured address in front of `edge`.
    pub async fn bind(config: ListenerConfig, edge: Arc<Edge>) -> io::Result<Self> {
        let ListenerConfig { address, tls, limits } = config;
        Ok(Self {
            tcp: TcpListener::bind(address).await?,
            tls: tls.into(),
            permits: Arc::new(Semaphore::new(limits.connections)),
            per_client: ConnectionLimiter::new(limits.connections_per_client),
            header_bytes: limits.header_bytes,
            edge,
        })
    }

    /// Returns the bound address.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until `stop`, then waits for requests in flight, at most `drain`.
    pub async fn serve(self, stop: CancellationToken, drain: Duration) {
        let connections = TaskTracker::new();
        while let Some((stream, peer, permit)) = self.accept(&stop).await {
            let Some(client_permit) = self.per_client.try_acquire(peer.ip().into()) else {
                tracing::debug!("connection refused: client is at its limit");
                continue;
            };
            let connection = Connection {
                tls: self.tls.clone(),
                header_bytes: self.header_bytes,
                edge: Arc::clone(&self.edge),
                client: peer.ip(),
                stop: stop.clone(),
            };
            connections.spawn(async move {
                if let Err(error) = connection.serve(stream).await {
                    tracing::debug!(%error, "connection ended early");
                }
                drop((client_permit, permit));
            });
        }
        drop(self.tcp);
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_err() {
            tracing::warn!("requests in flight cancelled after the shutdown timeout");
        }
    }

    /// Returns the next connection; `None` after `stop`. At the connection limit nothing is accepted: further clients
    /// wait in the backlog of the socket and cost nothing here.
    async fn accept(
        &self,
        stop: &CancellationToken,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let accepted = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
            loop {
                match self.tcp.accept().await {
                    Ok((stream, peer)) => return Some((stream, peer, permit)),
                    Err(error) => {
                        // Out of file descriptors, or an aborted connection: the listener continues.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => None,
            accepted = accepted => accepted,
        }
    }
}
