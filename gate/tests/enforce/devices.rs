//! A holder's devices at a time, by tier and by plan.

use alloy::primitives::Address;
use sentinel_proto::hub::SessionKind::{self, Direct, Plan};
use sovereign_gate::config::{SessionRule, WhenFull};
use sovereign_gate::store::{Cause, SessionRecord};

use crate::DAY;
use crate::house::{FREE_PLAN, House, OTHER, Running, THIS};

/// A holder of both cards with sessions of these kinds, by THIS card.
async fn guest(
    house: &House,
    gate: &Running,
    kinds: impl IntoIterator<Item = SessionKind>,
) -> (Address, Vec<u64>) {
    let (wallet, account) = (house.holder(&[THIS, OTHER]).await, house.account());
    house.bind(gate, account, wallet, DAY).await;
    let mut sessions = Vec::new();
    for kind in kinds {
        sessions.push(house.session(gate, account, wallet, None, ("free", kind)).await);
    }
    (wallet, sessions)
}

/// The holder of `sessions` sells THIS card, and those of them whose places go lose their tunnels.
async fn sells(
    house: &House,
    gate: &Running,
    wallet: Address,
    sessions: &[u64],
    goes: impl Fn(usize) -> bool,
) {
    house.transfer(wallet, house.somebody(), THIS).await;
    for (place, session) in sessions.iter().enumerate().filter(|(place, _)| goes(*place)) {
        let cause = house.out(gate, *session).await;
        assert_eq!(cause, Some(Cause::DeviceLimit), "place {place} of {sessions:?}");
    }
}

/// THIS card goes, and the paid tier gives one device: the oldest or the newest stays, as policy says.
#[tokio::test(flavor = "multi_thread")]
async fn a_tier_with_fewer_devices_keeps_as_many() {
    let house = House::build().await;
    let mut kept = Vec::new();
    for (newest, wanted) in [(false, 0), (true, 2)] {
        let gate = house
            .gate_with(
                |policy| {
                    policy.paid.devices = 1;
                    if newest {
                        policy.paid.when_full = WhenFull::DropOldest;
                    }
                },
                60,
            )
            .await;
        let (wallet, sessions) = guest(&house, &gate, [Direct; 3]).await;
        house.settled(&gate).await;
        sells(&house, &gate, wallet, &sessions, |place| place != wanted).await;
        house.settled(&gate).await;
        kept.push(house.passes(sessions[wanted]));
        gate.end().await;
    }
    assert_eq!(kept, [true, true]);
}

/// More sessions than are asked about at the same time: who stays does not hang on whose answer came first.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_many_devices_stay() {
    let house = House::build().await;
    let gate = house.gate_with(|policy| (policy.free.devices, policy.paid.devices) = (99, 2), 60).await;
    let (wallet, sessions) = guest(&house, &gate, [Direct; 80]).await;
    house.settled(&gate).await;
    sells(&house, &gate, wallet, &sessions, |place| place >= 2).await;
    house.settled(&gate).await;
    assert!(sessions[..2].iter().all(|session| house.passes(*session)));
    gate.end().await;
}

/// THIS card goes, the paid tier is left: a plan has its own figure, and who began with a small plan stays beside
/// those of a large one.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_keeps_as_many_devices_as_it_is_for() {
    const SMALL: u64 = 5;
    const LARGE: u64 = 6;
    let house = House::build().await;
    let gate = house
        .gate_with(
            |policy| {
                for tier in [&mut policy.free, &mut policy.paid] {
                    tier.sessions.extend([SessionRule::Plan(SMALL), SessionRule::Plan(LARGE)]);
                    tier.devices = 2;
                }
                policy.free.devices = 9;
                policy.paid.plan_devices = [(SMALL, 1), (LARGE, 3)].into_iter().collect();
            },
            60,
        )
        .await;
    let mut holders = Vec::new();
    let plans =
        [([Plan(SMALL), Plan(LARGE), Plan(LARGE), Plan(LARGE)], 3), ([Direct; 4], 2), ([Plan(SMALL); 4], 1)];
    for (kinds, stay) in plans {
        let (wallet, sessions) = guest(&house, &gate, kinds).await;
        holders.push((wallet, sessions, stay));
    }
    house.settled(&gate).await;
    for (wallet, sessions, stay) in &holders {
        sells(&house, &gate, *wallet, sessions, |place| place >= *stay).await;
    }
    house.settled(&gate).await;
    for (_, sessions, stay) in &holders {
        assert!(sessions[..*stay].iter().all(|session| house.passes(*session)), "{sessions:?}");
    }
    gate.end().await;
}

/// A session of a former program has no plan in its record: the hub is asked, and what it says is kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_session_is_learned() {
    let house = House::build().await;
    let gate = house.gate().await;
    let (wallet, account) = (house.holder(&[THIS]).await, house.account());
    house.bind(&gate, account, wallet, DAY).await;
    let record = house.taken_in(&gate, account, (wallet, None), ("free", Plan(FREE_PLAN)));
    let session = record.session_id;
    gate.store.record_session(SessionRecord { plan: None, ..record }, vec![]).await.unwrap();
    gate.enforcer.everything_changed();
    let plan = || gate.store.session(session).is_some_and(|record| record.plan == Some(FREE_PLAN));
    house.until("it is known", plan).await;
    assert!(house.passes(session));
    gate.end().await;
}
