//! The operator's policy: sessions allowed to each tier, probe accounts and deny lists.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::SessionKind;

use crate::access::Tier;
use crate::config::{self, SessionRule, WhenFull};

/// The operator's policy, ready for lookups.
#[derive(Debug, Clone)]
pub struct AdmissionPolicy {
    free: config::TierSection,
    paid: config::TierSection,
    allow_accounts: HashSet<AccountAddress>,
    deny_wallets: HashSet<Address>,
    deny_accounts: HashSet<AccountAddress>,
    require_standing: bool,
    slot_allowance: usize,
    admissions_per_hour: usize,
    unverified_grace: Duration,
}

impl Default for AdmissionPolicy {
    fn default() -> Self {
        Self::from(&config::PolicySection::default())
    }
}

impl From<&config::PolicySection> for AdmissionPolicy {
    fn from(policy: &config::PolicySection) -> Self {
        Self {
            free: policy.free.clone(),
            paid: policy.paid.clone(),
            allow_accounts: policy.allow_accounts.iter().copied().collect(),
            deny_wallets: policy.deny_wallets.iter().copied().collect(),
            deny_accounts: policy.deny_accounts.iter().copied().collect(),
            require_standing: policy.require_standing,
            slot_allowance: policy.slot_allowance,
            admissions_per_hour: policy.admissions_per_hour,
            unverified_grace: policy.unverified_grace,
        }
    }
}

impl AdmissionPolicy {
    fn tier(&self, tier: Tier) -> Option<&config::TierSection> {
        match tier {
            Tier::Free => Some(&self.free),
            Tier::Paid => Some(&self.paid),
            Tier::Denied => None,
        }
    }

    /// Whether `tier` may use sessions of `kind`.
    pub fn allows(&self, tier: Tier, kind: SessionKind) -> bool {
        let rule = match kind {
            SessionKind::Direct => SessionRule::Direct,
            SessionKind::Plan(id) => SessionRule::Plan(id),
        };
        self.tier(tier).is_some_and(|tier| tier.sessions.contains(&rule))
    }

    /// Describes the session kinds of `tier`, for refusals.
    pub fn allowed(&self, tier: Tier) -> String {
        let rules = self.tier(tier).map(|tier| tier.sessions.as_slice()).unwrap_or_default();
        if rules.is_empty() {
            return "another node".to_owned();
        }
        rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// Maximum devices of a holder of `tier`.
    pub fn devices(&self, tier: Tier) -> u32 {
        self.tier(tier).map_or(0, |tier| tier.devices)
    }

    /// Maximum devices for sessions of a plan, if the plan has a limit of its own.
    pub fn plan_devices(&self, tier: Tier, plan: u64) -> Option<u32> {
        self.tier(tier)?.plan_devices.of(plan)
    }

    /// Whether a new device of a holder of `tier` replaces the oldest one when all are in use.
    pub fn drops_oldest(&self, tier: Tier) -> bool {
        self.tier(tier).is_some_and(|tier| tier.when_full == WhenFull::DropOldest)
    }

    /// Whether sessions of plans are for a node in good standing only.
    pub const fn requires_standing(&self) -> bool {
        self.require_standing
    }

    /// The plans whose sessions some tier may use.
    pub fn plans(&self) -> BTreeSet<u64> {
        let rules = self.free.sessions.iter().chain(&self.paid.sessions);
        rules
            .filter_map(|rule| match rule {
                SessionRule::Plan(plan) => Some(*plan),
                SessionRule::Direct => None,
            })
            .collect()
    }

    /// The accounts that pass without a card.
    pub fn probes(&self) -> impl Iterator<Item = &AccountAddress> {
        self.allow_accounts.iter()
    }

    /// Whether `account` is a probe, which passes without a card.
    pub fn is_probe(&self, account: &AccountAddress) -> bool {
        self.allow_accounts.contains(account)
    }

    /// Whether `account` never passes.
    pub fn denies_account(&self, account: &AccountAddress) -> bool {
        self.deny_accounts.contains(account)
    }

    /// Whether a basis is denied: its wallet, or the vault behind it.
    pub fn denies(&self, wallet: Address, vault: Option<Address>) -> bool {
        self.deny_wallets.contains(&wallet) || vault.is_some_and(|vault| self.deny_wallets.contains(&vault))
    }

    /// Peer slots that a holder may use beyond its devices, by evicted sessions whose peers the node has not removed.
    pub const fn slot_allowance(&self) -> usize {
        self.slot_allowance
    }

    /// New sessions of one holder within an hour.
    pub const fn admissions_per_hour(&self) -> usize {
        self.admissions_per_hour
    }

    /// Time for which a session stays after its right may have ended, while Ethereum does not answer.
    pub const fn unverified_grace(&self) -> Duration {
        self.unverified_grace
    }
}
