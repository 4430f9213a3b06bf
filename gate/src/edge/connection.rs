//! One connection: TLS or plain HTTP, as the node takes them on one port, and neither idle nor old for ever.

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
use super::answer::{self, Body};
use super::under_way::UnderWay;

/// From the first byte to the end of the TLS handshake, and for each head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Who takes nothing of his answers for so long is gone.
const STALLED: Duration = Duration::from_secs(30);
/// After this a connection gets no further request, however busy: over HTTP/2 a client that answers pings could
/// keep one for ever.
const OLDEST: Duration = Duration::from_secs(600);
/// For the requests that are under way then.
const LAST: Duration = Duration::from_secs(60);
/// Over HTTP/2, where nothing is under way for so long.
const QUIET: Duration = Duration::from_secs(60);
/// For a client to hear that a quiet connection ends.
const FAREWELL: Duration = Duration::from_secs(5);
/// First byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
const STREAMS: u32 = 64;

/// Whose it is, and what is needed to serve it.
pub(super) struct Connection {
    pub(super) tls: TlsAcceptor,
    pub(super) header_bytes: usize,
    pub(super) edge: Arc<Edge>,
    pub(super) client: IpAddr,
    pub(super) stop: CancellationToken,
}

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;
/// Gives up on a client that does not read.
type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

impl Connection {
    /// Serves it until its end, until `stop`, or until it is old.
    pub(super) async fn serve(self, stream: TcpStream) -> Result<(), Failure> {
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
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client) = (self.edge, self.client);
        // Boxed, so that a connection which waits for its next request does not have room for one.
        let answer = move |request| Box::pin(Arc::clone(&edge).handle(client, request));
        http1(stream, self.header_bytes, OLDEST, self.stop, answer).await
    }

    async fn http2<S>(self, stream: S) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (edge, client) = (self.edge, self.client);
        let answer = move |request| Arc::clone(&edge).handle(client, request);
        http2(stream, self.header_bytes, QUIET, self.stop, answer).await
    }
}

/// HTTP/2. A client could keep a connection for ever that answers pings or says nothing at all, so one on which nobody
/// asks for anything ends.
async fn http2<S, F>(
    stream: S,
    header_bytes: usize,
    quiet: Duration,
    stop: CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let under_way = UnderWay::default();
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let (answer, one) = (answer(request), under_way.one());
                async move { answer.await.map(|answer| answer.map(|body| one.until_sent(body))) }
            }),
        );
    let ends = async {
        tokio::select! {
            () = under_way.quiet(quiet) => {}
            () = tokio::time::sleep(OLDEST) => {}
        }
    };
    until_done(Box::pin(connection), stop, ends, under_way.quiet(FAREWELL.min(quiet))).await
}

/// HTTP/1.1. An old connection ends with an answer that says so: a client that is told nothing may have sent its next
/// request by then, which would be lost.
async fn http1<S, F>(
    stream: S,
    header_bytes: usize,
    oldest: Duration,
    stop: CancellationToken,
    answer: impl Fn(Request<Incoming>) -> F,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    let begun = Instant::now();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also for the next one: a client that sends none is not waited for any longer.
        .header_read_timeout(HEAD)
        // What is read at once may be more than what a head may have.
        .max_buf_size(header_bytes)
        .max_header_size(header_bytes)
        .preserve_header_case(true)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let answer = answer(request);
                async move {
                    let answer = answer.await?;
                    Ok::<_, Infallible>(if begun.elapsed() < oldest { answer } else { answer::last(answer) })
                }
            }),
        );
    // By then it has given its last answer, or that is under way.
    until_done(Box::pin(connection), stop, tokio::time::sleep(oldest + LAST), std::future::pending()).await
}

/// Serves a connection until its end, until `stop`, or until it `ends` otherwise; then requests under way finish, as
/// long as it is not `quiet`.
async fn until_done<C>(
    mut connection: Pin<Box<C>>,
    stop: CancellationToken,
    ends: impl Future<Output = ()>,
    quiet: impl Future<Output = ()>,
) -> Result<(), Failure>
where
    C: GracefulConnection,
    C::Error: Into<Failure>,
{
    tokio::select! {
        done = connection.as_mut() => return done.map_err(Into::into),
        () = stop.cancelled() => {}
        () = ends => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        done = tokio::time::timeout(LAST, connection) => done?.map_err(Into::into),
        // A client that does not answer, or has not even said hello, is not waited for.
        () = quiet => Err("nobody asked for anything".into()),
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

    const NOW: Duration = Duration::ZERO;
    const SOON: Duration = Duration::from_millis(50);
    const NEVER: Duration = Duration::from_secs(3600);

    /// A client of a gate that says only `yes`.
    async fn client(oldest: Duration) -> (SendRequest<Body>, JoinHandle<Result<(), Failure>>) {
        let (ours, theirs) = tokio::io::duplex(4096);
        let yes = |_| async { Ok(Response::new(answer::full("yes"))) };
        let served = tokio::spawn(http1(ours, 8192, oldest, CancellationToken::new(), yes));
        let (client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(theirs)).await.unwrap();
        tokio::spawn(connection);
        (client, served)
    }

    async fn is_the_last_one(client: &mut SendRequest<Body>) -> bool {
        client.ready().await.unwrap();
        let answer = client.send_request(Request::new(answer::full(""))).await.unwrap();
        answer.headers().get(CONNECTION).is_some_and(|value| value == "close")
    }

    #[tokio::test]
    async fn a_young_connection_is_kept() {
        let (mut client, served) = client(NEVER).await;
        for _ in 0..3 {
            assert!(!is_the_last_one(&mut client).await);
        }
        assert!(!served.is_finished());
    }

    #[tokio::test]
    async fn an_old_connection_ends_with_an_answer_that_says_so() {
        let (mut client, served) = client(NOW).await;
        assert!(is_the_last_one(&mut client).await);
        served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_grows_old_while_nobody_asks_still_answers() {
        let (mut client, served) = client(SOON).await;
        tokio::time::sleep(4 * SOON).await;
        assert!(is_the_last_one(&mut client).await);
        served.await.unwrap().unwrap();
    }

    /// A gate over HTTP/2 that says only `yes`, after a while.
    fn second(takes: Duration, stop: &CancellationToken) -> (DuplexStream, JoinHandle<Result<(), Failure>>) {
        let (ours, theirs) = tokio::io::duplex(4096);
        let yes = move |_| async move {
            tokio::time::sleep(takes).await;
            Ok(Response::new(answer::full("yes")))
        };
        (theirs, tokio::spawn(http2(ours, 8192, 4 * SOON, stop.clone(), yes)))
    }

    #[tokio::test]
    async fn who_says_nothing_over_http2_is_not_waited_for() {
        for stops in [false, true] {
            let stop = CancellationToken::new();
            let (_silent, served) = second(NOW, &stop);
            if stops {
                stop.cancel();
            }
            let ended = tokio::time::timeout(20 * SOON, served).await.unwrap();
            assert!(ended.unwrap().is_err(), "stopped: {stops}");
        }
    }

    #[tokio::test]
    async fn a_quiet_client_over_http2_is_told_and_a_busy_one_is_served() {
        let (stream, served) = second(12 * SOON, &CancellationToken::new());
        let io = TokioIo::new(stream);
        let (mut client, connection) =
            hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), io).await.unwrap();
        let told = tokio::spawn(connection);
        let answer = client.send_request(Request::new(answer::full(""))).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "yes");
        assert!(!served.is_finished());
        // Either of them may see the end of the stream before the other's farewell.
        let _ = tokio::time::timeout(20 * SOON, served).await.unwrap().unwrap();
        let _ = told.await.unwrap();
        assert!(client.is_closed());
    }
}
