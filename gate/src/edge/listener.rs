//! The listener: TLS and plain HTTP on one port, as the node does it, bounded and drained gracefully.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Edge;
use super::seats::Seats;

/// From the first byte to the end of the TLS handshake, and for each head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Who takes nothing of his answers for so long is gone.
const STALLED: Duration = Duration::from_secs(30);
/// After this a connection gets no further request, however busy: over HTTP/2 a client that answers pings could
/// keep one for ever.
const OLDEST: Duration = Duration::from_secs(600);
/// For the requests that are under way then.
const LAST: Duration = Duration::from_secs(60);
/// First byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
const STREAMS: u32 = 64;

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

struct Connection {
    tls: TlsAcceptor,
    header_bytes: usize,
    edge: Arc<Edge>,
    client: IpAddr,
    stop: CancellationToken,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// Gives up on a client that does not read.
type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

impl Connection {
    async fn serve(self, stream: TcpStream) -> Result<(), Failure> {
        stream.set_nodelay(true)?;
        let tls = self.begins_with_tls(&stream).await?;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALLED));
        let stream: Stream = Box::pin(stream);
        if !tls {
            return self.http1(stream).await;
        }
        // On the heap, so that what passes the stream on does not have room for it at every step.
        let stream = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            accepted = Box::pin(tokio::time::timeout(HEAD, self.tls.accept(stream))) => Box::new(accepted??),
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
        let (edge, client, stop) = (self.edge, self.client, self.stop);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            // What is read at once may be more than what a head may have.
            .max_buf_size(self.header_bytes)
            .max_header_size(self.header_bytes)
            .preserve_header_case(true)
            .serve_connection(
                TokioIo::new(stream),
                // Boxed, so that a connection which waits for its next request does not have room for one.
                service_fn(move |request| Box::pin(Arc::clone(&edge).handle(client, request))),
            );
        until_done(Box::pin(connection), stop).await
    }

    async fn http2<S>(self, stream: S) -> Result<(), Failure>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client, stop) = (self.edge, self.client, self.stop);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(self.header_bytes).unwrap_or(u32::MAX))
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| Arc::clone(&edge).handle(client, request)),
            );
        until_done(Box::pin(connection), stop).await
    }
}

/// Serves a connection until its end, until `stop`, or until it is old; then requests under way finish.
async fn until_done<C>(mut connection: Pin<Box<C>>, stop: CancellationToken) -> Result<(), Failure>
where
    C: GracefulConnection,
    C::Error: Into<Failure>,
{
    tokio::select! {
        done = connection.as_mut() => return done.map_err(Into::into),
        () = stop.cancelled() => {}
        () = tokio::time::sleep(OLDEST) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::time::timeout(LAST, connection).await?.map_err(Into::into)
}
