//! One JSON-RPC exchange over HTTP with a hostile server: bounded in size and, by the caller, in time.

use std::borrow::Cow;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::ReadError;
use super::error::ProviderError;

const ID: u64 = 1;
/// Maximum characters of a provider's message within ours.
const MESSAGE_LIMIT: usize = 160;

#[derive(Serialize)]
struct RpcRequest<'a, P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: P,
}

#[derive(Deserialize)]
struct RpcResponse<'a> {
    id: u64,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<RpcErrorObject<'a>>,
}

#[derive(Deserialize)]
struct RpcErrorObject<'a> {
    #[serde(default)]
    code: i64,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// Creates the client of all providers. Without redirects and proxies, which would send keys elsewhere.
pub(super) fn client() -> Result<Client, ReadError> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err(ReadError::Config("no TLS provider is installed in this process".to_owned()));
    }
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(Duration::from_secs(2))
        .pool_idle_timeout(Duration::from_secs(60))
        .user_agent(concat!("sovereign-gate/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ReadError::Config(error.without_url().to_string()))
}

/// Calls `method` and returns the JSON text of `result`.
pub(super) async fn exchange<P: Serialize + Sync>(
    http: &Client,
    url: &Url,
    method: &str,
    params: P,
    limit: usize,
) -> Result<Box<RawValue>, ProviderError> {
    let call = RpcRequest { jsonrpc: "2.0", id: ID, method, params };
    let response = http.post(url.clone()).json(&call).send().await.map_err(network)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(ProviderError::RateLimited),
        // Some servers send a JSON-RPC error with another status; its text is of no use here.
        status => return Err(ProviderError::Status(status.as_u16())),
    }
    let body = bounded(response, limit).await?;
    parse(&body)
}

async fn bounded(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, ProviderError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(ProviderError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        if body.len() + chunk.len() > limit {
            return Err(ProviderError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse(body: &[u8]) -> Result<Box<RawValue>, ProviderError> {
    let reply: RpcResponse<'_> =
        serde_json::from_slice(body).map_err(|_| ProviderError::Malformed("not JSON-RPC"))?;
    if reply.id != ID {
        return Err(ProviderError::Malformed("answers another question"));
    }
    match (reply.result, reply.error) {
        (Some(result), None) => Ok(result.to_owned()),
        (_, Some(refusal)) => Err(classify(refusal.code, &refusal.message)),
        (None, None) => Err(ProviderError::Malformed("neither result nor error")),
    }
}

/// Classifies an error by code and message, as servers agree on few codes.
fn classify(code: i64, message: &str) -> ProviderError {
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let text: String = message.chars().filter(|c| !c.is_control()).take(MESSAGE_LIMIT).collect();
    if code == 3 || says(&["revert", "out of gas", "outofgas", "intrinsic gas", "gas required exceeds"]) {
        ProviderError::Execution(text)
    } else if matches!(code, 429 | -32005 | -32029) || says(&["rate limit", "too many requests"]) {
        ProviderError::RateLimited
    } else {
        ProviderError::Rpc { code, message: text }
    }
}

/// Converts a network error without its URL, which may contain a key.
fn network(error: reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        return ProviderError::Timeout;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    ProviderError::Network(text.chars().take(MESSAGE_LIMIT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_responses_strictly() {
        let read = |body: &str| parse(body.as_bytes()).map(|raw| raw.get().to_owned());
        assert_eq!(read(r#"{"jsonrpc":"2.0","id":1,"result":"0x"}"#).unwrap(), r#""0x""#);
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"id":1}"#,
            r#"{"id":2,"result":"0x"}"#,
            r#"{"id":1,"result":"0x","result":"0x01"}"#,
            r#"{"id":1,"result":"0x"} trailing"#,
        ] {
            assert!(matches!(read(bad), Err(ProviderError::Malformed(_))), "{bad}");
        }
        assert!(matches!(
            read(r#"{"id":1,"result":"0x","error":{"code":-32000,"message":"header not found"}}"#),
            Err(ProviderError::Rpc { code: -32000, .. })
        ));
    }

    #[test]
    fn classifies_errors() {
        assert!(matches!(classify(3, "execution reverted"), ProviderError::Execution(_)));
        assert!(matches!(classify(-32000, "Out of gas: limit reached"), ProviderError::Execution(_)));
        assert_eq!(classify(-32005, "daily request count exceeded"), ProviderError::RateLimited);
        assert_eq!(classify(-32000, "Too Many Requests"), ProviderError::RateLimited);
        let ProviderError::Rpc { message, .. } = classify(1, &"\u{7}x".repeat(1000)) else { panic!() };
        assert_eq!(message, "x".repeat(MESSAGE_LIMIT));
    }
}
