//! The text of a sign-in, and the JSON body that brings it.

use sovereign_gate::{edge, signin};

use crate::json::Fields;

/// What is taken has one spelling, and says to a reader of lines what it says to the gate.
pub fn sign_in(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        message(text);
    }
    if let Some((text, signature)) = edge::fuzz::parse_sign_in_body(bytes) {
        let fields = Fields::read(bytes).expect("it is an object");
        assert_eq!(fields.count(), 2, "something else is in it");
        assert_eq!(fields.in_go("message").and_then(|said| said.as_str().map(str::to_owned)), Some(text));
        let said = fields.in_go("signature").and_then(|said| said.as_str().map(str::to_owned));
        assert_eq!(said, Some(signature));
    }
}

fn message(text: &str) {
    let Some(said) = signin::fuzz::parse_message(text) else { return };
    assert_eq!(said.rendered, text, "another spelling");
    assert!(text.len() <= 4096 && text.is_ascii(), "no message of ours");
    let (life, most) = (said.expires_at - said.issued_at, 86_400);
    assert!((1..=most).contains(&life), "it lives {life} s");

    let mut lines = text.split('\n');
    let mut next = || lines.next().expect("a line");
    let domain = next().strip_suffix(" wants you to sign in with your Ethereum account:");
    assert_eq!(domain, Some(said.domain.as_str()), "another domain");
    assert_eq!(next(), said.wallet, "another wallet");
    assert_eq!(next(), "");
    let words = next();
    assert!(words.contains(&said.account), "the words name another account: {words}");
    assert_eq!(next(), "");
    for (name, value) in [
        ("URI: ", said.uri.as_str()),
        ("Version: ", "1"),
        ("Chain ID: ", &said.chain_id.to_string()),
        ("Nonce: ", &said.nonce),
    ] {
        assert_eq!(next().strip_prefix(name), Some(value), "another {name}");
    }
    let nonce = said.nonce.as_bytes();
    assert!(nonce.len() >= 8 && nonce.iter().all(u8::is_ascii_alphanumeric), "no nonce");
    assert!(next().starts_with("Issued At: ") && next().starts_with("Expiration Time: "));
    assert_eq!(next(), "Resources:");
    assert_eq!(next().strip_prefix("- sentinel:account:"), Some(said.account.as_str()));
    assert_eq!(next().strip_prefix("- sentinel:network:"), Some("sentinel"));
    let vault = lines.next().map(|line| line.strip_prefix("- sentinel:vault:").expect("a vault"));
    assert_eq!(vault, said.vault.as_deref());
    assert_eq!(lines.next(), None, "something behind");
}
