//! gRPC methods of the stub.

use std::sync::{Arc, Mutex, PoisonError};

use prost::Message;
use prost_types::{Any, Timestamp};
use tonic::{
    Request, Response, Status,
    metadata::MetadataValue,
    transport::{Server, server::Router},
};

use super::State;
use crate::hub::DIRECT_TYPE;
use crate::wire::{
    cosmos::{
        auth::v1beta1::query_server as auth,
        authz::v1beta1::query_server as authz,
        base::{
            query::v1beta1::{PageRequest, PageResponse},
            tendermint::v1beta1::{
                Block, DefaultNodeInfo, GetLatestBlockRequest, GetLatestBlockResponse, GetNodeInfoRequest,
                GetNodeInfoResponse, GetSyncingRequest, GetSyncingResponse, Header,
                service_server::{Service, ServiceServer},
            },
        },
        tx::v1beta1::service_server as transactions,
    },
    sentinel::{
        node::v3::Session as DirectSession,
        session::v3::{
            QuerySessionRequest, QuerySessionResponse, QuerySessionsForNodeRequest,
            QuerySessionsForNodeResponse, query_service_server as session,
        },
        subscription::v3::{
            QuerySubscriptionRequest, QuerySubscriptionResponse, Session as PlanSession,
            query_service_server as subscription,
        },
    },
};

const HEIGHT: &str = "x-cosmos-block-height";

#[derive(Debug, Clone)]
pub(super) struct Stub(Arc<Mutex<State>>);

pub(super) fn router(state: Arc<Mutex<State>>) -> Router {
    let stub = Stub(state);
    Server::builder()
        .add_service(ServiceServer::new(stub.clone()))
        .add_service(session::QueryServiceServer::new(stub.clone()))
        .add_service(subscription::QueryServiceServer::new(stub.clone()))
        .add_service(auth::QueryServer::new(stub.clone()))
        .add_service(authz::QueryServer::new(stub.clone()))
        .add_service(transactions::ServiceServer::new(stub))
}

impl Stub {
    /// Counts the request, applies delay and error of the state, and answers with the height; `None`: not found.
    pub(super) async fn answer<T>(
        &self,
        method: &'static str,
        answer: impl FnOnce(&mut State) -> Option<T>,
    ) -> Result<Response<T>, Status> {
        let delay = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *state.request_counts.entry(method).or_default() += 1;
            state.delay
        };
        tokio::time::sleep(delay).await;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = state.error {
            return Err(Status::new(code, "as told"));
        }
        let height = state.reports_height.then(|| MetadataValue::from(state.height));
        if let Some(answer) = answer(&mut state) {
            let mut response = Response::new(answer);
            height.map(|height| response.metadata_mut().insert(HEIGHT, height));
            Ok(response)
        } else {
            let mut status = Status::not_found("no such thing");
            height.map(|height| status.metadata_mut().insert(HEIGHT, height));
            Err(status)
        }
    }
}

#[tonic::async_trait]
impl Service for Stub {
    async fn get_node_info(
        &self,
        _: Request<GetNodeInfoRequest>,
    ) -> Result<Response<GetNodeInfoResponse>, Status> {
        self.answer("GetNodeInfo", |state| {
            let network = state.chain_id.clone();
            Some(GetNodeInfoResponse { default_node_info: Some(DefaultNodeInfo { network }) })
        })
        .await
    }

    async fn get_syncing(
        &self,
        _: Request<GetSyncingRequest>,
    ) -> Result<Response<GetSyncingResponse>, Status> {
        self.answer("GetSyncing", |state| Some(GetSyncingResponse { syncing: state.syncing })).await
    }

    async fn get_latest_block(
        &self,
        _: Request<GetLatestBlockRequest>,
    ) -> Result<Response<GetLatestBlockResponse>, Status> {
        self.answer("GetLatestBlock", |state| {
            let height = i64::try_from(state.height).unwrap_or(i64::MAX);
            let time = state.time.map(|seconds| Timestamp { seconds, nanos: 0 });
            let header = Header { chain_id: state.chain_id.clone(), height, time };
            Some(GetLatestBlockResponse { block: Some(Block { header: Some(header) }) })
        })
        .await
    }
}

#[tonic::async_trait]
impl session::QueryService for Stub {
    async fn query_session(
        &self,
        request: Request<QuerySessionRequest>,
    ) -> Result<Response<QuerySessionResponse>, Status> {
        let id = request.into_inner().id;
        self.answer("QuerySession", |state| {
            let session = state.session_override.as_ref().or_else(|| state.sessions.get(&id))?;
            Some(QuerySessionResponse { session: Some(session.clone()) })
        })
        .await
    }

    async fn query_sessions_for_node(
        &self,
        request: Request<QuerySessionsForNodeRequest>,
    ) -> Result<Response<QuerySessionsForNodeResponse>, Status> {
        let QuerySessionsForNodeRequest { address, pagination } = request.into_inner();
        self.answer("QuerySessionsForNode", |state| {
            let (sessions, next_key) = page(state, &address, &pagination.unwrap_or_default());
            let pagination = Some(PageResponse { next_key, total: 0 });
            Some(QuerySessionsForNodeResponse { sessions, pagination })
        })
        .await
    }
}

#[tonic::async_trait]
impl subscription::QueryService for Stub {
    async fn query_subscription(
        &self,
        request: Request<QuerySubscriptionRequest>,
    ) -> Result<Response<QuerySubscriptionResponse>, Status> {
        let id = request.into_inner().id;
        self.answer("QuerySubscription", |state| {
            let found = state.subscriptions.get(&id)?;
            Some(QuerySubscriptionResponse { subscription: Some(found.clone()) })
        })
        .await
    }
}

/// One page as of the hub: its key is the id of the first entry, big-endian.
fn page(state: &State, address: &str, page: &PageRequest) -> (Vec<Any>, Vec<u8>) {
    let of_node = |any: &Any| {
        let base = match any.type_url.as_str() {
            DIRECT_TYPE => {
                DirectSession::decode(any.value.as_slice()).ok().and_then(|session| session.base_session)
            }
            _ => PlanSession::decode(any.value.as_slice()).ok().and_then(|session| session.base_session),
        };
        // Unknown types are listed as well.
        base.is_none_or(|base| base.node_address == address)
    };
    let mut entries: Vec<_> = state.sessions.iter().filter(|(_, any)| of_node(any)).collect();
    if page.reverse {
        entries.reverse();
    }
    let start = page.key.as_slice().try_into().map(u64::from_be_bytes).ok();
    let skipped = entries.iter().position(|(id, _)| Some(**id) == start).unwrap_or_default();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX).min(state.max_page_entries);
    let rest = entries.get(skipped..).unwrap_or_default();
    let next = rest.get(limit).map(|(id, _)| id.to_be_bytes().to_vec()).unwrap_or_default();
    (rest.iter().take(limit).map(|(_, any)| (*any).clone()).collect(), next)
}
