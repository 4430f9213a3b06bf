//! The sessions in memory: device counts and tunnel keys, claimed before the node is asked so that two
//! handshakes at the same moment cannot both take the last place or the same key.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy::primitives::Address;
use sentinel_proto::handshake::Service;

use super::session::{Claim, ClaimError, SessionRecord, SessionState};

/// Sessions that live on the hub, and claims whose answer is awaited.
#[derive(Debug, Default)]
pub(super) struct Live {
    sessions: BTreeMap<u64, Arc<SessionRecord>>,
    claims: BTreeMap<u64, Claim>,
    next_claim: u64,
    /// Who uses a key, by service and key; several if a session's handshakes overlap.
    by_peer: HashMap<(String, String), Vec<u64>>,
    /// Sessions whose device counts for an address, as wallet or as vault.
    by_holder: BTreeSet<(Address, u64)>,
}

/// A key and a device's place, kept for one handshake. Dropped unused, it gives them back.
#[derive(Debug)]
pub struct Reservation {
    live: Arc<Mutex<Live>>,
    number: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        lock(&self.live).release(self.number);
    }
}

/// A poisoned lock only means that a thread died while it read or wrote whole entries.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks and takes in one step.
pub(super) fn claim(live: &Arc<Mutex<Live>>, claim: Claim) -> Result<Reservation, ClaimError> {
    let number = lock(live).claim(claim)?;
    Ok(Reservation { live: Arc::clone(live), number })
}

impl Live {
    pub(super) fn get(&self, session_id: u64) -> Option<Arc<SessionRecord>> {
        self.sessions.get(&session_id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<SessionRecord>> {
        self.sessions.values().cloned().collect()
    }

    /// The session that uses a key, other than `except`.
    pub(super) fn peer_in_use(&self, service: &str, peer_id: &str, except: Option<u64>) -> Option<u64> {
        let users = self.by_peer.get(&(service.to_owned(), peer_id.to_owned()))?;
        users.iter().copied().find(|session| Some(*session) != except)
    }

    /// Whether anybody uses a key, of whatever service.
    pub(super) fn is_peer_used(&self, peer_id: &str) -> bool {
        Service::ALL.iter().any(|service| self.peer_in_use(service.name(), peer_id, None).is_some())
    }

    /// The sessions that count for a holder. Wallet and vault are one holder, whoever of them appears, and so is
    /// everybody who shares either with him: a chain of wallets and vaults is no way around the limit.
    pub(super) fn devices(&self, wallet: Option<Address>, vault: Option<Address>) -> BTreeSet<u64> {
        self.holder(wallet, vault).0
    }

    /// The sessions that count for a holder, and his addresses.
    fn holder(&self, wallet: Option<Address>, vault: Option<Address>) -> (BTreeSet<u64>, BTreeSet<Address>) {
        let mut found = BTreeSet::new();
        let mut known: BTreeSet<Address> = wallet.into_iter().chain(vault).collect();
        let mut open: Vec<Address> = known.iter().copied().collect();
        while let Some(address) = open.pop() {
            for (_, session) in self.by_holder.range((address, 0)..=(address, u64::MAX)) {
                found.insert(*session);
                open.extend(self.beside(address, *session).filter(|other| known.insert(*other)));
            }
        }
        (found, known)
    }

    /// The addresses that stand beside this one for a session. Who claims another's session is not that other one.
    fn beside(&self, address: Address, session_id: u64) -> impl Iterator<Item = Address> {
        let live = self.sessions.get(&session_id).filter(|record| record.state == SessionState::Live);
        let recorded = live.into_iter().map(|record| [record.wallet, record.vault]);
        let claims = self.claims.values().filter(move |claim| claim.session_id == session_id);
        let pairs = recorded.chain(claims.map(|claim| [claim.wallet, claim.vault]));
        pairs.filter(move |pair| pair.contains(&Some(address))).flatten().flatten()
    }

    /// Takes a wallet out of the records. Their sessions are evicted before, so no index holds it.
    pub(super) fn erase(&mut self, wallet: Address) {
        let found: Vec<_> = self.sessions.values().filter_map(|record| record.without(wallet)).collect();
        for nobodys in found {
            self.put(Arc::new(nobodys));
        }
    }

    /// Whether the session of a claim is in already on what the claim rests on: it takes no further device, also where
    /// the holder has more of them than a new one might join.
    fn has_place(&self, claim: &Claim) -> bool {
        let record = self.sessions.get(&claim.session_id);
        record.is_some_and(|record| record.is_in_on(claim.wallet, claim.vault, &claim.tier))
    }

    fn claim(&mut self, claim: Claim) -> Result<u64, ClaimError> {
        let session_id = claim.session_id;
        if let Some(limit) = claim.devices.filter(|_| !self.has_place(&claim)) {
            let (mut others, addresses) = self.holder(claim.wallet, claim.vault);
            others.remove(&session_id);
            if others.len() >= limit {
                let is_his = |record: &&Arc<SessionRecord>| {
                    let rests_on = [record.wallet, record.vault];
                    record.state == SessionState::Live
                        && rests_on.into_iter().flatten().any(|address| addresses.contains(&address))
                };
                let recorded = others.iter().filter_map(|id| self.sessions.get(id)).filter(is_his);
                let his = recorded.map(|record| record.session_id).collect();
                let sessions = others.into_iter().collect();
                return Err(ClaimError::DeviceLimit { sessions, his, limit });
            }
        }
        if let Some(session_id) = self.peer_in_use(&claim.service, &claim.peer_id, Some(session_id)) {
            return Err(ClaimError::PeerInUse { session_id });
        }
        let number = self.next_claim;
        self.next_claim += 1;
        self.use_peer(&claim.service, &claim.peer_id, session_id);
        for address in claim.wallet.into_iter().chain(claim.vault) {
            self.by_holder.insert((address, session_id));
        }
        self.claims.insert(number, claim);
        Ok(number)
    }

    fn release(&mut self, number: u64) {
        if let Some(claim) = self.claims.remove(&number) {
            self.reindex(claim.session_id, &claim.service, &claim.peer_id, [claim.wallet, claim.vault]);
        }
    }

    /// Puts a session, in the place of what was known of it.
    pub(super) fn put(&mut self, record: Arc<SessionRecord>) {
        let session_id = record.session_id;
        self.remove(session_id);
        self.use_peer(&record.service, &record.peer_id, session_id);
        if record.state == SessionState::Live {
            for address in record.wallet.into_iter().chain(record.vault) {
                self.by_holder.insert((address, session_id));
            }
        }
        self.sessions.insert(session_id, record);
    }

    /// Removes a session that left the hub.
    pub(super) fn remove(&mut self, session_id: u64) -> Option<Arc<SessionRecord>> {
        let record = self.sessions.remove(&session_id)?;
        self.reindex(session_id, &record.service, &record.peer_id, [record.wallet, record.vault]);
        Some(record)
    }

    fn use_peer(&mut self, service: &str, peer_id: &str, session_id: u64) {
        let users = self.by_peer.entry((service.to_owned(), peer_id.to_owned())).or_default();
        if !users.contains(&session_id) {
            users.push(session_id);
        }
    }

    /// Drops from the indexes what neither the session nor another claim of it still stands for.
    fn reindex(&mut self, session_id: u64, service: &str, peer_id: &str, holders: [Option<Address>; 2]) {
        let record = self.sessions.get(&session_id);
        let claims = || self.claims.values().filter(|claim| claim.session_id == session_id);
        let peer_stays = record.is_some_and(|record| record.service == service && record.peer_id == peer_id)
            || claims().any(|claim| claim.service == service && claim.peer_id == peer_id);
        let gone: Vec<Address> = holders
            .into_iter()
            .flatten()
            .filter(|address| {
                let live = record.filter(|record| record.state == SessionState::Live);
                !live.is_some_and(|record| [record.wallet, record.vault].contains(&Some(*address)))
                    && !claims().any(|claim| [claim.wallet, claim.vault].contains(&Some(*address)))
            })
            .collect();
        for address in gone {
            self.by_holder.remove(&(address, session_id));
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
