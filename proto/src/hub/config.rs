//! Configuration of the hub client.

use std::time::Duration;

use tonic::transport::Uri;

/// Endpoints, chain and timeout of the hub client.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// gRPC endpoints, the preferred one first: `host:port`, `http://host:port` or `https://host[:port]`.
    pub grpc_addrs: Vec<String>,
    /// Chain id; endpoints on another chain are rejected.
    pub chain_id: String,
    /// Timeout of one request over all endpoints.
    pub timeout: Duration,
}

/// Why a configuration is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubConfigError {
    /// No endpoint.
    #[error("no gRPC endpoint is given")]
    NoEndpoint,
    /// Invalid endpoint.
    #[error("gRPC endpoint number {number} is not host:port, http://host:port or https://host")]
    Endpoint {
        /// Position from 1. The text is not included, as it may contain a secret.
        number: usize,
    },
    /// No chain id.
    #[error("no chain id is given")]
    NoChain,
    /// The timeout is zero.
    #[error("the time-out is zero")]
    NoTime,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl HubConfig {
    /// Validates the configuration without network access and returns the endpoints.
    pub fn endpoints(&self) -> Result<Vec<Uri>, HubConfigError> {
        if self.chain_id.trim().is_empty() {
            return Err(HubConfigError::NoChain);
        }
        if self.timeout.is_zero() {
            return Err(HubConfigError::NoTime);
        }
        if self.grpc_addrs.is_empty() {
            return Err(HubConfigError::NoEndpoint);
        }
        self.grpc_addrs
            .iter()
            .zip(1..)
            .map(|(text, number)| endpoint(text).ok_or(HubConfigError::Endpoint { number }))
            .collect()
    }
}

fn endpoint(text: &str) -> Option<Uri> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Uri = text.trim_end_matches('/').parse().ok()?;
    let tls = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let plain = uri.path() == "/" && uri.query().is_none() && !uri.authority()?.as_str().contains('@');
    let addressed = uri.host().is_some_and(|host| !host.is_empty()) && (tls || uri.port_u16().is_some());
    (plain && addressed).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(addrs: &[&str]) -> HubConfig {
        HubConfig {
            grpc_addrs: addrs.iter().map(ToString::to_string).collect(),
            chain_id: "sentinelhub-2".to_owned(),
            timeout: Duration::from_secs(2),
        }
    }

    #[test]
    fn accepts_supported_endpoint_forms() {
        let uris = config(&["127.0.0.1:9090", "http://hub:9090/", "https://grpc.example", "[::1]:9090"]);
        let uris: Vec<_> = uris.endpoints().unwrap().iter().map(ToString::to_string).collect();
        let expected =
            ["http://127.0.0.1:9090/", "http://hub:9090/", "https://grpc.example/", "http://[::1]:9090/"];
        assert_eq!(uris, expected);
    }

    #[test]
    fn rejects_invalid_endpoint_by_position_without_its_text() {
        for bad in [
            "",
            "hub",
            "http://hub",
            "tcp://hub:9090",
            "http://u:secret@hub:9090",
            "http://hub:9090/x",
            ":9090",
        ] {
            let error = config(&["a:1", bad]).endpoints().unwrap_err();
            assert_eq!(error, HubConfigError::Endpoint { number: 2 }, "{bad}");
        }
        assert_eq!(config(&[]).endpoints(), Err(HubConfigError::NoEndpoint));
        let no_chain = HubConfig { chain_id: " ".to_owned(), ..config(&["a:1"]) };
        assert_eq!(no_chain.endpoints(), Err(HubConfigError::NoChain));
        let no_time = HubConfig { timeout: Duration::ZERO, ..config(&["a:1"]) };
        assert_eq!(no_time.endpoints(), Err(HubConfigError::NoTime));
    }
}
