//! Routing rules: reject ambiguous requests, then classify the rest, so that gate and node cannot interpret the same
//! bytes as two different requests.

use http::header::{HOST, TRANSFER_ENCODING};
use http::{Method, Request, Version};
use percent_encoding::{percent_decode, percent_decode_str};

use crate::refusal::Refusal;

/// Destination of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// The API of the gate, below `/gate/`.
    Gate,
    /// The node's handshake.
    Handshake,
    /// Any other path of the node.
    Node(NotAHandshake),
}

/// Proof that a request is not a handshake and may be forwarded without an admission. Only this module creates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHandshake(());

/// Classifies a request or refuses it. After a refusal the connection must be closed.
pub(super) fn classify<B>(request: &Request<B>) -> Result<Destination, Refusal> {
    refuse_ambiguous_framing(request)?;
    let path = request.uri().path();
    if path.starts_with("/gate/") {
        return Ok(Destination::Gate);
    }
    if request.method() != Method::POST {
        return Ok(Destination::Node(NotAHandshake(())));
    }
    match path {
        "/" | "" => Ok(Destination::Handshake),
        other if may_resolve_to_root(other) => {
            Err(Refusal::Malformed("the handshake is POST / and no other spelling of it".into()))
        }
        _ => Ok(Destination::Node(NotAHandshake(()))),
    }
}

/// Refuses ambiguous framing. Only Content-Length or HTTP/2 framing states a length: Transfer-Encoding, alone or with
/// Content-Length, enables request smuggling, and no client of the node sends it.
fn refuse_ambiguous_framing<B>(request: &Request<B>) -> Result<(), Refusal> {
    let malformed = |text: &str| Err(Refusal::Malformed(text.into()));
    if request.headers().contains_key(TRANSFER_ENCODING) {
        return malformed("Transfer-Encoding is not accepted here: send Content-Length");
    }
    if request.headers().get_all(HOST).iter().count() > 1 {
        return malformed("more than one Host");
    }
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return malformed("no Host");
    }
    let (method, uri) = (request.method(), request.uri());
    // A target of a host alone is for proxies; the node would read it as `/`.
    let host_alone = uri.scheme().is_none() && uri.authority().is_some();
    if method == Method::CONNECT || uri.path() == "*" || host_alone {
        return malformed("this is no proxy");
    }
    // Methods are case-sensitive. A node that ignores case would see a handshake where the gate sees none.
    if method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
        return malformed("no such method");
    }
    Ok(())
}

/// Returns whether some server could read `path` as `/`: after decoding, only slashes, dots and parameters remain.
fn may_resolve_to_root(path: &str) -> bool {
    let once: Vec<u8> = percent_decode_str(path).collect();
    // Some servers decode twice.
    let twice: Vec<u8> = percent_decode(&once).collect();
    [path.as_bytes(), &once, &twice].into_iter().any(resolves_to_root)
}

fn resolves_to_root(path: &[u8]) -> bool {
    let mut depth = 0_usize;
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment.split(|byte| *byte == b';').next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => depth = depth.saturating_sub(1),
            _ => depth += 1,
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn classified(method: &str, uri: &str) -> Option<Destination> {
        let request = Request::builder().method(method).uri(uri).header(HOST, "h").body(()).unwrap();
        classify(&request).ok()
    }

    #[test]
    fn classifies_only_the_exact_path_as_handshake() {
        assert_eq!(classified("POST", "/"), Some(Destination::Handshake));
        assert_eq!(classified("POST", "/?x=1"), Some(Destination::Handshake));
        assert_eq!(classified("POST", "http://node.example/"), Some(Destination::Handshake));
        assert_eq!(classified("POST", "http://node.example"), Some(Destination::Handshake));
        assert_eq!(classified("GET", "/"), Some(Destination::Node(NotAHandshake(()))));
        assert_eq!(classified("POST", "/other"), Some(Destination::Node(NotAHandshake(()))));
        assert_eq!(classified("POST", "/gate/bindings"), Some(Destination::Gate));
        assert_eq!(classified("GET", "/gatehouse"), Some(Destination::Node(NotAHandshake(()))));
    }

    #[test]
    fn rejects_host_only_targets_and_lower_case_methods() {
        for (method, uri) in
            [("GET", "mx"), ("POST", "x:80"), ("post", "/"), ("Post", "/x"), ("OPTIONS", "*")]
        {
            assert_eq!(classified(method, uri), None, "{method} {uri}");
        }
    }

    #[test]
    fn rejects_other_spellings_of_the_handshake() {
        for path in [
            "//",
            "/.",
            "/./",
            "/..",
            "/%2e",
            "/%2F",
            "/%252f",
            "/%%32%65",
            "/x%2f..",
            "/x/..%3by",
            "/a/..",
            "/a/%2e%2e/",
            "/;x",
            "/.;x/",
            "///",
            "/%5c",
            "/gate/../",
            "/gate/..",
        ] {
            if path.starts_with("/gate/") {
                assert_eq!(classified("POST", path), Some(Destination::Gate), "{path}");
            } else {
                assert_eq!(classified("POST", path), None, "{path}");
            }
        }
    }

    #[test]
    fn rejects_ambiguous_framing() {
        let build = |headers: &[(&str, &str)], version| {
            let mut request = Request::builder().method("POST").uri("/").version(version);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            classify(&request.body(()).unwrap())
        };
        let refused = [
            build(&[("host", "h"), ("transfer-encoding", "chunked")], Version::HTTP_11),
            build(&[("host", "h"), ("host", "i")], Version::HTTP_11),
            build(&[], Version::HTTP_11),
        ];
        assert!(refused.iter().all(|answer| answer.as_ref().is_err_and(|reason| reason.code() == 101)));
        assert!(build(&[], Version::HTTP_10).is_ok());
        assert_eq!(classified("CONNECT", "node.example:443"), None);
        assert_eq!(classified("OPTIONS", "*"), None);
    }

    const PARTS: [&str; 16] =
        ["/", "//", ".", "..", "%2e", "%2F", "%5C", "%3B", ";x", "%25", "2e", "2f", "%", "a", "gate", ""];

    /// Paths made of spellings of `/` and its surroundings.
    fn path_spelling() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(&PARTS[..]), 0..8)
            .prop_map(|parts| format!("/{}", parts.concat()))
    }

    proptest! {
        /// A server that decodes up to twice and then resolves dots finds a handshake only where the gate does.
        #[test]
        fn no_other_path_resolves_to_the_handshake(path in path_spelling(), twice: bool) {
            let mut plain = percent_decode_str(&path).decode_utf8_lossy().into_owned();
            if twice {
                plain = percent_decode_str(&plain).decode_utf8_lossy().into_owned();
            }
            let mut walked = Vec::new();
            for segment in plain.split(['/', '\\']).map(|segment| segment.split(';').next().unwrap()) {
                match segment {
                    "" | "." => {}
                    ".." => drop(walked.pop()),
                    other => walked.push(other),
                }
            }
            match classified("POST", &path) {
                Some(Destination::Handshake) => prop_assert_eq!(path, "/"),
                Some(Destination::Gate) => prop_assert!(path.starts_with("/gate/")),
                Some(Destination::Node(_)) => prop_assert!(!walked.is_empty(), "{path} is {plain}"),
                None => {}
            }
        }

        #[test]
        fn other_methods_are_no_handshake(method in "[A-Z]{1,9}", path in path_spelling()) {
            prop_assume!(method != "POST");
            prop_assert_ne!(classified(&method, &path), Some(Destination::Handshake));
        }
    }
}
