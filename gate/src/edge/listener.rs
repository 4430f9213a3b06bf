//! The listener: TLS and plain HTTP on one port, as the node does it, bounded and drained gracefully.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Edge;

/// From the first byte to the end of the TLS handshake, and for each head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// First byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
const STREAMS: u32 = 64;

/// The door: a bound port and what is needed to serve it.
pub struct Listener {
    tcp: TcpListener,
    tls: TlsAcceptor,
    permits: Arc<Semaphore>,
    header_bytes: usize,
    edge: Arc<Edge>,
}

impl Listener {
    /// Binds `address`.
    pub async fn bind(
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
        max_connections: usize,
        header_bytes: usize,
        edge: Arc<Edge>,
    ) -> io::Result<Self> {
        Ok(Self {
            tcp: TcpListener::bind(address).await?,
            tls: tls.into(),
            permits: Arc::new(Semaphore::new(max_connections)),
            header_bytes,
            edge,
        })
    }

    /// The address that is really bound.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves until `stop`, then lets requests under way finish, for at most `drain`.
    pub async fn serve(self, stop: CancellationToken, drain: Duration) {
        let graceful = GracefulShutdown::new();
        while let Some((stream, peer, permit)) = self.accept(&stop).await {
            let connection = Connection {
                tls: self.tls.clone(),
                header_bytes: self.header_bytes,
                edge: Arc::clone(&self.edge),
                client: peer.ip(),
                watcher: graceful.watcher(),
                stop: stop.clone(),
            };
            tokio::spawn(async move {
                if let Err(error) = connection.serve(stream).await {
                    tracing::debug!(%error, "connection ended early");
                }
                drop(permit);
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
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

struct Connection {
    tls: TlsAcceptor,
    header_bytes: usize,
    edge: Arc<Edge>,
    client: IpAddr,
    watcher: Watcher,
    stop: CancellationToken,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Connection {
    async fn serve(self, stream: TcpStream) -> Result<(), Failure> {
        stream.set_nodelay(true)?;
        if !self.begins_with_tls(&stream).await? {
            return self.http1(stream).await;
        }
        let stream = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            accepted = tokio::time::timeout(HEAD, self.tls.accept(stream)) => accepted??,
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream).await
        } else {
            self.http1(stream).await
        }
    }

    async fn begins_with_tls(&self, stream: &TcpStream) -> Result<bool, Failure> {
        let mut first = [0];
        let read = tokio::select! {
            () = self.stop.cancelled() => 0,
            read = tokio::time::timeout(HEAD, stream.peek(&mut first)) => read??,
        };
        if read == 0 { Err("closed before the first byte".into()) } else { Ok(first[0] == TLS_HANDSHAKE) }
    }

    async fn http1<S>(self, stream: S) -> Result<(), Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client) = (self.edge, self.client);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(self.header_bytes)
            .preserve_header_case(true)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| Arc::clone(&edge).handle(client, request)),
            );
        Ok(self.watcher.watch(connection).await?)
    }

    async fn http2<S>(self, stream: S) -> Result<(), Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client) = (self.edge, self.client);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(self.header_bytes).unwrap_or(u32::MAX))
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| Arc::clone(&edge).handle(client, request)),
            );
        Ok(self.watcher.watch(connection).await?)
    }
}
