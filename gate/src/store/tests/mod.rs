//! The store as its callers see it, on real files.

mod faults;
mod intents;
mod opening;
mod redeem;
pub(crate) mod sessions;

use std::path::Path;
use std::sync::Arc;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use super::clock::UnixTime;
use super::clock::manual::ManualClock;
use super::{BindingProof, Nonce, Redemption, Store, StoreOptions};

pub(crate) const NOW: UnixTime = 1_800_000_000;
const DAY: UnixTime = 86_400;

pub(crate) fn account(n: u8) -> AccountAddress {
    AccountAddress::new([n; 20])
}

fn wallet(n: u8) -> Address {
    Address::repeat_byte(n)
}

async fn open(home: &Path) -> Store {
    open_at(home, NOW).await.0
}

async fn open_at(home: &Path, now: UnixTime) -> (Store, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(now));
    let store = Store::open_with(home, StoreOptions::default(), clock.clone()).await.expect("opens");
    (store, clock)
}

/// A sign-in of this wallet for this account, with a nonce of its own.
fn redemption(signer: u8, owner: u8, nonce: u8) -> Redemption {
    Redemption {
        nonce: Some(Nonce { issued_at: NOW - 10, random: [nonce; 16] }),
        account: account(owner),
        wallet: wallet(signer),
        vault: None,
        holders: Vec::new(),
        proof: BindingProof {
            message: format!("message {signer} {owner} {nonce}"),
            signature: vec![nonce; 65],
        },
        issued_at: NOW - 10,
        expires_at: NOW - 10 + DAY,
        max_accounts: 6,
    }
}
