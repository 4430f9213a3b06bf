//! One client connection: TLS or plain HTTP on one port, as the node serves them, bounded in idle time and age.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::Edge;
use super::envelope::{self, Body};
use super::in_flight::InFlight;

/// Timeout of the first byte, of the TLS handshake and of each request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a write: a client that reads nothing for this long is disconnected.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum age of a connection; an older one accepts no further request. Otherwise an HTTP/2 client that answers pings
/// could keep a connection forever.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(600);
/// Time limit of requests in flight during a graceful shutdown of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
/// Idle timeout of an HTTP/2 connection.
const HTTP2_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Time limit of an idle client to answer GOAWAY.
const GOAWAY_TIMEOUT: Duration = Duration::from_secs(5);
/// Type byte of a TLS record with a handshake message.
const TLS_HANDSHAKE_RECORD: u8 = 0x16;
const MAX_HTTP2_STREAMS: u32 = 64;

/// One client connection and the components that serve it.
pub(super) struct Connection {
    pub(super) tls: TlsAcceptor,
    pub(super) header_bytes: usize,
    pub(super) edge: Arc<Edge>,
    pub(super) client: IpAddr,
    pub(super) stop: CancellationToken,
}

pub(super) type ConnectionError = Box<dyn std::error::Error + Send + Sync>;
/// TCP stream with a write timeout.
type ClientStream = Pin<Box<TimeoutStream<TcpStream>>>;

impl Connection {
    /// Serves the connection until the client closes it, `stop` is cancelled, or it reaches its maximum age.
    pub(super) async fn serve(self, stream: TcpStream) -> Result<(), ConnectionError> {
        stream.set_nodelay(true)?;
        let tls = self.begins_with_tls(&stream).await?;
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let stream: ClientStream = Box::pin(stream);
        if !tls {
            return self.http1(stream).await;
        }
        // Boxed, so that each future on the way does not reserve space for the stream.
        let stream = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            accepted = Box::pin(tokio::time::timeout(HEAD_TIMEOUT, self.tls.accept(stream))) => Box::new(accepted??),
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            self.http2(stream).await
        } else {
            self.http1(stream).await
        }
    }

    async fn begins_with_tls(&self, stream: &TcpStream) -> Result<bool, ConnectionError> {
        let mut first = [0];
        let read = tokio::select! {
            () = self.stop.cancelled() => 0,
            read = tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut first)) => read??,
        };
        if read == 0 {
            Err("closed before the first byte".into())
        } else {
            Ok(first[0] == TLS_HANDSHAKE_RECORD)
        }
    }

    async fn http1<S>(self, stream: S) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client) = (self.edge, self.client);
        // Boxed, so that an idle connection does not reserve space for a request.
        let answer = move |request| Box::pin(Arc::clone(&edge).handle(client, request));
        serve_http1(stream, self.header_bytes, MAX_CONNECTION_AGE, self.stop, answer).await
    }

    async fn http2<S>(self, stream: S) -> Result<(), ConnectionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client) = (self.edge, self.client);
        let answer = move |request| Arc::clone(&edge).handle(client, request);
        serve_http2(stream, self.header_bytes, HTTP2_IDLE_TIMEOUT, self.stop, answer).await
    }
}

/// Serves HTTP/2 and closes idle connections: a client that only answers pings, or sends nothing, could keep one
/// forever.
async fn serve_http2<S, F>(
    stream: S,
    header_bytes: usize,
    idle_timeout: Duration,
    stop: CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let in_flight = InFlight::default();
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_concurrent_streams(MAX_HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let (answer, guard) = (answer(request), in_flight.start());
                async move { answer.await.map(|answer| answer.map(|body| guard.hold_until_sent(body))) }
            }),
        );
    let expired = async {
        tokio::select! {
            () = in_flight.wait_idle(idle_timeout) => {}
            () = tokio::time::sleep(MAX_CONNECTION_AGE) => {}
        }
    };
    serve_until(Box::pin(connection), stop, expired, in_flight.wait_idle(GOAWAY_TIMEOUT.min(idle_timeout)))
        .await
}

/// Serves HTTP/1.1. A connection of maximum age ends with a response that says `Connection: close`: without it, a request
/// that the client has already sent would be lost.
async fn serve_http1<S, F>(
    stream: S,
    header_bytes: usize,
    max_age: Duration,
    stop: CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F,
) -> Result<(), ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    let begun = Instant::now();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Includes the wait for the next request, so this is the idle timeout as well.
        .header_read_timeout(HEAD_TIMEOUT)
        // One read may exceed the header limit, so both limits are needed.
        .max_buf_size(header_bytes)
        .max_header_size(header_bytes)
        .preserve_header_case(true)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let answer = answer(request);
                async move {
                    let answer = answer.await?;
                    Ok::<_, Infallible>(if begun.elapsed() < max_age {
                        answer
                    } else {
                        envelope::with_connection_close(answer)
                    })
                }
            }),
        );
    // By then the last response has been sent or is in flight.
    serve_until(
        Box::pin(connection),
        stop,
        tokio::time::sleep(max_age + CLOSE_TIMEOUT),
        std::future::pending(),
    )
    .await
}

/// Polls a connection until it closes, until `stop`, or until `expired`. Then requests in flight finish, unless the
/// connection becomes `idle`.
async fn serve_until<C>(
    mut connection: Pin<Box<C>>,
    stop: CancellationToken,
    expired: impl Future<Output = ()>,
    idle: impl Future<Output = ()>,
) -> Result<(), ConnectionError>
where
    C: GracefulConnection,
    C::Error: Into<ConnectionError>,
{
    tokio::select! {
        done = connection.as_mut() => return done.map_err(Into::into),
        () = stop.cancelled() => {}
        () = expired => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        done = tokio::time::timeout(CLOSE_TIMEOUT, connection) => done?.map_err(Into::into),
        // A client that does not answer GOAWAY, or never sent a preface, is disconnected.
        () = idle => Err("idle connection closed".into()),
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONNECTION;
    use http_body_util::BodyExt as _;
    use hyper::client::conn::http1::SendRequest;
    use tokio::io::DuplexStream;
    use tokio::task::JoinHandle;

    use super::*;

    const NO_TIME: Duration = Duration::ZERO;
    const SHORT_TIME: Duration = Duration::from_millis(50);
    const LONG_TIME: Duration = Duration::from_secs(3600);

    /// Connects an HTTP/1.1 client to a server that answers `yes`.
    async fn connect_http1(
        max_age: Duration,
    ) -> (SendRequest<Body>, JoinHandle<Result<(), ConnectionError>>) {
        let (ours, theirs) = tokio::io::duplex(4096);
        let yes = |_| async { Ok(Response::new(envelope::full_body("yes"))) };
        let served = tokio::spawn(serve_http1(ours, 8192, max_age, CancellationToken::new(), yes));
        let (client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(theirs)).await.unwrap();
        tokio::spawn(connection);
        (client, served)
    }

    async fn request_and_check_close(client: &mut SendRequest<Body>) -> bool {
        client.ready().await.unwrap();
        let answer = client.send_request(Request::new(envelope::full_body(""))).await.unwrap();
        answer.headers().get(CONNECTION).is_some_and(|value| value == "close")
    }

    #[tokio::test]
    async fn keeps_connection_below_maximum_age() {
        let (mut client, served) = connect_http1(LONG_TIME).await;
        for _ in 0..3 {
            assert!(!request_and_check_close(&mut client).await);
        }
        assert!(!served.is_finished());
    }

    #[tokio::test]
    async fn closes_old_connection_with_a_response_that_says_so() {
        let (mut client, served) = connect_http1(NO_TIME).await;
        assert!(request_and_check_close(&mut client).await);
        served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn connection_that_ages_while_idle_answers_one_more_request() {
        let (mut client, served) = connect_http1(SHORT_TIME).await;
        tokio::time::sleep(4 * SHORT_TIME).await;
        assert!(request_and_check_close(&mut client).await);
        served.await.unwrap().unwrap();
    }

    /// Starts an HTTP/2 server that answers `yes` after a delay.
    fn serve_slow_http2(
        delay: Duration,
        stop: &CancellationToken,
    ) -> (DuplexStream, JoinHandle<Result<(), ConnectionError>>) {
        let (ours, theirs) = tokio::io::duplex(4096);
        let yes = move |_| async move {
            tokio::time::sleep(delay).await;
            Ok(Response::new(envelope::full_body("yes")))
        };
        (theirs, tokio::spawn(serve_http2(ours, 8192, 4 * SHORT_TIME, stop.clone(), yes)))
    }

    #[tokio::test]
    async fn closes_http2_connection_without_a_preface() {
        for cancelled in [false, true] {
            let stop = CancellationToken::new();
            let (_silent, served) = serve_slow_http2(NO_TIME, &stop);
            if cancelled {
                stop.cancel();
            }
            let ended = tokio::time::timeout(20 * SHORT_TIME, served).await.unwrap();
            assert!(ended.unwrap().is_err(), "stopped: {cancelled}");
        }
    }

    #[tokio::test]
    async fn closes_idle_http2_connection_and_serves_busy_one() {
        let (stream, served) = serve_slow_http2(12 * SHORT_TIME, &CancellationToken::new());
        let io = TokioIo::new(stream);
        let (mut client, connection) =
            hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), io).await.unwrap();
        let client_task = tokio::spawn(connection);
        let answer = client.send_request(Request::new(envelope::full_body(""))).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "yes");
        assert!(!served.is_finished());
        // Either side may see the end of the stream before the other side's GOAWAY.
        let _ = tokio::time::timeout(20 * SHORT_TIME, served).await.unwrap().unwrap();
        let _ = client_task.await.unwrap();
        assert!(client.is_closed());
    }
}
