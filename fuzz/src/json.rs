//! A JSON object as Go reads it into a struct: the last one of several keys counts, and a key is also one in another
//! case.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// All keys with their values, in their order.
#[derive(Debug)]
pub(crate) struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Reads the one object that these bytes are.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// What Go puts into the field of this name.
    pub(crate) fn in_go(&self, name: &str) -> Option<Value> {
        let named = |key: &str| key.chars().flat_map(folded).eq(name.chars().flat_map(folded));
        let (_, value) = self.0.iter().rev().find(|(key, _)| named(key))?;
        serde_json::from_str(value.get()).ok()
    }
}

/// Characters that are one to Go's comparison: those with the same capital letter.
fn folded(letter: char) -> impl Iterator<Item = char> {
    let letter = if letter == '\u{212A}' { 'k' } else { letter };
    letter.to_uppercase()
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(All)
    }
}
