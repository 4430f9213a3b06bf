//! Peer requests: what `data` of a handshake asks of the tunnel service.
//!
//! Services and their versions differ only here. The identifier is canonical: whatever white space or
//! spelling came along, the same peer has the same identifier, the one that the node uses too.

use std::{fmt, str::FromStr};

use super::{
    Malformed, encoding,
    object::{Object, UnknownKeys},
};

const KEYS: [&str; 2] = ["public_key", "uuid"];
const PUBLIC_KEY: usize = 0;
const UUID: usize = 1;

/// The tunnel service of a node, by the name that the node gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// `wireguard`
    WireGuard,
    /// `v2ray`
    V2Ray,
    /// `openvpn`
    OpenVpn,
    /// `amneziawg`, since v9
    AmneziaWg,
    /// `xray`, since v9
    Xray,
    /// `hysteria2`, since v9
    Hysteria2,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 6] =
        [Self::WireGuard, Self::V2Ray, Self::OpenVpn, Self::AmneziaWg, Self::Xray, Self::Hysteria2];

    /// The name in `service_type` of the node's answer.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WireGuard => "wireguard",
            Self::V2Ray => "v2ray",
            Self::OpenVpn => "openvpn",
            Self::AmneziaWg => "amneziawg",
            Self::Xray => "xray",
            Self::Hysteria2 => "hysteria2",
        }
    }

    /// Whether a peer is named by a WireGuard key; else by a uuid.
    const fn by_key(self) -> bool {
        matches!(self, Self::WireGuard | Self::AmneziaWg)
    }

    /// Whether the uuid is an array of 16 numbers.
    const fn uuid_as_numbers(self) -> bool {
        !matches!(self, Self::Hysteria2)
    }

    /// Whether the uuid is text.
    const fn uuid_as_text(self) -> bool {
        matches!(self, Self::Xray | Self::Hysteria2)
    }
}

/// A service that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown tunnel service")]
pub struct UnknownService;

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, UnknownService> {
        Self::ALL.into_iter().find(|service| service.name() == name).ok_or(UnknownService)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who a peer is to the tunnel service. Its text is the node's `peer_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerId {
    /// A WireGuard public key; base64 as text.
    Key([u8; 32]),
    /// A uuid; lower-case hexadecimal with dashes as text.
    Uuid([u8; 16]),
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(&encoding::encode(key)),
            Self::Uuid(uuid) => {
                for (index, byte) in uuid.iter().enumerate() {
                    let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// A peer request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerRequest {
    /// The peer that it asks for.
    pub id: PeerId,
}

impl PeerRequest {
    /// Reads a decoded `data`. Without a known service, each service's form is taken.
    ///
    /// A key that we do not know could change which peer is meant, so here it is refused.
    pub fn parse(data: &[u8], service: Option<Service>) -> Result<Self, Malformed> {
        let object = Object::read(data, &KEYS, UnknownKeys::Refuse)?;
        let by_key = service.map_or_else(|| object.has(PUBLIC_KEY), Service::by_key);
        let (needed, foreign) = if by_key { (PUBLIC_KEY, UUID) } else { (UUID, PUBLIC_KEY) };
        if object.has(foreign) && (object.has(needed) || service.is_some()) {
            return Err(Malformed::Unknown);
        }
        let id = if by_key {
            PeerId::Key(key(&object.field::<String>(PUBLIC_KEY)?).ok_or(Malformed::Field("public_key"))?)
        } else {
            PeerId::Uuid(uuid(&object, service)?)
        };
        // The node refuses the zero key itself; a zero uuid is nobody's secret.
        if matches!(id, PeerId::Key([0, rest @ ..]) if rest == [0; 31]) || id == PeerId::Uuid([0; 16]) {
            return Err(Malformed::Field(if by_key { "public_key" } else { "uuid" }));
        }
        Ok(Self { id })
    }

    /// The request as a stock client writes it.
    pub fn to_json(&self, service: Service) -> String {
        match self.id {
            PeerId::Key(_) => serde_json::json!({ "public_key": self.id.to_string() }).to_string(),
            PeerId::Uuid(uuid) if service.uuid_as_numbers() => {
                serde_json::json!({ "uuid": uuid }).to_string()
            }
            PeerId::Uuid(_) => serde_json::json!({ "uuid": self.id.to_string() }).to_string(),
        }
    }
}

fn key(text: &str) -> Option<[u8; 32]> {
    encoding::decode(text)?.try_into().ok()
}

fn uuid(object: &Object<'_, 2>, service: Option<Service>) -> Result<[u8; 16], Malformed> {
    let numbers = service.is_none_or(Service::uuid_as_numbers);
    let text = service.is_none_or(Service::uuid_as_text);
    // Go would cut a longer array and fill a shorter one with zeros: exactly 16 here.
    match object.field::<[u8; 16]>(UUID) {
        Ok(uuid) if numbers => Ok(uuid),
        Err(missing @ Malformed::Missing(_)) => Err(missing),
        _ if text => uuid_text(&object.field::<String>(UUID)?).ok_or(Malformed::Field("uuid")),
        _ => Err(Malformed::Field("uuid")),
    }
}

/// Reads `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, lower case only.
fn uuid_text(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| *byte != b'-')
        .map(|byte| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let id = PeerId::Uuid(bytes.try_into().ok()?);
    // Writing it again settles where the dashes are, and that no digit was left over.
    match id {
        PeerId::Uuid(uuid) if id.to_string() == text => Some(uuid),
        _ => None,
    }
}
