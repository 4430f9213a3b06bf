//! Redaction of secrets and personal data.

use std::fmt;

use alloy::primitives::Address;
use sentinel_proto::address::AccountAddress;

/// Reduces `url` to scheme, host and port: path, query and credentials often contain a key.
pub fn redact_url(url: &str) -> String {
    match url.parse::<http::Uri>() {
        Ok(uri) => {
            let host = uri.host().unwrap_or("…");
            let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
            let hidden = if matches!(uri.path(), "" | "/") && uri.query().is_none() { "" } else { "/…" };
            format!("{}://{host}{port}{hidden}", uri.scheme_str().unwrap_or("…"))
        }
        Err(_) => "…".to_owned(),
    }
}

/// A shortened wallet: recognisable in a log, not enough to look up.
#[derive(Clone, Copy)]
pub struct ShortAddress(pub Address);

impl fmt::Display for ShortAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_checksum(None);
        write!(f, "{}…{}", &text[..6], &text[text.len() - 4..])
    }
}

/// A shortened account: recognisable in a log, not enough to look up.
#[derive(Clone, Copy)]
pub struct ShortAccount(pub AccountAddress);

impl fmt::Display for ShortAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        write!(f, "{}…{}", &text[..9], &text[text.len() - 4..])
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;

    #[test]
    fn redacted_url_keeps_scheme_host_and_port() {
        assert_eq!(redact_url("https://u:p@h.example:8443/v2/KEY?k=1"), "https://h.example:8443/…");
        assert_eq!(redact_url("http://127.0.0.1:8545"), "http://127.0.0.1:8545");
        assert_eq!(redact_url("not a url KEY"), "…");
    }

    #[test]
    fn short_address_keeps_both_ends() {
        let wallet = address!("33fd426905f149f8376e227d0c9d3340aad17af1");
        assert_eq!(ShortAddress(wallet).to_string(), "0x33FD…7aF1");
    }

    #[test]
    fn shortened_account_keeps_both_ends() {
        let account = AccountAddress::new([7; 20]);
        let (short, whole) = (ShortAccount(account).to_string(), account.to_string());
        let (first, last) = short.split_once('…').unwrap();
        assert!(whole.starts_with(first) && whole.ends_with(last), "{short}");
        assert!(first.len() + last.len() < whole.len() / 2, "{short}");
    }
}
