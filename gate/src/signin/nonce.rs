//! Nonces that prove by themselves that this gate issued them, so that a challenge costs no memory.
//!
//! A nonce is the lower-case hex of `random (16) ‖ issued at (4) ‖ tag (8) ‖ seal (16)`. The tag covers
//! random part and time: without it a nonce is unknown. The seal covers them and the whole text with
//! the nonce's place left blank: without it the text is not the one that was issued with this nonce.

use hmac::Mac;
use rand::RngCore;
use subtle::ConstantTimeEq;

use crate::store::clock::UnixTime;
use crate::store::{Nonce, NonceKey};

const HEAD: usize = 20;
const TAG: usize = 8;
const SEAL: usize = 16;
const LENGTH: usize = HEAD + TAG + SEAL;
/// Before and after it the nonce stands in the text. The first one is the field: nothing before it in
/// the text can hold a line break.
const PLACE: &str = "\nNonce: ";

/// Before the seal is known: what identifies the challenge.
pub(super) fn fresh(now: UnixTime) -> Nonce {
    let mut random = [0; 16];
    rand::rng().fill_bytes(&mut random);
    Nonce { issued_at: now, random }
}

/// The nonce for a text in which its place is blank.
pub(super) fn seal(key: &NonceKey, nonce: &Nonce, blank: &str) -> String {
    let head = head(nonce);
    let mut bytes = [0; LENGTH];
    bytes[..HEAD].copy_from_slice(&head);
    bytes[HEAD..HEAD + TAG].copy_from_slice(&tag(key, &head));
    let (before, after) = blank.split_once(PLACE).unwrap_or((blank, ""));
    bytes[HEAD + TAG..].copy_from_slice(&sealed(key, &head, before, after));
    hex::encode(bytes)
}

/// Fills the blank.
pub(super) fn fill(blank: &str, nonce: &str) -> String {
    blank.replacen(PLACE, &format!("{PLACE}{nonce}"), 1)
}

/// A nonce that this gate issued; with which text is not known yet.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) nonce: Nonce,
    head: [u8; HEAD],
    seal: [u8; SEAL],
}

impl Issued {
    /// None if it was not issued by this gate.
    pub(super) fn parse(key: &NonceKey, text: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let (claimed, rest) = rest.split_first_chunk::<TAG>()?;
        let seal = rest.first_chunk::<SEAL>()?;
        if !bool::from(tag(key, head).ct_eq(claimed)) {
            return None;
        }
        let (random, time) = head.split_first_chunk::<16>()?;
        let issued_at = UnixTime::from(u32::from_be_bytes(*time.first_chunk()?));
        Some(Self { nonce: Nonce { issued_at, random: *random }, head: *head, seal: *seal })
    }

    /// Whether it was issued with this text, in which it stands.
    pub(super) fn belongs_to(&self, key: &NonceKey, text: &str) -> bool {
        let Some((before, rest)) = text.split_once(PLACE) else { return false };
        let Some((_, after)) = rest.split_at_checked(2 * LENGTH) else { return false };
        sealed(key, &self.head, before, after).ct_eq(&self.seal).into()
    }
}

fn head(nonce: &Nonce) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let (random, time) = head.split_at_mut(16);
    random.copy_from_slice(&nonce.random);
    time.copy_from_slice(&u32::try_from(nonce.issued_at).unwrap_or(u32::MAX).to_be_bytes());
    head
}

fn tag(key: &NonceKey, head: &[u8; HEAD]) -> [u8; TAG] {
    truncated(key.mac().chain_update(b"nonce\0").chain_update(head))
}

fn sealed(key: &NonceKey, head: &[u8; HEAD], before: &str, after: &str) -> [u8; SEAL] {
    let mac = key.mac().chain_update(b"message\0").chain_update(head);
    truncated(mac.chain_update(before).chain_update(PLACE).chain_update(after))
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
    fn a_nonce_belongs_to_one_key_and_one_text() {
        let (key, other_key) = (NonceKey::random(), NonceKey::random());
        let nonce = fresh(NOW);
        let sealed = seal(&key, &nonce, &blank("a"));
        assert_eq!(sealed.len(), 2 * LENGTH);
        assert!(sealed.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
        let issued = Issued::parse(&key, &sealed).unwrap();
        assert_eq!(issued.nonce, nonce);
        assert!(issued.belongs_to(&key, &fill(&blank("a"), &sealed)));
        assert!(!issued.belongs_to(&key, &fill(&blank("b"), &sealed)));
        assert!(!issued.belongs_to(&key, &blank("a")));
        assert!(Issued::parse(&other_key, &sealed).is_none());
        assert_ne!(fresh(NOW), fresh(NOW));
    }

    #[test]
    fn every_bit_counts() {
        let key = NonceKey::random();
        let sealed = seal(&key, &fresh(NOW), &blank("a"));
        let bytes = hex::decode(&sealed).unwrap();
        for at in 0..LENGTH * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let changed = hex::encode(changed);
            let accepted = Issued::parse(&key, &changed)
                .is_some_and(|issued| issued.belongs_to(&key, &fill(&blank("a"), &changed)));
            assert!(!accepted, "bit {at}");
        }
        for bad in ["", "abcdefgh", &sealed.to_uppercase(), &sealed[1..], &format!("{sealed}00")] {
            assert!(Issued::parse(&key, bad).is_none(), "{bad}");
        }
    }
}
