//! Readiness of a started program.

use std::time::Duration;

use anyhow::{Result, bail};

/// Readiness probe, repeated until it succeeds.
#[derive(Debug, Clone)]
pub(crate) enum Probe {
    /// Nothing: it counts as started once it runs.
    None,
    /// Any HTTP answer at this URL will do.
    Answers(String),
    /// A 2xx answer at this URL.
    Succeeds(String),
}

impl Probe {
    /// One try.
    pub(crate) async fn try_once(&self, http: &reqwest::Client) -> Result<()> {
        let (url, any) = match self {
            Self::None => return Ok(()),
            Self::Answers(url) => (url, true),
            Self::Succeeds(url) => (url, false),
        };
        let answer = http.get(url).timeout(Duration::from_secs(2)).send().await?;
        if any || answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status();
        let body = answer.text().await.unwrap_or_default();
        bail!("GET {url} answers {status} {}", body.chars().take(300).collect::<String>())
    }
}
