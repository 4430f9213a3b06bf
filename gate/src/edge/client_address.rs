//! The client's true address, told to the node exactly once.
//!
//! The node's framework trusts the leftmost `X-Forwarded-For` and `X-Real-IP`. Whatever a client sends under
//! those names, or under names that some stack reads as them, is removed before ours is inserted: appending
//! would let anybody forge an address, and leaving it out would put all clients into one rate-limit bucket.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Headers by which some proxy or framework learns a client's address, in the spelling with dashes.
const FORGEABLE: &[&str] = &[
    "forwarded",
    "x-client-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-originating-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-appengine-remote-addr",
    "x-envoy-external-address",
    "true-client-ip",
    "client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "fastly-client-ip",
    "fly-client-ip",
    "remote-addr",
];

/// Whether a header of this name may tell a client's address to somebody.
pub(super) fn tells_an_address(name: &str) -> bool {
    // Some stacks read `_` and `.` as `-`.
    let dashed = name.replace(['_', '.'], "-");
    ["x-forwarded", "x-real-"].iter().any(|prefix| dashed.starts_with(prefix))
        || FORGEABLE.contains(&dashed.as_str())
}

/// Removes every claim about the client's address and inserts the true one.
pub(super) fn replace(headers: &mut HeaderMap, client: IpAddr) {
    let forged: Vec<_> = headers.keys().filter(|name| tells_an_address(name.as_str())).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
    if let Ok(value) = HeaderValue::from_str(&client.to_canonical().to_string()) {
        headers.insert(FORWARDED_FOR, value.clone());
        headers.insert(REAL_IP, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(headers: &HeaderMap) -> Vec<(String, String)> {
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn claims_are_replaced_by_the_truth() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "X-Real-IP", "x_forwarded_for", "forwarded", "x.real.ip"] {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name.clone(), HeaderValue::from_static("6.6.6.6"));
            headers.append(name, HeaderValue::from_static("for=7.7.7.7"));
        }
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        headers.insert("x-other", HeaderValue::from_static("kept"));
        replace(&mut headers, "::ffff:10.1.2.3".parse().unwrap());
        let wanted = [("x-forwarded-for", "10.1.2.3"), ("x-other", "kept"), ("x-real-ip", "10.1.2.3")];
        assert_eq!(told(&headers), wanted.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    proptest! {
        #[test]
        fn never_more_than_one_claim_survives(names in prop::collection::vec("[xX][-_.]([fF]orwarded|[rR]eal)[-_.]([fF]or|[iI][pP])", 0..8)) {
            let mut headers = HeaderMap::new();
            for name in &names {
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("6.6.6.6"));
            }
            replace(&mut headers, "1.2.3.4".parse().unwrap());
            prop_assert!(headers.values().all(|value| value == "1.2.3.4"));
            prop_assert_eq!(headers.len(), 2);
        }
    }
}
