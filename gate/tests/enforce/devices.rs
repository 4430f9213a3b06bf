//! A holder's devices at a time, by tier and by plan.

use alloy::primitives::Address;
use sentinel_proto::hub::SessionKind::{self, Direct, Plan};
use sovereign_gate::config::{SessionRule, WhenFull};
use sovereign_gate::store::{EvictionCause, SessionRecord};

use crate::DAY;
use crate::fixture::{FREE_PLAN, Fixture, GateHandle, OTHER, THIS};

/// A holder of both cards with sessions of these kinds, by THIS card.
async fn holder_with_session(
    fixture: &Fixture,
    gate: &GateHandle,
    kinds: impl IntoIterator<Item = SessionKind>,
) -> (Address, Vec<u64>) {
    let (wallet, account) = (fixture.holder(&[THIS, OTHER]).await, fixture.account());
    fixture.bind(gate, account, wallet, DAY).await;
    let mut sessions = Vec::new();
    for kind in kinds {
        sessions.push(fixture.session(gate, account, wallet, None, ("free", kind)).await);
    }
    (wallet, sessions)
}

/// The holder of `sessions` sells THIS card, and those of them whose places go lose their tunnels.
async fn sells(
    fixture: &Fixture,
    gate: &GateHandle,
    wallet: Address,
    sessions: &[u64],
    goes: impl Fn(usize) -> bool,
) {
    fixture.transfer(wallet, fixture.new_wallet(), THIS).await;
    for (place, session) in sessions.iter().enumerate().filter(|(place, _)| goes(*place)) {
        let cause = fixture.wait_until_evicted(gate, *session).await;
        assert_eq!(cause, Some(EvictionCause::DeviceLimit), "place {place} of {sessions:?}");
    }
}

/// THIS card goes, and the paid tier gives one device: the oldest or the newest stays, as policy says.
#[tokio::test(flavor = "multi_thread")]
async fn tier_with_fewer_devices_keeps_its_limit() {
    let fixture = Fixture::build().await;
    let mut kept = Vec::new();
    for (newest, wanted) in [(false, 0), (true, 2)] {
        let gate = fixture
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
        let (wallet, sessions) = holder_with_session(&fixture, &gate, [Direct; 3]).await;
        fixture.wait_for_events(&gate).await;
        sells(&fixture, &gate, wallet, &sessions, |place| place != wanted).await;
        fixture.wait_for_events(&gate).await;
        kept.push(fixture.passes(sessions[wanted]));
        gate.end().await;
    }
    assert_eq!(kept, [true, true]);
}

/// More sessions than are asked about at the same time: who stays does not hang on whose answer came first.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_oldest_of_many_devices() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate_with(|policy| (policy.free.devices, policy.paid.devices) = (99, 2), 60).await;
    let (wallet, sessions) = holder_with_session(&fixture, &gate, [Direct; 80]).await;
    fixture.wait_for_events(&gate).await;
    sells(&fixture, &gate, wallet, &sessions, |place| place >= 2).await;
    fixture.wait_for_events(&gate).await;
    assert!(sessions[..2].iter().all(|session| fixture.passes(*session)));
    gate.end().await;
}

/// THIS card goes, the paid tier is left: a plan has its own figure, and who began with a small plan stays beside
/// those of a large one.
#[tokio::test(flavor = "multi_thread")]
async fn plan_keeps_its_own_device_limit() {
    const SMALL: u64 = 5;
    const LARGE: u64 = 6;
    let fixture = Fixture::build().await;
    let gate = fixture
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
        let (wallet, sessions) = holder_with_session(&fixture, &gate, kinds).await;
        holders.push((wallet, sessions, stay));
    }
    fixture.wait_for_events(&gate).await;
    for (wallet, sessions, stay) in &holders {
        sells(&fixture, &gate, *wallet, sessions, |place| place >= *stay).await;
    }
    fixture.wait_for_events(&gate).await;
    for (_, sessions, stay) in &holders {
        assert!(sessions[..*stay].iter().all(|session| fixture.passes(*session)), "{sessions:?}");
    }
    gate.end().await;
}

/// A session of a former program has no plan in its record: the hub is asked, and what it says is kept.
#[tokio::test(flavor = "multi_thread")]
async fn reads_missing_plan_from_hub() {
    let fixture = Fixture::build().await;
    let gate = fixture.gate().await;
    let (wallet, account) = (fixture.holder(&[THIS]).await, fixture.account());
    fixture.bind(&gate, account, wallet, DAY).await;
    let record = fixture.peer_record(&gate, account, (wallet, None), ("free", Plan(FREE_PLAN)));
    let session = record.session_id;
    gate.store.sessions().record(SessionRecord { plan: None, ..record }, vec![]).await.unwrap();
    gate.enforcer.everything_changed();
    let plan = || gate.store.sessions().get(session).is_some_and(|record| record.plan == Some(FREE_PLAN));
    fixture.wait_until("it is known", plan).await;
    assert!(fixture.passes(session));
    gate.end().await;
}
