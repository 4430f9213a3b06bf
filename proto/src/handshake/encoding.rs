//! Base64 with one spelling for each content.
//!
//! Go's decoder skips line ends and ignores the unused bits of the last character; both would give one
//! content several spellings, so only the canonical one is taken.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The bytes of canonical, padded base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Canonical, padded base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_canonical_base64() {
        assert_eq!(decode("AQ=="), Some(vec![1]));
        for other in ["AR==", "AQ", "AQ=", "A\nQ==", "AQ==\r\n", " AQ==", "AQ==AQ==", "_-==", "=", "A"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
