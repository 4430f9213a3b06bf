//! Which question goes to which method, and what comes back.

use prost::Message;

use crate::wire::{
    cosmos::base::tendermint::v1beta1 as tendermint,
    sentinel::{
        lease::v1 as lease, node::v3 as node, plan::v3 as plan, provider::v2 as provider,
        session::v3 as session, subscription::v3 as subscription,
    },
};

/// A question to the hub.
pub(super) trait Query: Message + Clone + Default + 'static {
    /// What the hub answers.
    type Answer: Message + Default + 'static;
    /// The gRPC method.
    const PATH: &'static str;
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
    session::QuerySessionRequest => session::QuerySessionResponse,
        "/sentinel.session.v3.QueryService/QuerySession";
    session::QuerySessionsForNodeRequest => session::QuerySessionsForNodeResponse,
        "/sentinel.session.v3.QueryService/QuerySessionsForNode";
    subscription::QuerySubscriptionRequest => subscription::QuerySubscriptionResponse,
        "/sentinel.subscription.v3.QueryService/QuerySubscription";
    node::QueryNodeRequest => node::QueryNodeResponse,
        "/sentinel.node.v3.QueryService/QueryNode";
    node::QueryNodesForPlanRequest => node::QueryNodesForPlanResponse,
        "/sentinel.node.v3.QueryService/QueryNodesForPlan";
    plan::QueryPlanRequest => plan::QueryPlanResponse,
        "/sentinel.plan.v3.QueryService/QueryPlan";
    lease::QueryLeasesForProviderRequest => lease::QueryLeasesForProviderResponse,
        "/sentinel.lease.v1.QueryService/QueryLeasesForProvider";
    provider::QueryProviderRequest => provider::QueryProviderResponse,
        "/sentinel.provider.v2.QueryService/QueryProvider";
}
