//! The head of a request on its way to the node.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue};
use http::{Method, Request, Version};
use sovereign_gate::edge::Upstream;
use sovereign_gate::edge::fuzz::{RequestRoute, is_client_address_header as is_taken_off};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const NODE: &str = "127.0.0.1:18585";
static UPSTREAM: LazyLock<Upstream> =
    LazyLock::new(|| Upstream::new(format!("http://{NODE}").parse().expect("an address"), None));
/// What belongs to one connection and never goes on.
const OF_THE_HOP: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads any bytes as a method, a target and header fields, one a line, and looks at what would go to the node.
pub fn forwarding(bytes: &[u8]) {
    let Some(request) = head(bytes) else { return };
    let Some((goes, sent)) = UPSTREAM.route_request(request.clone(), CLIENT) else { return };
    let path = request.uri().path();

    // A request that the gate does not treat as a handshake is none to the node either.
    if goes == RequestRoute::Node {
        assert!(!may_be_the_handshake(request.method(), path), "{} {path}", request.method());
    }
    assert_eq!(goes == RequestRoute::Handshake, request.method() == Method::POST && matches!(path, "/" | ""));
    assert_eq!(goes == RequestRoute::Gate, path.starts_with("/gate/"), "{path}");

    assert_eq!(sent.method, request.method());
    assert_eq!(sent.version, Version::HTTP_11);
    assert_eq!(sent.uri.authority().map(http::uri::Authority::as_str), Some(NODE), "another node");
    assert_eq!(sent.uri.path(), if path.is_empty() { "/" } else { path }, "another path");
    assert_eq!(sent.uri.query(), request.uri().query(), "another query");
    fields(&request, &sent.headers);
}

fn head(bytes: &[u8]) -> Option<Request<()>> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut first = lines.next().unwrap_or_default().splitn(2, |byte| *byte == b' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let mut request = Request::builder().method(method).uri(target).version(Version::HTTP_11);
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let name = HeaderName::from_bytes(name.trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.trim_ascii())) {
            request = request.header(name, value);
        }
    }
    request.body(()).ok()
}

/// Whether some server reads this as `POST /`: one that folds case, decodes once or twice, takes both slashes for
/// one, drops parameters, and walks dots.
fn may_be_the_handshake(method: &Method, path: &str) -> bool {
    let decode = |bytes: &[u8]| {
        let mut plain = Vec::new();
        let mut rest = bytes;
        while let Some((&first, behind)) = rest.split_first() {
            let byte = behind.get(..2).filter(|_| first == b'%');
            let byte = byte.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
            plain.push(byte.unwrap_or(first));
            rest = &behind[if byte.is_some() { 2 } else { 0 }..];
        }
        plain
    };
    let mut bytes = path.as_bytes().to_vec();
    let is_root = |bytes: &[u8]| {
        let mut walked = Vec::new();
        for segment in bytes.split(|byte| matches!(byte, b'/' | b'\\')) {
            match segment.split(|byte| *byte == b';').next().unwrap_or_default() {
                b"" | b"." => {}
                b".." => drop(walked.pop()),
                other => walked.push(other.to_vec()),
            }
        }
        walked.is_empty()
    };
    let mut root = is_root(&bytes);
    for _ in 0..2 {
        bytes = decode(&bytes);
        root |= is_root(&bytes);
    }
    root && method.as_str().eq_ignore_ascii_case("POST")
}

/// Names as stacks read them that take `_` and `.` for `-`.
fn tells_an_address(name: &str) -> bool {
    let name = name.replace(['_', '.'], "-");
    name.starts_with("x-forwarded")
        || name.starts_with("x-real-")
        || ["forwarded", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-cluster-client-ip"]
            .contains(&name.as_str())
}

/// The client's true address twice, one host at most, nothing of the connection, and all the rest as it came.
fn fields(request: &Request<()>, sent: &http::HeaderMap) {
    for (name, value) in sent {
        assert!(!OF_THE_HOP.contains(&name.as_str()), "{name} goes on");
        assert!(!tells_an_address(name.as_str()) || value == "192.0.2.1", "{name} says {value:?}");
    }
    for name in ["x-forwarded-for", "x-real-ip"] {
        assert_eq!(sent.get_all(name).iter().count(), 1, "{name}");
    }
    assert!(sent.get_all(HOST).iter().count() <= 1, "more than one host");
    let named = request.headers().get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> =
        named.flat_map(|value| value.split(',')).map(|name| name.trim().to_lowercase()).collect();
    for name in request.headers().keys() {
        let text = name.as_str();
        if OF_THE_HOP.contains(&text) || named.iter().any(|named| named == text) {
            continue;
        }
        let same = sent.get_all(name).iter().eq(request.headers().get_all(name));
        // One that tells an address is gone, or is one of ours.
        assert!(same || is_taken_off(text), "{name} is not as it came");
    }
}
