//! gRPC method and response type of each request.

use prost::Message;
use tonic::{Code, Status};

use crate::wire::{
    cosmos::{
        auth::v1beta1 as auth,
        authz::v1beta1 as authz,
        bank::v1beta1 as bank,
        base::{abci::v1beta1 as abci, tendermint::v1beta1 as tendermint},
        feegrant::v1beta1 as feegrant,
        tx::v1beta1 as tx,
    },
    sentinel::{
        lease::v1 as lease, node::v3 as node, plan::v3 as plan, provider::v2 as provider,
        session::v3 as session, subscription::v3 as subscription,
    },
};

/// Request to the hub.
pub(super) trait Query: Message + Clone + Default + 'static {
    /// Response.
    type Answer: Message + Default + 'static;
    /// Path of the gRPC method.
    const PATH: &'static str;

    /// Response that the server sends as an error, for methods that do so.
    fn answer_in_error(_status: &Status) -> Option<Self::Answer> {
        None
    }
}

macro_rules! queries {
    ($($question:ty => $answer:ty, $path:literal;)*) => {$(
        impl Query for $question {
            type Answer = $answer;
            const PATH: &'static str = $path;
        }
    )*};
}

queries! {
    tendermint::GetNodeInfoRequest => tendermint::GetNodeInfoResponse,
        "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo";
    tendermint::GetSyncingRequest => tendermint::GetSyncingResponse,
        "/cosmos.base.tendermint.v1beta1.Service/GetSyncing";
    tendermint::GetLatestBlockRequest => tendermint::GetLatestBlockResponse,
        "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock";
    auth::QueryAccountInfoRequest => auth::QueryAccountInfoResponse,
        "/cosmos.auth.v1beta1.Query/AccountInfo";
    authz::QueryGrantsRequest => authz::QueryGrantsResponse,
        "/cosmos.authz.v1beta1.Query/Grants";
    bank::QueryBalanceRequest => bank::QueryBalanceResponse,
        "/cosmos.bank.v1beta1.Query/Balance";
    tx::BroadcastTxRequest => tx::BroadcastTxResponse,
        "/cosmos.tx.v1beta1.Service/BroadcastTx";
    tx::GetTxRequest => tx::GetTxResponse,
        "/cosmos.tx.v1beta1.Service/GetTx";
    session::QuerySessionRequest => session::QuerySessionResponse,
        "/sentinel.session.v3.QueryService/QuerySession";
    session::QuerySessionsForNodeRequest => session::QuerySessionsForNodeResponse,
        "/sentinel.session.v3.QueryService/QuerySessionsForNode";
    subscription::QuerySubscriptionRequest => subscription::QuerySubscriptionResponse,
        "/sentinel.subscription.v3.QueryService/QuerySubscription";
    node::QueryNodeRequest => node::QueryNodeResponse,
        "/sentinel.node.v3.QueryService/QueryNode";
    node::QueryNodesRequest => node::QueryNodesResponse,
        "/sentinel.node.v3.QueryService/QueryNodes";
    node::QueryNodesForPlanRequest => node::QueryNodesForPlanResponse,
        "/sentinel.node.v3.QueryService/QueryNodesForPlan";
    plan::QueryPlanRequest => plan::QueryPlanResponse,
        "/sentinel.plan.v3.QueryService/QueryPlan";
    lease::QueryParamsRequest => lease::QueryParamsResponse,
        "/sentinel.lease.v1.QueryService/QueryParams";
    lease::QueryLeasesForProviderRequest => lease::QueryLeasesForProviderResponse,
        "/sentinel.lease.v1.QueryService/QueryLeasesForProvider";
    provider::QueryProviderRequest => provider::QueryProviderResponse,
        "/sentinel.provider.v2.QueryService/QueryProvider";
}

/// The method reports a transaction that would fail as an error; for the client it is an answer.
impl Query for tx::SimulateRequest {
    type Answer = tx::SimulateResponse;
    const PATH: &'static str = "/cosmos.tx.v1beta1.Service/Simulate";

    fn answer_in_error(status: &Status) -> Option<Self::Answer> {
        let answers = matches!(status.code(), Code::Unknown | Code::InvalidArgument);
        let log = status.message().as_bytes().to_vec();
        answers.then_some(tx::SimulateResponse { gas_info: None, result: Some(abci::Result { log }) })
    }
}

/// The method reports a missing allowance as an internal error.
impl Query for feegrant::QueryAllowanceRequest {
    type Answer = feegrant::QueryAllowanceResponse;
    const PATH: &'static str = "/cosmos.feegrant.v1beta1.Query/Allowance";

    fn answer_in_error(status: &Status) -> Option<Self::Answer> {
        let none = status.code() == Code::Internal && status.message().contains("fee-grant not found");
        none.then_some(feegrant::QueryAllowanceResponse { allowance: None })
    }
}
