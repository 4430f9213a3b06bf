//! Responses of the gate, in the envelope of the node, so that stock clients show the message.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde::Serialize;

use crate::handshake::HandshakeAnswer;
use crate::refusal::Refusal;

/// Body of a response: of the gate, or streamed from the node.
pub type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Returns a body with these bytes.
pub(super) fn full_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Adds `Connection: close`.
pub(super) fn with_connection_close<B>(mut answer: Response<B>) -> Response<B> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

#[derive(Serialize)]
struct SuccessEnvelope<'a, T> {
    success: bool,
    result: &'a T,
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    success: bool,
    error: ErrorDetail<'a>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    code: u32,
    message: &'a str,
}

/// `{"success":true,"result":…}`.
pub(super) fn success<T: Serialize>(status: StatusCode, result: &T) -> Response<Body> {
    json(status, &SuccessEnvelope { success: true, result })
}

/// A refusal with its transport options. Every refusal becomes a response here, and only here.
#[derive(Debug)]
pub(super) struct RefusalResponse {
    reason: Refusal,
    /// Closes the connection, because its further bytes cannot be trusted.
    close: bool,
    /// Allows pages of any origin to read it, like the node's own responses.
    any_origin: bool,
}

impl From<Refusal> for RefusalResponse {
    fn from(reason: Refusal) -> Self {
        Self { reason, close: false, any_origin: true }
    }
}

impl RefusalResponse {
    /// Creates a refusal that closes the connection.
    pub(super) fn closing(reason: Refusal) -> Self {
        Self { reason, close: true, any_origin: true }
    }

    /// Creates a refusal that only the page of the gate may read.
    pub(super) fn same_origin(reason: Refusal) -> Self {
        Self { reason, close: false, any_origin: false }
    }

    /// Returns `{"success":false,"error":{"code":…,"message":…}}`. `request` is the request id.
    pub(super) fn into_response(self, request: &str) -> Response<Body> {
        let Self { reason, close, any_origin } = self;
        let mut message = reason.to_string();
        if reason == Refusal::Internal {
            message = format!("{message}: request {request}");
        }
        let error = ErrorDetail { code: reason.code(), message: &message };
        let mut answer = json(reason.status(), &ErrorEnvelope { success: false, error });
        let headers = answer.headers_mut();
        if let Some(after) = reason.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        if any_origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        if close { with_connection_close(answer) } else { answer }
    }
}

/// Returns a response without a body.
pub(super) fn empty_response(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(full_body(Bytes::new()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Returns the answer to a handshake: of the node, or its recorded answer to the same handshake.
pub(super) fn handshake_response(answer: HandshakeAnswer) -> Response<Body> {
    match answer {
        HandshakeAnswer::Node(answer) => answer.map(full_body),
        HandshakeAnswer::Recorded(body) => recorded_response(body),
    }
}

fn recorded_response(body: Bytes) -> Response<Body> {
    let mut answer = Response::new(full_body(body));
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // Cannot fail: these types contain no map with keys that JSON does not allow.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(full_body(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_response(refused: RefusalResponse) -> (Response<()>, serde_json::Value) {
        let (parts, body) = refused.into_response("0123456789abcdef").into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn internal_error_contains_the_request_id() {
        let (answer, body) = read_response(Refusal::Internal.into()).await;
        assert_eq!((answer.status().as_u16(), &body["error"]["code"]), (500, &199.into()));
        assert!(body["error"]["message"].as_str().unwrap().ends_with("request 0123456789abcdef"), "{body}");
        let (_, body) = read_response(RefusalResponse::same_origin(Refusal::Denied)).await;
        assert!(!body["error"]["message"].as_str().unwrap().contains("0123"), "{body}");
    }

    #[tokio::test]
    async fn refusal_sets_connection_cors_and_retry_headers() {
        let (answer, _) = read_response(RefusalResponse::closing(Refusal::TooSlow)).await;
        assert_eq!(answer.headers()[CONNECTION], "close");
        let (answer, _) = read_response(RefusalResponse::same_origin(Refusal::Token)).await;
        assert!(answer.headers().get(CONNECTION).is_none());
        assert!(answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        let retry_after = std::time::Duration::from_millis(2500);
        let (answer, _) = read_response(Refusal::TooMany { retry_after }.into()).await;
        assert_eq!(answer.headers()[RETRY_AFTER], "3");
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
