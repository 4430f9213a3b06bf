//! Accounts, balances, authorizations (authz) and fee allowances (feegrant).

#![allow(clippy::similar_names, reason = "granter and grantee are terms of the Cosmos SDK")]

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost::Message;
use prost_types::Timestamp;

use super::{AtHeight, EndpointFault, HubClient, HubError, link::Reply, session::invalid_answer};
use crate::{
    address::AccountAddress,
    tx::{AccountState, TypedMessage},
    wire::cosmos::{
        auth::v1beta1::QueryAccountInfoRequest,
        authz::v1beta1::{GenericAuthorization, QueryGrantsRequest},
        bank::v1beta1::QueryBalanceRequest,
        base::v1beta1::Coin,
        feegrant::v1beta1::{AllowedMsgAllowance, BasicAllowance, QueryAllowanceRequest},
    },
};

/// Authorization (authz) of one account to send messages of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Type URL of the message; `None`: not a `GenericAuthorization`.
    pub message: Option<String>,
    /// Type URL of the authorization.
    pub kind: String,
    /// Expiry; `None`: never.
    pub expires: Option<SystemTime>,
}

/// Fee allowance (feegrant) that one account gives another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeAllowance {
    /// Type URLs of the allowed messages; `None`: all.
    pub messages: Option<Vec<String>>,
    /// Remaining amount by denomination; empty: no limit.
    pub left: BTreeMap<String, u128>,
    /// Expiry; `None`: never.
    pub expires: Option<SystemTime>,
    /// Whether it is of a type whose limits are not read here.
    pub unknown: bool,
}

impl HubClient {
    /// Number and sequence of an account; `None`: the account does not exist, as it never received coins.
    pub async fn account(
        &self,
        address: &AccountAddress,
    ) -> Result<AtHeight<Option<AccountState>>, HubError> {
        let address = address.to_string();
        let question = QueryAccountInfoRequest { address: address.clone() };
        let Reply { value, height } = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| {
                let found = answer.info.filter(|found| found.address == address);
                let found = found.ok_or_else(|| invalid_answer("another account"))?;
                Ok(AccountState { number: found.account_number, sequence: found.sequence })
            })
            .await?;
        Ok(AtHeight { value, height })
    }

    /// Balance of an account in one denomination.
    pub async fn balance(&self, address: &AccountAddress, denom: &str) -> Result<u128, HubError> {
        let question = QueryBalanceRequest { address: address.to_string(), denom: denom.to_owned() };
        let reply = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| {
                let coin = answer.balance.filter(|coin| coin.denom == denom);
                coin.and_then(|coin| coin.amount.parse().ok())
                    .ok_or_else(|| invalid_answer("no balance in it"))
            })
            .await?;
        Ok(reply.value.unwrap_or_default())
    }

    /// Authorizations of `granter` for `grantee`, including expired ones.
    pub async fn authorizations(
        &self,
        granter: &AccountAddress,
        grantee: &AccountAddress,
    ) -> Result<Vec<Authorization>, HubError> {
        let question = |pagination| QueryGrantsRequest {
            granter: granter.to_string(),
            grantee: grantee.to_string(),
            msg_type_url: String::new(),
            pagination: Some(pagination),
        };
        let grants = self.fetch_all_pages(question, |answer| (answer.grants, answer.pagination)).await?.value;
        let read = grants.into_iter().filter_map(|grant| {
            let any = grant.authorization?;
            let generic = any.type_url == GenericAuthorization::TYPE_URL;
            let message = generic.then(|| GenericAuthorization::decode(any.value.as_slice()).ok()).flatten();
            let expires = grant.expiration.map(time);
            Some(Authorization { message: message.map(|m| m.msg), kind: any.type_url, expires })
        });
        Ok(read.collect())
    }

    /// Fee allowance of `granter` for `grantee`.
    pub async fn fee_allowance(
        &self,
        granter: &AccountAddress,
        grantee: &AccountAddress,
    ) -> Result<Option<FeeAllowance>, HubError> {
        let question = QueryAllowanceRequest { granter: granter.to_string(), grantee: grantee.to_string() };
        let reply = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| {
                let any = answer.allowance.and_then(|grant| grant.allowance);
                any.as_ref().map(allowance).transpose()
            })
            .await?;
        Ok(reply.value.flatten())
    }
}

fn allowance(any: &prost_types::Any) -> Result<FeeAllowance, EndpointFault> {
    if any.type_url == AllowedMsgAllowance::TYPE_URL {
        let outer: AllowedMsgAllowance = decode(any)?;
        let inner = outer.allowance.unwrap_or_default();
        return Ok(FeeAllowance { messages: Some(outer.allowed_messages), ..basic(&inner)? });
    }
    basic(any)
}

fn basic(any: &prost_types::Any) -> Result<FeeAllowance, EndpointFault> {
    let known = any.type_url == BasicAllowance::TYPE_URL;
    let basic = if known { decode(any)? } else { BasicAllowance::default() };
    let amount = |coin: Coin| {
        let amount = coin.amount.parse().map_err(|_| invalid_answer("fee allowance: not an amount"))?;
        Ok((coin.denom, amount))
    };
    let left = basic.spend_limit.into_iter().map(amount).collect::<Result<_, EndpointFault>>()?;
    Ok(FeeAllowance { messages: None, left, expires: basic.expiration.map(time), unknown: !known })
}

fn decode<M: Message + Default>(any: &prost_types::Any) -> Result<M, EndpointFault> {
    M::decode(any.value.as_slice()).map_err(|error| invalid_answer(format!("fee allowance: {error}")))
}

/// Converts a timestamp. Times before 1970 become 1970.
pub(super) fn time(time: Timestamp) -> SystemTime {
    let seconds = u64::try_from(time.seconds).unwrap_or_default();
    let nanos = u32::try_from(time.nanos).unwrap_or_default();
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos)).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tx::pack_any;

    #[test]
    fn unwraps_fee_allowances_and_marks_other_types_unknown() {
        let coin = Coin { denom: "udvpn".to_owned(), amount: "5".to_owned() };
        let expiration = Some(Timestamp { seconds: 9, nanos: 0 });
        let inner = BasicAllowance { spend_limit: vec![coin], expiration };
        let outer = AllowedMsgAllowance {
            allowance: Some(pack_any(&inner)),
            allowed_messages: vec!["/a.B".to_owned()],
        };
        let expires = Some(UNIX_EPOCH + Duration::from_secs(9));
        let left = BTreeMap::from([("udvpn".to_owned(), 5)]);
        let whole = FeeAllowance { messages: None, left, expires, unknown: false };
        assert_eq!(allowance(&pack_any(&inner)).unwrap(), whole);
        let messages = Some(vec!["/a.B".to_owned()]);
        assert_eq!(allowance(&pack_any(&outer)).unwrap(), FeeAllowance { messages, ..whole });
        let other = prost_types::Any { type_url: "/x.Y".to_owned(), value: vec![0xff; 3] };
        assert!(allowance(&other).unwrap().unknown);
        assert!(allowance(&prost_types::Any { value: vec![0xff; 3], ..pack_any(&inner) }).is_err());
    }
}
