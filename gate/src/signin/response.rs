//! Responses of the sign-in, in the shapes of `openapi.json`.

use alloy::primitives::Address;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

use crate::access::Summary;
use crate::store::Binding;
use crate::store::clock::{UnixTime, rfc3339};

/// Message for a wallet to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Challenge {
    /// Text of the message.
    pub message: String,
    /// Nonce in the message.
    pub nonce: String,
    /// Time until which the signed message can be redeemed. The binding itself expires later, as the message says.
    #[serde(serialize_with = "rfc3339_utc")]
    pub expires_at: UnixTime,
}

/// Devices of a holder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceUsage {
    /// Devices in use.
    pub used: usize,
    /// Maximum devices.
    pub limit: u32,
    /// Maximum devices with sessions of a plan, for plans with a maximum of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plans: BTreeMap<u64, u32>,
}

/// Entitlement of a wallet, as `GET /gate/eligibility` returns it.
#[derive(Debug, Clone)]
pub struct Eligibility(pub Summary);

/// A binding with its current entitlement.
#[derive(Debug, Clone)]
pub struct BindingInfo {
    /// The binding.
    pub binding: Binding,
    /// Entitlement of its wallet.
    pub summary: Summary,
    /// Devices of its holder.
    pub devices: DeviceUsage,
    /// Bearer token; only in the response to the sign-in itself.
    pub token: Option<String>,
}

impl Serialize for Eligibility {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_map(None)?;
        serialize_entitlement(&mut answer, &self.0)?;
        answer.serialize_entry("block", &self.0.block)?;
        if self.0.delegations_unread {
            answer.serialize_entry("delegations_unread", &true)?;
        }
        answer.end()
    }
}

impl Serialize for BindingInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_map(None)?;
        answer.serialize_entry("wallet", &checksummed(&self.binding.wallet))?;
        answer.serialize_entry("account", &self.binding.account.to_string())?;
        serialize_entitlement(&mut answer, &self.summary)?;
        answer.serialize_entry("issued_at", &rfc3339(self.binding.issued_at))?;
        answer.serialize_entry("expires_at", &rfc3339(self.binding.expires_at))?;
        answer.serialize_entry("devices", &self.devices)?;
        if let Some(token) = &self.token {
            answer.serialize_entry("token", token)?;
        }
        answer.end()
    }
}

fn serialize_entitlement<M: SerializeMap>(answer: &mut M, entitlement: &Summary) -> Result<(), M::Error> {
    let cards: Vec<String> = entitlement.cards.iter().map(ToString::to_string).collect();
    answer.serialize_entry("tier", entitlement.tier.name())?;
    answer.serialize_entry("via", &entitlement.via)?;
    answer.serialize_entry("vault", &entitlement.vault.as_ref().map(checksummed))?;
    answer.serialize_entry("cards", &cards)?;
    if entitlement.more_cards {
        answer.serialize_entry("more", &true)?;
    }
    Ok(())
}

fn checksummed(address: &Address) -> String {
    address.to_checksum(None)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "signature required by serde")]
fn rfc3339_utc<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}
