//! The canonical form: JSON without white space, keys in byte order. Comments, order and layout of the file do not
//! change the hash; every value does.

use serde_json::Value;

use super::Governed;

/// Returns the text that is hashed.
pub(super) fn text(governed: &Governed) -> String {
    let mut out = String::with_capacity(2048);
    // Serialization of this struct cannot fail; if it did, the resulting hash would match no approval.
    write(&serde_json::to_value(governed).unwrap_or_default(), &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            list(fields, ('{', '}'), out, |(key, value), out| {
                write(&Value::String(key.clone()), out);
                out.push(':');
                write(value, out);
            });
        }
        Value::Array(items) => list(items, ('[', ']'), out, write),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn list<T>(
    items: impl IntoIterator<Item = T>,
    (open, close): (char, char),
    out: &mut String,
    each: impl Fn(T, &mut String),
) {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(close);
}
