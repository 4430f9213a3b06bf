//! Devices and tunnel keys: taking them, and finding out whether what stands in the way still lives.

use std::time::Instant;

use futures::future::try_join_all;

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

/// Takes key and device for a handshake; a probe takes no device. Sessions in the way that have ended on the hub are
/// forgotten first.
pub(super) async fn take(
    admission: &Admission,
    verified: &Verified,
    grant: &Grant,
) -> Result<Reservation, Taken> {
    let (entitlement, plan) = match grant {
        Grant::Card { entitlement, plan, .. } => (Some(entitlement), *plan),
        Grant::Probe => (None, None),
    };
    let limit = entitlement.map(|entitlement| admission.devices(entitlement.tier, plan));
    let newest_wins =
        entitlement.is_some_and(|entitlement| admission.policy().drops_oldest(entitlement.tier));
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
                if !forget_ended(admission, &conflict).await? {
                    break;
                }
            }
        }
    }
    match admission.store.claim(claim.clone()) {
        Err(ClaimError::DeviceLimit { sessions, his, limit }) if newest_wins => {
            let too_many = (sessions.len() + 1).saturating_sub(limit);
            let oldest = oldest(admission, his, too_many);
            admission.evictor.evict(&oldest, Cause::DeviceLimit, Instant::now()).await;
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

/// Forgets those of the sessions in the way that no longer live on the hub; whether there were any.
async fn forget_ended(admission: &Admission, conflict: &ClaimError) -> Result<bool, Taken> {
    let in_the_way = match conflict {
        ClaimError::PeerInUse { session_id } => std::slice::from_ref(session_id),
        ClaimError::DeviceLimit { sessions, .. } => sessions.as_slice(),
    };
    // After a failure the hub's client lets one question through to see: the others wait for the first one's answer.
    let (first, others) = in_the_way.split_at(in_the_way.len().min(1));
    let mut ended = false;
    for at_once in [first, others] {
        for (session, live) in try_join_all(at_once.iter().map(|id| is_live(admission, *id))).await? {
            if !live {
                admission.forget(session).await;
                ended = true;
            }
        }
    }
    Ok(ended)
}

async fn is_live(admission: &Admission, session: u64) -> Result<(u64, bool), Taken> {
    let live = admission.sessions.is_live(session).await;
    live.map(|live| (session, live)).map_err(|error| {
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
