//! The wire format of protocol buffers, by hand.

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that no message here has.
    Other,
}

/// The fields of a message by number, or nothing where there are groups or it is no message.
pub(crate) fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = number(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Number(number(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Field::Other)?,
            2 => {
                let length = number(&mut bytes)?;
                Field::Bytes(take(&mut bytes, usize::try_from(length).ok()?)?)
            }
            5 => take(&mut bytes, 4).map(|_| Field::Other)?,
            _ => return None,
        };
        fields.push((tag >> 3, field));
    }
    Some(fields)
}

/// A number is its last one, or 0.
pub(crate) fn last_number(fields: &[(u64, Field<'_>)], wanted: u64) -> u64 {
    let numbers = fields.iter().rev().filter(|(number, _)| *number == wanted);
    numbers
        .into_iter()
        .find_map(|(_, field)| if let Field::Number(value) = field { Some(*value) } else { None })
        .unwrap_or(0)
}

/// A text is its last one, or empty.
pub(crate) fn last_text<'a>(fields: &[(u64, Field<'a>)], wanted: u64) -> Option<&'a str> {
    let bytes = all_bytes(fields, wanted).last().copied().unwrap_or_default();
    std::str::from_utf8(bytes).ok()
}

/// All values of a field that holds bytes: of a message inside, the parts that it is merged from.
pub(crate) fn all_bytes<'a>(fields: &[(u64, Field<'a>)], wanted: u64) -> Vec<&'a [u8]> {
    let named = fields.iter().filter(|(number, _)| *number == wanted);
    named.filter_map(|(_, field)| if let Field::Bytes(bytes) = field { Some(*bytes) } else { None }).collect()
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}
