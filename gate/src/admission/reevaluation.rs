//! Re-evaluates admitted sessions: see [`basis_review`](super::basis_review) for the algorithm.

use alloy::primitives::Address;
use sentinel_proto::hub::SessionStatus;
use tokio::time::timeout;

use super::basis_choice::BasisChoice;
use super::basis_review::{HubStatus, Reevaluation, Verdict};
use super::decide::{AccountLink, SessionFinding};
use super::relocation::OTHER_BASES_TIMEOUT;
use super::{Admission, Grant, PROBE_TIER};
use crate::store::clock::UnixTime;
use crate::store::{EvictionCause, SessionRecord};

/// What a session rests on, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBasis {
    /// The wallet. None for a probe.
    pub wallet: Option<Address>,
    /// The wallet that holds the card, if another one.
    pub vault: Option<Address>,
    /// How the card belongs to the wallet.
    pub via: Option<&'static str>,
    /// Contract of the card.
    pub collection: Option<Address>,
    /// The card.
    pub card: Option<String>,
    /// The tier's label.
    pub tier: &'static str,
    /// The plan that the session is of, as far as that was asked.
    pub plan: Option<u64>,
    /// The block of the decision.
    pub block: u64,
    /// When the right to it ends.
    pub expires_at: UnixTime,
}

impl RecordedBasis {
    /// The address that holds the card. None for a probe.
    pub fn holder(&self) -> Option<Address> {
        self.vault.or(self.wallet)
    }

    /// The record of a session that rests on this.
    pub fn apply_to(&self, record: &SessionRecord) -> SessionRecord {
        SessionRecord {
            wallet: self.wallet,
            vault: self.vault,
            via: self.via.map(str::to_owned),
            collection: self.collection,
            card: self.card.clone(),
            tier: self.tier.to_owned(),
            plan: self.plan.or(record.plan),
            decision_block: self.block,
            expires_at: self.expires_at,
            ..record.clone()
        }
    }
}

impl Admission {
    /// Decides whether a live session may stay: first by its own basis alone, then by a few others.
    pub async fn reevaluate(&self, record: &SessionRecord) -> Verdict {
        if let Some(verdict) = self.verdict_on_account(record) {
            return verdict;
        }
        self.reevaluation_of(record)
            .reevaluate(&|inquiry| self.finding(inquiry), self.hub_status(record))
            .await
    }

    /// Decides whether an evicted session may be restored: all inquiries run, in the order of choice. `searches`:
    /// number of earlier searches without a result.
    pub async fn search_basis(&self, record: &SessionRecord, searches: u32) -> Verdict {
        if let Some(verdict) = self.verdict_on_account(record) {
            return verdict;
        }
        self.reevaluation_of(record)
            .search_basis(searches, &|inquiry| self.finding(inquiry), self.hub_status(record))
            .await
    }

    fn reevaluation_of<'a>(&self, record: &'a SessionRecord) -> Reevaluation<'a> {
        let bindings = self.store.bindings().of_account(&record.account);
        let has_binding = bindings.iter().any(|binding| Some(binding.wallet) == record.wallet);
        let (inquiries, unbound) =
            self.inquiries_of(bindings, &record.account, record.own_key, record.signed_in_after);
        Reevaluation {
            record,
            inquiries,
            unbound,
            has_binding,
            policy: self.policy(),
            now: self.clock.unix(),
        }
    }

    fn verdict_on_account(&self, record: &SessionRecord) -> Option<Verdict> {
        let policy = self.policy();
        if policy.denies_account(&record.account) {
            return Some(Verdict::Evict { cause: EvictionCause::Denied, is_incomplete: false });
        }
        let is_probe = policy.is_probe(&record.account);
        is_probe.then(|| Verdict::Keep {
            grants: vec![Grant::Probe],
            cause: EvictionCause::Expired,
            is_incomplete: false,
        })
    }

    /// The wait is bounded; without an answer the recorded tier counts.
    async fn hub_status(&self, record: &SessionRecord) -> HubStatus {
        match timeout(OTHER_BASES_TIMEOUT, self.sessions.get(record.session_id)).await {
            Ok(Ok(Some(session))) if session.status != SessionStatus::Active => HubStatus::Cancelled,
            Ok(Ok(Some(session))) => HubStatus::NotCancelled(SessionFinding::Kind(session.kind)),
            Ok(Ok(None)) => HubStatus::NotCancelled(SessionFinding::Missing),
            Ok(Err(_)) | Err(_) => HubStatus::NotCancelled(SessionFinding::Unavailable),
        }
    }

    /// What is recorded of a session that rests on `grant`.
    pub fn recorded_basis(&self, grant: &Grant) -> RecordedBasis {
        let now = self.clock.unix();
        let otherwise =
            now.saturating_add_unsigned(self.governance.credential_ttl(self.settings.unbound_ttl).as_secs());
        let Grant::Card { choice: BasisChoice { candidate, basis }, plan } = grant else {
            return RecordedBasis {
                wallet: None,
                vault: None,
                via: None,
                collection: None,
                card: None,
                tier: PROBE_TIER,
                plan: None,
                block: 0,
                expires_at: otherwise,
            };
        };
        let binding = match candidate.link {
            AccountLink::Binding(key) => self
                .store
                .bindings()
                .of_account(&key.account)
                .into_iter()
                .find(|binding| binding.wallet == key.wallet),
            AccountLink::OwnKey => None,
        };
        let bound = binding.map_or(otherwise, |binding| binding.expires_at);
        let until = basis.expires_at.and_then(|until| UnixTime::try_from(until).ok());
        RecordedBasis {
            wallet: Some(candidate.wallet),
            vault: basis.vault,
            via: Some(basis.via.name()),
            collection: Some(basis.collection),
            card: basis.cards.first().map(ToString::to_string),
            tier: basis.tier.name(),
            plan: *plan,
            block: basis.block,
            expires_at: until.map_or(bound, |until| until.min(bound)),
        }
    }
}
