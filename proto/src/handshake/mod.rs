//! The handshake: the body of a stock client's `POST /`.
//!
//! Everything here is at least as strict as the node, so that the node sees in a body exactly what we saw.

mod encoding;
mod error;
mod key;
mod object;
mod peer;

use sha2::{Digest, Sha256};

pub(crate) use encoding::{decode as decode_base64, encode as encode_base64};
pub use error::{BadSignature, HandshakeError, Malformed};
pub use key::{PublicKey, Signer};
use object::{Object, UnknownKeys};
pub use peer::{PeerId, PeerRequest, Service, UnknownService};

const KEYS: [&str; 4] = ["id", "data", "pub_key", "signature"];

/// A handshake of the right form. Who sent it is known only after [`Handshake::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Session on the hub; never 0.
    pub session_id: u64,
    /// The service's peer request, decoded; never empty.
    pub data: Vec<u8>,
    /// Key of the account.
    pub pub_key: PublicKey,
    /// Signature over session and data.
    pub signature: [u8; 64],
}

impl Handshake {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let object = Object::read(body, &KEYS, UnknownKeys::Pass)?;
        let session_id: u64 = object.field(0)?;
        let data = encoding::decode(&object.field::<String>(1)?).ok_or(Malformed::Field("data"))?;
        let pub_key: String = object.field(2)?;
        let signature = encoding::decode(&object.field::<String>(3)?).ok_or(Malformed::Field("signature"))?;
        if session_id == 0 {
            return Err(Malformed::Field("id").into());
        }
        if data.is_empty() {
            return Err(Malformed::Field("data").into());
        }
        let pub_key = PublicKey::parse(&pub_key)?;
        let signature = signature.try_into().map_err(|_| BadSignature::Length)?;
        Ok(Self { session_id, data, pub_key, signature })
    }

    /// Checks the signature; who sent this.
    pub fn verify(&self) -> Result<Signer, HandshakeError> {
        Ok(self.pub_key.verify(&Self::message(self.session_id, &self.data), &self.signature)?)
    }

    /// A correctly signed handshake of a key that was made for it and is forgotten: its account owns nothing.
    pub fn throwaway(session_id: u64, peer: PeerId) -> Self {
        let service = match peer {
            PeerId::Key(_) => Service::WireGuard,
            PeerId::Uuid(_) => Service::V2Ray,
        };
        let data = PeerRequest { id: peer }.to_json(service).into_bytes();
        let (pub_key, signature) = key::sign_once(&Self::message(session_id, &data));
        Self { session_id, data, pub_key, signature }
    }

    /// What a client signs (with sha256 for secp256k1, as it is for ed25519).
    pub fn message(session_id: u64, data: &[u8]) -> Vec<u8> {
        [&session_id.to_be_bytes(), data].concat()
    }

    /// The same for every spelling of this handshake, and for no other one.
    pub fn digest(&self) -> [u8; 32] {
        let key = self.pub_key.to_string();
        let mut hasher = Sha256::new();
        hasher.update(self.session_id.to_be_bytes());
        for part in [self.data.as_slice(), key.as_bytes(), &self.signature] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    /// The body as a stock client writes it.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "id": self.session_id,
            "data": encoding::encode(&self.data),
            "pub_key": self.pub_key.to_string(),
            "signature": encoding::encode(&self.signature),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests;
