//! Moves a live session to another basis, so that it keeps its tunnel while its device slot is needed or its basis is
//! gone.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::Address;
use futures::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::basis_choice::{BasisChoice, Inquiry, allowed_bases};
use super::decide::{Finding, SessionFinding};
use super::states::MAX_CONCURRENT_INQUIRIES;
use super::{Admission, Grant, PROBE_TIER};
use crate::access::Tier;
use crate::store::{HolderLimits, SessionClaim, SessionRecord};

/// Time limit for finding another basis, all inquiries together.
pub(super) const OTHER_BASES_TIMEOUT: Duration = Duration::from_millis(300);

impl Admission {
    /// Moves a live session to a basis of another holder than `holder` that has a free device slot; returns whether it
    /// moved.
    pub(crate) async fn move_to_other_holder(&self, record: &SessionRecord, holder: Address) -> bool {
        if record.tier == PROBE_TIER {
            return false;
        }
        let (inquiries, _) = self.inquiries(&record.account, record.own_key, record.signed_in_after);
        let deadline = Instant::now() + OTHER_BASES_TIMEOUT;
        let session = timeout_at(deadline, self.session(record.session_id, &record.account)).await;
        let SessionFinding::Kind(kind) = session.unwrap_or(SessionFinding::Unavailable) else { return false };
        let few = inquiries.into_iter().take(MAX_CONCURRENT_INQUIRIES);
        let findings = collect_findings(&|inquiry| self.finding(inquiry), few, deadline).await;
        let policy = self.policy();
        let others = allowed_bases(&policy, &findings, SessionFinding::Kind(kind), self.clock.unix());
        let others = others.filter(|(candidate, basis)| basis.holder(candidate.wallet) != holder);
        for (candidate, basis) in others {
            let choice = BasisChoice { candidate: *candidate, basis: basis.clone() };
            let grant = Grant::Card { choice, plan: kind.plan() };
            if self.move_session_to(record, &grant).await {
                return true;
            }
        }
        false
    }

    /// Claims a device slot for a live session and writes that it rests on `grant`; returns whether both succeeded.
    async fn move_session_to(&self, record: &SessionRecord, grant: &Grant) -> bool {
        let recorded = self.recorded_basis(grant);
        if recorded.expires_at <= self.clock.unix() {
            return false;
        }
        let Ok(place) = self.store.sessions().claim(self.claim_for(record, grant)) else { return false };
        let (evictor, looked_at, new) =
            (Arc::clone(&self.evictor), record.clone(), recorded.apply_to(record));
        // Runs to completion even if the caller is dropped; the written basis is evaluated again later.
        let write = tokio::spawn(async move {
            let _place = place;
            let session = looked_at.session_id;
            match evictor.update(&looked_at, new).await {
                Ok(()) => {
                    tracing::info!(session, "session moved to another basis");
                    true
                }
                Err(error) => {
                    tracing::warn!(%error, session, "cannot write what a session rests on");
                    false
                }
            }
        });
        write.await.unwrap_or(false)
    }

    /// The claim with which a recorded session rests on `grant`.
    pub(crate) fn claim_for(&self, record: &SessionRecord, grant: &Grant) -> SessionClaim {
        let (holder, limits) = match grant {
            Grant::Card { choice, plan } => {
                let holder = choice.holder();
                let devices = self.max_device_limit(holder, choice.basis.tier, *plan);
                let limits = self.limits(devices);
                // Its peer is in the node's table already, and counts for the holder of its admission.
                let has_slot = self.store.sessions().holds_peer_slot(record.session_id);
                let peer_slots = if has_slot { usize::MAX } else { limits.peer_slots };
                (Some(holder), Some(HolderLimits { peer_slots, admissions_per_hour: None, ..limits }))
            }
            Grant::Probe => (None, None),
        };
        SessionClaim {
            session_id: record.session_id,
            holder,
            tier: grant.tier().to_owned(),
            service: record.service.clone(),
            peer_id: record.peer_id.clone(),
            limits,
        }
    }

    /// Device limit of a holder with sessions of several plans. Each session was within the limit of its own plan at
    /// admission; the largest limit counts for all, or a session that began with a small plan would lose its slot to
    /// later ones.
    fn max_device_limit(&self, holder: Address, tier: Tier, plan: Option<u64>) -> usize {
        let others = self.store.sessions().in_device_slots(holder);
        let others =
            others.into_iter().filter_map(|id| self.store.sessions().get(id)).map(|record| record.plan);
        let figures = others.chain([plan]).map(|plan| self.devices(tier, plan));
        figures.max().unwrap_or(0) as usize
    }

    /// Limits of a holder with this many devices.
    pub(super) fn limits(&self, devices: usize) -> HolderLimits {
        let policy = self.policy();
        HolderLimits {
            devices,
            peer_slots: devices.saturating_add(policy.slot_allowance()),
            admissions_per_hour: Some(policy.admissions_per_hour()),
        }
    }
}

/// Collects findings until `deadline`, in the order of the inquiries; the rest counts as unanswered.
pub(super) async fn collect_findings<F: Future<Output = Finding>>(
    ask: &impl Fn(Inquiry) -> F,
    inquiries: impl Iterator<Item = Inquiry>,
    deadline: Instant,
) -> Vec<(Inquiry, Finding)> {
    join_all(inquiries.map(|inquiry| async move {
        let finding = timeout_at(deadline, ask(inquiry)).await;
        (inquiry, finding.unwrap_or_default())
    }))
    .await
}
