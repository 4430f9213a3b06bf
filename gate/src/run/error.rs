//! Why the gate does not start.

use std::io;
use std::net::SocketAddr;

use crate::edge::tls::TlsError;
use crate::store::OpenError;

/// Why the gate does not start, with what to do about it where that is known.
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
    /// The section on the tunnel service is unusable.
    #[error(transparent)]
    TunnelConfig(#[from] crate::enforce::tunnel::TunnelConfigError),
    /// The tunnel service cannot be told anything.
    #[error("tunnel: {0}")]
    Tunnel(#[from] crate::enforce::tunnel::TunnelError),
    /// The node's address is none.
    #[error("gate.node_url: {0}")]
    NodeUrl(#[from] http::uri::InvalidUri),
    /// The tunnel service is unknown.
    #[error("tunnel.service: {0}")]
    Service(#[from] sentinel_proto::handshake::UnknownService),
    /// Ethereum cannot be read as configured.
    #[error("ethereum: {0}")]
    Ethereum(#[from] sovereign_contracts::reader::ReadError),
    /// The cards, collections or delegations are not usable as configured.
    #[error("cards: {0}")]
    Access(#[from] crate::access::AccessConfigError),
    /// The hub cannot be asked as configured.
    #[error("hub: {0}")]
    Hub(#[from] sentinel_proto::hub::HubConfigError),
    /// Sign-in cannot be offered as configured.
    #[error(transparent)]
    SignIn(#[from] crate::signin::ConfigError),
    /// There is no certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The token of the private address cannot be kept.
    #[error("the token of the private address: {0}")]
    Token(#[from] service_runtime::home::HomeError),
    /// Signals cannot be waited for.
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
}

impl StartError {
    /// For `map_err` where `address` is bound.
    pub(super) fn bind(address: SocketAddr) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Bind { address, source }
    }

    /// Whether another configuration would help.
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

    /// Whether something that the gate needs is taken or gone.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Bind { .. } | Self::Store(_) | Self::Tls(TlsError::File { .. }))
    }
}
