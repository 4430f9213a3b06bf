//! Devices and tunnel keys: taking them, and finding out whether what stands in the way still lives.

use futures::future::try_join_all;
use sentinel_proto::hub::SessionStatus;
use tokio::time::{Instant, timeout_at};

use super::states::Verified;
use super::{Admission, Grant};
use crate::refusal::Refusal;
use crate::store::{Cause, Claim, ClaimError, Reservation};

/// Why there is no place.
pub(super) struct Taken {
    /// What to tell.
    pub(super) refusal: Refusal,
    /// The holder's own devices are the reason, so another holder may have a place.
    pub(super) by_own_devices: bool,
}

/// Takes key and device for a handshake, until `deadline`; a probe takes no device. Sessions in the way that have ended
/// on the hub are cleared first, and then, where policy says so and `may_evict`, the holder's oldest ones.
pub(super) async fn take(
    admission: &Admission,
    verified: &Verified,
    grant: &Grant,
    may_evict: bool,
    deadline: Instant,
) -> Result<Reservation, Taken> {
    let taken = timeout_at(deadline, try_to_take(admission, verified, grant, may_evict)).await;
    taken.unwrap_or_else(|_| Err(Taken { refusal: Refusal::HubUnavailable, by_own_devices: false }))
}

async fn try_to_take(
    admission: &Admission,
    verified: &Verified,
    grant: &Grant,
    may_evict: bool,
) -> Result<Reservation, Taken> {
    let (entitlement, plan) = match grant {
        Grant::Card { entitlement, plan, .. } => (Some(entitlement), *plan),
        Grant::Probe => (None, None),
    };
    let limit = entitlement.map(|entitlement| admission.devices(entitlement.tier, plan));
    let newest_wins =
        may_evict && entitlement.is_some_and(|entitlement| admission.policy().drops_oldest(entitlement.tier));
    let claim = Claim {
        session_id: verified.session_id(),
        wallet: entitlement.map(|entitlement| entitlement.wallet),
        vault: entitlement.and_then(|entitlement| entitlement.vault),
        tier: grant.tier().to_owned(),
        service: verified.service().to_string(),
        peer_id: verified.peer().to_string(),
        devices: limit.map(|limit| limit as usize),
    };
    // A device may have to go before a key that is in the way is seen: at most one round for each.
    for _ in 0..2 {
        match admission.store.claim(claim.clone()) {
            Ok(place) => return Ok(place),
            Err(conflict) => {
                if !clear_ended(admission, &conflict).await? {
                    break;
                }
            }
        }
    }
    match admission.store.claim(claim.clone()) {
        Err(ClaimError::DeviceLimit { sessions, his, limit }) if newest_wins => {
            // Nobody goes for a handshake that is refused all the same.
            let user = admission.store.peer_in_use(&claim.service, &claim.peer_id);
            if let Some(session_id) = user.filter(|session| *session != claim.session_id) {
                return Err(taken(ClaimError::PeerInUse { session_id }));
            }
            let too_many = (sessions.len() + 1).saturating_sub(limit);
            let oldest = oldest(admission, his, too_many);
            admission.evictor.evict(&oldest, Cause::DeviceLimit, Instant::now().into_std()).await;
            admission.store.claim(claim).map_err(taken)
        }
        claimed => claimed.map_err(taken),
    }
}

/// Those of a holder's sessions that have to go so that one more is within the limit.
fn oldest(admission: &Admission, sessions: Vec<u64>, too_many: usize) -> Vec<u64> {
    let mut live: Vec<_> = sessions.into_iter().filter_map(|id| admission.store.session(id)).collect();
    live.sort_by_key(|record| (record.admitted_at, record.session_id));
    live.iter().take(too_many).map(|record| record.session_id).collect()
}

/// Clears those of the sessions in the way that are no longer in use on the hub; whether that made room.
async fn clear_ended(admission: &Admission, conflict: &ClaimError) -> Result<bool, Taken> {
    let (in_the_way, by_key) = match conflict {
        ClaimError::PeerInUse { session_id } => (std::slice::from_ref(session_id), true),
        ClaimError::DeviceLimit { sessions, .. } => (sessions.as_slice(), false),
    };
    // After a failure the hub's client lets one question through to see: the others wait for the first one's answer.
    let (first, others) = in_the_way.split_at(in_the_way.len().min(1));
    let mut room = false;
    for at_once in [first, others] {
        for (session, status) in try_join_all(at_once.iter().map(|id| status(admission, *id))).await? {
            match status {
                Some(SessionStatus::Active) => {}
                // Its key stays its own until it has left the hub; the device is free at once.
                Some(_) => {
                    admission.evictor.evict(&[session], Cause::Cancelled, Instant::now().into_std()).await;
                    room |= !by_key;
                }
                None => {
                    admission.forget(session).await;
                    room = true;
                }
            }
        }
    }
    Ok(room)
}

async fn status(admission: &Admission, session: u64) -> Result<(u64, Option<SessionStatus>), Taken> {
    let status = admission.sessions.status(session).await;
    status.map(|status| (session, status)).map_err(|error| {
        tracing::warn!(%error, session, "cannot tell whether a session in the way still lives");
        Taken { refusal: Refusal::HubUnavailable, by_own_devices: false }
    })
}

fn taken(conflict: ClaimError) -> Taken {
    match conflict {
        ClaimError::PeerInUse { .. } => Taken { refusal: Refusal::KeyInUse, by_own_devices: false },
        ClaimError::DeviceLimit { sessions, limit, .. } => Taken {
            refusal: Refusal::DeviceLimit {
                limit,
                end: match (sessions.len() + 1).saturating_sub(limit) {
                    0 | 1 => "one".to_owned(),
                    more => more.to_string(),
                },
                sessions: sessions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            },
            by_own_devices: true,
        },
    }
}
