//! Our own answers: always the node's envelope, so that stock clients show the sentence in it.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use serde::Serialize;

use crate::refusal::Refusal;

/// Body of every answer: ours, or the node's as it streams in.
pub type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// A body that is there already.
pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The same answer, as the last one of its connection.
pub(super) fn last<B>(mut answer: Response<B>) -> Response<B> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

#[derive(Serialize)]
struct Success<'a, T> {
    success: bool,
    result: &'a T,
}

#[derive(Serialize)]
struct Failure<'a> {
    success: bool,
    error: Reason<'a>,
}

#[derive(Serialize)]
struct Reason<'a> {
    code: u32,
    message: &'a str,
}

/// `{"success":true,"result":…}`.
pub(super) fn success<T: Serialize>(status: StatusCode, result: &T) -> Response<Body> {
    json(status, &Success { success: true, result })
}

/// A refusal on its way out: every one becomes an answer here, and only here.
#[derive(Debug)]
pub(super) struct Refused {
    reason: Refusal,
    /// What follows on the connection cannot be trusted.
    close: bool,
    /// A page of any origin may read it, as it may the node's own answers.
    everywhere: bool,
}

impl From<Refusal> for Refused {
    fn from(reason: Refusal) -> Self {
        Self { reason, close: false, everywhere: true }
    }
}

impl Refused {
    /// After this one the connection ends.
    pub(super) fn and_close(reason: Refusal) -> Self {
        Self { reason, close: true, everywhere: true }
    }

    /// For our own page only.
    pub(super) fn to_our_page(reason: Refusal) -> Self {
        Self { reason, close: false, everywhere: false }
    }

    /// `{"success":false,"error":{"code":…,"message":…}}`; `request` is the number of the request.
    pub(super) fn answer(self, request: &str) -> Response<Body> {
        let Self { reason, close, everywhere } = self;
        let mut message = reason.to_string();
        if reason == Refusal::Internal {
            message = format!("{message}: request {request}");
        }
        let error = Reason { code: reason.code(), message: &message };
        let mut answer = json(reason.status(), &Failure { success: false, error });
        let headers = answer.headers_mut();
        if let Some(after) = reason.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        if everywhere {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        if close { last(answer) } else { answer }
    }
}

/// No body at all.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The node's answer to an earlier handshake, again.
pub(super) fn recorded(bytes: Bytes) -> Response<Bytes> {
    let mut answer = Response::new(bytes);
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Body> {
    // Our own types hold no map with keys that JSON cannot express, so this cannot fail.
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(full(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(refused: Refused) -> (Response<()>, serde_json::Value) {
        let (parts, body) = refused.answer("0123456789abcdef").into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_fault_of_ours_is_told_with_the_number_of_the_request() {
        let (answer, body) = told(Refusal::Internal.into()).await;
        assert_eq!((answer.status().as_u16(), &body["error"]["code"]), (500, &199.into()));
        assert!(body["error"]["message"].as_str().unwrap().ends_with("request 0123456789abcdef"), "{body}");
        let (_, body) = told(Refused::to_our_page(Refusal::Denied)).await;
        assert!(!body["error"]["message"].as_str().unwrap().contains("0123"), "{body}");
    }

    #[tokio::test]
    async fn what_a_refusal_means_for_connection_and_page() {
        let (answer, _) = told(Refused::and_close(Refusal::TooSlow)).await;
        assert_eq!(answer.headers()[CONNECTION], "close");
        let (answer, _) = told(Refused::to_our_page(Refusal::Token)).await;
        assert!(answer.headers().get(CONNECTION).is_none());
        assert!(answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        let retry_after = std::time::Duration::from_millis(2500);
        let (answer, _) = told(Refusal::TooMany { retry_after }.into()).await;
        assert_eq!(answer.headers()[RETRY_AFTER], "3");
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
