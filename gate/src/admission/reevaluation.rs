//! Whether an admitted session still has a right to its tunnel.
//!
//! The work for one look is bounded whatever strangers did: first one question about the wallet and the vault that the
//! session rests on, then a few others for a short time. What more there is to ask is asked after the eviction.

use std::cmp::Reverse;

use alloy::primitives::Address;
use futures::{StreamExt as _, stream};
use sentinel_proto::hub::SessionStatus;
use tokio::time::{Instant, timeout, timeout_at};

use super::basis_choice::{Choice, Inquiry, choices, distance};
use super::decide::{self, By, Candidate, Finding, SessionFinding};
use super::relocation::OTHER_BASES_TIMEOUT;
use super::states::{MAX_CONCURRENT_INQUIRIES, MAX_DECISION_TIME};
use super::{Admission, Grant, PROBE};
use crate::access::Question;
use crate::refusal::Refusal;
use crate::store::clock::UnixTime;
use crate::store::{Cause, SessionRecord};

/// What becomes of a session.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It may rest on any of these, the nearest to what it rests on first.
    Keeps(Vec<Grant>),
    /// What it rested on is gone, and nothing else was found.
    Loses {
        /// Why.
        cause: Cause,
        /// Not everything was asked: another basis may be found later.
        is_open: bool,
    },
    /// It cannot be found out now.
    Unknown,
}

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

/// What the hub says of a recorded session.
enum OnHub {
    Is(SessionFinding),
    Cancelled,
}

impl Admission {
    /// Whether a live session may stay: its own basis first and alone, then a few others.
    pub async fn reevaluate(&self, record: &SessionRecord) -> Verdict {
        if let Some(verdict) = self.verdict_on_account(record) {
            return verdict;
        }
        let (inquiries, unbound) = self.inquiries(&record.account, record.own_key, None);
        let own = own_inquiry(record, &inquiries);
        let on_hub = self.on_hub(record.session_id);
        let (on_hub, own) = tokio::join!(on_hub, async {
            match own {
                Some(inquiry) => {
                    let finding = timeout(MAX_DECISION_TIME, self.finding(&inquiry)).await;
                    Some((inquiry, finding.unwrap_or_default()))
                }
                None => None,
            }
        });
        let OnHub::Is(session) = on_hub else {
            return Verdict::Loses { cause: Cause::Cancelled, is_open: false };
        };
        let mut findings: Vec<(Inquiry, Finding)> = own.into_iter().collect();
        let grants = self.grants(record, &findings, session);
        if !grants.is_empty() {
            return Verdict::Keeps(grants);
        }
        let is_gone = findings.iter().all(|(_, finding)| finding.is_some());
        let mut others = inquiries;
        others.retain(|inquiry| !findings.iter().any(|(asked, _)| asked == inquiry));
        // Other vaults of the same wallet first, then in the order of choice.
        others.sort_by_key(|inquiry| Some(inquiry.candidate.wallet) != record.wallet);
        let all_asked = others.len() <= MAX_CONCURRENT_INQUIRIES;
        let deadline = Instant::now() + OTHER_BASES_TIMEOUT;
        findings
            .extend(self.findings_until(others.into_iter().take(MAX_CONCURRENT_INQUIRIES), deadline).await);
        let grants = self.grants(record, &findings, session);
        if !grants.is_empty() {
            return Verdict::Keeps(grants);
        }
        if !is_gone {
            return Verdict::Unknown;
        }
        let is_open = !all_asked || findings.iter().any(|(_, finding)| finding.is_none());
        findings.retain(|(_, finding)| finding.is_some());
        let cause = self.cause(record, &findings, session, &unbound);
        Verdict::Loses { cause, is_open }
    }

    /// Whether an evicted session may come back: everything is asked, in the order of choice.
    pub async fn search_basis(&self, record: &SessionRecord) -> Verdict {
        if let Some(verdict) = self.verdict_on_account(record) {
            return verdict;
        }
        let (inquiries, unbound) = self.inquiries(&record.account, record.own_key, None);
        let asked = stream::iter(inquiries).map(|inquiry| async move {
            let deadline = Instant::now() + MAX_DECISION_TIME;
            let finding = timeout_at(deadline, self.finding(&inquiry)).await;
            (inquiry, finding.unwrap_or_default())
        });
        let asked = asked.buffered(MAX_CONCURRENT_INQUIRIES).collect::<Vec<_>>();
        let (on_hub, findings) = tokio::join!(self.on_hub(record.session_id), asked);
        let OnHub::Is(session) = on_hub else {
            return Verdict::Loses { cause: Cause::Cancelled, is_open: false };
        };
        let grants = self.grants(record, &findings, session);
        if !grants.is_empty() {
            return Verdict::Keeps(grants);
        }
        if findings.iter().any(|(_, finding)| finding.is_none()) {
            return Verdict::Unknown;
        }
        Verdict::Loses { cause: self.cause(record, &findings, session, &unbound), is_open: false }
    }

    fn verdict_on_account(&self, record: &SessionRecord) -> Option<Verdict> {
        let policy = self.policy();
        if policy.denies_account(&record.account) {
            return Some(Verdict::Loses { cause: Cause::Denied, is_open: false });
        }
        policy.is_probe(&record.account).then(|| Verdict::Keeps(vec![Grant::Probe]))
    }

    /// Not waited for longer than a right may stay in doubt: without an answer the recorded tier counts.
    async fn on_hub(&self, session: u64) -> OnHub {
        match timeout(OTHER_BASES_TIMEOUT, self.sessions.get(session)).await {
            Ok(Ok(Some(session))) if session.status != SessionStatus::Active => OnHub::Cancelled,
            Ok(Ok(Some(session))) => OnHub::Is(SessionFinding::Kind(session.kind)),
            Ok(Ok(None)) => OnHub::Is(SessionFinding::Missing),
            Ok(Err(_)) | Err(_) => OnHub::Is(SessionFinding::Unavailable),
        }
    }

    /// The bases that allow the session, the nearest to what it rests on first.
    fn grants(
        &self,
        record: &SessionRecord,
        findings: &[(Inquiry, Finding)],
        session: SessionFinding,
    ) -> Vec<Grant> {
        let policy = self.policy();
        let allowed = choices(&policy, findings, session, self.clock.unix());
        // Where the hub cannot be asked, the session may do what its tier could; of another tier nothing is known.
        let is_known = session != SessionFinding::Unavailable;
        let mut allowed: Vec<_> =
            allowed.filter(|(_, basis)| is_known || basis.tier.name() == record.tier).collect();
        allowed.sort_by_key(|(candidate, basis)| distance(record, candidate, basis));
        let plan = match session {
            SessionFinding::Kind(kind) => kind.plan(),
            SessionFinding::Missing | SessionFinding::Unavailable => record.plan,
        };
        let grant = |(candidate, basis): (&Candidate, &crate::access::Basis)| Grant::Card {
            choice: Choice { candidate: *candidate, basis: basis.clone() },
            plan,
        };
        allowed.into_iter().map(grant).collect()
    }

    fn cause(
        &self,
        record: &SessionRecord,
        findings: &[(Inquiry, Finding)],
        session: SessionFinding,
        unbound: &Refusal,
    ) -> Cause {
        let speaks = |(inquiry, _): &(Inquiry, Finding)| Some(inquiry.candidate.wallet) == record.wallet;
        if !findings.iter().any(speaks) {
            let bindings = self.store.bindings_of(&record.account);
            let is_expired = bindings.iter().any(|binding| Some(binding.wallet) == record.wallet);
            return if is_expired { Cause::Expired } else { Cause::Unbound };
        }
        match decide::nearest_refusal(&self.policy(), findings, session, unbound) {
            Refusal::SessionKind { .. } => Cause::SessionKind,
            Refusal::Denied => Cause::Denied,
            Refusal::Unbound { .. } => Cause::Unbound,
            Refusal::BindingExpired { .. } => Cause::Expired,
            _ => Cause::NoCard,
        }
    }

    /// What is recorded of a session that rests on `grant`.
    pub fn recorded_basis(&self, grant: &Grant) -> RecordedBasis {
        let now = self.clock.unix();
        let otherwise =
            now.saturating_add_unsigned(self.governance.credential_ttl(self.terms.without_binding).as_secs());
        let Grant::Card { choice: Choice { candidate, basis }, plan } = grant else {
            return RecordedBasis {
                wallet: None,
                vault: None,
                via: None,
                collection: None,
                card: None,
                tier: PROBE,
                plan: None,
                block: 0,
                expires_at: otherwise,
            };
        };
        let binding = match candidate.by {
            By::Binding(key) => {
                self.store.bindings_of(&key.account).into_iter().find(|binding| binding.wallet == key.wallet)
            }
            By::OwnKey => None,
        };
        let bound = binding.map_or(otherwise, |binding| binding.expires_at);
        let until = basis.until.and_then(|until| UnixTime::try_from(until).ok());
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

/// The question about the wallet and the vault that a session rests on; `None`: the wallet no longer speaks for the
/// account.
fn own_inquiry(record: &SessionRecord, inquiries: &[Inquiry]) -> Option<Inquiry> {
    let wallet = record.wallet?;
    let of_wallet = inquiries.iter().filter(|inquiry| inquiry.candidate.wallet == wallet);
    // A sign-in lasts longer than the handshake's own key alone.
    let candidate = of_wallet
        .map(|inquiry| inquiry.candidate)
        .min_by_key(|candidate| Reverse(matches!(candidate.by, By::Binding(_))))?;
    Some(Inquiry { candidate, question: Question::named(wallet, record.vault) })
}
