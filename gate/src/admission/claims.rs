//! Claims of device slots and tunnel keys: claiming, clearing conflicting sessions that have ended, and displacing
//! sessions.

use std::time::Duration;

use futures::future::try_join_all;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::hub::SessionStatus;
use tokio::time::{Instant, timeout_at};

use super::basis_choice::sessions_to_evict;
use super::states::Verified;
use super::{Admission, Grant};
use crate::refusal::Refusal;
use crate::store::{ClaimError, EvictionCause, HolderLimits, Reservation, SessionClaim};

/// Whether a claim may displace other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimMode {
    /// Claims a free device slot only.
    FreeOnly,
    /// Moves another session of the holder to another basis or, where policy says so, evicts the oldest.
    Displace,
}

/// Rejected claim.
pub(super) struct ClaimRejected {
    /// Refusal for the client.
    pub(super) refusal: Refusal,
    /// Whether the holder's own sessions are the reason, so that another holder may have a free device slot.
    pub(super) by_holder: bool,
    /// Conflicting sessions of the asking account.
    pub(super) own_sessions: usize,
}

impl ClaimRejected {
    fn by_other(refusal: Refusal) -> Self {
        Self { refusal, by_holder: false, own_sessions: 0 }
    }
}

/// Claims tunnel key and device slot for a handshake until `deadline`; a probe takes no device slot. Conflicting
/// sessions that have ended on the hub are cleared first.
pub(super) async fn claim_slot(
    admission: &Admission,
    verified: &Verified,
    grant: &Grant,
    room: ClaimMode,
    deadline: Instant,
) -> Result<Reservation, ClaimRejected> {
    let rejection = timeout_at(deadline, try_claim(admission, verified, grant, room)).await;
    rejection.unwrap_or_else(|_| Err(ClaimRejected::by_other(Refusal::HubUnavailable)))
}

async fn try_claim(
    admission: &Admission,
    verified: &Verified,
    grant: &Grant,
    room: ClaimMode,
) -> Result<Reservation, ClaimRejected> {
    let claim = claim(admission, verified, grant);
    let account = verified.account();
    // A device slot may have to be freed before a key conflict shows: at most one round for each.
    for _ in 0..2 {
        match admission.claim(claim.clone()) {
            Ok(place) => return Ok(place),
            Err(conflict) => {
                if !evict_ended_sessions(admission, &conflict).await? {
                    break;
                }
            }
        }
    }
    match admission.claim(claim.clone()) {
        Err(conflict) if room == ClaimMode::Displace => {
            // No session is displaced for a handshake that is refused anyway.
            let user = admission.session_using_peer(&claim);
            if let Some(session_id) = user.filter(|session| *session != claim.session_id) {
                // Without a free device slot the limit is reported first, unless policy would displace a session.
                let has_room = matches!(grant, Grant::Card { choice, .. }
                    if admission.policy().drops_oldest(choice.basis.tier));
                let told = if has_room { ClaimError::PeerInUse { session_id } } else { conflict };
                return Err(rejection(admission, account, told));
            }
            make_room(admission, grant, &conflict).await;
            admission.claim(claim).map_err(|conflict| rejection(admission, account, conflict))
        }
        claimed => claimed.map_err(|conflict| rejection(admission, account, conflict)),
    }
}

fn claim(admission: &Admission, verified: &Verified, grant: &Grant) -> SessionClaim {
    let is_new = admission.recorded_session(verified.session_id()).is_none();
    let (holder, limits) = match grant {
        Grant::Card { choice, plan } => {
            let devices = admission.devices(choice.basis.tier, *plan) as usize;
            let limits = admission.limits(devices);
            let admissions_per_hour = limits.admissions_per_hour.filter(|_| is_new);
            (Some(choice.holder()), Some(HolderLimits { admissions_per_hour, ..limits }))
        }
        Grant::Probe => (None, None),
    };
    SessionClaim {
        session_id: verified.session_id(),
        holder,
        tier: grant.tier().to_owned(),
        service: verified.service().to_string(),
        peer_id: verified.peer().to_string(),
        limits,
    }
}

/// Moves one of the holder's sessions to another basis, or evicts the oldest where policy lets the newest stay.
async fn make_room(admission: &Admission, grant: &Grant, conflict: &ClaimError) {
    let (Grant::Card { choice, .. }, ClaimError::DeviceLimit { sessions, recorded, limit }) =
        (grant, conflict)
    else {
        return;
    };
    let too_many = (sessions.len() + 1).saturating_sub(*limit);
    let records: Vec<_> = recorded.iter().filter_map(|id| admission.recorded_session(*id)).collect();
    let holder = choice.holder();
    let mut moved = Vec::new();
    // Sessions that would be evicted are moved first; else any that can be moved.
    for session in sessions_to_evict(&records, 0, true) {
        if moved.len() == too_many {
            return;
        }
        let record = records.iter().find(|record| record.session_id == session);
        if let Some(record) = record
            && admission.move_to_other_holder(record, holder).await
        {
            moved.push(session);
        }
    }
    if admission.policy().drops_oldest(choice.basis.tier) {
        let rest: Vec<_> = records.into_iter().filter(|record| !moved.contains(&record.session_id)).collect();
        let left = rest.len().saturating_sub(too_many - moved.len());
        let oldest = sessions_to_evict(&rest, left, true);
        admission.evict(&oldest, EvictionCause::DeviceLimit).await;
    }
}

/// Clears conflicting sessions that are no longer active on the hub; returns whether that freed anything.
async fn evict_ended_sessions(admission: &Admission, conflict: &ClaimError) -> Result<bool, ClaimRejected> {
    let (in_the_way, frees_place) = match conflict {
        ClaimError::PeerInUse { session_id } => (std::slice::from_ref(session_id), false),
        ClaimError::DeviceLimit { sessions, .. } => (sessions.as_slice(), true),
        ClaimError::SlotLimit { sessions, .. } => (sessions.as_slice(), false),
        ClaimError::AdmissionLimit { .. } => return Ok(false),
    };
    // After a failure the hub's client lets one query through as a probe: the others wait for its answer.
    let (first, others) = in_the_way.split_at(in_the_way.len().min(1));
    let mut room = false;
    for at_once in [first, others] {
        for (session, status) in try_join_all(at_once.iter().map(|id| status(admission, *id))).await? {
            match status {
                Some(SessionStatus::Active) => {}
                // The key stays reserved until the session has left the hub, and the peer slot until the node has
                // removed the peer; the device slot is free at once.
                Some(_) => {
                    admission.evict(&[session], EvictionCause::Cancelled).await;
                    room |= frees_place;
                }
                None => {
                    admission.end_session(session).await;
                    room = true;
                }
            }
        }
    }
    Ok(room)
}

async fn status(admission: &Admission, session: u64) -> Result<(u64, Option<SessionStatus>), ClaimRejected> {
    let status = admission.session_status(session).await;
    status.map(|status| (session, status)).map_err(|error| {
        tracing::warn!(%error, session, "cannot tell whether a session in the way still lives");
        ClaimRejected::by_other(Refusal::HubUnavailable)
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the conflict ends here")]
fn rejection(admission: &Admission, account: AccountAddress, conflict: ClaimError) -> ClaimRejected {
    let in_the_way = match &conflict {
        ClaimError::DeviceLimit { sessions, .. } | ClaimError::SlotLimit { sessions, .. } => {
            sessions.as_slice()
        }
        ClaimError::PeerInUse { .. } | ClaimError::AdmissionLimit { .. } => &[],
    };
    let is_own = |id: &u64| admission.recorded_session(*id).is_some_and(|record| record.account == account);
    let (own, others): (Vec<u64>, Vec<u64>) = in_the_way.iter().copied().partition(is_own);
    let own_sessions = own.len();
    let refusal = match conflict {
        ClaimError::PeerInUse { .. } => return ClaimRejected::by_other(Refusal::KeyInUse),
        ClaimError::DeviceLimit { limit, .. } => {
            let too_many = (in_the_way.len() + 1).saturating_sub(limit);
            Refusal::DeviceLimit { limit, free_one: suggest_session_to_end(&own, others.len(), too_many) }
        }
        ClaimError::SlotLimit { limit, .. } => {
            Refusal::SlotLimit { limit, free_one: suggest_session_to_end(&own, others.len(), 1) }
        }
        ClaimError::AdmissionLimit { limit, retry_after } => {
            Refusal::TooManyAdmissions { limit, retry_after: Duration::from_secs(retry_after) }
        }
    };
    ClaimRejected { refusal, by_holder: true, own_sessions }
}

/// Advice for a holder without a free slot. Names sessions of the asking account only.
fn suggest_session_to_end(own: &[u64], others: usize, too_many: usize) -> String {
    let named = own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let count = if too_many <= 1 { "one".to_owned() } else { too_many.to_string() };
    match (own.len(), others) {
        (_, 0) => format!("end {count} of the sessions {named} on the hub first"),
        (0, others) => {
            format!("end {count} of the {others} sessions of other accounts that use this card first")
        }
        (own, others) => format!(
            "end {count} of the {} sessions on the hub first: {named} of this account, {others} of other accounts that \
             use this card",
            own + others
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_names_only_sessions_of_asking_account() {
        assert_eq!(suggest_session_to_end(&[3, 5], 0, 1), "end one of the sessions 3, 5 on the hub first");
        assert_eq!(
            suggest_session_to_end(&[3, 5, 7], 0, 2),
            "end 2 of the sessions 3, 5, 7 on the hub first"
        );
        assert_eq!(
            suggest_session_to_end(&[], 3, 1),
            "end one of the 3 sessions of other accounts that use this card first"
        );
        let mixed = "end 2 of the 3 sessions on the hub first: 7 of this account, 2 of other accounts that use this card";
        assert_eq!(suggest_session_to_end(&[7], 2, 2), mixed);
    }
}
