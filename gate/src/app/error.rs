use std::io;

use crate::edge::tls::TlsError;
use crate::store::OpenError;

/// Errors of the start, with a remedy where known.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log filter does not parse.
    #[error("log.level: {0}")]
    Log(#[from] service_runtime::logs::ParseError),
    /// The metrics recorder cannot be installed.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The database cannot be read.
    #[error("the database: {0}")]
    Read(#[from] crate::store::StoreError),
    /// `[tunnel]` is invalid.
    #[error(transparent)]
    TunnelConfig(#[from] crate::config::TunnelSectionError),
    /// The driver of the tunnel service cannot be opened.
    #[error("tunnel: {0}")]
    Tunnel(#[from] sovereign_tunnel::TunnelError),
    /// The node's URL does not parse.
    #[error("gate.node_url: {0}")]
    NodeUrl(#[from] http::uri::InvalidUri),
    /// The tunnel service is unknown.
    #[error("tunnel.service: {0}")]
    Service(#[from] sentinel_proto::handshake::UnknownService),
    /// The Ethereum settings are invalid.
    #[error("ethereum: {0}")]
    Ethereum(#[from] sovereign_contracts::reader::ReadError),
    /// The settings of cards, collections or delegations are invalid.
    #[error("cards: {0}")]
    Access(#[from] crate::access::AccessConfigError),
    /// The hub settings are invalid.
    #[error("hub: {0}")]
    Hub(#[from] sentinel_proto::hub::HubConfigError),
    /// The sign-in settings are invalid.
    #[error(transparent)]
    SignIn(#[from] crate::signin::SignInConfigError),
    /// The TLS certificate cannot be loaded or created.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] service_runtime::admin::BindError),
    /// The token of the private address cannot be stored.
    #[error("the token of the private address: {0}")]
    Token(#[from] service_runtime::home::HomeError),
    /// Signal handlers cannot be installed.
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
}

impl StartError {
    /// Whether the configuration is the cause.
    pub const fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Log(_)
                | Self::NodeUrl(_)
                | Self::Service(_)
                | Self::TunnelConfig(_)
                | Self::Tunnel(_)
                | Self::Ethereum(_)
                | Self::Access(_)
                | Self::Hub(_)
                | Self::SignIn(_)
                | Self::Tls(_)
        )
    }

    /// Whether a required resource is occupied or missing.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Bind(_) | Self::Store(_) | Self::Tls(TlsError::File { .. }))
    }
}
