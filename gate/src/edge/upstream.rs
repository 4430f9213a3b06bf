//! Client of the node over pooled plain connections. Requests and responses pass unchanged, except for hop-by-hop headers
//! and the client address.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri, Version, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use service_runtime::causes::with_causes;
use tracing::instrument;

use super::client_address;
use super::envelope::Body;
use super::rules::NotAHandshake;
use crate::admission::{Admitted, NoSession};
use crate::handshake::{ForwardError, HandshakeForwarder};
use crate::refusal::Refusal;

const NODE_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout of a response of the node: its hub query and tunnel command may take longer than the 5 s of stock clients.
const NODE_RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout of the response head for requests other than handshakes.
const FORWARD_TIMEOUT: Duration = Duration::from_millis(2800);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of a buffered response; handshake responses of the node are below 2 KiB.
const MAX_BUFFERED_RESPONSE_BYTES: usize = 256 * 1024;
const TIMEOUT_CAUSE: &str = "no answer in time";

const HOP_BY_HOP_HEADERS: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    // The gate has already received the body.
    EXPECT,
];

/// The node sent no valid response.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct UpstreamError {
    /// Refusal to answer with.
    pub refusal: Refusal,
    /// Whether the node may have processed the request nevertheless.
    pub maybe_processed: bool,
    /// Cause, for the log.
    why: String,
}

impl UpstreamError {
    fn from_refusal(refusal: Refusal) -> Self {
        let why = refusal.to_string();
        Self { refusal, maybe_processed: false, why }
    }

    fn not_processed(why: impl Into<String>) -> Self {
        Self { refusal: Refusal::NodeUnavailable, maybe_processed: false, why: why.into() }
    }

    fn maybe_processed(why: impl Into<String>) -> Self {
        Self { maybe_processed: true, ..Self::not_processed(why) }
    }

    /// Logs an unavailable node, because the refusal does not state the cause.
    fn log(self) -> Self {
        if self.refusal == Refusal::NodeUnavailable {
            tracing::warn!(why = self.why, "the node does not answer");
        }
        self
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        error.refusal
    }
}

impl From<UpstreamError> for ForwardError {
    fn from(error: UpstreamError) -> Self {
        Self { refusal: error.refusal, maybe_processed: error.maybe_processed }
    }
}

/// Head of a client's request, and the address of the client.
#[derive(Debug)]
pub struct RequestHead {
    /// Method, path and headers.
    pub parts: Parts,
    /// Address of the client.
    pub client: IpAddr,
}

/// HTTP client of the node.
pub struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    node: Uri,
    /// Client address of the gate's own requests: a random loopback address, so that no other client shares its
    /// rate limit at the node.
    own_address: IpAddr,
}

impl Upstream {
    /// Creates a client of `node`. `from`: local address of its connections, if the node identifies the gate by it.
    pub fn new(node: Uri, from: Option<Ipv4Addr>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(from.map(IpAddr::V4));
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(NODE_CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .http1_preserve_header_case(true)
            .build(connector);
        let [b, c, d] = rand::random();
        Self { client, node, own_address: [127, b, c, d].into() }
    }

    /// Returns the address of the node.
    pub fn node(&self) -> &Uri {
        &self.node
    }

    /// Forwards a request that is not a handshake and streams the response.
    #[instrument(level = "debug", skip_all, fields(node = self.node.authority().map(tracing::field::display)))]
    pub async fn forward(
        &self,
        _: NotAHandshake,
        request: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Response<Body>, Refusal> {
        let answer = tokio::time::timeout(FORWARD_TIMEOUT, self.send(request, body, client)).await;
        let answer = answer.unwrap_or_else(|_| Err(UpstreamError::maybe_processed(TIMEOUT_CAUSE)));
        Ok(answer.map_err(UpstreamError::log)?.map(BodyExt::boxed_unsync))
    }

    async fn send_buffered(
        &self,
        request: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Response<Bytes>, UpstreamError> {
        let (parts, body) = self.send(request, body, client).await?.into_parts();
        let collected = tokio::time::timeout(
            NODE_RESPONSE_TIMEOUT,
            Limited::new(body, MAX_BUFFERED_RESPONSE_BYTES).collect(),
        )
        .await;
        match collected {
            Ok(Ok(body)) => Ok(Response::from_parts(parts, body.to_bytes())),
            Ok(Err(error)) => Err(UpstreamError::maybe_processed(with_causes(error.as_ref()))),
            Err(_) => Err(UpstreamError::maybe_processed("incomplete response")),
        }
    }

    /// Fetches the info of the node: `GET /`.
    pub async fn fetch_info(&self) -> Result<(StatusCode, Bytes), UpstreamError> {
        let (parts, ()) = Request::new(()).into_parts();
        let answer = self.send_buffered(parts, Bytes::new(), self.own_address).await?;
        Ok((answer.status(), answer.into_body()))
    }

    async fn send(
        &self,
        request: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let request = self.build_request(request, body, client).map_err(UpstreamError::from_refusal)?;
        let mut answer = match tokio::time::timeout(NODE_RESPONSE_TIMEOUT, self.client.request(request)).await
        {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => {
                return Err(UpstreamError::not_processed(with_causes(&error)));
            }
            Ok(Err(error)) => return Err(UpstreamError::maybe_processed(with_causes(&error))),
            Err(_) => return Err(UpstreamError::maybe_processed(TIMEOUT_CAUSE)),
        };
        if answer.status() == StatusCode::TOO_MANY_REQUESTS && answer.body().is_end_stream() {
            // The node's rate limiter sends an empty body, which stock clients show as "unexpected EOF".
            return Err(UpstreamError::from_refusal(Refusal::TooMany {
                retry_after: Duration::from_secs(1),
            }));
        }
        if answer.status().is_informational() {
            return Err(UpstreamError::not_processed("the node answers with an informational status"));
        }
        remove_hop_by_hop(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        Ok(answer)
    }

    pub(super) fn build_request(
        &self,
        mut parts: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = parts.uri.authority().cloned();
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.node.authority().map_or("", |node| node.as_str()))
            .path_and_query(path)
            .build()
            .map_err(|error| Refusal::Malformed(format!("path: {error}")))?;
        remove_hop_by_hop(&mut parts.headers);
        // The HTTP client sets it from the body.
        parts.headers.remove(CONTENT_LENGTH);
        client_address::replace_client_address(&mut parts.headers, client);
        // HTTP/2 states the host only in the target.
        if let (false, Some(authority)) = (parts.headers.contains_key(HOST), authority)
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.insert(HOST, host);
        }
        parts.uri = uri;
        parts.version = Version::HTTP_11;
        Ok(Request::from_parts(parts, Full::new(body)))
    }
}

impl HandshakeForwarder for Upstream {
    type Request = RequestHead;

    #[instrument(level = "debug", skip_all, fields(node = self.node.authority().map(tracing::field::display)))]
    async fn forward_admitted(
        &self,
        admitted: &Admitted,
        request: RequestHead,
    ) -> Result<Response<Bytes>, ForwardError> {
        let answer = self.send_buffered(request.parts, admitted.body(), request.client).await;
        Ok(answer.map_err(UpstreamError::log)?)
    }

    #[instrument(level = "debug", skip_all, fields(node = self.node.authority().map(tracing::field::display)))]
    async fn forward_missing_session(
        &self,
        missing: &NoSession,
        request: RequestHead,
    ) -> Result<Response<Bytes>, ForwardError> {
        let question = missing.question();
        let answer = self.send_buffered(request.parts, question.body(), request.client).await;
        Ok(answer.map_err(UpstreamError::log)?.map(|body| question.rewrite_signer(body)))
    }
}

/// Removes hop-by-hop headers, including those named by `Connection`.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP_HEADERS.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// The firewall rules of the tunnel drivers let only this address through to the node.
    #[tokio::test]
    async fn connects_from_the_given_local_address() {
        let from = Ipv4Addr::new(127, 83, 71, 84);
        let node = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", node.local_addr().unwrap()).parse().unwrap();
        let upstream = Upstream::new(uri, Some(from));
        let answer = async {
            let (mut stream, client) = node.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
            client.ip()
        };
        let (answered, client) = tokio::join!(upstream.fetch_info(), answer);
        assert_eq!(answered.unwrap().0, StatusCode::OK);
        assert_eq!(client, IpAddr::V4(from));
    }
}
