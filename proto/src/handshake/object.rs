//! A JSON object read so that the node cannot read it otherwise.
//!
//! The node's parser (Go) takes the last of duplicate keys, matches keys without regard to case when no
//! key fits exactly, puts U+FFFD where the text is not UTF-8, ignores bytes after the object and takes
//! `null` for absence. Each of these is refused here, so what is accepted has one reading.

use std::{collections::HashSet, fmt};

use serde::{
    Deserializer as _,
    de::{self, DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Malformed;

/// Policy for keys that are not known in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownKeys {
    /// Accept the key; the node ignores it.
    Pass,
    /// Reject the object.
    Refuse,
}

/// The raw values of `N` known keys, in their order.
pub(super) struct Object<'a, const N: usize> {
    names: &'static [&'static str; N],
    values: [Option<&'a RawValue>; N],
}

impl<'a, const N: usize> Object<'a, N> {
    /// Parses `bytes` as exactly one object.
    pub(super) fn read(
        bytes: &'a [u8],
        names: &'static [&'static str; N],
        unknown: UnknownKeys,
    ) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut problem = None;
        let fields = Fields { names, unknown, problem: &mut problem };
        let values = match deserializer.deserialize_map(fields) {
            Ok(values) => values,
            Err(error) => return Err(problem.unwrap_or_else(|| Malformed::json(&error))),
        };
        deserializer.end().map_err(|_| Malformed::Trailing)?;
        Ok(Self { names, values })
    }

    /// Whether the key at `index` is present.
    pub(super) fn has(&self, index: usize) -> bool {
        self.values.get(index).is_some_and(Option::is_some)
    }

    /// Value of the key at `index`; an error if it is missing or not of type `T`.
    pub(super) fn field<T: DeserializeOwned>(&self, index: usize) -> Result<T, Malformed> {
        let name = self.names.get(index).copied().unwrap_or_default();
        let raw = self.values.get(index).copied().flatten().ok_or(Malformed::Missing(name))?;
        serde_json::from_str(raw.get()).map_err(|_| Malformed::Field(name))
    }
}

/// Folds case as Go does: ASCII letters and the two other characters that fold to ASCII.
fn fold(letter: char) -> char {
    match letter {
        '\u{017F}' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

struct Fields<'p, const N: usize> {
    names: &'static [&'static str; N],
    unknown: UnknownKeys,
    problem: &'p mut Option<Malformed>,
}

impl<const N: usize> Fields<'_, N> {
    /// Index of a known key; `None`: an unknown key that is accepted.
    fn index(&self, key: &str) -> Result<Option<usize>, Malformed> {
        if let Some(index) = self.names.iter().position(|name| *name == key) {
            return Ok(Some(index));
        }
        if let Some(name) = self.names.iter().find(|name| key.chars().map(fold).eq(name.chars())) {
            return Err(Malformed::Case(name));
        }
        match self.unknown {
            UnknownKeys::Pass => Ok(None),
            UnknownKeys::Refuse => Err(Malformed::Unknown),
        }
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            let checked = self.index(&key);
            let problem = match checked {
                Ok(_) if seen.contains(&key) => Malformed::Duplicate,
                Ok(index) => {
                    seen.insert(key);
                    if let Some(slot) = index.and_then(|index| values.get_mut(index)) {
                        *slot = Some(value);
                    }
                    continue;
                }
                Err(problem) => problem,
            };
            *self.problem = Some(problem);
            return Err(de::Error::custom("refused"));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["id", "sky"];

    fn read(text: &str) -> Result<Object<'_, 2>, Malformed> {
        Object::read(text.as_bytes(), &NAMES, UnknownKeys::Pass)
    }

    fn refused(text: &str) -> Malformed {
        match read(text) {
            Err(problem) => problem,
            Ok(_) => panic!("accepted {text}"),
        }
    }

    #[test]
    fn finds_known_keys_and_passes_unknown_keys() {
        let object = read(r#" {"x":{"id":1,"id":2},"id":7,"s\u006by":"a"} "#).unwrap();
        assert_eq!(object.field::<u64>(0), Ok(7));
        assert_eq!(object.field::<String>(1), Ok("a".to_owned()));
        assert!(object.has(1));
        assert_eq!(read("{}").unwrap().field::<u64>(0), Err(Malformed::Missing("id")));
    }

    #[test]
    fn rejects_case_variants_including_unicode_folding() {
        for key in ["ID", "Id", "iD"] {
            assert_eq!(refused(&format!(r#"{{"{key}":1}}"#)), Malformed::Case("id"));
        }
        for key in ["SKY", "\u{17F}ky", "s\u{212A}y", "\\u017fky", "s\\u212ay", "\u{17F}\u{212A}Y"] {
            assert_eq!(refused(&format!(r#"{{"{key}":1}}"#)), Malformed::Case("sky"), "{key}");
        }
        // Other letters do not fold in Go: an unknown key.
        assert!(read("{\"\u{131}d\":1,\"\u{130}d\":1}").is_ok());
    }

    #[test]
    fn rejects_duplicate_keys_including_unknown_and_escaped_ones() {
        for text in [r#"{"id":1,"id":1}"#, r#"{"x":1,"x":2}"#, r#"{"id":1,"\u0069d":2}"#, r#"{"":1,"":1}"#] {
            assert_eq!(refused(text), Malformed::Duplicate, "{text}");
        }
    }

    #[test]
    fn rejects_anything_but_one_object() {
        assert_eq!(refused(r#"{"id":1}{"id":2}"#), Malformed::Trailing);
        assert_eq!(refused("{} x"), Malformed::Trailing);
        for text in ["", "null", "[]", "1", "{", r#"{"id"}"#, r#"{"id":1,}"#, "{'id':1}", "\u{feff}{}"] {
            assert!(matches!(refused(text), Malformed::Json { .. }), "{text}");
        }
        let bytes = b"{\"x\":\"\xff\"}";
        assert!(matches!(Object::read(bytes, &NAMES, UnknownKeys::Pass), Err(Malformed::NotUtf8)));
        assert!(matches!(Object::read(b"{\"x\":1}", &NAMES, UnknownKeys::Refuse), Err(Malformed::Unknown)));
    }

    #[test]
    fn nested_values_do_not_overflow_the_stack() {
        let deep = format!(r#"{{"x":{}{},"id":1}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(read(&deep).unwrap().field::<u64>(0), Ok(1));
        let deep = format!(r#"{{"id":{}{}}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(read(&deep).unwrap().field::<u64>(0), Err(Malformed::Field("id")));
    }

    #[test]
    fn numbers_have_one_reading() {
        for bad in ["1.0", "1e0", "-1", "-0", "18446744073709551616", "\"1\"", "null", "true", "[1]", "1E2"] {
            let text = format!(r#"{{"id":{bad}}}"#);
            assert_eq!(read(&text).unwrap().field::<u64>(0), Err(Malformed::Field("id")), "{bad}");
        }
        let text = format!(r#"{{"id":{}}}"#, u64::MAX);
        assert_eq!(read(&text).unwrap().field::<u64>(0), Ok(u64::MAX));
        assert!(matches!(refused(r#"{"id":01}"#), Malformed::Json { .. }));
    }
}
