//! Reading a request's body whole: bounded in size and in time.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::refusal::Refusal;

/// Stock clients send less than a kilobyte; who needs longer than this is not sending.
const LONGEST: Duration = Duration::from_secs(10);

/// What is taken off, and for how long, of a body that is refused by its announced length.
const LINGER_BYTES: usize = 256 * 1024;
const LINGER: Duration = Duration::from_millis(300);

/// Reads the body of `request`, at most `limit` bytes.
pub(super) async fn read<B>(
    request: Request<B>,
    limit: usize,
) -> Result<(http::request::Parts, Bytes), Refusal>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    if announced(&parts.headers).is_some_and(|length| length > limit as u64) {
        // Who is cut off while sending may never see the answer: what is on its way is taken off first.
        let rest = Limited::new(body, LINGER_BYTES).collect();
        // How that ends makes no difference to the answer.
        let _ = tokio::time::timeout(LINGER, rest).await;
        return Err(Refusal::TooLarge { limit });
    }
    match tokio::time::timeout(LONGEST, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok((parts, collected.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge { limit }),
        Ok(Err(error)) => Err(Refusal::Malformed(format!("body did not arrive: {error}"))),
        Err(_) => Err(Refusal::TooSlow),
    }
}

fn announced(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
