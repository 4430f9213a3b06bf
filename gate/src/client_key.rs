//! Rate-limit key of a client.

use std::net::IpAddr;

/// Rate-limit key: an IPv4 address or an IPv6 /64, which one customer usually owns whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(u128);

impl From<IpAddr> for ClientKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u32::from(v4).into()),
            IpAddr::V6(v6) => Self(u128::from(v6) >> 64 << 64 | 1 << 63),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(address: &str) -> ClientKey {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn client_key_is_an_ipv4_address_or_an_ipv6_64() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_ne!(client("::1"), client("0.0.0.1"));
    }

    proptest! {
        #[test]
        fn keys_are_equal_only_for_equal_addresses_or_networks(a in any::<IpAddr>(), b in any::<IpAddr>()) {
            let same = match (a.to_canonical(), b.to_canonical()) {
                (IpAddr::V4(a), IpAddr::V4(b)) => a == b,
                (IpAddr::V6(a), IpAddr::V6(b)) => a.octets()[..8] == b.octets()[..8],
                _ => false,
            };
            prop_assert_eq!(ClientKey::from(a) == ClientKey::from(b), same);
        }
    }
}
