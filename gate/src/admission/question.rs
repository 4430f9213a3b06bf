//! Asking the node about a session that is not on the hub.
//!
//! That refusal is the node's to give, in its own words. But forwarding the client's own bytes would open the
//! session unchecked if it appeared on the hub in that very moment. So the node gets the same session and the
//! same peer request, signed by a key that was made for this one question and owns nothing: the node compares
//! the account of the session with the key before it touches its tunnel service, and refuses either way.

use secp256k1::{Message, Secp256k1};
use sentinel_proto::handshake::{Handshake, PublicKey};
use sha2::{Digest, Sha256};

/// A handshake for `session` with `data` by nobody.
pub(super) fn about(session: u64, data: &[u8]) -> String {
    let secp = Secp256k1::signing_only();
    let (secret, public) = secp.generate_keypair(&mut rand::rng());
    let digest: [u8; 32] = Sha256::digest(Handshake::message(session, data)).into();
    let signature = secp.sign_ecdsa(Message::from_digest(digest), &secret).serialize_compact();
    let pub_key = PublicKey::Secp256k1(public.serialize());
    Handshake { session_id: session, data: data.to_vec(), pub_key, signature }.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_valid_handshake_of_an_account_of_its_own() {
        let parse = |text: &str| Handshake::parse(text.as_bytes()).unwrap();
        let (first, second) = (parse(&about(7, b"data")), parse(&about(7, b"data")));
        assert_eq!((first.session_id, first.data.as_slice()), (7, &b"data"[..]));
        assert_ne!(first.verify().unwrap(), second.verify().unwrap());
    }
}
