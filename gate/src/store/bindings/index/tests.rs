//! The order of bindings, and that no crowd pushes the owner's out.

use proptest::prelude::*;

use super::*;

const NOW: UnixTime = 1_800_000_000;
const DAY: UnixTime = 86_400;

fn account(n: u8) -> AccountAddress {
    AccountAddress::new([n; 20])
}

fn wallet(n: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Address::from(bytes)
}

fn binding(id: i64, owner: u8, signer: u64, issued_at: UnixTime) -> Binding {
    Binding {
        id,
        account: account(owner),
        wallet: wallet(signer),
        vault: None,
        issued_at,
        expires_at: issued_at + DAY,
        last_used_at: None,
        refused_at: None,
    }
}

fn ids(view: &BindingIndex, owner: u8) -> Vec<i64> {
    view.of_account(&account(owner), NOW).iter().map(|binding| binding.id).collect()
}

#[test]
fn orders_used_newest_refused_expired() {
    let mut view = BindingIndex::default();
    view.put(&binding(1, 1, 1, NOW - 2 * DAY), &[]);
    view.put(&binding(2, 1, 2, NOW - 50), &[]);
    view.put(&binding(3, 1, 3, NOW - 40), &[]);
    view.put(&binding(4, 1, 4, NOW - 30), &[]);
    view.put(&binding(5, 1, 5, NOW - 20), &[]);
    view.put(&binding(6, 1, 6, NOW - 10), &[]);
    view.put(&binding(7, 2, 7, NOW), &[]);
    assert_eq!(ids(&view, 1), [6, 5, 4, 3, 2, 1]);
    view.touch(&binding(2, 1, 2, 0).key(), NOW - 5);
    view.touch(&binding(3, 1, 3, 0).key(), NOW - 4);
    view.refuse(&binding(6, 1, 6, 0).key(), NOW - 3);
    view.refuse(&binding(5, 1, 5, 0).key(), NOW - 2);
    assert_eq!(ids(&view, 1), [3, 2, 4, 6, 5, 1]);
    view.refuse(&binding(2, 1, 2, 0).key(), NOW - 1);
    assert_eq!(ids(&view, 1), [3, 4, 2, 6, 5, 1], "one that was of use comes before the others in vain");
    view.touch(&binding(2, 1, 2, 0).key(), NOW);
    assert_eq!(ids(&view, 1), [2, 3, 4, 6, 5, 1]);
    let mut written: Vec<i64> = view.take_used().iter().map(|binding| binding.id).collect();
    written.sort_unstable();
    assert_eq!(written, [2, 3]);
    assert!(view.take_used().is_empty());
}

#[test]
fn newer_binding_replaces_only_same_pair() {
    let mut view = BindingIndex::default();
    view.put(&binding(1, 1, 1, NOW - 50), &[]);
    view.put(&binding(2, 1, 2, NOW - 40), &[]);
    view.put(&binding(3, 1, 1, NOW - 30), &[]);
    assert_eq!(ids(&view, 1), [3, 2]);
    view.remove(&binding(1, 1, 1, 0).key(), 1);
    assert_eq!(ids(&view, 1), [3, 2], "the older one's end does not end the newer one");
    view.remove(&binding(3, 1, 1, 0).key(), 3);
    assert_eq!(ids(&view, 1), [2]);
    assert!(view.accounts_of(wallet(1), NOW).is_empty());
    assert_eq!(view.accounts_of(wallet(2), NOW), [account(1)]);
}

#[test]
fn expired_bindings_do_not_count_and_are_removed() {
    let mut view = BindingIndex::default();
    view.put(&binding(1, 1, 9, NOW - 3 * DAY), &[]);
    view.put(&binding(2, 2, 9, NOW - DAY), &[]);
    view.put(&binding(3, 3, 9, NOW - DAY + 1), &[]);
    assert_eq!(view.accounts_of(wallet(9), NOW), [account(3)], "the second it ends it has ended");
    assert_eq!(view.ended(NOW - DAY), [1]);
    view.forget(NOW - DAY);
    assert_eq!((ids(&view, 1), ids(&view, 2), view.len()), (vec![], vec![2], 2));
    assert_eq!(view.by_wallet.len(), 2);
}

/// Binds as the writer does, replacing the bindings that give way; returns whether there was room.
fn bind_with(
    view: &mut BindingIndex,
    new: &Binding,
    holders: &[Address],
    is_in_use: impl Fn(&BindingKey) -> bool,
) -> bool {
    let Some(gone) = view.bindings_to_replace(&new.key(), holders, NOW, is_in_use) else { return false };
    for gone in gone {
        view.remove(&gone.key(), gone.id);
    }
    view.put(new, holders);
    true
}

fn bind(view: &mut BindingIndex, new: &Binding) {
    assert!(bind_with(view, new, &[], |_| false));
}

#[test]
fn crowd_with_one_card_displaces_only_itself() {
    let mut view = BindingIndex::default();
    // Signed in, and not connected yet.
    bind(&mut view, &binding(1, 1, 1, NOW - 1000));
    let crowd = |view: &mut BindingIndex, numbers: std::ops::Range<i64>, cards: &[Address]| {
        for stranger in numbers {
            let stranger = binding(stranger, 1, stranger.unsigned_abs(), NOW - 500);
            assert!(bind_with(view, &stranger, cards, |_| false));
        }
    };
    crowd(&mut view, 2..300, &[wallet(999)]);
    let kept = ids(&view, 1);
    assert_eq!(kept.len(), 1 + MAX_PER_ACCOUNT_AND_HOLDER);
    assert!(kept.contains(&1), "the owner's untried sign-in stays: {kept:?}");
    crowd(&mut view, 300..400, &[wallet(998), wallet(999)]);
    assert!(ids(&view, 1).contains(&1));
    assert!(ids(&view, 1).len() <= 1 + 2 * MAX_PER_ACCOUNT_AND_HOLDER);
}

/// Each combination of holders is a group of its own.
#[test]
fn few_cards_in_many_combinations_do_not_fill_account() {
    let mut view = BindingIndex::default();
    bind(&mut view, &binding(1, 1, 1, NOW - 1000));
    let cards: Vec<Address> = (990..997).map(wallet).collect();
    let mut accepted = 0;
    for (combination, number) in (1..1_u32 << cards.len()).zip(2..) {
        let is_in = |place: &usize| combination & (1 << place) != 0;
        let holders: Vec<Address> = (0..cards.len()).filter(is_in).map(|place| cards[place]).collect();
        if holders.len() <= MAX_HOLDERS {
            let new = binding(number, 1, number.unsigned_abs(), NOW - 500);
            accepted += usize::from(bind_with(&mut view, &new, &holders, |_| false));
        }
    }
    let kept = ids(&view, 1);
    assert!(kept.contains(&1) && kept.len() < MAX_PER_ACCOUNT, "{kept:?} of {accepted}");
    // Room is left for sign-ins of other cards.
    for number in 2000..2004 {
        bind(&mut view, &binding(number, 1, number.unsigned_abs(), NOW - 400));
    }
    let now = ids(&view, 1);
    assert!(
        (2000..2004).all(|number| now.contains(&number)) && kept.iter().all(|id| now.contains(id)),
        "{now:?}"
    );
}

#[test]
fn bounds_accounts_of_card() {
    let mut view = BindingIndex::default();
    for n in 0..100_u8 {
        let new = binding(i64::from(n) + 1, n, 1000 + u64::from(n), NOW);
        bind_with(&mut view, &new, &[wallet(999)], |_| false);
    }
    assert_eq!(view.len(), MAX_PER_HOLDER);
    view.erase(wallet(999));
    assert!(view.by_holder.is_empty() && view.holders.is_empty());
}

#[test]
fn never_replaces_binding_with_live_session() {
    let mut view = BindingIndex::default();
    let all = i64::try_from(MAX_PER_ACCOUNT).unwrap();
    for n in 1..=all {
        let used = binding(n, 1, n.unsigned_abs(), NOW - 1000 + n);
        bind(&mut view, &used);
        view.touch(&used.key(), NOW - 500 + n);
    }
    let new = binding(900, 1, 900, NOW);
    assert!(!bind_with(&mut view, &new, &[], |_| true), "all are in use");
    assert_eq!(ids(&view, 1).len(), MAX_PER_ACCOUNT);
    let idle = binding(5, 1, 5, 0).key();
    assert!(bind_with(&mut view, &new, &[], |key| *key != idle));
    assert!(!ids(&view, 1).contains(&5) && ids(&view, 1).contains(&900));
    bind(&mut view, &binding(901, 1, 901, NOW));
    assert!(ids(&view, 1).contains(&1) && !ids(&view, 1).contains(&900), "an untried one first");
}

#[test]
fn crowd_with_many_cards_never_displaces_used_binding() {
    let mut view = BindingIndex::default();
    let owner = binding(1, 1, 1, NOW - 1000);
    bind(&mut view, &owner);
    view.touch(&owner.key(), NOW - 999);
    for stranger in 2..1000 {
        bind(&mut view, &binding(stranger, 1, stranger.unsigned_abs(), NOW - 500));
    }
    assert_eq!(view.of_account(&account(1), NOW).len(), MAX_PER_ACCOUNT);
    assert_eq!(ids(&view, 1)[0], 1);
    // Not even after a handshake could not use it for a while.
    view.refuse(&owner.key(), NOW - 400);
    for stranger in 1000..2000 {
        bind(&mut view, &binding(stranger, 1, stranger.unsigned_abs(), NOW - 300));
    }
    assert!(ids(&view, 1).contains(&1));
    // A new signature of the owner is tried before all of them.
    bind(&mut view, &binding(5000, 1, 1, NOW));
    assert_eq!(ids(&view, 1)[0], 5000);
}

#[test]
fn replaces_bindings_without_card_before_untried() {
    let mut view = BindingIndex::default();
    let crowd = i64::try_from(MAX_PER_ACCOUNT).unwrap();
    bind(&mut view, &binding(1, 1, 1, NOW - 1000));
    for stranger in 2..=crowd {
        let stranger = binding(stranger, 1, stranger.unsigned_abs(), NOW - 500);
        bind(&mut view, &stranger);
        view.refuse(&stranger.key(), NOW - 400);
    }
    for stranger in 0..crowd - 1 {
        bind(&mut view, &binding(10_000 + stranger, 1, 10_000 + stranger.unsigned_abs(), NOW - 300));
        assert!(ids(&view, 1).contains(&1));
    }
}

/// Bytes that the bindings take, but for what few have.
fn taken(view: &BindingIndex) -> usize {
    let tables = view.by_account.allocation_size() + view.by_wallet.allocation_size();
    view.slots.room() * size_of::<Slot>() + tables
}

#[test]
fn hundred_thousand_bindings_use_and_release_eight_megabytes() {
    let mut view = BindingIndex::default();
    let many = |id: i64| Binding {
        account: AccountAddress::new(wallet(id.unsigned_abs()).0.0),
        ..binding(id, 0, id.unsigned_abs() % 20_000, NOW)
    };
    for id in 1..=100_000 {
        view.put(&many(id), &[]);
    }
    assert_eq!(view.accounts_of(wallet(7), NOW).len(), 5);
    assert!(taken(&view) < 8_000_000, "{}", taken(&view));
    view.put(&Binding { expires_at: NOW + 2 * DAY, ..many(5) }, &[]);
    view.forget(NOW + DAY);
    assert_eq!((view.len(), view.of_account(&many(5).account, NOW).len()), (1, 1));
    assert!(taken(&view) < 10_000, "{}", taken(&view));
}

proptest! {
    /// Whatever happens, the view holds one binding a pair, at most the cap an account, and both indexes agree.
    #[test]
    fn indexes_agree(steps in proptest::collection::vec((0..4u8, 0..3u8, 0..40u64, 0..200i64), 0..300)) {
        let mut view = BindingIndex::default();
        for (id, (what, owner, signer, age)) in (1..).zip(steps) {
            let new = binding(id, owner, signer, NOW - age * 1000);
            match what {
                0 | 1 => bind(&mut view, &new),
                2 => view.touch(&new.key(), NOW - age),
                _ => {
                    if let Some(old) = view.get(&new.key()) {
                        view.remove(&old.key(), old.id);
                    }
                }
            }
        }
        view.forget(NOW - DAY);
        let pairs: BTreeSet<_> = view.all().map(|(_, slot)| slot.key()).collect();
        let numbers = |table: &HashTable<u32>| table.iter().copied().collect::<BTreeSet<_>>();
        prop_assert_eq!(numbers(&view.by_account), numbers(&view.by_wallet));
        prop_assert_eq!((pairs.len(), view.by_wallet.len()), (view.len(), view.len()));
        for key in pairs {
            prop_assert_eq!(view.get(&key).map(|binding| binding.key()), Some(key));
        }
        for owner in 0..3 {
            let ranked = view.of_account(&account(owner), NOW);
            prop_assert!(ranked.len() <= MAX_PER_ACCOUNT);
            prop_assert!(ranked.is_sorted_by_key(|binding| rank(binding, NOW)));
        }
    }
}

/// The owner's wallets are 1 (the holder itself) and 2, 3 (it delegated to both). The first one signs in after the others.
fn third_sign_in(with_strangers: bool) -> Option<Vec<Binding>> {
    let mut view = BindingIndex::default();
    let (owner, stranger) = (wallet(1), wallet(500));
    // A stranger delegated to 2 and 3 too: a gift.
    let holders = if with_strangers { vec![owner, stranger] } else { vec![owner] };
    view.put(&binding(1, 1, 2, NOW - 1000), &holders);
    view.put(&binding(2, 1, 3, NOW - 900), &holders);
    if with_strangers {
        for crowd in 0..14 {
            bind(&mut view, &binding(100 + crowd, 1, 100 + crowd.unsigned_abs(), NOW - 500));
        }
    }
    view.bindings_to_replace(&binding(3, 1, 1, NOW).key(), &[owner], NOW, |_| false)
}

#[test]
fn strangers_cannot_block_sign_in_of_owner() {
    assert!(third_sign_in(false).is_some(), "without strangers one of the three gives way");
    assert!(third_sign_in(true).is_some(), "with strangers the owner is refused: no room for binding (119)");
}
