//! Answers of a hub, or of an impostor, about sessions.

use prost_types::Any;
use sentinel_proto::hub::fuzz::{DecodedSession, answers, listed};
use sentinel_proto::hub::{DIRECT_TYPE, SUBSCRIPTION_TYPE};

use crate::wire::{all_bytes, fields, last_number, last_text};

/// Reads any bytes as answers, and as sessions of both types.
pub fn hub(bytes: &[u8]) {
    for any in answers(bytes) {
        session(&any);
    }
    for kind in [DIRECT_TYPE, SUBSCRIPTION_TYPE, "/other"] {
        session(&Any { type_url: kind.to_owned(), value: bytes.to_vec() });
    }
}

/// What is taken says the same to a reader that knows the format only.
fn session(any: &Any) {
    let Some(DecodedSession { id, account, node, status, subscription }) = listed(any) else { return };
    let by_subscription = any.type_url == SUBSCRIPTION_TYPE;
    assert!(by_subscription || any.type_url == DIRECT_TYPE, "an unknown type was read");
    assert_eq!(subscription.is_some(), by_subscription, "another type");
    let Some(outer) = fields(&any.value) else { return };
    let base = all_bytes(&outer, 1).concat();
    let Some(base) = fields(&base) else { return };
    assert_eq!(last_number(&base, 1), id, "another session");
    assert_eq!(last_text(&base, 3), Some(node.as_str()), "another node");
    assert!(account.is_none() || last_text(&base, 2) == account.as_deref(), "another account");
    // An enumeration has 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "that is what it is")]
    let number = last_number(&base, 9) as u32;
    assert_eq!(number, status, "another status");
    if let Some(subscription) = subscription {
        assert_eq!(last_number(&outer, 2), subscription, "another subscription");
    }
}
