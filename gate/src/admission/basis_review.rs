//! Re-evaluation of the right of an admitted session.
//!
//! The work of one re-evaluation is bounded whatever strangers add: one inquiry about the wallet and the vault of the
//! session's basis, then a few others for a short time. Further inquiries follow after the eviction.

use std::cmp::Reverse;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::basis_choice::{BasisChoice, Inquiry, allowed_bases, distance};
use super::decide::{self, AccountLink, Candidate, Finding, SessionFinding};
use super::relocation::{OTHER_BASES_TIMEOUT, collect_findings};
use super::states::{MAX_CONCURRENT_INQUIRIES, MAX_DECISION_TIME};
use super::{AdmissionPolicy, Grant};
use crate::access::{Basis, EntitlementQuery};
use crate::refusal::Refusal;
use crate::store::clock::UnixTime;
use crate::store::{EvictionCause, SessionRecord};

/// Result of a re-evaluation.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The session may rest on any of these grants, as far as their holders have free device slots.
    Keep {
        /// The nearest to what it rests on first.
        grants: Vec<Grant>,
        /// Cause of the eviction if the former basis is gone and no other holder has a free device slot.
        cause: EvictionCause,
        /// Not everything was asked: another basis may be found later.
        is_incomplete: bool,
    },
    /// The basis is gone, and no other was found.
    Evict {
        /// Why.
        cause: EvictionCause,
        /// Not everything was asked: another basis may be found later.
        is_incomplete: bool,
    },
    /// The decision is not possible now.
    Unknown,
}

/// State of a recorded session on the hub.
#[derive(Debug, Clone, Copy)]
pub(super) enum HubStatus {
    NotCancelled(SessionFinding),
    Cancelled,
}

/// Inputs of a re-evaluation.
pub(super) struct Reevaluation<'a> {
    pub(super) record: &'a SessionRecord,
    /// Inquiries for the account, in the order of choice.
    pub(super) inquiries: Vec<Inquiry>,
    /// Refusal if no wallet speaks for the account.
    pub(super) unbound: Refusal,
    /// The wallet that the session rests on has a binding to the account, live or expired.
    pub(super) has_binding: bool,
    pub(super) policy: Arc<AdmissionPolicy>,
    pub(super) now: UnixTime,
}

impl Reevaluation<'_> {
    /// Decides whether a live session may stay.
    pub(super) async fn reevaluate<F: Future<Output = Finding>>(
        mut self,
        ask: &impl Fn(Inquiry) -> F,
        hub_status: impl Future<Output = HubStatus>,
    ) -> Verdict {
        let end = Instant::now() + MAX_DECISION_TIME;
        let own = collect_findings(ask, self.current_basis_inquiry().into_iter(), end);
        let (hub_status, mut findings) = tokio::join!(hub_status, own);
        let HubStatus::NotCancelled(session) = hub_status else {
            return Verdict::Evict { cause: EvictionCause::Cancelled, is_incomplete: false };
        };
        let grants = self.grants(&findings, session);
        if !grants.is_empty() {
            return Verdict::Keep {
                grants,
                cause: self.cause_of_own_wallet(&findings, session),
                is_incomplete: true,
            };
        }
        let is_gone = findings.iter().all(|(_, finding)| finding.is_some());
        let mut others = std::mem::take(&mut self.inquiries);
        others.retain(|inquiry| !findings.iter().any(|(asked, _)| asked == inquiry));
        // Other vaults of the same wallet first, then in the order of choice.
        others.sort_by_key(|inquiry| Some(inquiry.candidate.wallet) != self.record.wallet);
        let all_asked = others.len() <= MAX_CONCURRENT_INQUIRIES;
        let deadline = Instant::now() + OTHER_BASES_TIMEOUT;
        findings
            .extend(collect_findings(ask, others.into_iter().take(MAX_CONCURRENT_INQUIRIES), deadline).await);
        let is_whole = |finding: &Finding| {
            finding.as_ref().is_some_and(|found| !found.is_partial && !found.delegations_unread)
        };
        let is_incomplete = !all_asked || !findings.iter().all(|(_, finding)| is_whole(finding));
        let grants = self.grants(&findings, session);
        if !grants.is_empty() {
            // The own basis is not known to be gone: without a slot elsewhere the session is evaluated again.
            let cause = if is_gone {
                self.cause_of_own_wallet(&findings, session)
            } else {
                EvictionCause::Unverified
            };
            return Verdict::Keep { grants, cause, is_incomplete };
        }
        if !is_gone {
            return Verdict::Unknown;
        }
        findings.retain(|(_, finding)| finding.is_some());
        Verdict::Evict { cause: self.cause(&findings, session), is_incomplete }
    }

    /// Decides whether an evicted session may be restored. Inquiries without an answer in time run in the next search,
    /// which starts further on: `searches` is the number of earlier searches.
    pub(super) async fn search_basis<F: Future<Output = Finding>>(
        mut self,
        searches: u32,
        ask: &impl Fn(Inquiry) -> F,
        hub_status: impl Future<Output = HubStatus>,
    ) -> Verdict {
        let end = Instant::now() + MAX_DECISION_TIME;
        let inquiries = std::mem::take(&mut self.inquiries);
        let first = (searches as usize).wrapping_mul(MAX_CONCURRENT_INQUIRIES) % inquiries.len().max(1);
        let order = (first..inquiries.len()).chain(0..first);
        let asked =
            stream::iter(order.map(|place| (place, inquiries[place]))).map(|(place, inquiry)| async move {
                let finding = timeout_at(end, ask(inquiry)).await;
                (place, inquiry, finding.unwrap_or_default())
            });
        let asked = asked.buffer_unordered(MAX_CONCURRENT_INQUIRIES).collect::<Vec<_>>();
        let (hub_status, mut findings) = tokio::join!(hub_status, asked);
        let HubStatus::NotCancelled(session) = hub_status else {
            return Verdict::Evict { cause: EvictionCause::Cancelled, is_incomplete: false };
        };
        findings.sort_unstable_by_key(|(place, ..)| *place);
        let findings: Vec<(Inquiry, Finding)> =
            findings.into_iter().map(|(_, inquiry, finding)| (inquiry, finding)).collect();
        let is_answered = |finding: &Finding| finding.as_ref().is_some_and(|found| !found.is_partial);
        let is_incomplete = !findings.iter().all(|(_, finding)| is_answered(finding));
        let grants = self.grants(&findings, session);
        if !grants.is_empty() {
            return Verdict::Keep {
                grants,
                cause: self.cause_of_own_wallet(&findings, session),
                is_incomplete,
            };
        }
        if is_incomplete {
            return Verdict::Unknown;
        }
        Verdict::Evict { cause: self.cause(&findings, session), is_incomplete: false }
    }

    /// Inquiry for the wallet and the vault of the current basis; `None`: the wallet no longer speaks for the account.
    fn current_basis_inquiry(&self) -> Option<Inquiry> {
        let wallet = self.record.wallet?;
        let of_wallet = self.inquiries.iter().filter(|inquiry| inquiry.candidate.wallet == wallet);
        // A sign-in lasts longer than the handshake's own key alone.
        let candidate = of_wallet
            .map(|inquiry| inquiry.candidate)
            .min_by_key(|candidate| Reverse(matches!(candidate.link, AccountLink::Binding(_))))?;
        Some(Inquiry { candidate, question: EntitlementQuery::named(wallet, self.record.vault) })
    }

    /// The bases that allow the session, the nearest to what it rests on first.
    fn grants(&self, findings: &[(Inquiry, Finding)], session: SessionFinding) -> Vec<Grant> {
        let allowed = allowed_bases(&self.policy, findings, session, self.now);
        // Where the hub cannot be asked, the session may do what its tier could; of another tier nothing is known.
        let is_known = session != SessionFinding::Unavailable;
        let mut allowed: Vec<_> =
            allowed.filter(|(_, basis)| is_known || basis.tier.name() == self.record.tier).collect();
        allowed.sort_by_key(|(candidate, basis)| distance(self.record, candidate, basis));
        let plan = match session {
            SessionFinding::Kind(kind) => kind.plan(),
            SessionFinding::Missing | SessionFinding::Foreign | SessionFinding::Unavailable => {
                self.record.plan
            }
        };
        let grant = |(candidate, basis): (&Candidate, &Basis)| Grant::Card {
            choice: BasisChoice { candidate: *candidate, basis: basis.clone() },
            plan,
        };
        allowed.into_iter().map(grant).collect()
    }

    /// Cause of the eviction when no holder of another basis has a free slot: the state of the session's own wallet.
    fn cause_of_own_wallet(&self, findings: &[(Inquiry, Finding)], session: SessionFinding) -> EvictionCause {
        let is_own = |(inquiry, finding): &&(Inquiry, Finding)| {
            Some(inquiry.candidate.wallet) == self.record.wallet && finding.is_some()
        };
        let own: Vec<(Inquiry, Finding)> = findings.iter().filter(is_own).cloned().collect();
        match self.cause(&own, session) {
            // Another vault of the wallet entitles the session, but has no free slot.
            EvictionCause::SessionKind if !self.grants(&own, session).is_empty() => EvictionCause::NoCard,
            cause => cause,
        }
    }

    fn cause(&self, findings: &[(Inquiry, Finding)], session: SessionFinding) -> EvictionCause {
        let speaks = |(inquiry, _): &(Inquiry, Finding)| Some(inquiry.candidate.wallet) == self.record.wallet;
        if !findings.iter().any(speaks) {
            return if self.has_binding { EvictionCause::Expired } else { EvictionCause::Unbound };
        }
        match decide::nearest_refusal(&self.policy, findings, session, &self.unbound) {
            Refusal::SessionKind { .. } => EvictionCause::SessionKind,
            Refusal::Denied => EvictionCause::Denied,
            Refusal::Unbound { .. } => EvictionCause::Unbound,
            Refusal::BindingExpired { .. } => EvictionCause::Expired,
            _ => EvictionCause::NoCard,
        }
    }
}

#[cfg(test)]
mod tests;
