//! The envelope in which nodes, and the gate, answer.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    address::NodeAddress,
    handshake::{decode_base64, encode_base64},
};

/// An answer: `{"success":true,"result":…}` or `{"success":false,"error":{"code":…,"message":"…"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire<T>", into = "Wire<T>", bound(serialize = "T: Serialize + Clone"))]
pub enum Envelope<T> {
    /// What was asked for.
    Success(T),
    /// Why not.
    Failure(Failure),
}

/// The error of an envelope. The node's codes are below 10, ours start at 100.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("code={code}, message={message}")]
pub struct Failure {
    /// What kind of error.
    #[serde(default)]
    pub code: i64,
    /// What a stock client shows.
    #[serde(default)]
    pub message: String,
}

impl<T> Envelope<T> {
    /// An error.
    pub fn failure(code: i64, message: impl Into<String>) -> Self {
        Self::Failure(Failure { code, message: message.into() })
    }

    /// The result, or the error.
    pub fn into_result(self) -> Result<T, Failure> {
        match self {
            Self::Success(result) => Ok(result),
            Self::Failure(failure) => Err(failure),
        }
    }
}

impl<T: DeserializeOwned> Envelope<T> {
    /// Reads an answer.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

impl<T: Serialize> Envelope<T> {
    /// The answer's bytes.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (result, error) = match self {
            Self::Success(result) => (Some(result), None),
            Self::Failure(failure) => (None, Some(failure)),
        };
        serde_json::to_vec(&Wire { success: error.is_none(), result, error: error.cloned() })
    }
}

#[derive(Serialize, Deserialize)]
struct Wire<T> {
    success: bool,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    result: Option<T>,
}

// serde would ask `T: Default` otherwise.
fn none<T>() -> Option<T> {
    None
}

impl<T> TryFrom<Wire<T>> for Envelope<T> {
    type Error = &'static str;

    fn try_from(wire: Wire<T>) -> Result<Self, Self::Error> {
        match wire {
            Wire { success: true, result: Some(result), .. } => Ok(Self::Success(result)),
            Wire { success: true, .. } => Err("success without a result"),
            Wire { error, .. } => Ok(Self::Failure(error.unwrap_or_default())),
        }
    }
}

impl<T> From<Envelope<T>> for Wire<T> {
    fn from(envelope: Envelope<T>) -> Self {
        match envelope {
            Envelope::Success(result) => Self { success: true, error: None, result: Some(result) },
            Envelope::Failure(failure) => Self { success: false, error: Some(failure), result: None },
        }
    }
}

/// What the gate reads of a node's `GET /`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NodeInfo {
    /// Which node this is.
    pub addr: NodeAddress,
    /// Name of the tunnel service.
    pub service_type: String,
    /// Display name; chosen by the operator, so not to be trusted.
    #[serde(default)]
    pub moniker: String,
    /// Peers now.
    #[serde(default)]
    pub peers: u64,
}

/// A node's answer to a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeResult {
    /// Addresses of the node.
    #[serde(default)]
    pub addrs: Vec<String>,
    /// The tunnel service's answer, JSON.
    #[serde(with = "base64_bytes")]
    pub data: Vec<u8>,
}

impl HandshakeResult {
    /// Addresses inside the tunnel (`10.8.0.2/32`); empty for services that give none.
    pub fn tunnel_addresses(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            addrs: Vec<String>,
        }
        serde_json::from_slice::<Data>(&self.data).map(|data| data.addrs).unwrap_or_default()
    }
}

mod base64_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::encode_base64(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::decode_base64(&text).ok_or_else(|| de::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_handshake_answer_of_the_node() {
        let data = encode_base64(br#"{"addrs":["10.48.178.2/32"],"metadata":[{"port":17912}]}"#);
        let body = format!(r#"{{"success":true,"result":{{"addrs":["127.0.0.1"],"data":"{data}"}}}}"#);
        let answer = Envelope::<HandshakeResult>::parse(body.as_bytes()).unwrap();
        assert_eq!(answer.to_json().unwrap(), body.as_bytes());
        let result = answer.into_result().unwrap();
        assert_eq!(result.addrs, ["127.0.0.1"]);
        assert_eq!(result.tunnel_addresses(), ["10.48.178.2/32"]);
    }

    #[test]
    fn reads_errors_and_rejects_invalid_envelopes() {
        let body = br#"{"success":false,"error":{"code":3,"message":"session 1 already exists"}}"#;
        let answer = Envelope::<HandshakeResult>::parse(body).unwrap();
        assert_eq!(answer, Envelope::failure(3, "session 1 already exists"));
        assert_eq!(answer.to_json().unwrap(), body);
        let bare = Envelope::<NodeInfo>::parse(br#"{"success":false}"#).unwrap();
        assert_eq!(bare, Envelope::Failure(Failure::default()));
        for bad in ["", "{}", "null", r#"{"success":true}"#, r#"{"success":true,"result":{"addr":"x"}}"#] {
            assert!(Envelope::<NodeInfo>::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn node_info_ignores_unknown_fields() {
        let addr = NodeAddress::new([3; 20]);
        let body = format!(
            r#"{{"success":true,"result":{{"addr":"{addr}","downlink":"1","moniker":"m","peers":2,
            "service_type":"wireguard","location":{{"city":"x"}},"version":null}}}}"#
        );
        let info = Envelope::<NodeInfo>::parse(body.as_bytes()).unwrap().into_result().unwrap();
        assert_eq!((info.addr, info.service_type.as_str(), info.peers), (addr, "wireguard", 2));
    }
}
