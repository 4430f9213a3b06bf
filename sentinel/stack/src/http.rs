//! The HTTP client of this crate.

use anyhow::Result;

/// A client that takes any certificate, as stock clients do: the gate's is its own.
pub(crate) fn client() -> Result<reqwest::Client> {
    Ok(builder().build()?)
}

/// The same, to be configured further.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // There is one provider of cryptography in the process; from the second call on it is in place.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy()
}
