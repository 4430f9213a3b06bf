//! Compact form of a binding in memory.

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

use crate::store::bindings::binding::{Binding, BindingKey};
use crate::store::clock::UnixTime;

/// A binding without its vault. Seconds in 32 bits reach to the year 2106; 0 means never.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) id: i64,
    pub(super) account: [u8; 20],
    pub(super) wallet: Address,
    pub(super) issued_at: u32,
    pub(super) expires_at: u32,
    pub(super) last_used_at: u32,
    pub(super) refused_at: u32,
}

impl Slot {
    pub(super) fn of(binding: &Binding) -> Self {
        Self {
            id: binding.id,
            account: *binding.account.as_bytes(),
            wallet: binding.wallet,
            issued_at: seconds(binding.issued_at),
            expires_at: seconds(binding.expires_at),
            last_used_at: binding.last_used_at.map_or(0, seconds),
            refused_at: binding.refused_at.map_or(0, seconds),
        }
    }

    pub(super) fn key(&self) -> BindingKey {
        BindingKey { account: AccountAddress::new(self.account), wallet: self.wallet }
    }

    pub(super) fn ended(&self, limit: UnixTime) -> bool {
        i64::from(self.expires_at) <= limit
    }

    pub(super) fn binding(&self, vault: Option<Address>) -> Binding {
        let moment = |seconds: u32| (seconds != 0).then_some(UnixTime::from(seconds));
        Binding {
            id: self.id,
            account: AccountAddress::new(self.account),
            wallet: self.wallet,
            vault,
            issued_at: self.issued_at.into(),
            expires_at: self.expires_at.into(),
            last_used_at: moment(self.last_used_at),
            refused_at: moment(self.refused_at),
        }
    }
}

/// Seconds in the range of 32 bits.
pub(super) fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}
