//! The listener: one port, bounded and drained gracefully.

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
use super::seats::Seats;

/// How much of it all clients may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client; 0: as many as there are.
    pub connections_per_client: usize,
    /// Bytes of a request's head.
    pub header_bytes: usize,
}

/// The door: a bound port and what is needed to serve it.
pub struct Listener {
    tcp: TcpListener,
    tls: TlsAcceptor,
    permits: Arc<Semaphore>,
    seats: Arc<Seats>,
    header_bytes: usize,
    edge: Arc<Edge>,
}

impl Listener {
    /// Binds `address`.
    pub async fn bind(
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
        bounds: Bounds,
        edge: Arc<Edge>,
    ) -> io::Result<Self> {
        Ok(Self {
            tcp: TcpListener::bind(address).await?,
            tls: tls.into(),
            permits: Arc::new(Semaphore::new(bounds.connections)),
            seats: Seats::new(bounds.connections_per_client),
            header_bytes: bounds.header_bytes,
            edge,
        })
    }

    /// The address that is really bound.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until `stop`, then lets requests under way finish, for at most `drain`.
    pub async fn serve(self, stop: CancellationToken, drain: Duration) {
        let connections = TaskTracker::new();
        while let Some((stream, peer, permit)) = self.accept(&stop).await {
            let Some(seat) = self.seats.take(peer.ip().into()) else {
                tracing::debug!("a client has as many connections as it may");
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
                drop((seat, permit));
            });
        }
        drop(self.tcp);
        connections.close();
        if tokio::time::timeout(drain, connections.wait()).await.is_err() {
            tracing::warn!("requests still under way after the shutdown time-out were cut");
        }
    }

    /// The next connection, or `None` when it is time to stop. Beyond the limit of connections nothing is
    /// accepted, so that the rest waits in the system's queue and costs nothing here.
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
                        // Out of descriptors, or a client that left: neither ends the service.
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
