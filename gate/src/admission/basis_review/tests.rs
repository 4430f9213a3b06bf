//! Property tests: random wallets, vaults, delegations and slow answers bound the cost and the conclusion of a
//! re-evaluation.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use alloy::primitives::Address;
use proptest::prelude::*;
use sentinel_proto::hub::SessionKind;

use super::*;
use crate::access::{Entitlement, Tier, Via};
use crate::admission::basis_choice::inquiries;
use crate::config::{self, SessionRule, TierSection};
use crate::store::tests::sessions::session;
use crate::store::{Binding, MAX_PER_ACCOUNT};

const NOW: UnixTime = 1_000;
const SESSION: SessionFinding = SessionFinding::Kind(SessionKind::Plan(1));
/// The wallet and the vault that the session rests on.
const WALLET: u8 = 200;
const VAULT: u8 = 201;

/// What cards give one wallet: its own cards, and those of each vault. `delay`: milliseconds until a question about the
/// wallet is answered; `None`: never.
#[derive(Debug, Clone)]
struct WalletCards {
    own: Option<Tier>,
    vaults: BTreeMap<u8, Tier>,
    hint: Option<u8>,
    delay: Option<u64>,
}

/// Wallets bound to the account of the session, in the order of the store, and the cards behind each.
#[derive(Debug)]
struct World {
    wallets: BTreeMap<u8, WalletCards>,
    order: Vec<u8>,
    asked: Mutex<Vec<Inquiry>>,
}

fn address(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn policy() -> Arc<AdmissionPolicy> {
    let free = TierSection { sessions: vec![SessionRule::Plan(1)], ..TierSection::default() };
    let paid = TierSection { sessions: vec![SessionRule::Plan(2)], ..TierSection::default() };
    Arc::new(AdmissionPolicy::from(&config::PolicySection { free, paid, ..config::PolicySection::default() }))
}

/// A live session of the free tier.
fn record() -> SessionRecord {
    session(7, WALLET, Some(VAULT))
}

impl World {
    fn bindings(&self) -> Vec<Binding> {
        let account = record().account;
        let signed_in = |(id, number): (usize, &u8)| Binding {
            id: i64::try_from(id).unwrap(),
            account,
            wallet: address(*number),
            vault: self.wallets[number].hint.map(address),
            issued_at: NOW - 1,
            expires_at: NOW + 1,
            last_used_at: None,
            refused_at: None,
        };
        self.order.iter().enumerate().map(signed_in).collect()
    }

    fn look<'a>(&self, record: &'a SessionRecord) -> Reevaluation<'a> {
        Reevaluation {
            record,
            inquiries: inquiries(&self.bindings(), None, Some(record)),
            unbound: Refusal::Unbound { account: String::new(), sign_in: String::new() },
            has_binding: self.order.contains(&WALLET),
            policy: policy(),
            now: NOW,
        }
    }

    /// The truth.
    fn entitlement(&self, question: EntitlementQuery) -> Entitlement {
        let wallet = question.wallet();
        let cards = &self.wallets[&wallet[0]];
        let make = |vault: Option<u8>, tier: Tier| Basis {
            tier,
            via: if vault.is_some() { Via::Delegation } else { Via::Own },
            vault: vault.map(address),
            collection: Address::ZERO,
            cards: Vec::new(),
            block: 7,
            expires_at: None,
        };
        let is_asked = |vault: u8| match question {
            EntitlementQuery::Named { vault: named, .. } => named == Some(address(vault)),
            EntitlementQuery::Listed { .. } => true,
        };
        let own = cards.own.map(|tier| make(None, tier));
        let lent = cards.vaults.iter().filter(|(vault, _)| is_asked(**vault));
        let bases = own.into_iter().chain(lent.map(|(vault, tier)| make(Some(*vault), *tier))).collect();
        Entitlement {
            wallet,
            bases,
            examined: Vec::new(),
            block: 7,
            delegations_unread: false,
            is_partial: false,
        }
    }

    async fn answer(&self, inquiry: Inquiry) -> Finding {
        self.asked.lock().unwrap().push(inquiry);
        match self.wallets[&inquiry.question.wallet()[0]].delay {
            Some(delay) => tokio::time::sleep(Duration::from_millis(delay)).await,
            None => std::future::pending().await,
        }
        Some(Arc::new(self.entitlement(inquiry.question)))
    }

    /// Whether a card behind any binding allows the session.
    fn entitles(&self) -> bool {
        self.inquiries().iter().any(|inquiry| {
            self.entitlement(inquiry.question).bases.iter().any(|basis| basis.tier == Tier::Free)
        })
    }

    /// Whether a card behind a binding with an answer in time allows the session.
    fn entitles_in_time(&self) -> bool {
        let limit = u64::try_from(MAX_DECISION_TIME.as_millis()).unwrap();
        self.inquiries().iter().any(|inquiry| {
            let cards = &self.wallets[&inquiry.question.wallet()[0]];
            cards.delay.is_some_and(|delay| delay < limit)
                && self.entitlement(inquiry.question).bases.iter().any(|basis| basis.tier == Tier::Free)
        })
    }

    fn inquiries(&self) -> Vec<Inquiry> {
        self.look(&record()).inquiries
    }

    /// Re-evaluates a live session; returns verdict, inquiries and duration.
    fn reevaluate(&self) -> (Verdict, Vec<Inquiry>, Duration) {
        self.run(None)
    }

    /// Searches a basis for an evicted session after `tries` searches without a result.
    fn search_basis(&self, tries: u32) -> (Verdict, Vec<Inquiry>, Duration) {
        self.run(Some(tries))
    }

    fn run(&self, search: Option<u32>) -> (Verdict, Vec<Inquiry>, Duration) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let record = record();
        runtime.block_on(async {
            let begun = Instant::now();
            let (look, hub_status) = (self.look(&record), async { HubStatus::NotCancelled(SESSION) });
            let ask = |inquiry| self.answer(inquiry);
            let verdict = match search {
                None => look.reevaluate(&ask, hub_status).await,
                Some(tries) => look.search_basis(tries, &ask, hub_status).await,
            };
            (verdict, std::mem::take(&mut *self.asked.lock().unwrap()), begun.elapsed())
        })
    }
}

fn any_tier() -> impl Strategy<Value = Tier> {
    // Few wallets of a crowd have the tier that the session needs.
    prop_oneof![1 => Just(Tier::Free), 9 => Just(Tier::Paid)]
}

fn any_wallet(delay: impl Strategy<Value = Option<u64>>) -> impl Strategy<Value = WalletCards> {
    let vaults = prop::collection::btree_map(100..110_u8, any_tier(), 0..4);
    (prop::option::weighted(0.3, any_tier()), vaults, prop::option::of(100..112_u8), delay)
        .prop_map(|(own, vaults, hint, delay)| WalletCards { own, vaults, hint, delay })
}

/// A world in which the session's wallet has what `own` gives, among a crowd of other wallets.
fn any_world(own: impl Strategy<Value = WalletCards>, crowd_is_slow: bool) -> impl Strategy<Value = World> {
    let delay = if crowd_is_slow {
        prop_oneof![(0..400_u64).prop_map(Some), Just(Some(10_000)), Just(None)].boxed()
    } else {
        (0..400_u64).prop_map(Some).boxed()
    };
    let crowd = prop::collection::btree_map(1..90_u8, any_wallet(delay), 0..MAX_PER_ACCOUNT - 1);
    (own, crowd, any::<prop::sample::Index>(), prop::bool::weighted(0.9)).prop_map(
        |(own, crowd, place, signed_in)| {
            let mut order: Vec<u8> = crowd.keys().copied().collect();
            if signed_in {
                order.insert(place.index(order.len() + 1), WALLET);
            }
            let wallets = crowd.into_iter().chain([(WALLET, own)]).collect();
            World { wallets, order, asked: Mutex::default() }
        },
    )
}

fn prompt_wallet() -> impl Strategy<Value = WalletCards> {
    any_wallet((0..200_u64).prop_map(Some))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Whatever the crowd: one question about what the session rests on, then a few for a short time. A session stays
    /// only with a basis that is true, and never while nothing entitles it.
    #[test]
    fn reevaluation_is_bounded(world in any_world(prompt_wallet(), true)) {
        let (verdict, asked, time) = world.reevaluate();
        prop_assert!(asked.len() <= 1 + MAX_CONCURRENT_INQUIRIES, "{} questions", asked.len());
        let own = Duration::from_millis(world.wallets[&WALLET].delay.unwrap());
        prop_assert!(time <= own + OTHER_BASES_TIMEOUT + Duration::from_millis(2), "{time:?}");
        match verdict {
            Verdict::Keep { grants, .. } => {
                for grant in grants {
                    let Grant::Card { choice, .. } = grant else { return Err(TestCaseError::fail("a probe")) };
                    let listed = EntitlementQuery::Listed { wallet: choice.candidate.wallet };
                    prop_assert!(world.entitlement(listed).bases.contains(&choice.basis));
                    prop_assert_eq!(choice.basis.tier, Tier::Free);
                }
            }
            Verdict::Evict { is_incomplete, .. } => prop_assert!(is_incomplete || !world.entitles(), "given up too early"),
            Verdict::Unknown => return Err(TestCaseError::fail("its own basis was answered")),
        }
    }

    /// While the session's own basis exists, one inquiry decides, and strangers change nothing.
    #[test]
    fn strangers_do_not_move_session(mut world in any_world(prompt_wallet(), true)) {
        prop_assume!(world.order.contains(&WALLET));
        world.wallets.get_mut(&WALLET).unwrap().vaults.insert(VAULT, Tier::Free);
        let (verdict, asked, time) = world.reevaluate();
        let Verdict::Keep { grants, .. } = verdict else { return Err(TestCaseError::fail(format!("{verdict:?}"))) };
        let Some(Grant::Card { choice, .. }) = grants.first() else { return Err(TestCaseError::fail("no card")) };
        prop_assert_eq!((choice.candidate.wallet, choice.basis.vault), (address(WALLET), Some(address(VAULT))));
        prop_assert_eq!(asked.len(), 1);
        prop_assert_eq!(time.as_millis(), u128::from(world.wallets[&WALLET].delay.unwrap()));
    }

    /// Without an answer about what it rests on, nothing is concluded but what others prove.
    #[test]
    fn unanswered_inquiry_evicts_no_session(world in any_world(any_wallet(Just(None)), true)) {
        prop_assume!(world.order.contains(&WALLET));
        let (verdict, asked, time) = world.reevaluate();
        let is_lost = matches!(verdict, Verdict::Evict { .. });
        prop_assert!(!is_lost);
        prop_assert!(asked.len() <= 1 + MAX_CONCURRENT_INQUIRIES);
        prop_assert!(time <= MAX_DECISION_TIME + OTHER_BASES_TIMEOUT + Duration::from_millis(2), "{time:?}");
    }

    /// After an eviction everything is asked: a session comes back exactly if something entitles it.
    #[test]
    fn search_restores_exactly_entitled_sessions(world in any_world(prompt_wallet(), false), tries in 0..9_u32) {
        let (verdict, asked, _) = world.search_basis(tries);
        prop_assert_eq!(asked.len(), world.inquiries().len());
        prop_assert_eq!(matches!(verdict, Verdict::Keep { .. }), world.entitles());
        prop_assert!(!matches!(verdict, Verdict::Unknown));
    }

    /// Unanswered inquiries prolong no re-evaluation and hide no basis forever: it is found within as many searches as
    /// there are groups of inquiries.
    #[test]
    fn unanswered_wallets_hide_no_basis(world in any_world(prompt_wallet(), true)) {
        let looks = u32::try_from(world.inquiries().len().div_ceil(MAX_CONCURRENT_INQUIRIES)).unwrap().max(1);
        let mut is_found = false;
        for tries in 0..looks {
            let (verdict, _, time) = world.search_basis(tries);
            prop_assert!(time <= MAX_DECISION_TIME + Duration::from_millis(2), "{time:?}");
            is_found |= matches!(verdict, Verdict::Keep { .. });
        }
        prop_assert!(is_found || !world.entitles_in_time());
    }
}
