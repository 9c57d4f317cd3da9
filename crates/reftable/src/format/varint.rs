//! Writing numbers of variable length (format section 2.1). [`Cursor`](super::Cursor) reads them.

/// Appends `value`, most significant group first; every value has exactly one encoding.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(low_group(value));
    } else {
        put_groups(out, value, 0);
    }
}

/// Appends all groups of `value`; `more` is the continuation bit of the last one.
fn put_groups(out: &mut Vec<u8>, value: u64, more: u8) {
    let higher = value >> 7;
    if higher > 0 {
        put_groups(out, higher.saturating_sub(1), 0x80);
    }
    out.push(low_group(value) | more);
}

/// The number with the groups `high` and `low`, whose continuation bit may be set.
#[inline(always)]
pub(crate) fn two_groups(high: u64, low: u64) -> u64 {
    // What is below 128 has one byte, so two of them start to count there.
    (((high & 0x7f) << 7) | (low & 0x7f)).wrapping_add(0x80)
}

fn low_group(value: u64) -> u8 {
    let [.., low] = value.to_be_bytes();
    low & 0x7f
}

/// Appends the length of `bytes`, then `bytes` (format section 2.2).
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends the low 24 bits of `value`.
pub(crate) fn put_u24(out: &mut Vec<u8>, value: usize) {
    let [.., a, b, c] = value.to_be_bytes();
    out.extend_from_slice(&[a, b, c]);
}

#[cfg(test)]
mod tests {
    use super::super::Cursor;
    use super::*;
    use crate::error::Defect;

    #[test]
    fn values_have_the_documented_bytes() {
        let table: &[(u64, &[u8])] = &[
            (0, &[0x00]),
            (127, &[0x7f]),
            (128, &[0x80, 0x00]),
            (255, &[0x80, 0x7f]),
            (256, &[0x81, 0x00]),
            (16511, &[0xff, 0x7f]),
            (16512, &[0x80, 0x80, 0x00]),
            (2113663, &[0xff, 0xff, 0x7f]),
            (2113664, &[0x80, 0x80, 0x80, 0x00]),
            (u64::from(u32::MAX), &[0x8e, 0xfe, 0xfe, 0xfe, 0x7f]),
            (
                1 << 63,
                &[0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xff, 0x00],
            ),
            (
                u64::MAX,
                &[0x80, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x7f],
            ),
        ];
        for &(value, bytes) in table {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            let mut cursor = Cursor::at(bytes, 0);
            assert_eq!(cursor.varint(), Ok(value));
            assert_eq!(cursor.left(), 0);
        }
    }

    #[test]
    fn a_number_beyond_64_bits_or_cut_off_is_refused() {
        let beyond = [0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
        let eleven = [0xff; 11];
        for bytes in [&beyond[..], &eleven] {
            let flaw = Cursor::at(bytes, 0).varint().unwrap_err();
            assert_eq!((flaw.defect, flaw.offset), (Defect::VarintOverflow, 0));
        }
        let flaw = Cursor::at(&[0x80], 0).varint().unwrap_err();
        assert_eq!(flaw.defect, Defect::RecordTruncated);
    }
}
