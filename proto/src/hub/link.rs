//! Connection to one endpoint, verified to be on the configured chain.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::client::legacy::connect::HttpConnector;
use tonic::{
    Code, Request, Response, Status,
    client::Grpc,
    codec::ProstCodec,
    codegen::http::uri::PathAndQuery,
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig, Endpoint, Uri},
};
use tower::Service;

use super::{config::HubConfigError, error::EndpointFault, query::Query};
use crate::wire::cosmos::base::tendermint::v1beta1::{GetNodeInfoRequest, GetSyncingRequest};

/// Maximum size of a response; every expected response is shorter.
const MAX_RESPONSE_BYTES: usize = 4 << 20;
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Response metadata with the height of the state that the answer was read from.
const HEIGHT: &str = "x-cosmos-block-height";

/// An answer and the height of its state; `None`: the endpoint does not report it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply<T> {
    pub(super) value: T,
    pub(super) height: Option<u64>,
}

/// Connection of one endpoint, opened on demand and replaced after a failure.
#[derive(Debug)]
pub(super) struct EndpointConnection {
    endpoint: Endpoint,
    current: Mutex<Option<Connection>>,
    proving: tokio::sync::Mutex<()>,
}

/// A channel and the count of its dials: it reconnects by itself, and each dial may reach another server.
#[derive(Debug, Clone)]
struct Connection {
    channel: Channel,
    dials: Arc<AtomicU64>,
    /// Count of dials at which the endpoint was verified to be on the configured chain.
    proven: Option<u64>,
}

impl EndpointConnection {
    pub(super) fn new(uri: Uri, timeout: Duration) -> Result<Self, HubConfigError> {
        let tls = uri.scheme_str() == Some("https");
        let mut endpoint = Endpoint::from(uri)
            .connect_timeout(timeout)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .tcp_nodelay(true);
        if tls {
            let tls = ClientTlsConfig::new().with_webpki_roots();
            endpoint =
                endpoint.tls_config(tls).map_err(|error| HubConfigError::Tls(super::error::root(&error)))?;
        }
        Ok(Self { endpoint, current: Mutex::default(), proving: tokio::sync::Mutex::default() })
    }

    /// Sends a request over a connection that is verified to be on `chain_id`.
    pub(super) async fn ask<Q: Query>(
        &self,
        question: &Q,
        chain_id: &str,
    ) -> Result<Reply<Option<Q::Answer>>, EndpointFault> {
        // Retry if the channel reconnected meanwhile: the answer may be from another chain.
        for _ in 0..2 {
            let (connection, proven) = self.proven(chain_id).await?;
            let reply = unary(&connection.channel, question).await;
            if connection.dials.load(Ordering::Acquire) == proven {
                return read::<Q>(reply);
            }
        }
        Err(EndpointFault::Transport("the connection keeps breaking".to_owned()))
    }

    /// Drops the connection, so that the next request dials again.
    pub(super) fn reset(&self) {
        *self.current() = None;
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Option<(Connection, u64)> {
        let connection = self.current().clone()?;
        let proven = connection.proven?;
        (connection.dials.load(Ordering::Acquire) == proven).then_some((connection, proven))
    }

    async fn proven(&self, chain_id: &str) -> Result<(Connection, u64), EndpointFault> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let _one = self.proving.lock().await;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let connection = self.current().get_or_insert_with(|| dial(&self.endpoint)).clone();
        let info = unary(&connection.channel, &GetNodeInfoRequest {}).await;
        let dials = connection.dials.load(Ordering::Acquire);
        let info = info.map_err(|status| EndpointFault::from(&status))?.into_inner();
        let network = info.default_node_info.unwrap_or_default().network;
        if network != chain_id {
            let (expected, got) = (chain_id.to_owned(), super::error::cut(&network));
            return Err(EndpointFault::WrongChain { expected, got });
        }
        let syncing = unary(&connection.channel, &GetSyncingRequest {}).await;
        if syncing.map_err(|status| EndpointFault::from(&status))?.into_inner().syncing {
            return Err(EndpointFault::Syncing);
        }
        if connection.dials.load(Ordering::Acquire) != dials {
            return Err(EndpointFault::Transport("the connection keeps breaking".to_owned()));
        }
        let proven = Connection { proven: Some(dials), ..connection };
        *self.current() = Some(proven.clone());
        Ok((proven, dials))
    }
}

async fn unary<Q: Query>(channel: &Channel, question: &Q) -> Result<Response<Q::Answer>, Status> {
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(MAX_RESPONSE_BYTES);
    grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let request = Request::new(question.clone());
    let codec = ProstCodec::<Q, Q::Answer>::default();
    grpc.unary(request, PathAndQuery::from_static(Q::PATH), codec).await
}

/// Reads a response; "not found" is the answer `None`.
fn read<Q: Query>(
    reply: Result<Response<Q::Answer>, Status>,
) -> Result<Reply<Option<Q::Answer>>, EndpointFault> {
    match reply {
        Ok(response) => {
            let height = height(response.metadata());
            Ok(Reply { value: Some(response.into_inner()), height })
        }
        Err(status) if status.code() == Code::NotFound => {
            Ok(Reply { value: None, height: height(status.metadata()) })
        }
        // Only a status sent by the server has no source.
        Err(status) if std::error::Error::source(&status).is_none() => match Q::answer_in_error(&status) {
            Some(answer) => Ok(Reply { value: Some(answer), height: height(status.metadata()) }),
            None => Err(EndpointFault::from(&status)),
        },
        Err(status) => Err(EndpointFault::from(&status)),
    }
}

fn height(metadata: &MetadataMap) -> Option<u64> {
    metadata.get(HEIGHT)?.to_str().ok()?.parse().ok()
}

fn dial(endpoint: &Endpoint) -> Connection {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(endpoint.get_connect_timeout());
    let dials = Arc::new(AtomicU64::new(0));
    let connector = DialCountingConnector { connector, dials: Arc::clone(&dials) };
    Connection { channel: endpoint.connect_with_connector_lazy(connector), dials, proven: None }
}

/// Connector that counts its dials.
#[derive(Debug, Clone)]
struct DialCountingConnector {
    connector: HttpConnector,
    dials: Arc<AtomicU64>,
}

impl Service<Uri> for DialCountingConnector {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = <HttpConnector as Service<Uri>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.dials.fetch_add(1, Ordering::AcqRel);
        self.connector.call(uri)
    }
}
