//! Bytes as hexadecimal digits, as people write object ids.

use crate::hash::HashId;

/// The digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = Vec::new();
    put_hex(&mut digits, bytes);
    String::from_utf8(digits).unwrap_or_default()
}

/// Appends the digits of `bytes`.
pub fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// The bytes that `digits` stand for; `None` if there is something else among them, or one too few.
pub fn parse_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    digits.chunks(2).map(byte).collect()
}

/// The object id of `hash` that hexadecimal digits stand for.
pub(crate) fn parse_id(digits: &[u8], hash: HashId) -> Option<Vec<u8>> {
    parse_hex(digits).filter(|id| id.len() == hash.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_written_and_in_capitals() {
        assert_eq!(hex(&[0x00, 0x9a, 0xff]), "009aff");
        assert_eq!(parse_hex(b"009aFF"), Some(vec![0x00, 0x9a, 0xff]));
        for bad in ["0", "0g", "+1", " 1", "\u{e9}"] {
            assert_eq!(parse_hex(bad.as_bytes()), None, "{bad}");
        }
    }
}
