//! Summary and merge of a set of bases.

#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

const WALLET: Address = Address::repeat_byte(0xAA);
const MEMES: Address = Address::repeat_byte(0x33);

fn vault(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn basis(tier: Tier, via: Via, vault: Option<Address>, cards: &[u64]) -> Basis {
    let cards = cards.iter().copied().map(U256::from).collect();
    Basis { tier, via, vault, collection: MEMES, cards, block: 10, expires_at: None }
}

fn own(tier: Tier, cards: &[u64]) -> Basis {
    basis(tier, Via::Own, None, cards)
}

fn through(number: u8, tier: Tier, via: Via) -> Basis {
    basis(tier, via, Some(vault(number)), &[3])
}

fn entitlement(bases: &[Basis]) -> Entitlement {
    Entitlement {
        wallet: WALLET,
        bases: bases.to_vec(),
        examined: bases.iter().filter_map(|basis| basis.vault).collect(),
        block: 9,
        delegations_unread: false,
        is_partial: false,
    }
}

fn best(bases: &[Basis], denied: &[Address]) -> (Tier, Option<Via>, Option<Address>) {
    let summary = entitlement(bases).summary(&denied.iter().copied().collect());
    (summary.tier, summary.via, summary.vault)
}

#[test]
fn summary_without_a_basis_is_a_denial() {
    let summary = Entitlement { delegations_unread: true, ..entitlement(&[]) }.summary(&HashSet::new());
    assert_eq!(
        (summary.tier, summary.via, summary.vault, summary.wallet),
        (Tier::Denied, None, None, WALLET)
    );
    assert!(summary.cards.is_empty() && !summary.more_cards);
    assert_eq!((summary.block, summary.expires_at), (9, None));
    assert!(summary.delegations_unread);
}

#[test]
fn summary_prefers_tier_then_way_then_order() {
    let paid = own(Tier::Paid, &[3]);
    let delegated = through(1, Tier::Free, Via::Delegation);
    assert_eq!(best(&[paid, delegated.clone()], &[]), (Tier::Free, Some(Via::Delegation), Some(vault(1))));
    let consolidated = through(2, Tier::Free, Via::Consolidation);
    let expected = (Tier::Free, Some(Via::Consolidation), Some(vault(2)));
    assert_eq!(best(&[delegated.clone(), consolidated], &[]), expected);
    let later = through(2, Tier::Free, Via::Delegation);
    assert_eq!(best(&[delegated, later], &[]).2, Some(vault(1)));
}

#[test]
fn summary_puts_denied_holders_last() {
    let free = through(1, Tier::Free, Via::Consolidation);
    let paid = through(2, Tier::Paid, Via::DelegateXyz);
    let denied = [vault(1)];
    let expected = (Tier::Paid, Some(Via::DelegateXyz), Some(vault(2)));
    assert_eq!(best(&[free.clone(), paid.clone()], &denied), expected);
    let only = (Tier::Free, Some(Via::Consolidation), Some(vault(1)));
    assert_eq!(best(&[free], &denied), only, "a refusal names the denied holder");
    assert_eq!(best(&[own(Tier::Free, &[7]), paid], &[WALLET]), expected, "the wallet itself is a holder");
}

#[test]
fn summary_takes_block_and_end_from_the_best_basis() {
    let ending = Basis { block: 12, expires_at: Some(50), ..through(1, Tier::Free, Via::Delegation) };
    let endless = own(Tier::Paid, &[3]);
    let summary = entitlement(&[endless.clone(), ending]).summary(&HashSet::new());
    assert_eq!((summary.block, summary.expires_at), (12, Some(50)));
    assert_eq!(entitlement(&[endless]).summary(&HashSet::new()).expires_at, None);
}

#[test]
fn summary_asks_to_name_a_vault_only_below_the_best_tier() {
    let unread = |tier| {
        let unread = Entitlement { delegations_unread: true, ..entitlement(&[own(tier, &[3])]) };
        unread.summary(&HashSet::new()).delegations_unread
    };
    assert!(unread(Tier::Paid));
    assert!(!unread(Tier::Free));
}

#[test]
fn summary_shows_cards_of_the_best_tier_first_and_at_most_twenty() {
    let cards = |bases: &[Basis]| {
        let summary = entitlement(bases).summary(&HashSet::new());
        (summary.cards.iter().map(|id| id.to::<u64>()).collect::<Vec<_>>(), summary.more_cards)
    };
    let paid: Vec<u64> = (10..30).collect();
    let shown: Vec<u64> = [7].into_iter().chain(10..29).collect();
    assert_eq!(cards(&[own(Tier::Paid, &paid), own(Tier::Free, &[7])]), (shown, true));
    assert_eq!(cards(&[own(Tier::Paid, &paid)]), (paid.clone(), false));
    // The same id in two collections is shown once; other holders and other ways are not mixed in.
    let others = [basis(Tier::Paid, Via::Delegation, Some(vault(1)), &[5]), own(Tier::Paid, &[7, 8])];
    assert_eq!(cards(&[&[own(Tier::Free, &[7])], &others[..]].concat()), (vec![7, 8], false));
}

#[test]
fn holders_are_unique_and_in_the_order_of_the_bases() {
    let bases = [
        own(Tier::Paid, &[3]),
        through(2, Tier::Free, Via::Delegation),
        through(1, Tier::Paid, Via::Delegation),
        through(2, Tier::Paid, Via::DelegateXyz),
    ];
    assert_eq!(entitlement(&bases).holders(), [WALLET, vault(2), vault(1)]);
}

#[test]
fn entitlement_ends_with_its_first_ending_basis() {
    let ending = |until| Basis { expires_at: until, ..through(1, Tier::Paid, Via::Delegation) };
    assert_eq!(entitlement(&[ending(Some(9)), ending(None), ending(Some(5))]).expires_at(), Some(5));
    assert_eq!(entitlement(&[ending(None)]).expires_at(), None);
}

#[test]
fn with_appends_only_new_bases() {
    let named = [own(Tier::Paid, &[3]), through(1, Tier::Free, Via::DelegateXyz)];
    let again = Basis { block: 99, ..named[1].clone() };
    let other_way = through(1, Tier::Free, Via::Delegation);
    let other_vault = through(2, Tier::Paid, Via::Delegation);
    let listed = [own(Tier::Paid, &[3, 4]), other_way.clone(), again, other_vault.clone()];
    let both = entitlement(&named).merge(&entitlement(&listed));
    assert_eq!(both.bases, [&named[..], &[other_way, other_vault]].concat());
    for vault in [vault(1), vault(2)] {
        assert!(both.examined.contains(&vault), "{vault}");
    }
}

#[test]
fn with_is_as_old_and_as_incomplete_as_its_parts() {
    let base = entitlement(&[]);
    let old = Entitlement { block: 5, delegations_unread: true, ..base.clone() };
    let partial = Entitlement { is_partial: true, ..base.clone() };
    for both in [old.merge(&partial), partial.merge(&old)] {
        assert_eq!((both.block, both.delegations_unread, both.is_partial), (5, true, true));
    }
    assert_eq!(base.merge(&base), base);
}

fn any_basis() -> impl Strategy<Value = Basis> {
    let tier = prop::sample::select(vec![Tier::Paid, Tier::Free]);
    let via = prop::sample::select(vec![Via::Consolidation, Via::Delegation, Via::DelegateXyz]);
    let vault = (1_u8..5, via).prop_map(|(number, via)| (via, Some(vault(number))));
    (tier, prop_oneof![Just((Via::Own, None)), vault])
        .prop_map(|(tier, (via, vault))| basis(tier, via, vault, &[3]))
}

fn any_bases() -> impl Strategy<Value = Vec<Basis>> {
    prop::collection::vec(any_basis(), 0..8)
}

proptest! {
    #[test]
    fn summary_is_the_best_basis_of_a_holder_that_is_not_denied(bases in any_bases(), denied in 1_u8..5) {
        let denied = vault(denied);
        let rank = |basis: &&Basis| (basis.tier, Reverse(basis.via));
        let others = bases.iter().filter(|basis| basis.vault != Some(denied)).max_by_key(rank);
        let expected = others.or_else(|| bases.iter().max_by_key(rank));
        let (tier, via, vault) = best(&bases, &[denied]);
        prop_assert_eq!(tier, expected.map_or(Tier::Denied, |basis| basis.tier));
        prop_assert_eq!(via, expected.map(|basis| basis.via));
        prop_assert!(vault != Some(denied) || bases.iter().all(|basis| basis.vault == Some(denied)));
    }

    #[test]
    fn more_bases_never_give_a_lesser_summary(bases in any_bases(), more in any_bases(), denied in 1_u8..5) {
        let rank = |(tier, via, vault): (Tier, Option<Via>, Option<Address>), denied: Address| {
            (vault != Some(denied), tier, Reverse(via))
        };
        let denied = vault(denied);
        let before = best(&bases, &[denied]);
        let after = best(&[bases, more].concat(), &[denied]);
        prop_assert!(before.0 == Tier::Denied || rank(after, denied) >= rank(before, denied));
    }

    #[test]
    fn with_keeps_the_former_bases_in_front(former in any_bases(), other in any_bases()) {
        let both = entitlement(&former).merge(&entitlement(&other));
        prop_assert_eq!(&both.bases[..former.len()], &former[..]);
        prop_assert!(both.bases.len() <= former.len() + other.len());
        for basis in &other {
            prop_assert!(both.bases.contains(basis));
        }
    }
}
