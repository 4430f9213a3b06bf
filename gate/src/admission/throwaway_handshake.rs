//! A handshake that makes the node refuse a session that is not on the hub.
//!
//! That refusal is the node's to give, in its own words. But forwarding the client's own bytes would open the session
//! unchecked if it appeared on the hub at that moment. So the node gets the same session and the same peer request,
//! signed by a throwaway key that owns nothing: the node compares the account of the session with the key before it
//! touches its tunnel service, and refuses either way.

use alloy::hex;
use bytes::Bytes;
use secp256k1::{Message, Secp256k1};
use sentinel_proto::address::AccountAddress;
use sentinel_proto::handshake::{Handshake, PublicKey};
use sha2::{Digest, Sha256};

/// A handshake that the node refuses.
#[derive(Debug)]
pub struct ThrowawayHandshake {
    body: Bytes,
    /// Account of the throwaway key.
    signer: AccountAddress,
    /// Account of the client.
    account: AccountAddress,
}

impl ThrowawayHandshake {
    /// A handshake for `session` with `data` of `account`, signed by a key that owns nothing.
    pub(super) fn new(session: u64, data: &[u8], account: AccountAddress) -> Self {
        let handshake = sign(session, data);
        Self { signer: handshake.pub_key.account(), body: handshake.to_json().into(), account }
    }

    /// The bytes to send.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Rewrites the node's answer to name the client's account instead of the throwaway account.
    pub fn rewrite_signer(&self, answer: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&answer) else { return answer };
        let hexadecimal = |account: &AccountAddress| hex::encode_upper(account.as_bytes());
        let restated = text
            .replace(&hexadecimal(&self.signer), &hexadecimal(&self.account))
            .replace(&self.signer.to_string(), &self.account.to_string());
        restated.into()
    }
}

fn sign(session: u64, data: &[u8]) -> Handshake {
    let secp = Secp256k1::signing_only();
    let (secret, public) = secp.generate_keypair(&mut rand::rng());
    let digest: [u8; 32] = Sha256::digest(Handshake::message(session, data)).into();
    let signature = secp.sign_ecdsa(Message::from_digest(digest), &secret).serialize_compact();
    let pub_key = PublicKey::Secp256k1(public.serialize());
    Handshake { session_id: session, data: data.to_vec(), pub_key, signature }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountAddress = AccountAddress::new([7; 20]);

    #[test]
    fn throwaway_handshake_is_valid_for_its_own_account() {
        let questions =
            [ThrowawayHandshake::new(7, b"data", ACCOUNT), ThrowawayHandshake::new(7, b"data", ACCOUNT)];
        let [first, second] = questions.map(|question| {
            let handshake = Handshake::parse(&question.body()).unwrap();
            assert_eq!((handshake.session_id, handshake.data.as_slice()), (7, &b"data"[..]));
            let signer = handshake.verify().unwrap().account;
            assert_eq!(signer, question.signer);
            signer
        });
        assert_ne!(first, second);
    }

    #[test]
    fn rewritten_answer_names_client_account() {
        let question = ThrowawayHandshake::new(7, b"data", ACCOUNT);
        let say = |account: &AccountAddress| {
            let hexadecimal = hex::encode_upper(account.as_bytes());
            format!(r#"{{"message":"mismatch; got {hexadecimal} ({account}), expected 85C5"}}"#)
        };
        assert_eq!(question.rewrite_signer(say(&question.signer).into()), say(&ACCOUNT));
        let noise = Bytes::from_static(&[0xff, 0xfe]);
        assert_eq!(question.rewrite_signer(noise.clone()), noise);
    }
}
