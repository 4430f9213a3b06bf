//! What Sentinel's own Go types make of fixed inputs, against what we make of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use prost::Message;
use sentinel_proto::{
    address::{AccountAddress, NodeAddress, ProviderAddress},
    envelope::{Envelope, HandshakeResult},
    handshake::{Handshake, PeerRequest, PublicKey, Service},
    wire::sentinel::{lease, node, plan, provider, session, subscription},
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct AddressVector {
    public_key: String,
    bytes: String,
    account: String,
    node: String,
    provider: String,
}

#[derive(Deserialize)]
struct HandshakeVector {
    name: String,
    body: String,
    verifies: bool,
    id: Option<u64>,
    message: Option<String>,
    account: Option<String>,
}

#[derive(Deserialize)]
struct PeerVector {
    name: String,
    service: String,
    data: String,
    accepted: bool,
    peer_id: Option<String>,
}

#[derive(Deserialize)]
struct HubVector {
    r#type: String,
    bytes: String,
}

#[derive(Deserialize)]
struct EnvelopeVector {
    name: String,
    body: String,
}

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    let vectors: Vec<T> = serde_json::from_str(text).unwrap();
    assert!(!vectors.is_empty());
    vectors
}

#[test]
fn addresses() {
    for vector in read::<AddressVector>(include_str!("vectors/addresses.json")) {
        let account = PublicKey::parse(&vector.public_key).unwrap().account();
        assert_eq!(hex::encode(account.as_bytes()), vector.bytes);
        assert_eq!(account, vector.account.parse::<AccountAddress>().unwrap());
        assert_eq!(account.in_role(), vector.node.parse::<NodeAddress>().unwrap());
        assert_eq!(account.in_role(), vector.provider.parse::<ProviderAddress>().unwrap());
        assert_eq!(account.in_role::<sentinel_proto::address::Node>().to_string(), vector.node);
    }
}

/// What we take, the node takes in the same meaning. What only the node takes is this, and nothing else.
#[test]
fn handshakes() {
    let mut stricter = BTreeSet::new();
    for vector in read::<HandshakeVector>(include_str!("vectors/handshakes.json")) {
        let parsed = Handshake::parse(vector.body.as_bytes());
        let Some((handshake, account)) =
            parsed.ok().and_then(|h| Some((h.clone(), h.verify().ok()?.account)))
        else {
            if vector.verifies {
                stricter.insert(vector.name);
            }
            continue;
        };
        assert!(vector.verifies, "{}", vector.name);
        assert_eq!(Some(handshake.session_id), vector.id, "{}", vector.name);
        let message = Handshake::message(handshake.session_id, &handshake.data);
        assert_eq!(Some(hex::encode(message)), vector.message, "{}", vector.name);
        assert_eq!(Some(account.to_string()), vector.account, "{}", vector.name);
    }
    let stricter: Vec<_> = stricter.iter().map(String::as_str).collect();
    let expected = [
        "data twice",
        "data with a line break in base64",
        "garbage behind",
        "id twice, last right",
        "key name in capitals",
        "key name with a Kelvin sign",
        "key with spaces around",
        "second value behind",
    ];
    assert_eq!(stricter, expected);
}

/// As above, for peer requests.
#[test]
fn peers() {
    let mut stricter = BTreeSet::new();
    for vector in read::<PeerVector>(include_str!("vectors/peers.json")) {
        let service: Service = vector.service.parse().unwrap();
        for service in [Some(service), None] {
            match PeerRequest::parse(vector.data.as_bytes(), service) {
                Ok(peer) if vector.accepted => {
                    assert_eq!(Some(peer.id.to_string()), vector.peer_id, "{}", vector.name);
                }
                // Without a known service every service's form is taken; the node will refuse it.
                Ok(_) => assert!(service.is_none(), "{}", vector.name),
                Err(_) if vector.accepted => {
                    stricter.insert(format!("{}: {}", vector.service, vector.name));
                }
                Err(_) => {}
            }
        }
    }
    let stricter: Vec<_> = stricter.iter().map(String::as_str).collect();
    let expected = [
        "v2ray: missing",
        "v2ray: name in capitals",
        "v2ray: null",
        "v2ray: null inside",
        "v2ray: one short",
        "v2ray: one too many",
        "v2ray: twice",
        "wireguard: line break in base64",
        "wireguard: loose bits in base64",
        "wireguard: name in capitals",
        "wireguard: name with a Kelvin sign",
        "wireguard: twice, last in capitals",
        "wireguard: unknown field",
    ];
    assert_eq!(stricter, expected);
}

fn again<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
    M::decode(bytes).unwrap().encode_to_vec()
}

/// Our declarations lose nothing of a message and put everything in the same place.
#[test]
fn messages() {
    let mut seen = BTreeSet::new();
    for vector in read::<HubVector>(include_str!("vectors/hub.json")) {
        let bytes = hex::decode(&vector.bytes).unwrap();
        let again = match vector.r#type.as_str() {
            "sentinel.session.v3.QuerySessionRequest" => again::<session::v3::QuerySessionRequest>,
            "sentinel.session.v3.QuerySessionResponse" => again::<session::v3::QuerySessionResponse>,
            "sentinel.session.v3.QuerySessionsForNodeRequest" => {
                again::<session::v3::QuerySessionsForNodeRequest>
            }
            "sentinel.session.v3.QuerySessionsForNodeResponse" => {
                again::<session::v3::QuerySessionsForNodeResponse>
            }
            "sentinel.subscription.v3.QuerySubscriptionRequest" => {
                again::<subscription::v3::QuerySubscriptionRequest>
            }
            "sentinel.subscription.v3.QuerySubscriptionResponse" => {
                again::<subscription::v3::QuerySubscriptionResponse>
            }
            "sentinel.plan.v3.QueryPlanRequest" => again::<plan::v3::QueryPlanRequest>,
            "sentinel.plan.v3.QueryPlanResponse" => again::<plan::v3::QueryPlanResponse>,
            "sentinel.plan.v3.MsgLinkNodeRequest" => again::<plan::v3::MsgLinkNodeRequest>,
            "sentinel.plan.v3.MsgUnlinkNodeRequest" => again::<plan::v3::MsgUnlinkNodeRequest>,
            "sentinel.node.v3.QueryNodeRequest" => again::<node::v3::QueryNodeRequest>,
            "sentinel.node.v3.QueryNodeResponse" => again::<node::v3::QueryNodeResponse>,
            "sentinel.node.v3.QueryNodesForPlanRequest" => again::<node::v3::QueryNodesForPlanRequest>,
            "sentinel.node.v3.QueryNodesForPlanResponse" => again::<node::v3::QueryNodesForPlanResponse>,
            "sentinel.lease.v1.QueryLeasesForProviderRequest" => {
                again::<lease::v1::QueryLeasesForProviderRequest>
            }
            "sentinel.provider.v2.QueryProviderRequest" => again::<provider::v2::QueryProviderRequest>,
            "sentinel.provider.v2.QueryProviderResponse" => again::<provider::v2::QueryProviderResponse>,
            _ => continue,
        };
        assert_eq!(hex::encode(again(&bytes)), vector.bytes, "{}", vector.r#type);
        seen.insert(vector.r#type);
    }
    assert_eq!(seen.len(), 17, "{seen:?}");
}

/// A direct and a subscription's session: the inner messages too.
#[test]
fn sessions_inside_any() {
    let mut kinds = BTreeSet::new();
    for vector in read::<HubVector>(include_str!("vectors/hub.json")) {
        if vector.r#type != "sentinel.session.v3.QuerySessionsForNodeResponse" {
            continue;
        }
        let bytes = hex::decode(&vector.bytes).unwrap();
        for any in session::v3::QuerySessionsForNodeResponse::decode(bytes.as_slice()).unwrap().sessions {
            let again = match any.type_url.as_str() {
                sentinel_proto::hub::DIRECT_TYPE => again::<node::v3::Session>(&any.value),
                sentinel_proto::hub::SUBSCRIPTION_TYPE => again::<subscription::v3::Session>(&any.value),
                other => panic!("{other}"),
            };
            assert_eq!(again, any.value);
            kinds.insert(any.type_url);
        }
    }
    assert_eq!(kinds.len(), 2);
}

#[test]
fn envelopes() {
    for vector in read::<EnvelopeVector>(include_str!("vectors/envelopes.json")) {
        let body: Value = serde_json::from_str(&vector.body).unwrap();
        match Envelope::<Value>::parse(vector.body.as_bytes()).unwrap() {
            Envelope::Success(result) => assert_eq!(result, body["result"], "{}", vector.name),
            Envelope::Failure(failure) => {
                assert_eq!(failure.code, body["error"]["code"].as_i64().unwrap_or_default());
                assert_eq!(failure.message, body["error"]["message"].as_str().unwrap_or_default());
            }
        }
        if vector.name == "handshake" {
            let answer = Envelope::<HandshakeResult>::parse(vector.body.as_bytes()).unwrap();
            assert_eq!(answer.to_json().unwrap(), vector.body.as_bytes());
            assert_eq!(answer.into_result().unwrap().tunnel_addresses(), ["10.48.178.2/32"]);
        }
    }
}
