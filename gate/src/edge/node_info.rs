//! Info of the node, as its API returns it at `GET /`.

use sentinel_proto::handshake::Service;
use serde::Deserialize;
use sovereign_tunnel::{TunnelError, is_supported};

use super::{Upstream, UpstreamError};
use crate::node::{NodeInfo, NodeInfoSource};
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct InfoResponse {
    result: InfoResult,
}

#[derive(Deserialize)]
struct InfoResult {
    addr: String,
    service_type: String,
    #[serde(default)]
    peers: Option<u64>,
}

impl NodeInfoSource for Upstream {
    async fn query_info(&self) -> Result<Option<NodeInfo>, String> {
        let (status, body) = match self.fetch_info().await {
            Ok(answer) => answer,
            // Another client on this machine exhausted the node's rate limit.
            Err(UpstreamError { refusal: Refusal::TooMany { .. }, .. }) => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", self.node())),
        };
        if !status.is_success() {
            return Err(format!("GET / answers {status}"));
        }
        let info: InfoResponse = serde_json::from_slice(&body).map_err(|error| format!("GET /: {error}"))?;
        let address = info.result.addr.parse().map_err(|error| format!("GET /: addr: {error}"))?;
        let service: Service =
            info.result.service_type.parse().map_err(|error| format!("GET /: service_type: {error}"))?;
        if !is_supported(service) {
            return Err(TunnelError::Unsupported(service).to_string());
        }
        Ok(Some(NodeInfo { address, service, peers: info.result.peers }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn error_names_node_and_cause() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let upstream = Upstream::new(format!("http://{closed}").parse().unwrap(), None);
        let why = upstream.query_info().await.unwrap_err();
        assert!(why.contains(&closed.to_string()) && why.contains("refused"), "{why}");
    }
}
