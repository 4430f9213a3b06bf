//! HTTP client with a source address of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde_json::Value;

/// An HTTP response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: reqwest::header::HeaderMap,
    /// The body as it is.
    pub bytes: Vec<u8>,
    /// The body as JSON; null if it is none.
    pub body: Value,
}

impl Answer {
    /// The code in the envelope of a refusal.
    pub fn code(&self) -> Option<u64> {
        self.body["error"]["code"].as_u64()
    }

    /// The message in the envelope of a refusal.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// HTTP status and code of the envelope, which identify a refusal.
    pub fn refusal(&self) -> (u16, Option<u64>) {
        (self.status, self.code())
    }

    /// The result in the envelope, unless this is a refusal.
    pub fn result(&self) -> Result<&Value> {
        if (200..300).contains(&self.status) && self.body["success"] == true {
            return Ok(&self.body["result"]);
        }
        bail!("refused with {}: {}", self.status, String::from_utf8_lossy(&self.bytes))
    }
}

/// HTTP client with its own source address, so that limits per address do not affect other callers.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
}

impl Caller {
    /// Caller with an unused address.
    pub fn fresh() -> Result<Self> {
        Self::from_address(Self::fresh_address())
    }

    /// Unused address of the loopback range.
    pub fn fresh_address() -> Ipv4Addr {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % 0x00fe_0000;
        Ipv4Addr::from(0x7f01_0002 + number)
    }

    /// Caller with this address of the loopback range; it reaches only listeners on this machine.
    pub fn from_address(source: Ipv4Addr) -> Result<Self> {
        Self::build(crate::http::builder().local_address(IpAddr::V4(source)))
    }

    /// Caller with the source address of the route, for example to reach nodes.
    pub fn anywhere() -> Result<Self> {
        Self::build(crate::http::builder())
    }

    fn build(builder: reqwest::ClientBuilder) -> Result<Self> {
        Ok(Self { http: builder.timeout(Duration::from_secs(10)).build()? })
    }

    /// The client itself, for requests of another kind.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// GET.
    pub async fn get(&self, url: &str) -> Result<Answer> {
        self.send(self.http.get(url)).await
    }

    /// POST of anything that is JSON.
    pub async fn post(&self, url: &str, body: &(impl Serialize + Sync)) -> Result<Answer> {
        self.send(self.http.post(url).json(body)).await
    }

    /// POST of a text as it is.
    pub async fn post_text(&self, url: &str, body: impl Into<String>) -> Result<Answer> {
        self.send(self.http.post(url).header("content-type", "application/json").body(body.into())).await
    }

    /// Any request that [`Self::http`] made.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let response = request.send().await.context("no answer")?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.context("the answer broke off")?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer { status, headers, bytes, body })
    }
}
