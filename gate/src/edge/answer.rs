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

/// `{"success":false,"error":{"code":…,"message":…}}`.
pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    let message = refusal.to_string();
    let reason = Reason { code: refusal.code(), message: &message };
    let mut answer = json(refusal.status(), &Failure { success: false, error: reason });
    if let Some(after) = refusal.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs()));
    }
    answer
}

/// No body at all.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A refusal after which the connection ends, because what follows on it cannot be trusted.
pub(super) fn refuse_and_close(reason: &Refusal) -> Response<Body> {
    let mut answer = refusal(reason);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Lets a page of any origin read this answer, as the node's own answers do.
pub(super) fn readable_everywhere(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
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
