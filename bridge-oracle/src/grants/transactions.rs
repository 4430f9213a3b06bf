//! Unsigned transactions in the hub's JSON, for the holders of the provider's keys.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{CurrentGrants, FEE_GRANT_MESSAGE, GrantRequest};
use crate::gas::GasPrice;

/// Gas of one message of these kinds; a grant takes about 30,000.
const GAS_EACH: u64 = 60_000;
/// Base gas, including the signatures of a multisig.
const GAS_BASE: u64 = 150_000;

/// An unsigned transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsignedTransaction {
    /// Messages of the transaction.
    pub messages: Vec<Value>,
    /// The transaction as `sentinelhub tx sign` reads it.
    pub json: Value,
}

/// Builds the transaction that gives the requested grants, all or none. A new grant replaces one of the same type; a
/// fee grant must be revoked first, and a new one resets its limit.
pub fn build_grant(wanted: &GrantRequest, granted: &CurrentGrants, price: &GasPrice) -> UnsignedTransaction {
    let (granter, grantee) = (wanted.granter.to_string(), wanted.grantee.to_string());
    let mut messages: Vec<Value> = wanted
        .types()
        .into_iter()
        .map(|(name, end)| {
            json!({ "@type": "/cosmos.authz.v1beta1.MsgGrant", "granter": granter, "grantee": grantee, "grant": {
                "authorization": { "@type": "/cosmos.authz.v1beta1.GenericAuthorization", "msg": name },
                "expiration": time(end) } })
        })
        .collect();
    if granted.fees.is_some() {
        messages.push(revoke_fees(&granter, &grantee));
    }
    messages.push(json!({ "@type": "/cosmos.feegrant.v1beta1.MsgGrantAllowance", "granter": granter,
        "grantee": grantee, "allowance": {
            "@type": "/cosmos.feegrant.v1beta1.AllowedMsgAllowance",
            "allowance": { "@type": "/cosmos.feegrant.v1beta1.BasicAllowance",
                "spend_limit": [{ "denom": wanted.denom, "amount": wanted.fee_limit.to_string() }],
                "expiration": time(wanted.expires) },
            "allowed_messages": [FEE_GRANT_MESSAGE] } }));
    unsigned(messages, price)
}

/// Builds the transaction that revokes every current grant, for a key that may be compromised.
pub fn build_revocation(
    wanted: &GrantRequest,
    granted: &CurrentGrants,
    price: &GasPrice,
) -> UnsignedTransaction {
    let (granter, grantee) = (wanted.granter.to_string(), wanted.grantee.to_string());
    let mut messages: Vec<Value> = granted
        .types
        .keys()
        .map(|name| {
            json!({ "@type": "/cosmos.authz.v1beta1.MsgRevoke", "granter": granter, "grantee": grantee,
                "msg_type_url": name })
        })
        .collect();
    if granted.fees.is_some() {
        messages.push(revoke_fees(&granter, &grantee));
    }
    unsigned(messages, price)
}

fn revoke_fees(granter: &str, grantee: &str) -> Value {
    json!({ "@type": "/cosmos.feegrant.v1beta1.MsgRevokeAllowance", "granter": granter, "grantee": grantee })
}

fn unsigned(messages: Vec<Value>, price: &GasPrice) -> UnsignedTransaction {
    let count = u64::try_from(messages.len()).unwrap_or(u64::MAX);
    let gas = GAS_EACH.saturating_mul(count).saturating_add(GAS_BASE);
    let fee = price.fee(gas);
    let json = json!({
        "body": { "messages": messages, "memo": "", "timeout_height": "0", "extension_options": [],
            "non_critical_extension_options": [] },
        "auth_info": { "signer_infos": [], "tip": null, "fee": {
            "amount": [{ "denom": fee.denom, "amount": fee.amount }],
            "gas_limit": gas.to_string(), "payer": "", "granter": "" } },
        "signatures": [],
    });
    UnsignedTransaction { messages, json }
}

/// Formats whole seconds in UTC.
fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use sentinel_proto::address::AccountAddress;
    use sentinel_proto::hub::FeeAllowance;

    use super::*;
    use crate::messages::MESSAGE_TYPES;

    fn wanted() -> GrantRequest {
        GrantRequest {
            granter: AccountAddress::new([1; 20]),
            grantee: AccountAddress::new([2; 20]),
            expires: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            denom: "udvpn".to_owned(),
            fee_limit: 5,
            setup_expires: None,
        }
    }

    fn fees() -> FeeAllowance {
        FeeAllowance {
            messages: None,
            left: std::collections::BTreeMap::new(),
            expires: None,
            unknown: false,
        }
    }

    #[test]
    fn grants_needed_types_only_and_replaces_existing_fee_grant() {
        let price = "0.1udvpn".parse().unwrap();
        let fresh = build_grant(&wanted(), &CurrentGrants::default(), &price);
        let types: Vec<_> =
            fresh.messages.iter().filter_map(|m| m["grant"]["authorization"]["msg"].as_str()).collect();
        assert_eq!(types, MESSAGE_TYPES);
        assert_eq!(fresh.messages.len(), MESSAGE_TYPES.len() + 1);
        assert_eq!(fresh.messages[0]["grant"]["expiration"], "2027-01-15T08:00:00Z");
        let allowed = &fresh.messages[MESSAGE_TYPES.len()]["allowance"]["allowed_messages"];
        assert_eq!(*allowed, json!(["/cosmos.authz.v1beta1.MsgExec"]));
        let again =
            build_grant(&wanted(), &CurrentGrants { fees: Some(fees()), ..CurrentGrants::default() }, &price);
        assert_eq!(
            again.messages[MESSAGE_TYPES.len()]["@type"],
            "/cosmos.feegrant.v1beta1.MsgRevokeAllowance"
        );
        let setup = GrantRequest { setup_expires: Some(UNIX_EPOCH), ..wanted() };
        assert_eq!(
            build_grant(&setup, &CurrentGrants::default(), &price).messages.len(),
            MESSAGE_TYPES.len() + 4
        );
    }

    #[test]
    fn revokes_every_current_grant() {
        let types = [("/a.B".to_owned(), None)].into();
        let granted = CurrentGrants { types, foreign: Vec::new(), fees: Some(fees()) };
        let taken = build_revocation(&wanted(), &granted, &"0.1udvpn".parse().unwrap());
        assert_eq!(taken.messages.len(), 2);
        assert_eq!(taken.messages[0]["msg_type_url"], "/a.B");
        assert_eq!(granted.surplus(), ["/a.B"]);
        assert_eq!(granted.missing(), MESSAGE_TYPES);
    }
}
