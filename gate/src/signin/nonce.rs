//! Self-authenticating nonces: they prove that this gate issued them, so that a challenge needs no memory.
//!
//! A nonce is the lower-case hex of `random (16) ‖ issued at (4) ‖ tag (8) ‖ seal (16)`. The tag covers random part and
//! time: without a valid one the nonce is unknown. The seal covers them and the whole text with a blank nonce: without a
//! valid one the text is not the one issued with this nonce.

use hmac::Mac;
use rand::RngCore;
use subtle::ConstantTimeEq;

use crate::store::clock::UnixTime;
use crate::store::{Nonce, NonceKey};

const HEAD_BYTES: usize = 20;
const TAG_BYTES: usize = 8;
const SEAL_BYTES: usize = 16;
const NONCE_BYTES: usize = HEAD_BYTES + TAG_BYTES + SEAL_BYTES;
/// Prefix of the nonce in the text. Its first occurrence is the field: nothing before it can contain a line break.
const NONCE_PREFIX: &str = "\nNonce: ";

/// Creates the identity of a challenge issued `now`.
pub(super) fn generate(now: UnixTime) -> Nonce {
    let mut random = [0; 16];
    rand::rng().fill_bytes(&mut random);
    Nonce { issued_at: now, random }
}

/// Returns the sealed nonce for a text with a blank nonce.
pub(super) fn seal(key: &NonceKey, nonce: &Nonce, blank: &str) -> String {
    let head = head(nonce);
    let mut bytes = [0; NONCE_BYTES];
    bytes[..HEAD_BYTES].copy_from_slice(&head);
    bytes[HEAD_BYTES..HEAD_BYTES + TAG_BYTES].copy_from_slice(&compute_tag(key, &head));
    let (before, after) = blank.split_once(NONCE_PREFIX).unwrap_or((blank, ""));
    bytes[HEAD_BYTES + TAG_BYTES..].copy_from_slice(&compute_seal(key, &head, before, after));
    hex::encode(bytes)
}

/// Inserts the nonce into the text.
pub(super) fn fill(blank: &str, nonce: &str) -> String {
    blank.replacen(NONCE_PREFIX, &format!("{NONCE_PREFIX}{nonce}"), 1)
}

/// A nonce with a valid tag. [`belongs_to`](Self::belongs_to) checks its seal.
#[derive(Debug)]
pub(super) struct IssuedNonce {
    pub(super) nonce: Nonce,
    head: [u8; HEAD_BYTES],
    seal: [u8; SEAL_BYTES],
}

impl IssuedNonce {
    /// Parses a nonce; `None` if this gate did not issue it.
    pub(super) fn parse(key: &NonceKey, text: &str) -> Option<Self> {
        let mut bytes = [0; NONCE_BYTES];
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let (claimed, rest) = rest.split_first_chunk::<TAG_BYTES>()?;
        let seal = rest.first_chunk::<SEAL_BYTES>()?;
        if !bool::from(compute_tag(key, head).ct_eq(claimed)) {
            return None;
        }
        let (random, time) = head.split_first_chunk::<16>()?;
        let issued_at = UnixTime::from(u32::from_be_bytes(*time.first_chunk()?));
        Some(Self { nonce: Nonce { issued_at, random: *random }, head: *head, seal: *seal })
    }

    /// Returns whether the nonce was issued with this text, which contains it.
    pub(super) fn belongs_to(&self, key: &NonceKey, text: &str) -> bool {
        let Some((before, rest)) = text.split_once(NONCE_PREFIX) else { return false };
        let Some((_, after)) = rest.split_at_checked(2 * NONCE_BYTES) else { return false };
        compute_seal(key, &self.head, before, after).ct_eq(&self.seal).into()
    }
}

fn head(nonce: &Nonce) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (random, time) = head.split_at_mut(16);
    random.copy_from_slice(&nonce.random);
    time.copy_from_slice(&u32::try_from(nonce.issued_at).unwrap_or(u32::MAX).to_be_bytes());
    head
}

fn compute_tag(key: &NonceKey, head: &[u8; HEAD_BYTES]) -> [u8; TAG_BYTES] {
    truncated(key.mac().chain_update(b"nonce\0").chain_update(head))
}

fn compute_seal(key: &NonceKey, head: &[u8; HEAD_BYTES], before: &str, after: &str) -> [u8; SEAL_BYTES] {
    let mac = key.mac().chain_update(b"message\0").chain_update(head);
    truncated(mac.chain_update(before).chain_update(NONCE_PREFIX).chain_update(after))
}

fn truncated<const N: usize>(mac: impl Mac) -> [u8; N] {
    let mut tag = [0; N];
    for (to, from) in tag.iter_mut().zip(mac.finalize().into_bytes()) {
        *to = from;
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_800_000_000;

    fn blank(word: &str) -> String {
        format!("{word}\nNonce: \nIssued At: now\n- {word}")
    }

    #[test]
    fn nonce_belongs_to_one_key_and_one_text() {
        let (key, other_key) = (NonceKey::random(), NonceKey::random());
        let nonce = generate(NOW);
        let sealed = seal(&key, &nonce, &blank("a"));
        assert_eq!(sealed.len(), 2 * NONCE_BYTES);
        assert!(sealed.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
        let issued = IssuedNonce::parse(&key, &sealed).unwrap();
        assert_eq!(issued.nonce, nonce);
        assert!(issued.belongs_to(&key, &fill(&blank("a"), &sealed)));
        assert!(!issued.belongs_to(&key, &fill(&blank("b"), &sealed)));
        assert!(!issued.belongs_to(&key, &blank("a")));
        assert!(IssuedNonce::parse(&other_key, &sealed).is_none());
        assert_ne!(generate(NOW), generate(NOW));
    }

    #[test]
    fn rejects_nonce_with_any_bit_flipped() {
        let key = NonceKey::random();
        let sealed = seal(&key, &generate(NOW), &blank("a"));
        let bytes = hex::decode(&sealed).unwrap();
        for at in 0..NONCE_BYTES * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let changed = hex::encode(changed);
            let accepted = IssuedNonce::parse(&key, &changed)
                .is_some_and(|issued| issued.belongs_to(&key, &fill(&blank("a"), &changed)));
            assert!(!accepted, "bit {at}");
        }
        for bad in ["", "abcdefgh", &sealed.to_uppercase(), &sealed[1..], &format!("{sealed}00")] {
            assert!(IssuedNonce::parse(&key, bad).is_none(), "{bad}");
        }
    }
}
