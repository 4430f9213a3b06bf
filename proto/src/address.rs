//! Addresses of the hub: 20 bytes in lower-case bech32, one prefix for each role.

use std::{cmp, fmt, hash, marker::PhantomData, str::FromStr};

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes in an address.
pub const ADDRESS_BYTES: usize = 20;
/// No address of ours is longer than this; anything longer is refused unread.
const MAX_TEXT: usize = 90;

/// The role that an address names.
pub trait Role: 'static {
    /// Human-readable part of the bech32 form.
    const PREFIX: &'static str;
}

/// Role of [`AccountAddress`].
#[derive(Debug)]
pub enum Account {}
/// Role of [`NodeAddress`].
#[derive(Debug)]
pub enum Node {}
/// Role of [`ProviderAddress`].
#[derive(Debug)]
pub enum Provider {}

impl Role for Account {
    const PREFIX: &'static str = "sent";
}
impl Role for Node {
    const PREFIX: &'static str = "sentnode";
}
impl Role for Provider {
    const PREFIX: &'static str = "sentprov";
}

/// An account, `sent1…`.
pub type AccountAddress = Address<Account>;
/// A node, `sentnode1…`.
pub type NodeAddress = Address<Node>;
/// A provider, `sentprov1…`.
pub type ProviderAddress = Address<Provider>;

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Wrong checksum, alphabet or form.
    #[error("not a bech32 address")]
    NotBech32,
    /// Well-formed, but for another role or chain.
    #[error("wrong prefix, expected {expected:?}")]
    Prefix {
        /// The prefix of the wanted role.
        expected: &'static str,
    },
    /// Not 20 bytes.
    #[error("wrong length: {0} bytes instead of {ADDRESS_BYTES}")]
    Length(usize),
}

/// 20 bytes that name something on the hub; the role is part of the type.
pub struct Address<R> {
    bytes: [u8; ADDRESS_BYTES],
    role: PhantomData<fn() -> R>,
}

impl<R: Role> Address<R> {
    /// The address of these bytes.
    pub const fn new(bytes: [u8; ADDRESS_BYTES]) -> Self {
        Self { bytes, role: PhantomData }
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.bytes
    }

    /// The same key in another role: a node's operator account, an account's provider.
    pub const fn in_role<Q: Role>(&self) -> Address<Q> {
        Address::new(self.bytes)
    }
}

impl<R: Role> FromStr for Address<R> {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > MAX_TEXT || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(AddressError::NotBech32);
        }
        let parsed = CheckedHrpstring::new::<Bech32>(text).map_err(|_| AddressError::NotBech32)?;
        if parsed.hrp().as_str() != R::PREFIX {
            return Err(AddressError::Prefix { expected: R::PREFIX });
        }
        let bytes: Vec<u8> = parsed.byte_iter().collect();
        let length = bytes.len();
        let address = Self::new(bytes.try_into().map_err(|_| AddressError::Length(length))?);
        // Non-zero padding bits would give one address a second spelling.
        if address.to_string() == text { Ok(address) } else { Err(AddressError::NotBech32) }
    }
}

impl<R: Role> fmt::Display for Address<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = Hrp::parse(R::PREFIX).map_err(|_| fmt::Error)?;
        bech32::encode_lower_to_fmt::<Bech32, _>(f, prefix, &self.bytes).map_err(|_| fmt::Error)
    }
}

impl<R: Role> fmt::Debug for Address<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<R: Role> Serialize for Address<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, R: Role> Deserialize<'de> for Address<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

// By hand, because derives would ask the same of the role, which has no values.
impl<R> Clone for Address<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Address<R> {}
impl<R> PartialEq for Address<R> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<R> Eq for Address<R> {}
impl<R> PartialOrd for Address<R> {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for Address<R> {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<R> hash::Hash for Address<R> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rejects_address_of_another_role() {
        let account = AccountAddress::new([7; ADDRESS_BYTES]);
        let node: NodeAddress = account.in_role();
        assert!(node.to_string().starts_with("sentnode1"));
        assert_eq!(
            node.to_string().parse::<AccountAddress>(),
            Err(AddressError::Prefix { expected: "sent" })
        );
        assert_eq!(node.to_string().parse::<NodeAddress>(), Ok(node));
    }

    #[test]
    fn rejects_upper_case_wrong_length_and_bech32m() {
        let address = AccountAddress::new([9; ADDRESS_BYTES]);
        let upper = address.to_string().to_uppercase();
        assert_eq!(upper.parse::<AccountAddress>(), Err(AddressError::NotBech32));
        let prefix = Hrp::parse("sent").unwrap();
        let long = bech32::encode::<Bech32>(prefix, &[1; 32]).unwrap();
        assert_eq!(long.parse::<AccountAddress>(), Err(AddressError::Length(32)));
        let other = bech32::encode::<bech32::Bech32m>(prefix, &[1; 20]).unwrap();
        assert_eq!(other.parse::<AccountAddress>(), Err(AddressError::NotBech32));
        assert_eq!("".parse::<AccountAddress>(), Err(AddressError::NotBech32));
    }

    proptest! {
        #[test]
        fn text_round_trips_to_the_same_bytes(bytes: [u8; ADDRESS_BYTES]) {
            let address = AccountAddress::new(bytes);
            prop_assert_eq!(address.to_string().parse::<AccountAddress>(), Ok(address));
            let json = serde_json::to_string(&address).unwrap();
            prop_assert_eq!(serde_json::from_str::<AccountAddress>(&json).unwrap(), address);
        }

        #[test]
        fn accepts_only_canonical_text(text in "sent1?[0-9a-zA-Z]{0,60}|\\PC{0,100}") {
            if let Ok(address) = text.parse::<AccountAddress>() {
                prop_assert_eq!(address.to_string(), text);
            }
        }
    }
}
