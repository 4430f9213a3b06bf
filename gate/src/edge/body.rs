//! Reads a request body completely, bounded in size and time.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::refusal::Refusal;

/// Timeout of a body: stock clients send less than a kilobyte.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Size and time limits of the discarded part of a body that is refused by its `Content-Length`.
const MAX_DISCARDED_BYTES: usize = 256 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_millis(300);

/// Reads the body of `request`, at most `limit` bytes.
pub(super) async fn read_body<B>(
    request: Request<B>,
    limit: usize,
) -> Result<(http::request::Parts, Bytes), Refusal>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    if content_length(&parts.headers).is_some_and(|length| length > limit as u64) {
        // A client that is disconnected while it sends may never read the response, so sent data is discarded first.
        let rest = Limited::new(body, MAX_DISCARDED_BYTES).collect();
        // The result does not affect the response.
        let _ = tokio::time::timeout(DISCARD_TIMEOUT, rest).await;
        return Err(Refusal::TooLarge { limit });
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok((parts, collected.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Ok(Err(error)) => Err(Refusal::Malformed(format!("body did not arrive: {error}"))),
        Err(_) => Err(Refusal::TooSlow),
    }
}

fn content_length(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
