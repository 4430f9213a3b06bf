//! Headers that tell the node the true address of the client.
//!
//! The node's framework trusts the leftmost `X-Forwarded-For` and `X-Real-IP`. Headers of a client with these names, or
//! with names that some stack treats as equal, are removed before the gate inserts its own: appending would let a client
//! forge its address, and no header would put all clients into one rate-limit bucket of the node.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Headers from which some proxy or framework reads the client address, spelled with dashes.
const CLIENT_ADDRESS_HEADERS: &[&str] = &[
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

/// Returns whether some software reads the client address from a header of this name.
pub(super) fn is_client_address_header(name: &str) -> bool {
    // Some stacks treat `_` and `.` as `-`.
    let dashed = name.replace(['_', '.'], "-");
    ["x-forwarded", "x-real-"].iter().any(|prefix| dashed.starts_with(prefix))
        || CLIENT_ADDRESS_HEADERS.contains(&dashed.as_str())
}

/// Removes every client address header and inserts the true address.
pub(super) fn replace_client_address(headers: &mut HeaderMap, client: IpAddr) {
    let forged: Vec<_> =
        headers.keys().filter(|name| is_client_address_header(name.as_str())).cloned().collect();
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

    fn sorted_headers(headers: &HeaderMap) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn replaces_client_address_headers_with_the_true_address() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "X-Real-IP", "x_forwarded_for", "forwarded", "x.real.ip"] {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name.clone(), HeaderValue::from_static("6.6.6.6"));
            headers.append(name, HeaderValue::from_static("for=7.7.7.7"));
        }
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        headers.insert("x-other", HeaderValue::from_static("kept"));
        replace_client_address(&mut headers, "::ffff:10.1.2.3".parse().unwrap());
        let wanted = [("x-forwarded-for", "10.1.2.3"), ("x-other", "kept"), ("x-real-ip", "10.1.2.3")];
        assert_eq!(sorted_headers(&headers), wanted.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    proptest! {
        #[test]
        fn keeps_no_client_address_header_of_the_client(names in prop::collection::vec("[xX][-_.]([fF]orwarded|[rR]eal)[-_.]([fF]or|[iI][pP])", 0..8)) {
            let mut headers = HeaderMap::new();
            for name in &names {
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("6.6.6.6"));
            }
            replace_client_address(&mut headers, "1.2.3.4".parse().unwrap());
            prop_assert!(headers.values().all(|value| value == "1.2.3.4"));
            prop_assert_eq!(headers.len(), 2);
        }
    }
}
