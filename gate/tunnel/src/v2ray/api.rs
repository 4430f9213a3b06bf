//! Client of the API of V2Ray and Xray: users of inbounds, and traffic statistics.
//!
//! Both services use the same messages under different names.

mod users;

use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tonic::client::Grpc;
use tonic::codec::ProstCodec;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::inbounds::{Inbound, Protocol};
use crate::TunnelError;
use crate::net_namespace::NetNamespace;

/// Maximum time for one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Service whose message and method names are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2Ray,
    Xray,
}

impl Dialect {
    fn path(self, method: &str) -> PathAndQuery {
        let path = match self {
            Self::V2Ray => format!("/v2ray.core.app.{method}"),
            Self::Xray => format!("/xray.app.{method}"),
        };
        // The path consists of valid characters only.
        PathAndQuery::try_from(path).unwrap_or_else(|_| PathAndQuery::from_static("/"))
    }

    fn typed(self, name: &str, message: &impl prost::Message) -> TypedMessage {
        let name = match self {
            Self::V2Ray => format!("types.v2fly.org/v2ray.core.{name}"),
            Self::Xray => format!("xray.{name}"),
        };
        TypedMessage { name, value: message.encode_to_vec() }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V2Ray => "V2Ray's API",
            Self::Xray => "Xray's API",
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct TypedMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AlterInbound {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(message, optional, tag = "2")]
    operation: Option<TypedMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RemoveUser {
    #[prost(string, tag = "1")]
    email: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AddUser {
    #[prost(message, optional, tag = "1")]
    user: Option<User>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct User {
    #[prost(string, tag = "2")]
    email: String,
    #[prost(message, optional, tag = "3")]
    account: Option<TypedMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Account {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct QueryStats {
    #[prost(string, tag = "1")]
    pattern: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stat {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "2")]
    value: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stats {
    #[prost(message, repeated, tag = "1")]
    stats: Vec<Stat>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct System {
    #[prost(uint32, tag = "10")]
    uptime: u32,
}

/// Bytes sent, by user.
pub(super) type Traffic = std::collections::BTreeMap<String, i64>;

/// A connection to the API.
pub(super) struct Api {
    dialect: Dialect,
    grpc: Grpc<Channel>,
}

impl Api {
    pub(super) async fn connect(
        dialect: Dialect,
        namespace: &NetNamespace,
        address: SocketAddr,
    ) -> Result<Self, TunnelError> {
        let stream = namespace.connect_marked(address, super::firewall::GATE_MARK, dialect.name()).await?;
        let mut stream = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_: Uri| {
            let stream = stream.take().ok_or_else(|| std::io::Error::other("the connection is lost"));
            std::future::ready(stream)
        });
        let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await;
        let channel = channel.map_err(|error| TunnelError::unreachable(dialect.name(), error))?;
        Ok(Self { dialect, grpc: Grpc::new(channel).max_decoding_message_size(16 * 1024 * 1024) })
    }

    /// Removes a user from an inbound. Returns whether the user was there.
    pub(super) async fn remove(&mut self, tag: &str, email: &str) -> Result<bool, TunnelError> {
        let operation = RemoveUser { email: email.to_owned() };
        let operation = self.dialect.typed("app.proxyman.command.RemoveUserOperation", &operation);
        match self.alter(tag, operation).await? {
            Ok(()) => Ok(true),
            // "Handler not found" is another error.
            Err(status) if is_about_user(&status, email, "not found") => Ok(false),
            Err(status) => Err(TunnelError::refused(self.dialect.name(), status.message())),
        }
    }

    /// Adds a user to an inbound; an existing user stays.
    pub(super) async fn add(&mut self, inbound: &Inbound, email: &str) -> Result<(), TunnelError> {
        match self.try_add(inbound, email, email).await? {
            Ok(()) => Ok(()),
            Err(status) if is_about_user(&status, email, "already exists") => Ok(()),
            Err(status) => Err(TunnelError::refused(self.dialect.name(), status.message())),
        }
    }

    async fn try_add(
        &mut self,
        inbound: &Inbound,
        email: &str,
        id: &str,
    ) -> Result<Result<(), Status>, TunnelError> {
        let kind = match inbound.protocol {
            Protocol::Vmess => "proxy.vmess.Account",
            Protocol::Vless => "proxy.vless.Account",
        };
        let account = Some(self.dialect.typed(kind, &Account { id: id.to_owned() }));
        let operation = AddUser { user: Some(User { email: email.to_owned(), account }) };
        let operation = self.dialect.typed("app.proxyman.command.AddUserOperation", &operation);
        self.alter(&inbound.tag, operation).await
    }

    /// Whether the service has statistics of a user since its start.
    pub(super) async fn knows(&mut self, email: &str) -> Result<bool, TunnelError> {
        Ok(!self.stats(&format!("user>>>{email}>>>traffic>>>")).await?.is_empty())
    }

    /// Bytes that users have sent since the service started, removed users included. Received bytes are no evidence:
    /// over mKCP the service goes on counting data that it can no longer deliver.
    pub(super) async fn traffic(&mut self) -> Result<Traffic, TunnelError> {
        let mut traffic = Traffic::new();
        for stat in self.stats("user>>>").await? {
            let user =
                stat.name.strip_suffix(">>>traffic>>>uplink").and_then(|name| name.strip_prefix("user>>>"));
            traffic.extend(user.map(|user| (user.to_owned(), stat.value)));
        }
        Ok(traffic)
    }

    /// Uptime of the service.
    pub(super) async fn uptime(&mut self) -> Result<Duration, TunnelError> {
        let system: System = self.query("stats.command.StatsService/GetSysStats", ()).await?;
        Ok(Duration::from_secs(system.uptime.into()))
    }

    async fn stats(&mut self, pattern: &str) -> Result<Vec<Stat>, TunnelError> {
        let query = QueryStats { pattern: pattern.to_owned() };
        let stats: Stats = self.query("stats.command.StatsService/QueryStats", query).await?;
        Ok(stats.stats)
    }

    async fn query<Q, A>(&mut self, method: &str, question: Q) -> Result<A, TunnelError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let answer = self.call(method, question).await?;
        answer.map_err(|status| TunnelError::refused(self.dialect.name(), status.message()))
    }

    async fn alter(&mut self, tag: &str, operation: TypedMessage) -> Result<Result<(), Status>, TunnelError> {
        let order = AlterInbound { tag: tag.to_owned(), operation: Some(operation) };
        self.call("proxyman.command.HandlerService/AlterInbound", order).await
    }

    /// The outer error: no answer. The inner one: a refusal.
    async fn call<Q, A>(&mut self, method: &str, question: Q) -> Result<Result<A, Status>, TunnelError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let name = self.dialect.name();
        let path = self.dialect.path(method);
        let call = async {
            self.grpc.ready().await.map_err(|error| TunnelError::unreachable(name, error))?;
            let answer = self.grpc.unary(Request::new(question), path, ProstCodec::<Q, A>::default()).await;
            match answer {
                Ok(answer) => Ok(Ok(answer.into_inner())),
                Err(status) if status.code() == tonic::Code::Unavailable => {
                    Err(TunnelError::unreachable(name, status.message()))
                }
                Err(status) => Ok(Err(status)),
            }
        };
        tokio::time::timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|_| Err(TunnelError::too_slow(name)))
    }
}

/// Whether a refusal concerns the user itself.
fn is_about_user(status: &Status, email: &str, what: &str) -> bool {
    let told = status.message().to_lowercase();
    told.contains(&format!("user {email} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_missing_inbound_from_missing_user() {
        let status = |text: &str| Status::unknown(text);
        assert!(is_about_user(&status("proxy/vmess/inbound: User a-b not found."), "a-b", "not found"));
        assert!(is_about_user(&status("proxy/vless: User a-b already exists."), "a-b", "already exists"));
        for other in ["failed to get handler: x > handler not found: x", "User c-d not found.", ""] {
            assert!(!is_about_user(&status(other), "a-b", "not found"), "{other}");
        }
    }
}
