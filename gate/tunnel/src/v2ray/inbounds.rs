//! Inbounds of the service, read from the configuration that the node writes for it.

use std::path::Path;

use serde::Deserialize;

use crate::TunnelError;

/// Inbounds for users, and the port of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inbounds {
    /// Port of the API, which listens on every interface.
    pub(super) api_port: u16,
    /// Inbounds for users.
    pub(super) users: Vec<Inbound>,
}

/// One inbound for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inbound {
    pub(super) tag: String,
    pub(super) protocol: Protocol,
    /// First and last port.
    pub(super) ports: (u16, u16),
}

/// Protocol that authenticates users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    Vmess,
    Vless,
}

#[derive(Deserialize)]
struct File {
    inbounds: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    tag: String,
    port: Port,
    protocol: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

impl Port {
    fn range(&self) -> Option<(u16, u16)> {
        match self {
            Self::Number(port) => Some((*port, *port)),
            Self::Text(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let range = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                (range.0 <= range.1).then_some(range)
            }
        }
    }
}

impl Inbounds {
    pub(super) async fn read(path: &Path) -> Result<Self, TunnelError> {
        let text = tokio::fs::read(path).await;
        let text = text.map_err(|error| TunnelError::unreachable(path.display(), error))?;
        Self::parse(&text).map_err(|why| TunnelError::malformed(path.display(), why))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let (mut api_port, mut users) = (None, Vec::new());
        for listed in file.inbounds {
            let ports = listed.port.range().ok_or_else(|| format!("the port of {}", listed.tag))?;
            let protocol = match listed.protocol.as_str() {
                "vmess" => Protocol::Vmess,
                "vless" => Protocol::Vless,
                "dokodemo-door" if listed.tag == "api" => {
                    api_port = Some(ports.0);
                    continue;
                }
                // Users of other protocols could not be removed.
                other => return Err(format!("the protocol {other} of {}", listed.tag)),
            };
            users.push(Inbound { tag: listed.tag, protocol, ports });
        }
        match api_port {
            Some(api_port) if !users.is_empty() => Ok(Self { api_port, users }),
            _ => Err("no inbound for the API, or none for users".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_inbounds() {
        let text = br#"{"inbounds":[{"port":2323,"protocol":"dokodemo-door","tag":"api"},
            {"port":"10086","protocol":"vmess","tag":"a"},{"port":"20000-20010","protocol":"vless","tag":"b"}],"x":1}"#;
        let inbounds = Inbounds::parse(text).unwrap();
        assert_eq!(inbounds.api_port, 2323);
        let users: Vec<_> =
            inbounds.users.iter().map(|one| (one.tag.as_str(), one.protocol, one.ports)).collect();
        assert_eq!(
            users,
            [("a", Protocol::Vmess, (10_086, 10_086)), ("b", Protocol::Vless, (20_000, 20_010))]
        );
    }

    #[test]
    fn rejects_inbounds_that_cannot_be_enforced() {
        let api = r#"{"port":2323,"protocol":"dokodemo-door","tag":"api"}"#;
        for odd in [
            "",
            "{}",
            r#"{"inbounds":[]}"#,
            &format!(r#"{{"inbounds":[{api}]}}"#),
            &format!(r#"{{"inbounds":[{api},{{"port":1,"protocol":"trojan","tag":"t"}}]}}"#),
            &format!(r#"{{"inbounds":[{api},{{"port":"9-1","protocol":"vmess","tag":"t"}}]}}"#),
            r#"{"inbounds":[{"port":1,"protocol":"vmess","tag":"t"}]}"#,
        ] {
            Inbounds::parse(odd.as_bytes()).unwrap_err();
        }
    }
}
