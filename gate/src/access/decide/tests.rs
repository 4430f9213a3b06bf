//! The decision in examples and for every world.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const WALLET: Address = Address::repeat_byte(0xAA);
const MEMES: Address = Address::repeat_byte(0x33);
const OTHER: Address = Address::repeat_byte(0x44);
const THIS: u64 = 7;

fn vault(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn card(id: u64) -> Card {
    let tier = if id == THIS { Tier::Free } else { Tier::Paid };
    Card { contract: MEMES, id: Some(U256::from(id)), tier }
}

fn own(ids: &[u64]) -> Source {
    Source { block: 1, cards: ids.iter().copied().map(card).collect(), vault: None }
}

fn claim(via: Via, token: Option<u64>) -> Claim {
    Claim { via, contract: None, token: token.map(U256::from), until: ENDLESS }
}

fn through(number: u8, ids: &[u64], claims: &[Claim]) -> Source {
    Source { block: 2, vault: Some((vault(number), claims.to_vec())), ..own(ids) }
}

fn outcome(sources: &[Source]) -> (Tier, Option<Via>, Option<Address>) {
    let entitlement = decide(WALLET, sources, &HashSet::new());
    (entitlement.tier, entitlement.via, entitlement.vault)
}

#[test]
fn own_cards() {
    assert_eq!(outcome(&[own(&[])]), (Tier::Denied, None, None));
    assert_eq!(outcome(&[own(&[3])]), (Tier::Paid, Some(Via::Own), None));
    assert_eq!(outcome(&[own(&[3, THIS])]), (Tier::Free, Some(Via::Own), None), "THIS card wins");
}

#[test]
fn a_vault_counts_when_it_is_better() {
    let vaults = through(1, &[THIS], &[claim(Via::DelegateXyz, None)]);
    assert_eq!(outcome(&[own(&[3]), vaults.clone()]), (Tier::Free, Some(Via::DelegateXyz), Some(vault(1))));
    assert_eq!(outcome(&[own(&[THIS]), vaults]), (Tier::Free, Some(Via::Own), None));
    let equal = through(1, &[5], &[claim(Via::Consolidation, None)]);
    assert_eq!(outcome(&[own(&[3]), equal]), (Tier::Paid, Some(Via::Own), None));
}

#[test]
fn the_order_among_equals() {
    let xyz = through(1, &[3], &[claim(Via::DelegateXyz, None)]);
    let delegation = through(2, &[3], &[claim(Via::Delegation, None)]);
    let consolidation = through(3, &[3], &[claim(Via::Consolidation, None)]);
    let all = [own(&[]), xyz.clone(), delegation.clone(), consolidation];
    assert_eq!(outcome(&all), (Tier::Paid, Some(Via::Consolidation), Some(vault(3))));
    assert_eq!(outcome(&all[..3]), (Tier::Paid, Some(Via::Delegation), Some(vault(2))));
    let again = Source { vault: Some((vault(9), vec![claim(Via::Delegation, None)])), ..delegation.clone() };
    assert_eq!(outcome(&[delegation, again]).2, Some(vault(2)), "the first found");
}

#[test]
fn a_claim_covers_what_it_says() {
    let only_5 = through(1, &[3, THIS], &[claim(Via::Delegation, Some(5))]);
    assert_eq!(outcome(&[only_5]), (Tier::Denied, None, None), "wrong token");
    let only_3 = through(1, &[3, THIS], &[claim(Via::Delegation, Some(3))]);
    assert_eq!(outcome(&[only_3]).0, Tier::Paid, "THIS card is not covered");
    let elsewhere = Claim { contract: Some(OTHER), ..claim(Via::Delegation, None) };
    assert_eq!(outcome(&[through(1, &[THIS], &[elsewhere])]).0, Tier::Denied, "wrong collection");
    let mut gallery = through(1, &[], &[claim(Via::Delegation, Some(3))]);
    gallery.cards = vec![Card { contract: MEMES, id: None, tier: Tier::Paid }];
    assert_eq!(outcome(&[gallery]).0, Tier::Denied, "a token limit is not met by an unknown token");
    assert_eq!(outcome(&[through(1, &[THIS], &[])]).0, Tier::Denied, "no claim");
}

#[test]
fn a_denied_vault_is_the_last_resort() {
    let denied = HashSet::from([vault(1)]);
    let free = through(1, &[THIS], &[claim(Via::Consolidation, None)]);
    let paid = through(2, &[3], &[claim(Via::DelegateXyz, None)]);
    assert_eq!(decide(WALLET, &[free.clone(), paid], &denied).vault, Some(vault(2)));
    assert_eq!(decide(WALLET, &[own(&[]), free], &denied).vault, Some(vault(1)), "and is told as such");
}

#[test]
fn cards_are_shown_in_order_and_bounded() {
    let ids: Vec<u64> = (1..=30).rev().chain([3]).collect();
    let entitlement = decide(WALLET, &[own(&ids)], &HashSet::new());
    let expected: Vec<u64> =
        [THIS].into_iter().chain((1..=20).filter(|id| *id != THIS)).take(CARDS_SHOWN).collect();
    assert_eq!(entitlement.cards, expected.into_iter().map(U256::from).collect::<Vec<_>>());
    assert!(entitlement.more_cards);
    assert!(!decide(WALLET, &[own(&ids[..20])], &HashSet::new()).more_cards);
    assert_eq!(entitlement.block, 1);
}

/// A right through a vault ends with the last delegation to a card of that tier.
#[test]
fn a_tier_ends_with_the_last_claim_to_it() {
    let claim = |token: Option<u64>, until| Claim { until, ..claim(Via::Delegation, token) };
    let until = |source| decide(WALLET, &[own(&[]), source], &HashSet::new()).until;
    assert_eq!(until(through(1, &[3], &[claim(None, 50)])), Some(50));
    assert_eq!(until(through(1, &[3], &[claim(None, 50), claim(Some(3), 90)])), Some(90));
    assert_eq!(until(through(1, &[3], &[claim(None, 50), claim(None, ENDLESS)])), None);
    // The paid card's longer delegation does not lengthen the free tier.
    assert_eq!(until(through(1, &[3, THIS], &[claim(Some(THIS), 50), claim(Some(3), 90)])), Some(50));
    assert_eq!(decide(WALLET, &[own(&[THIS])], &HashSet::new()).until, None);
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let via = prop::sample::select(vec![Via::Consolidation, Via::Delegation, Via::DelegateXyz]);
    let contract = prop::option::of(prop::sample::select(vec![MEMES, OTHER]));
    (via, contract, prop::option::of(0_u64..9)).prop_map(|(via, contract, token)| Claim {
        via,
        contract,
        token: token.map(U256::from),
        until: ENDLESS,
    })
}

fn any_source() -> impl Strategy<Value = Source> {
    let ids = prop::collection::vec(0_u64..9, 0..4);
    let vault = prop::option::of((1_u8..5, prop::collection::vec(any_claim(), 0..4)));
    (ids, vault, 1_u64..9).prop_map(|(ids, vault, block)| {
        let vault = vault.map(|(number, claims)| (Address::repeat_byte(number), claims));
        Source { block, vault, ..own(&ids) }
    })
}

fn any_world() -> impl Strategy<Value = Vec<Source>> {
    prop::collection::vec(any_source(), 1..6)
}

/// The rule, told a second time without any of the code above.
fn rule(sources: &[Source]) -> Tier {
    let counts = |source: &Source, card: &Card| {
        source.vault.as_ref().is_none_or(|(_, claims)| {
            claims.iter().any(|claim| {
                claim.contract.is_none_or(|contract| contract == card.contract)
                    && (claim.token.is_none() || claim.token == card.id)
            })
        })
    };
    let counting = sources.iter().flat_map(|source| source.cards.iter().filter(|card| counts(source, card)));
    counting.map(|card| card.tier).max().unwrap_or(Tier::Denied)
}

proptest! {
    #[test]
    fn the_tier_is_that_of_the_rule(sources in any_world()) {
        prop_assert_eq!(decide(WALLET, &sources, &HashSet::new()).tier, rule(&sources));
    }

    #[test]
    fn knowing_more_never_gives_less(sources in any_world(), more in any_source()) {
        let before = decide(WALLET, &sources, &HashSet::new()).tier;
        let with_more: Vec<_> = sources.into_iter().chain([more]).collect();
        prop_assert!(decide(WALLET, &with_more, &HashSet::new()).tier >= before);
    }

    #[test]
    fn the_order_of_what_is_known_does_not_matter_for_the_tier(sources in any_world()) {
        let backwards: Vec<_> = sources.iter().rev().cloned().collect();
        let (a, b) = (outcome(&sources), outcome(&backwards));
        prop_assert_eq!((a.0, a.1), (b.0, b.1));
    }

    /// What is told can be checked: the cards are the vault's, and one of them gives the tier.
    #[test]
    fn the_answer_is_consistent(sources in any_world()) {
        let told = decide(WALLET, &sources, &HashSet::new());
        prop_assert_eq!(told.via.is_none(), told.tier == Tier::Denied);
        prop_assert_eq!(told.cards.is_empty(), told.tier == Tier::Denied);
        prop_assert_eq!(told.vault.is_some(), told.via.is_some_and(|via| via != Via::Own));
        if told.tier != Tier::Denied {
            prop_assert_eq!(told.tier == Tier::Free, told.cards[0] == U256::from(THIS));
            let holds = |source: &Source| {
                let holder = source.vault.as_ref().map(|(vault, _)| *vault);
                holder == told.vault && told.cards.iter().all(|id| source.cards.iter().any(|card| card.id == Some(*id)))
            };
            prop_assert!(sources.iter().any(holds));
        }
    }

    #[test]
    fn a_denied_vault_never_beats_another_source(sources in any_world(), number in 1_u8..5) {
        let denied = HashSet::from([vault(number)]);
        let told = decide(WALLET, &sources, &denied);
        let others: Vec<_> = sources.iter().filter(|source| {
            source.vault.as_ref().is_none_or(|(vault, _)| !denied.contains(vault))
        }).cloned().collect();
        let rest = decide(WALLET, &others, &denied);
        if rest.tier != Tier::Denied {
            prop_assert_eq!((told.tier, told.via), (rest.tier, rest.via));
        }
    }
}
