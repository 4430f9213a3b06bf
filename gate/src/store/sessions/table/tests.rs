//! Random sequences of handshakes, evictions and ends: a holder never has more than it may, and strangers change nothing.

use proptest::prelude::*;

use super::*;
use crate::store::tests::sessions::{claim, session};
use crate::store::{EvictionCause, SessionRecord, SessionState};

const LIMITS: HolderLimits = HolderLimits { devices: 3, peer_slots: 5, admissions_per_hour: Some(9) };
const HOLDERS: u8 = 4;
/// Sessions of one holder on the hub.
const SESSIONS: u64 = 12;

/// One step; sessions are counted for each holder.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A handshake is with the node.
    Claim(u64),
    /// The node has answered to the oldest claim.
    Admit,
    /// The node has refused the oldest claim.
    Refuse,
    Evict(u64, EvictionCause),
    /// The node has removed the peer.
    Release(u64),
    /// The session left the hub.
    End(u64),
    /// The session moves to the cards of another holder, if there is a free device slot.
    Move(u64, u8),
    /// Minutes pass.
    Wait(u8),
}

#[derive(Debug, Default)]
struct Gate {
    live: SessionTable,
    now: UnixTime,
    /// Claims under way of each holder, oldest first.
    claims: BTreeMap<u8, VecDeque<(u64, u64)>>,
    /// Sessions that began for each holder, and when.
    begun: Vec<(u8, UnixTime)>,
}

fn number(holder: u8, index: u64) -> u64 {
    u64::from(holder) * SESSIONS + index
}

fn record(holder: u8, session_id: u64, now: UnixTime) -> SessionRecord {
    SessionRecord { admitted_at: now, ..session(session_id, holder, None) }
}

fn limited(record: &SessionRecord, limits: HolderLimits) -> SessionClaim {
    SessionClaim { limits: Some(limits), ..claim(record, limits.devices) }
}

impl Gate {
    /// Does a step of a holder; what came of it.
    fn step(&mut self, holder: u8, step: Step) -> String {
        match step {
            Step::Claim(index) => {
                let id = number(holder, index);
                let is_new = self.live.get(id).is_none();
                let limits = HolderLimits {
                    admissions_per_hour: LIMITS.admissions_per_hour.filter(|_| is_new),
                    ..LIMITS
                };
                let claimed = self.live.claim(limited(&record(holder, id, self.now), limits), self.now);
                if let Ok(number) = claimed {
                    self.claims.entry(holder).or_default().push_back((number, id));
                }
                format!("{:?}", claimed.map(drop))
            }
            Step::Admit | Step::Refuse => {
                let Some((claim, id)) = self.claims.entry(holder).or_default().pop_front() else {
                    return String::new();
                };
                if matches!(step, Step::Admit) {
                    if self.live.get(id).is_none() {
                        self.begun.push((holder, self.now));
                    }
                    self.live.admit(Arc::new(record(holder, id, self.now)));
                }
                self.live.release(claim);
                String::new()
            }
            Step::Evict(index, cause) => {
                let Some(old) = self.live.get(number(holder, index)) else { return String::new() };
                let (state, evicted_at) = (SessionState::Evicted, Some(self.now));
                let new = SessionRecord { state, cause: Some(cause), evicted_at, ..(*old).clone() };
                self.live.put(Arc::new(new));
                String::new()
            }
            Step::Release(index) => {
                self.live.release_peer_slot(number(holder, index));
                String::new()
            }
            Step::End(index) => {
                self.live.remove(number(holder, index));
                String::new()
            }
            Step::Move(index, to) => {
                let live = |record: &Arc<SessionRecord>| record.is_live();
                let Some(old) = self.live.get(number(holder, index)).filter(live) else {
                    return String::new();
                };
                let to = session(0, to, None).wallet;
                let new = SessionRecord { wallet: to, vault: None, ..(*old).clone() };
                let limits = HolderLimits { admissions_per_hour: None, ..LIMITS };
                if let Ok(claim) = self.live.claim(limited(&new, limits), self.now) {
                    self.live.put(Arc::new(new));
                    self.live.release(claim);
                }
                String::new()
            }
            Step::Wait(minutes) => {
                self.now += 60 * UnixTime::from(minutes);
                String::new()
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for number in 0..HOLDERS {
            let holder = session(0, number, None).wallet.unwrap();
            let (places, slots) =
                (self.live.sessions_in_device_slots(holder), self.live.sessions_in_peer_slots(holder));
            prop_assert!(places.len() <= LIMITS.devices, "holder {number} has places {places:?}");
            prop_assert!(slots.len() <= LIMITS.peer_slots, "holder {number} has slots {slots:?}");
            let counts = |(of, at): &&(u8, UnixTime)| *of == number && *at > self.now - ADMISSION_WINDOW;
            let begun = self.begun.iter().filter(counts).count();
            prop_assert!(begun <= LIMITS.admissions_per_hour.unwrap(), "holder {number} began {begun}");
        }
        let held =
            self.live.all().iter().filter(|record| self.live.holds_peer_slot(record.session_id)).count();
        prop_assert_eq!(self.live.peer_slots_in_use(), held);
        Ok(())
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let causes = [
        EvictionCause::NoCard,
        EvictionCause::Cancelled,
        EvictionCause::DeviceLimit,
        EvictionCause::Unverified,
        EvictionCause::Lost,
    ];
    prop_oneof![
        6 => (0..SESSIONS).prop_map(Step::Claim),
        6 => Just(Step::Admit),
        1 => Just(Step::Refuse),
        3 => (0..SESSIONS, prop::sample::select(causes.to_vec())).prop_map(|(id, cause)| Step::Evict(id, cause)),
        2 => (0..SESSIONS).prop_map(Step::Release),
        1 => (0..SESSIONS).prop_map(Step::End),
        1 => (0..30_u8).prop_map(Step::Wait),
    ]
}

/// Steps of all holders, which may also move their own sessions to one another.
fn any_steps() -> impl Strategy<Value = Vec<(u8, Step)>> {
    let moved = (0..SESSIONS, 0..HOLDERS).prop_map(|(id, to)| Step::Move(id, to));
    prop::collection::vec((0..HOLDERS, prop_oneof![9 => any_step(), 1 => moved]), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn device_and_peer_slots_are_bounded(steps in any_steps()) {
        let mut gate = Gate { now: 1_000_000, ..Gate::default() };
        for (holder, step) in steps {
            gate.step(holder, step);
            gate.check()?;
        }
    }

    /// What one holder sees is the same with and without all others.
    #[test]
    fn strangers_do_not_affect_holder(steps in prop::collection::vec((0..HOLDERS, any_step()), 0..150)) {
        let mut alone = Gate { now: 1_000_000, ..Gate::default() };
        let mut among_others = Gate { now: 1_000_000, ..Gate::default() };
        for (holder, step) in steps {
            let seen = among_others.step(holder, step);
            // All holders share one clock.
            if holder == 0 || matches!(step, Step::Wait(_)) {
                prop_assert_eq!(seen, alone.step(holder, step));
            }
        }
    }
}

/// A session whose peer still holds a slot for one holder is admitted again, by another key, for another holder whose
/// slots are all held.
#[test]
fn readmission_for_other_holder_takes_peer_slot() {
    let mut live = SessionTable::default();
    let evicted = |holder: u8, id: u64| SessionRecord {
        state: SessionState::Evicted,
        cause: Some(EvictionCause::NoCard),
        ..record(holder, id, 1)
    };
    for id in 10..15 {
        live.admit(Arc::new(evicted(1, id)));
    }
    let holder = session(0, 1, None).wallet.unwrap();
    assert_eq!(live.sessions_in_peer_slots(holder).len(), LIMITS.peer_slots);
    // Of holder 0, evicted, and its peer holds a slot.
    live.admit(Arc::new(evicted(0, 1)));
    let again = SessionRecord { peer_id: "another key".to_owned(), ..record(1, 1, 2) };
    let limits = HolderLimits { admissions_per_hour: None, ..LIMITS };
    if let Ok(number) = live.claim(limited(&again, limits), 2) {
        live.admit(Arc::new(again));
        live.release(number);
    }
    assert!(
        live.sessions_in_peer_slots(holder).len() <= LIMITS.peer_slots,
        "{:?}",
        live.sessions_in_peer_slots(holder)
    );
}
