//! The sign-in page: a few files that are part of the program. Nothing in it comes from anywhere else,
//! and its policy lets nothing else in.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// No inline script or style, no other host, no frame around the page, no HTML made from strings. Icons
/// of wallets are `data:` images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every file.
const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    // Some wallets open a window of their own and speak with it.
    ("cross-origin-opener-policy", "same-origin-allow-popups"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-cache"),
];

/// A file of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// `content-type` of the answer.
    pub content_type: &'static str,
    /// Body of the answer.
    pub bytes: &'static [u8],
    /// `etag` of the answer: a repeat that names it can be answered with 304.
    pub etag: String,
    /// Further headers of the answer, in lower case.
    pub headers: &'static [(&'static str, &'static str)],
}

/// Path, type and text of each file.
const FILES: &[(&str, &str, &str)] = &[
    ("/gate/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/gate/assets/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/gate/assets/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/gate/assets/api.js", "text/javascript; charset=utf-8", include_str!("page/api.js")),
    ("/gate/assets/wallets.js", "text/javascript; charset=utf-8", include_str!("page/wallets.js")),
    ("/gate/assets/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

static ASSETS: LazyLock<Vec<(&str, Asset)>> = LazyLock::new(|| {
    let asset = |&(path, content_type, text): &(&'static str, &'static str, &'static str)| {
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(text)[..12]));
        (path, Asset { content_type, bytes: text.as_bytes(), etag, headers: HEADERS })
    };
    FILES.iter().map(asset).collect()
});

/// The file at this path of the gate.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|(known, _)| *known == path).map(|(_, asset)| asset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_there_and_none_from_elsewhere() {
        for (path, _, text) in FILES {
            assert!(!text.contains("//cdn") && !text.contains("https://"), "{path}");
            assert_eq!(
                text.matches("http://").count(),
                text.matches("http://www.w3.org/2000/svg").count(),
                "{path}"
            );
            let named = text.split(['"', '\'']).filter(|part| part.starts_with("/gate/assets/"));
            for name in named {
                assert!(asset(name).is_some(), "{path} names {name}");
            }
            let imported = text.split('"').filter(|part| part.starts_with("./"));
            for name in imported {
                assert!(asset(&name.replace("./", "/gate/assets/")).is_some(), "{path} imports {name}");
            }
        }
        assert_eq!(asset("/gate/assets/"), None);
        assert_eq!(asset("/gate/assets/../page.css"), None);
        assert_eq!(asset("/gate"), None);
    }

    #[test]
    fn the_page_obeys_its_own_policy() {
        let page = include_str!("page/index.html");
        for inline in [" style=", " onclick=", " onload=", "<style", "javascript:", "<script>"] {
            assert!(!page.contains(inline), "{inline}");
        }
        for (path, _, text) in FILES.iter().filter(|(_, kind, _)| kind.starts_with("text/javascript")) {
            for unsafe_use in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!text.contains(unsafe_use), "{path}: {unsafe_use}");
            }
        }
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(POLICY.contains(part));
        }
        assert!(!POLICY.contains("unsafe-") && !POLICY.contains('*'));
        assert!(
            HEADERS
                .iter()
                .all(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        );
    }

    #[test]
    fn tags_tell_files_apart() {
        let tags: std::collections::BTreeSet<_> = ASSETS.iter().map(|(_, asset)| &asset.etag).collect();
        assert_eq!(tags.len(), FILES.len());
    }
}
