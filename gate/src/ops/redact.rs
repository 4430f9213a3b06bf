//! What may be shown of secrets and of people.

use std::fmt;

use alloy::primitives::Address;

/// Scheme, host and port of `url`; path, query and credentials often are a key.
pub fn url(url: &str) -> String {
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

/// A wallet, shortened: enough to recognise in a log, too little to look up.
#[derive(Clone, Copy)]
pub struct Short(pub Address);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_checksum(None);
        write!(f, "{}…{}", &text[..6], &text[text.len() - 4..])
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;

    #[test]
    fn only_scheme_host_and_port_remain() {
        assert_eq!(url("https://u:p@h.example:8443/v2/KEY?k=1"), "https://h.example:8443/…");
        assert_eq!(url("http://127.0.0.1:8545"), "http://127.0.0.1:8545");
        assert_eq!(url("not a url KEY"), "…");
    }

    #[test]
    fn wallets_are_shortened() {
        let wallet = address!("33fd426905f149f8376e227d0c9d3340aad17af1");
        assert_eq!(Short(wallet).to_string(), "0x33FD…7aF1");
    }
}
