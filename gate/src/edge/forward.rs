//! Forwarding to the node over pooled plain connections: request and answer unchanged, but for what belongs
//! to one hop and for the client's address.

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

use super::answer::Body;
use super::client_address;
use super::rules::NotAHandshake;
use crate::admission::{Admitted, NoSession};
use crate::refusal::Refusal;

const CONNECT: Duration = Duration::from_secs(1);
/// Stock clients give up after 5 s; the node may need a while for its chain query and tunnel command.
const ANSWER: Duration = Duration::from_secs(15);
/// For the head of every other answer.
const PATIENCE: Duration = Duration::from_millis(2800);
const IDLE: Duration = Duration::from_secs(60);
/// A handshake's answer is kept whole; the node's are below 2 KiB.
const LARGEST_KEPT: usize = 256 * 1024;
const LATE: &str = "no answer in time";

const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    // The body is here already, whoever asked before sending it.
    EXPECT,
];

/// The node did not answer, or with what is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unanswered {
    /// What to say.
    pub refusal: Refusal,
    /// Whether the node may have done what it was asked all the same.
    pub perhaps_done: bool,
    /// For the operator.
    why: String,
}

impl Unanswered {
    fn refused(refusal: Refusal) -> Self {
        let why = refusal.to_string();
        Self { refusal, perhaps_done: false, why }
    }

    fn not_done(why: impl Into<String>) -> Self {
        Self { refusal: Refusal::NodeUnavailable, perhaps_done: false, why: why.into() }
    }

    fn perhaps_done(why: impl Into<String>) -> Self {
        Self { perhaps_done: true, ..Self::not_done(why) }
    }

    /// Tells the operator, who else would not know what became of a client's request.
    fn logged(self) -> Self {
        if self.refusal == Refusal::NodeUnavailable {
            tracing::warn!(why = self.why, "the node does not answer");
        }
        self
    }
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.refusal
    }
}

/// The way to the node.
pub struct Upstream {
    client: Client<HttpConnector, Full<Bytes>>,
    node: Uri,
    /// Who the gate itself is for the node: an address of its own in the loopback range, so that nobody else
    /// uses up the node's patience with it.
    own_address: IpAddr,
}

impl Upstream {
    /// Connections to `node`, from an address of our own if the node is to know us by it.
    pub fn new(node: Uri, from: Option<Ipv4Addr>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(from.map(IpAddr::V4));
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .http1_preserve_header_case(true)
            .build(connector);
        let [b, c, d] = rand::random();
        Self { client, node, own_address: [127, b, c, d].into() }
    }

    /// Where it is.
    pub fn node(&self) -> &Uri {
        &self.node
    }

    /// Sends a request that is no handshake on, and streams the node's answer back.
    pub async fn forward(
        &self,
        _: NotAHandshake,
        request: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Response<Body>, Refusal> {
        let answer = tokio::time::timeout(PATIENCE, self.send(request, body, client)).await;
        let answer = answer.unwrap_or_else(|_| Err(Unanswered::perhaps_done(LATE)));
        Ok(answer.map_err(Unanswered::logged)?.map(BodyExt::boxed_unsync))
    }

    /// Sends an admitted handshake on, byte for byte, and returns the node's answer whole.
    pub async fn forward_admitted(
        &self,
        admitted: &Admitted,
        request: Parts,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Unanswered> {
        self.whole(request, admitted.body(), client).await.map_err(Unanswered::logged)
    }

    /// Lets the node say in its own words that the account has no such session.
    pub async fn ask_about(
        &self,
        missing: &NoSession,
        request: Parts,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Refusal> {
        let question = missing.question();
        let answer = self.whole(request, question.body(), client).await.map_err(Unanswered::logged)?;
        Ok(answer.map(|body| question.restate(body)))
    }

    async fn whole(
        &self,
        request: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Response<Bytes>, Unanswered> {
        let (parts, body) = self.send(request, body, client).await?.into_parts();
        let collected = tokio::time::timeout(ANSWER, Limited::new(body, LARGEST_KEPT).collect()).await;
        match collected {
            Ok(Ok(body)) => Ok(Response::from_parts(parts, body.to_bytes())),
            Ok(Err(error)) => Err(Unanswered::perhaps_done(with_causes(error.as_ref()))),
            Err(_) => Err(Unanswered::perhaps_done("the answer stopped in the middle")),
        }
    }

    /// The node's own info: `GET /`, asked by the gate for itself.
    pub async fn info(&self) -> Result<(StatusCode, Bytes), Unanswered> {
        let (parts, ()) = Request::new(()).into_parts();
        let answer = self.whole(parts, Bytes::new(), self.own_address).await?;
        Ok((answer.status(), answer.into_body()))
    }

    async fn send(
        &self,
        request: Parts,
        body: Bytes,
        client: IpAddr,
    ) -> Result<Response<Incoming>, Unanswered> {
        let request = self.request(request, body, client).map_err(Unanswered::refused)?;
        let mut answer = match tokio::time::timeout(ANSWER, self.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.is_connect() => return Err(Unanswered::not_done(with_causes(&error))),
            Ok(Err(error)) => return Err(Unanswered::perhaps_done(with_causes(&error))),
            Err(_) => return Err(Unanswered::perhaps_done(LATE)),
        };
        if answer.status() == StatusCode::TOO_MANY_REQUESTS && answer.body().is_end_stream() {
            // The node's own limit answers nothing, which stock clients show as "unexpected EOF".
            return Err(Unanswered::refused(Refusal::TooMany { retry_after: Duration::from_secs(1) }));
        }
        if answer.status().is_informational() {
            return Err(Unanswered::not_done("the node wants to switch protocols"));
        }
        remove_hop_by_hop(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        Ok(answer)
    }

    pub(super) fn request(
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
        // It is told again, once, by the length of what is sent.
        parts.headers.remove(CONTENT_LENGTH);
        client_address::replace(&mut parts.headers, client);
        // HTTP/2 names the host in the target only.
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

/// Removes the headers that belong to one connection, and those that `Connection` names as such.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}
