//! Sessions in memory: device slots, peer slots and tunnel keys, claimed before the node is asked so that two
//! concurrent handshakes cannot both take the last slot or the same key.
//!
//! A *device slot* is one of the devices that a holder may have live at a time. A *peer slot* is an entry of the
//! node's peer table: an evicted peer keeps its slot until the node removes it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::Service;

use crate::store::bindings::binding::BindingKey;
use crate::store::clock::UnixTime;
use crate::store::database::lock;
use crate::store::sessions::record::{ClaimError, HolderLimits, SessionClaim, SessionRecord};

/// The time in which new sessions of a holder are counted, in seconds.
pub(in crate::store) const ADMISSION_WINDOW: UnixTime = 3600;

/// Sessions on the hub, and pending claims.
#[derive(Debug, Default)]
pub(in crate::store) struct SessionTable {
    sessions: BTreeMap<u64, Arc<SessionRecord>>,
    claims: BTreeMap<u64, SessionClaim>,
    next_claim: u64,
    /// Sessions that use a key, by service and key; several if a session's handshakes overlap.
    by_peer: HashMap<(String, String), Vec<u64>>,
    /// Recorded and claimed sessions of a holder, evicted ones included: by current basis and by peer slot.
    by_holder: BTreeSet<(Address, u64)>,
    by_account: BTreeSet<(AccountAddress, u64)>,
    /// Evicted sessions with a peer that the node has removed.
    released_peer_slots: BTreeSet<u64>,
    /// When sessions of a holder were admitted, oldest first.
    admissions: HashMap<Address, VecDeque<UnixTime>>,
}

/// Claimed key and device slot of one handshake; dropping it releases the claim.
#[derive(Debug)]
pub struct Reservation {
    live: Arc<Mutex<SessionTable>>,
    number: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        lock(&self.live).release(self.number);
    }
}

/// Checks the limits and adds the claim in one step.
pub(in crate::store) fn claim(
    live: &Arc<Mutex<SessionTable>>,
    claim: SessionClaim,
    now: UnixTime,
) -> Result<Reservation, ClaimError> {
    let number = lock(live).claim(claim, now)?;
    Ok(Reservation { live: Arc::clone(live), number })
}

impl SessionTable {
    pub(in crate::store) fn get(&self, session_id: u64) -> Option<Arc<SessionRecord>> {
        self.sessions.get(&session_id).cloned()
    }

    pub(in crate::store) fn all(&self) -> Vec<Arc<SessionRecord>> {
        self.sessions.values().cloned().collect()
    }

    /// The session that uses a key, other than `except`.
    pub(in crate::store) fn session_using_peer(
        &self,
        service: &str,
        peer_id: &str,
        except: Option<u64>,
    ) -> Option<u64> {
        let users = self.by_peer.get(&(service.to_owned(), peer_id.to_owned()))?;
        users.iter().copied().find(|session| Some(*session) != except)
    }

    /// Whether a session uses a key, of whatever service.
    pub(in crate::store) fn is_peer_in_use(&self, peer_id: &str) -> bool {
        Service::ALL.iter().any(|service| self.session_using_peer(service.name(), peer_id, None).is_some())
    }

    /// Sessions of a holder that are live or claimed.
    pub(in crate::store) fn sessions_in_device_slots(&self, holder: Address) -> BTreeSet<u64> {
        self.of_holder(holder).filter(|id| self.takes_device_slot(holder, *id)).collect()
    }

    /// Sessions of a holder that hold or claim a peer slot.
    pub(in crate::store) fn sessions_in_peer_slots(&self, holder: Address) -> BTreeSet<u64> {
        self.of_holder(holder).filter(|id| self.takes_peer_slot(holder, *id)).collect()
    }

    /// Slots that recorded sessions hold, of all holders.
    pub(in crate::store) fn peer_slots_in_use(&self) -> usize {
        self.sessions.len() - self.released_peer_slots.len()
    }

    /// Whether the node still has the peer of a recorded session.
    pub(in crate::store) fn holds_peer_slot(&self, session_id: u64) -> bool {
        self.sessions.contains_key(&session_id) && !self.released_peer_slots.contains(&session_id)
    }

    /// The node has removed the peer of an evicted session.
    pub(in crate::store) fn release_peer_slot(&mut self, session_id: u64) {
        if self.sessions.get(&session_id).is_some_and(|record| !record.is_live()) {
            self.released_peer_slots.insert(session_id);
        }
    }

    /// Recorded sessions of an account, by number.
    pub(in crate::store) fn of_account(&self, account: &AccountAddress) -> Vec<Arc<SessionRecord>> {
        let range = self.by_account.range((*account, 0)..=(*account, u64::MAX));
        range.filter_map(|(_, id)| self.get(*id)).collect()
    }

    /// Whether a live session rests on a binding.
    pub(in crate::store) fn rests_on(&self, key: &BindingKey) -> bool {
        let of_account = self.by_account.range((key.account, 0)..=(key.account, u64::MAX));
        let records = of_account.filter_map(|(_, id)| self.sessions.get(id));
        records.filter(|record| record.is_live()).any(|record| record.wallet == Some(key.wallet))
    }

    /// A session of a holder was admitted at `at`.
    pub(in crate::store) fn note_admission(&mut self, holder: Address, at: UnixTime) {
        let oldest = at - ADMISSION_WINDOW;
        let times = self.admissions.entry(holder).or_default();
        times.push_back(at);
        while times.front().is_some_and(|time| *time <= oldest) {
            times.pop_front();
        }
    }

    /// Forgets admissions that no longer count.
    pub(in crate::store) fn forget_admissions(&mut self, now: UnixTime) {
        let oldest = now - ADMISSION_WINDOW;
        self.admissions.retain(|_, times| times.back().is_some_and(|newest| *newest > oldest));
        self.admissions.shrink_to_fit();
    }

    fn of_holder(&self, holder: Address) -> impl Iterator<Item = u64> {
        self.by_holder.range((holder, 0)..=(holder, u64::MAX)).map(|(_, id)| *id)
    }

    fn takes_device_slot(&self, holder: Address, session_id: u64) -> bool {
        let record = self.sessions.get(&session_id);
        record.is_some_and(|record| record.is_live() && record.holder() == Some(holder))
            || self.claims_of(session_id).any(|claim| claim.holder == Some(holder))
    }

    fn takes_peer_slot(&self, holder: Address, session_id: u64) -> bool {
        match self.sessions.get(&session_id).filter(|_| self.holds_peer_slot(session_id)) {
            Some(record) => record.slot_holder == Some(holder),
            None => self.claims_of(session_id).any(|claim| claim.holder == Some(holder)),
        }
    }

    fn claims_of(&self, session_id: u64) -> impl Iterator<Item = &SessionClaim> {
        self.claims.values().filter(move |claim| claim.session_id == session_id)
    }

    /// Takes a wallet out of the records. Their sessions are evicted before.
    pub(in crate::store) fn erase(&mut self, wallet: Address) {
        let erased: Vec<_> = self.sessions.values().filter_map(|record| record.without(wallet)).collect();
        for record in erased {
            self.put(Arc::new(record));
        }
        self.admissions.remove(&wallet);
    }

    fn claim(&mut self, claim: SessionClaim, now: UnixTime) -> Result<u64, ClaimError> {
        let session_id = claim.session_id;
        if let (Some(holder), Some(limits)) = (claim.holder, claim.limits) {
            self.check_limits(&claim, holder, limits, now)?;
        }
        if let Some(session_id) = self.session_using_peer(&claim.service, &claim.peer_id, Some(session_id)) {
            return Err(ClaimError::PeerInUse { session_id });
        }
        let number = self.next_claim;
        self.next_claim += 1;
        self.use_peer(&claim.service, &claim.peer_id, session_id);
        self.by_holder.extend(claim.holder.map(|holder| (holder, session_id)));
        self.claims.insert(number, claim);
        Ok(number)
    }

    fn check_limits(
        &self,
        claim: &SessionClaim,
        holder: Address,
        limits: HolderLimits,
        now: UnixTime,
    ) -> Result<(), ClaimError> {
        let session_id = claim.session_id;
        let has_place = self
            .sessions
            .get(&session_id)
            .is_some_and(|record| record.has_device_slot_of(claim.holder, &claim.tier));
        if has_place {
            return Ok(());
        }
        let mut places = self.sessions_in_device_slots(holder);
        places.remove(&session_id);
        if places.len() >= limits.devices {
            let is_recorded = |id: &u64| {
                let record = self.sessions.get(id);
                record.is_some_and(|record| record.is_live() && record.holder() == Some(holder))
            };
            let recorded = places.iter().copied().filter(is_recorded).collect();
            let sessions = places.into_iter().collect();
            return Err(ClaimError::DeviceLimit { sessions, recorded, limit: limits.devices });
        }
        let mut slots = self.sessions_in_peer_slots(holder);
        let has_slot = slots.remove(&session_id);
        if !has_slot && slots.len() >= limits.peer_slots {
            let sessions = slots.into_iter().collect();
            return Err(ClaimError::SlotLimit { sessions, limit: limits.peer_slots });
        }
        match limits.admissions_per_hour {
            Some(limit) => self.check_admissions(holder, limit, now),
            None => Ok(()),
        }
    }

    fn check_admissions(&self, holder: Address, limit: usize, now: UnixTime) -> Result<(), ClaimError> {
        let is_new = |claim: &&SessionClaim| {
            claim.holder == Some(holder)
                && claim.limits.is_some_and(|limits| limits.admissions_per_hour.is_some())
                && !self.sessions.contains_key(&claim.session_id)
        };
        let pending = self.claims.values().filter(is_new).count();
        let counting = |time: &&UnixTime| **time > now - ADMISSION_WINDOW;
        let times: Vec<UnixTime> =
            self.admissions.get(&holder).into_iter().flatten().filter(counting).copied().collect();
        if times.len() + pending < limit {
            return Ok(());
        }
        let next = times.first().map_or(1, |oldest| oldest + ADMISSION_WINDOW - now);
        Err(ClaimError::AdmissionLimit { limit, retry_after: u64::try_from(next).unwrap_or(1).max(1) })
    }

    fn release(&mut self, number: u64) {
        if let Some(claim) = self.claims.remove(&number) {
            self.reindex(claim.session_id, &claim.service, &claim.peer_id, [claim.holder]);
        }
    }

    /// Puts a session that the node has just admitted, in the place of what was known of it.
    pub(in crate::store) fn admit(&mut self, record: Arc<SessionRecord>) {
        let is_new = !self.sessions.contains_key(&record.session_id);
        if let Some(holder) = record.slot_holder.filter(|_| is_new) {
            self.note_admission(holder, record.admitted_at);
        }
        self.put(record);
    }

    /// Puts a session, in the place of what was known of it.
    pub(in crate::store) fn put(&mut self, record: Arc<SessionRecord>) {
        let session_id = record.session_id;
        let was_released = self.released_peer_slots.contains(&session_id);
        self.remove(session_id);
        self.use_peer(&record.service, &record.peer_id, session_id);
        let holders = [record.holder(), record.slot_holder].into_iter().flatten();
        self.by_holder.extend(holders.map(|holder| (holder, session_id)));
        self.by_account.insert((record.account, session_id));
        if !record.is_live() && was_released {
            self.released_peer_slots.insert(session_id);
        }
        self.sessions.insert(session_id, record);
    }

    /// Removes a session that left the hub.
    pub(in crate::store) fn remove(&mut self, session_id: u64) -> Option<Arc<SessionRecord>> {
        let record = self.sessions.remove(&session_id)?;
        self.by_account.remove(&(record.account, session_id));
        self.released_peer_slots.remove(&session_id);
        let holders = [record.holder(), record.slot_holder];
        self.reindex(session_id, &record.service, &record.peer_id, holders);
        Some(record)
    }

    fn use_peer(&mut self, service: &str, peer_id: &str, session_id: u64) {
        let users = self.by_peer.entry((service.to_owned(), peer_id.to_owned())).or_default();
        if !users.contains(&session_id) {
            users.push(session_id);
        }
    }

    /// Drops from the indexes what neither the session nor another claim of it still stands for.
    fn reindex(
        &mut self,
        session_id: u64,
        service: &str,
        peer_id: &str,
        holders: impl IntoIterator<Item = Option<Address>>,
    ) {
        let record = self.sessions.get(&session_id);
        let claims = || self.claims_of(session_id);
        let peer_stays = record.is_some_and(|record| record.service == service && record.peer_id == peer_id)
            || claims().any(|claim| claim.service == service && claim.peer_id == peer_id);
        let holder_stays = |holder: &Address| {
            let holder = Some(*holder);
            record.is_some_and(|record| record.holder() == holder || record.slot_holder == holder)
                || claims().any(|claim| claim.holder == holder)
        };
        let gone: Vec<Address> =
            holders.into_iter().flatten().filter(|holder| !holder_stays(holder)).collect();
        for holder in gone {
            self.by_holder.remove(&(holder, session_id));
        }
        let key = (service.to_owned(), peer_id.to_owned());
        if !peer_stays && let Some(users) = self.by_peer.get_mut(&key) {
            users.retain(|user| *user != session_id);
            if users.is_empty() {
                self.by_peer.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
