//! Examples and properties of the decision.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const MEMES: Address = Address::repeat_byte(0x33);
const OTHER: Address = Address::repeat_byte(0x44);
const THIS: u64 = 7;
const VAULT_WAYS: [Via; 3] = [Via::Consolidation, Via::Delegation, Via::DelegateXyz];

/// Identity of a basis without its cards.
type Key = (Option<Address>, Via, Tier);

fn vault(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn card(id: u64) -> Card {
    let tier = if id == THIS { Tier::Free } else { Tier::Paid };
    Card { contract: MEMES, id: Some(U256::from(id)), tier }
}

fn own(ids: &[u64]) -> CardSource {
    CardSource { block: 1, cards: ids.iter().copied().map(card).collect(), vault: None }
}

fn claim(via: Via, token: Option<u64>) -> Claim {
    Claim { via, contract: None, token: token.map(U256::from), until: NEVER_EXPIRES }
}

fn through(number: u8, ids: &[u64], claims: &[Claim]) -> CardSource {
    CardSource { block: 2, vault: Some((vault(number), claims.to_vec())), ..own(ids) }
}

fn key(basis: &Basis) -> Key {
    (basis.vault, basis.via, basis.tier)
}

fn keys(sources: &[CardSource]) -> Vec<Key> {
    decide_bases(sources).iter().map(key).collect()
}

fn ids_of(basis: &Basis) -> Vec<u64> {
    basis.cards.iter().map(|id| id.to()).collect()
}

#[test]
fn own_cards_give_one_basis_for_each_tier() {
    assert!(decide_bases(&[own(&[])]).is_empty());
    assert_eq!(keys(&[own(&[3, 4])]), [(None, Via::Own, Tier::Paid)]);
    let both = decide_bases(&[own(&[3, THIS])]);
    assert_eq!(
        both.iter().map(key).collect::<Vec<_>>(),
        [(None, Via::Own, Tier::Free), (None, Via::Own, Tier::Paid)]
    );
    assert_eq!(both.iter().map(ids_of).collect::<Vec<_>>(), [[THIS], [3]]);
}

#[test]
fn vaults_add_bases_beside_own_cards_of_the_best_tier() {
    let sources = [own(&[THIS]), through(1, &[THIS, 3], &[claim(Via::DelegateXyz, None)])];
    let expected = [
        (None, Via::Own, Tier::Free),
        (Some(vault(1)), Via::DelegateXyz, Tier::Free),
        (Some(vault(1)), Via::DelegateXyz, Tier::Paid),
    ];
    assert_eq!(keys(&sources), expected);
}

#[test]
fn bases_follow_sources_then_ways_then_tiers() {
    let claims = [Via::DelegateXyz, Via::Delegation, Via::Consolidation].map(|via| claim(via, None));
    let sources = [own(&[]), through(9, &[3], &claims[..1]), through(1, &[3, THIS], &claims)];
    let of_first_vault = [(Some(vault(9)), Via::DelegateXyz, Tier::Paid)];
    let of_second_vault = VAULT_WAYS
        .into_iter()
        .flat_map(|via| [Tier::Free, Tier::Paid].map(|tier| (Some(vault(1)), via, tier)));
    assert_eq!(keys(&sources), of_first_vault.into_iter().chain(of_second_vault).collect::<Vec<_>>());
}

#[test]
fn claim_covers_only_its_collection_and_token() {
    let only = |token| through(1, &[3, THIS], &[claim(Via::Delegation, Some(token))]);
    assert!(decide_bases(&[only(5)]).is_empty(), "wrong token");
    assert_eq!(keys(&[only(3)]), [(Some(vault(1)), Via::Delegation, Tier::Paid)], "THIS card is not covered");
    let elsewhere = Claim { contract: Some(OTHER), ..claim(Via::Delegation, None) };
    assert!(decide_bases(&[through(1, &[THIS], &[elsewhere])]).is_empty(), "wrong collection");
    let mut gallery = through(1, &[], &[claim(Via::Delegation, Some(3))]);
    gallery.cards = vec![Card { contract: MEMES, id: None, tier: Tier::Paid }];
    assert!(decide_bases(&[gallery]).is_empty(), "a token limit is not met by an unknown token");
    assert!(decide_bases(&[through(1, &[THIS], &[])]).is_empty(), "no claim");
}

#[test]
fn ids_of_a_basis_are_sorted_unique_and_bounded() {
    let ids: Vec<u64> = (1..=40).rev().chain([3]).collect();
    let bases = decide_bases(&[own(&ids)]);
    assert_eq!(ids_of(&bases[0]), [THIS]);
    let paid: Vec<u64> = (1..=40).filter(|id| *id != THIS).take(MAX_SHOWN_CARDS + 1).collect();
    assert_eq!(ids_of(&bases[1]), paid);
}

#[test]
fn basis_names_the_collection_of_its_first_id() {
    let of = |contract, id: Option<u64>| Card { contract, id: id.map(U256::from), tier: Tier::Paid };
    let with = |cards: &[Card]| decide_bases(&[CardSource { cards: cards.to_vec(), ..own(&[]) }]).remove(0);
    let mixed = with(&[of(MEMES, Some(9)), of(OTHER, Some(5))]);
    assert_eq!((mixed.collection, ids_of(&mixed)), (OTHER, vec![5, 9]));
    let gallery_first = with(&[of(OTHER, None), of(MEMES, Some(9))]);
    assert_eq!((gallery_first.collection, ids_of(&gallery_first)), (MEMES, vec![9]));
    let gallery = with(&[of(OTHER, None)]);
    assert_eq!((gallery.collection, gallery.cards.len()), (OTHER, 0));
}

#[test]
fn basis_is_true_at_the_block_of_its_source() {
    let sources = [own(&[3]), through(1, &[3], &[claim(Via::Delegation, None)])];
    assert_eq!(decide_bases(&sources).iter().map(|basis| basis.block).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn basis_ends_with_the_last_claim_to_one_of_its_cards() {
    let claim = |token: Option<u64>, until| Claim { until, ..claim(Via::Delegation, token) };
    let ends = |ids: &[u64], claims: &[Claim]| {
        decide_bases(&[own(&[]), through(1, ids, claims)])
            .iter()
            .map(|basis| basis.expires_at)
            .collect::<Vec<_>>()
    };
    assert_eq!(ends(&[3], &[claim(None, 50)]), [Some(50)]);
    assert_eq!(ends(&[3], &[claim(None, 50), claim(Some(3), 90)]), [Some(90)]);
    assert_eq!(ends(&[3], &[claim(None, 50), claim(None, NEVER_EXPIRES)]), [None]);
    // The paid card's longer delegation does not lengthen the free tier.
    assert_eq!(ends(&[3, THIS], &[claim(Some(THIS), 50), claim(Some(3), 90)]), [Some(50), Some(90)]);
    // A longer delegation by another way is another basis.
    let other_way = Claim { via: Via::DelegateXyz, ..claim(None, NEVER_EXPIRES) };
    assert_eq!(ends(&[3], &[claim(None, 50), other_way]), [Some(50), None]);
    assert_eq!(decide_bases(&[own(&[THIS])])[0].expires_at, None);
}

fn any_contract() -> impl Strategy<Value = Address> {
    prop::sample::select(vec![MEMES, OTHER])
}

fn any_card() -> impl Strategy<Value = Card> {
    let tier = prop::sample::select(vec![Tier::Paid, Tier::Free]);
    (any_contract(), prop::option::weighted(0.9, 0_u64..9), tier).prop_map(|(contract, id, tier)| Card {
        contract,
        id: id.map(U256::from),
        tier,
    })
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let via = prop::sample::select(VAULT_WAYS.to_vec());
    let until = prop::sample::select(vec![50, 90, NEVER_EXPIRES]);
    (via, prop::option::of(any_contract()), prop::option::of(0_u64..9), until).prop_map(
        |(via, contract, token, until)| Claim { via, contract, token: token.map(U256::from), until },
    )
}

fn any_vault() -> impl Strategy<Value = (Vec<Card>, Vec<Claim>)> {
    (prop::collection::vec(any_card(), 0..5), prop::collection::vec(any_claim(), 0..5))
}

/// Own cards first, then vaults, as evaluation arranges them; each vault has its own address and block.
fn any_sources() -> impl Strategy<Value = Vec<CardSource>> {
    let own = prop::collection::vec(any_card(), 0..5);
    (own, prop::collection::vec(any_vault(), 0..5))
        .prop_map(|(cards, vaults)| build_sources(cards, vaults, 1))
}

/// Vaults are numbered from `first` on.
fn build_sources(cards: Vec<Card>, vaults: Vec<(Vec<Card>, Vec<Claim>)>, first: u8) -> Vec<CardSource> {
    let vaults = (first..).zip(vaults).map(|(number, (cards, claims))| CardSource {
        block: u64::from(number),
        cards,
        vault: Some((vault(number), claims)),
    });
    [CardSource { block: 0, cards, vault: None }].into_iter().chain(vaults).collect()
}

fn source_of<'a>(sources: &'a [CardSource], basis: &Basis) -> (usize, &'a CardSource) {
    let holder = |source: &CardSource| source.vault.as_ref().map(|(vault, _)| *vault);
    sources.iter().enumerate().find(|(_, source)| holder(source) == basis.vault).expect("a source")
}

/// Whether a claim of `via` covers the card: the rule, written independently of the implementation.
fn is_allowed(source: &CardSource, via: Via, card: &Card) -> bool {
    let Some((_, claims)) = &source.vault else { return via == Via::Own };
    claims.iter().any(|claim| {
        claim.via == via
            && (claim.contract.is_none() || claim.contract == Some(card.contract))
            && (claim.token.is_none() || claim.token == card.id)
    })
}

/// The complete set of bases by the rule.
fn rule(sources: &[CardSource]) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for source in sources {
        for card in &source.cards {
            for via in [Via::Own].into_iter().chain(VAULT_WAYS) {
                if is_allowed(source, via, card) {
                    keys.insert((source.vault.as_ref().map(|(vault, _)| *vault), via, card.tier));
                }
            }
        }
    }
    keys
}

/// Whether `part` is left when some elements of `whole` are taken out.
fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|wanted| whole.any(|found| found == wanted))
}

/// Every basis of `before` is in `after`, in the same order, with no card and no second less.
fn is_kept(before: &[Basis], after: &[Basis]) -> bool {
    let keys = |bases: &[Basis]| bases.iter().map(key).collect::<Vec<_>>();
    let holds_on = |basis: &Basis| {
        let now = after.iter().find(|now| key(now) == key(basis)).expect("the same basis");
        now.expires_at.unwrap_or(NEVER_EXPIRES) >= basis.expires_at.unwrap_or(NEVER_EXPIRES)
            && basis.cards.iter().all(|id| now.cards.contains(id))
    };
    is_subsequence(&keys(before), &keys(after)) && before.iter().all(holds_on)
}

/// Actions of third parties: send a card to the wallet or to a vault, delegate to the wallet.
#[derive(Debug, Clone)]
enum Action {
    Gift(Card, Index),
    Delegation((Vec<Card>, Vec<Claim>), Index),
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (any_card(), any::<Index>()).prop_map(|(card, to)| Action::Gift(card, to)),
        (any_vault(), any::<Index>()).prop_map(|(vault, place)| Action::Delegation(vault, place)),
    ]
}

/// The sources after third-party actions. New vaults may appear anywhere behind the wallet's own cards.
fn after(sources: &[CardSource], actions: Vec<Action>) -> Vec<CardSource> {
    let mut sources = sources.to_vec();
    for (number, act) in (100..).zip(actions) {
        match act {
            Action::Gift(card, to) => {
                let to = to.index(sources.len());
                sources[to].cards.push(card);
            }
            Action::Delegation(stranger, place) => {
                let stranger = build_sources(Vec::new(), vec![stranger], number).remove(1);
                sources.insert(1 + place.index(sources.len()), stranger);
            }
        }
    }
    sources
}

proptest! {
    #[test]
    fn bases_are_the_complete_set_of_the_rule(sources in any_sources()) {
        let found = keys(&sources);
        prop_assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), rule(&sources));
        prop_assert_eq!(found.len(), rule(&sources).len(), "each basis once");
    }

    #[test]
    fn size_is_bounded(sources in any_sources()) {
        let bases = decide_bases(&sources);
        prop_assert!(bases.len() <= 2 + (sources.len() - 1) * MAX_BASES_PER_SOURCE);
        prop_assert!(bases.iter().all(|basis| basis.cards.len() <= MAX_SHOWN_CARDS + 1));
    }

    #[test]
    fn order_is_source_then_way_then_better_tier(sources in any_sources()) {
        let bases = decide_bases(&sources);
        let rank = |basis: &Basis| (source_of(&sources, basis).0, basis.via, Reverse(basis.tier));
        prop_assert!(bases.is_sorted_by_key(rank));
    }

    #[test]
    fn every_basis_is_justified_by_a_card_and_a_claim(sources in any_sources()) {
        for basis in decide_bases(&sources) {
            let (_, source) = source_of(&sources, &basis);
            prop_assert_eq!(basis.block, source.block);
            prop_assert_eq!(basis.vault.is_none(), basis.via == Via::Own);
            let supporting: Vec<&Card> = source.cards.iter()
                .filter(|card| card.tier == basis.tier && is_allowed(source, basis.via, card))
                .collect();
            prop_assert!(!supporting.is_empty());
            for id in &basis.cards {
                prop_assert!(supporting.iter().any(|card| card.id == Some(*id)));
            }
            let first = basis.cards.first().copied();
            prop_assert!(supporting.iter().any(|card| card.contract == basis.collection && card.id == first));
        }
    }

    #[test]
    fn another_source_takes_nothing_away(sources in any_sources(), more in any_vault(), place in any::<Index>()) {
        let before = decide_bases(&sources);
        let grown = after(&sources, vec![Action::Delegation(more, place)]);
        prop_assert!(is_kept(&before, &decide_bases(&grown)));
    }

    #[test]
    fn another_claim_takes_nothing_away(sources in any_sources(), claim in any_claim(), place in any::<Index>()) {
        let before = decide_bases(&sources);
        let mut grown = sources.clone();
        if let Some((_, claims)) = &mut grown[place.index(sources.len())].vault {
            claims.push(claim);
        }
        prop_assert!(is_kept(&before, &decide_bases(&grown)));
    }

    /// Gifts and delegations of third parties add bases; earlier bases stay in their order.
    #[test]
    fn third_parties_neither_remove_nor_reorder_bases(
        sources in any_sources(),
        actions in prop::collection::vec(any_action(), 0..6),
    ) {
        let before = decide_bases(&sources);
        prop_assert!(is_kept(&before, &decide_bases(&after(&sources, actions))));
    }
}
