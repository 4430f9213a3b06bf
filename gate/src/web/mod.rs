//! The sign-in page: a few files compiled into the binary. The page loads nothing from another origin, and its
//! content security policy forbids it.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Content security policy: no inline script or style, no other origin, no framing, no HTML made from strings. Wallet
/// icons are `data:` images.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every asset.
const ASSET_HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    // Some wallets open a pop-up window and exchange messages with it.
    ("cross-origin-opener-policy", "same-origin-allow-popups"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-cache"),
];

/// An asset of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// `content-type` of the response.
    pub content_type: &'static str,
    /// Body of the response.
    pub bytes: &'static [u8],
    /// `etag` of the response: a request that repeats it can be answered with 304.
    pub etag: String,
    /// Further headers of the response, in lower case.
    pub headers: &'static [(&'static str, &'static str)],
}

/// Path, content type and text of each asset.
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
        (path, Asset { content_type, bytes: text.as_bytes(), etag, headers: ASSET_HEADERS })
    };
    FILES.iter().map(asset).collect()
});

/// Returns the asset at `path`.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|(asset_path, _)| *asset_path == path).map(|(_, asset)| asset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_references_existing_assets_of_its_own_origin_only() {
        for (path, _, text) in FILES {
            assert!(!text.contains("//cdn") && !text.contains("https://"), "{path}");
            assert_eq!(
                text.matches("http://").count(),
                text.matches("http://www.w3.org/2000/svg").count(),
                "{path}"
            );
            let references = text.split(['"', '\'']).filter(|part| part.starts_with("/gate/assets/"));
            for name in references {
                assert!(asset(name).is_some(), "{path} names {name}");
            }
            let imports = text.split('"').filter(|part| part.starts_with("./"));
            for name in imports {
                assert!(asset(&name.replace("./", "/gate/assets/")).is_some(), "{path} imports {name}");
            }
        }
        assert_eq!(asset("/gate/assets/"), None);
        assert_eq!(asset("/gate/assets/../page.css"), None);
        assert_eq!(asset("/gate"), None);
    }

    #[test]
    fn page_complies_with_its_content_security_policy() {
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
            assert!(CONTENT_SECURITY_POLICY.contains(part));
        }
        assert!(!CONTENT_SECURITY_POLICY.contains("unsafe-") && !CONTENT_SECURITY_POLICY.contains('*'));
        assert!(
            ASSET_HEADERS
                .iter()
                .all(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        );
    }

    #[test]
    fn assets_have_distinct_etags() {
        let etags: std::collections::BTreeSet<_> = ASSETS.iter().map(|(_, asset)| &asset.etag).collect();
        assert_eq!(etags.len(), FILES.len());
    }
}
