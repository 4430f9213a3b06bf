//! The names of messages where any message may be.

use prost::Message;
use prost_types::Any;

use crate::wire::{
    cosmos::{
        authz::v1beta1 as authz, bank::v1beta1 as bank, crypto::secp256k1, feegrant::v1beta1 as feegrant,
    },
    sentinel::{lease::v1 as lease, node::v3 as node, plan::v3 as plan, provider::v3 as provider},
};

/// A message that can stand where any message may.
pub trait TypedMessage: Message + Default {
    /// Its name there.
    const TYPE_URL: &'static str;
}

/// Wraps a message.
pub fn pack_any<M: TypedMessage>(message: &M) -> Any {
    Any { type_url: M::TYPE_URL.to_owned(), value: message.encode_to_vec() }
}

macro_rules! typed {
    ($($message:ty => $url:literal;)*) => {$(
        impl TypedMessage for $message {
            const TYPE_URL: &'static str = $url;
        }
    )*};
}

typed! {
    authz::GenericAuthorization => "/cosmos.authz.v1beta1.GenericAuthorization";
    authz::MsgExec => "/cosmos.authz.v1beta1.MsgExec";
    authz::MsgGrant => "/cosmos.authz.v1beta1.MsgGrant";
    authz::MsgRevoke => "/cosmos.authz.v1beta1.MsgRevoke";
    bank::MsgSend => "/cosmos.bank.v1beta1.MsgSend";
    feegrant::AllowedMsgAllowance => "/cosmos.feegrant.v1beta1.AllowedMsgAllowance";
    feegrant::BasicAllowance => "/cosmos.feegrant.v1beta1.BasicAllowance";
    feegrant::MsgGrantAllowance => "/cosmos.feegrant.v1beta1.MsgGrantAllowance";
    feegrant::MsgRevokeAllowance => "/cosmos.feegrant.v1beta1.MsgRevokeAllowance";
    lease::MsgEndLeaseRequest => "/sentinel.lease.v1.MsgEndLeaseRequest";
    lease::MsgRenewLeaseRequest => "/sentinel.lease.v1.MsgRenewLeaseRequest";
    lease::MsgStartLeaseRequest => "/sentinel.lease.v1.MsgStartLeaseRequest";
    lease::MsgUpdateLeaseRequest => "/sentinel.lease.v1.MsgUpdateLeaseRequest";
    node::MsgRegisterNodeRequest => "/sentinel.node.v3.MsgRegisterNodeRequest";
    node::MsgUpdateNodeStatusRequest => "/sentinel.node.v3.MsgUpdateNodeStatusRequest";
    plan::MsgCreatePlanRequest => "/sentinel.plan.v3.MsgCreatePlanRequest";
    plan::MsgLinkNodeRequest => "/sentinel.plan.v3.MsgLinkNodeRequest";
    plan::MsgUnlinkNodeRequest => "/sentinel.plan.v3.MsgUnlinkNodeRequest";
    plan::MsgUpdatePlanDetailsRequest => "/sentinel.plan.v3.MsgUpdatePlanDetailsRequest";
    plan::MsgUpdatePlanStatusRequest => "/sentinel.plan.v3.MsgUpdatePlanStatusRequest";
    provider::MsgRegisterProviderRequest => "/sentinel.provider.v3.MsgRegisterProviderRequest";
    provider::MsgUpdateProviderDetailsRequest => "/sentinel.provider.v3.MsgUpdateProviderDetailsRequest";
    provider::MsgUpdateProviderStatusRequest => "/sentinel.provider.v3.MsgUpdateProviderStatusRequest";
    secp256k1::PubKey => "/cosmos.crypto.secp256k1.PubKey";
}
