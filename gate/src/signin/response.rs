//! What a sign-in answers, in the words of the interface.

use alloy::primitives::Address;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

use crate::access::Summary;
use crate::store::Binding;
use crate::store::clock::{UnixTime, rfc3339};

/// A message to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Challenge {
    /// The text.
    pub message: String,
    /// The nonce in it.
    pub nonce: String,
    /// Until when the signed text can be brought back. The binding itself ends later, as the text says.
    #[serde(serialize_with = "rfc3339_utc")]
    pub expires_at: UnixTime,
}

/// How many devices a holder uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceUsage {
    /// Now.
    pub used: usize,
    /// At most.
    pub limit: u32,
    /// At most with sessions of these plans, where that is another number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plans: BTreeMap<u64, u32>,
}

/// What a wallet is entitled to, as `GET /gate/eligibility` tells it.
#[derive(Debug, Clone)]
pub struct Eligibility(pub Summary);

/// A binding and what it is worth now.
#[derive(Debug, Clone)]
pub struct BindingInfo {
    /// The binding.
    pub binding: Binding,
    /// What its wallet's cards give.
    pub summary: Summary,
    /// Its holder's devices.
    pub devices: DeviceUsage,
    /// The bearer's token; only in the answer to the sign-in itself.
    pub token: Option<String>,
}

impl Serialize for Eligibility {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_map(None)?;
        entitlement(&mut answer, &self.0)?;
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
        entitlement(&mut answer, &self.summary)?;
        answer.serialize_entry("issued_at", &rfc3339(self.binding.issued_at))?;
        answer.serialize_entry("expires_at", &rfc3339(self.binding.expires_at))?;
        answer.serialize_entry("devices", &self.devices)?;
        if let Some(token) = &self.token {
            answer.serialize_entry("token", token)?;
        }
        answer.end()
    }
}

fn entitlement<M: SerializeMap>(answer: &mut M, entitlement: &Summary) -> Result<(), M::Error> {
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn rfc3339_utc<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}
