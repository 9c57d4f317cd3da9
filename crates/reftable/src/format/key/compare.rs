//! Comparing keys, and looking for a NUL in them: eight bytes at a time.

use std::cmp::Ordering;

/// The order of two keys that share their first `shared` bytes and no more: that of what comes
/// after them.
///
/// With [`common_prefix`] this is several times as fast as comparing slices for keys that were just
/// put together: the wide loads of a comparison have to wait for the narrow stores before them.
#[inline]
pub(crate) fn compare_after(a: &[u8], b: &[u8], shared: usize) -> Ordering {
    a.get(shared).cmp(&b.get(shared))
}

/// Whether there is a NUL among `bytes`, which are few.
#[inline(always)]
pub(crate) fn has_nul(bytes: &[u8]) -> bool {
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        // Two words overlap unless there are sixteen bytes.
        (Some(first), Some(last)) if bytes.len() <= 16 => {
            has_zero(u64::from_le_bytes(*first)) || has_zero(u64::from_le_bytes(*last))
        }
        (Some(_), _) => contains_nul(bytes),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
                has_zero((u64::from(first) << 32) | u64::from(last))
            }
            _ => matches!(bytes, [0, ..] | [_, 0, ..] | [_, _, 0]),
        },
    }
}

#[inline(never)]
fn contains_nul(bytes: &[u8]) -> bool {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder().contains(&0);
    rest || words.map(word).any(has_zero)
}

/// Whether one of eight bytes is zero.
#[inline(always)]
pub(super) fn has_zero(word: u64) -> bool {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    // A high bit stays only for a byte that was 0, or for one after such a byte.
    word.wrapping_sub(LOW) & !word & HIGH != 0
}

/// How many bytes `a` and `b` have in common at their start.
#[inline]
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut shared = 0usize;
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let differ = word(x) ^ word(y);
        if differ != 0 {
            return shared.saturating_add((differ.trailing_zeros() / 8) as usize);
        }
        shared = shared.saturating_add(8);
    }
    let tail = a.get(shared..).unwrap_or_default();
    let other = b.get(shared..).unwrap_or_default();
    let same = tail.iter().zip(other).take_while(|(x, y)| x == y).count();
    shared.saturating_add(same)
}

/// Eight bytes as a number whose lowest byte is the first one.
#[inline]
pub(super) fn word(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_prefix_counts_bytes() {
        for (a, b, shared) in [
            ("", "", 0),
            ("a", "", 0),
            ("refs/heads/a", "refs/heads/b", 11),
            ("refs/heads/a", "refs/heads/a", 12),
            ("refs/heads/main", "refs/heads/main2", 15),
            ("12345678", "12345678", 8),
            ("12345678x", "12345678y", 8),
            ("1234567x", "1234567y", 7),
        ] {
            assert_eq!(common_prefix(a.as_bytes(), b.as_bytes()), shared, "{a} {b}");
            assert_eq!(common_prefix(b.as_bytes(), a.as_bytes()), shared, "{b} {a}");
        }
    }

    #[test]
    fn a_nul_is_found_wherever_it_is() {
        for len in 0..40 {
            let clean: Vec<u8> = (0..len).map(|n| [1, 0x80, 0x81, 0xff][n % 4]).collect();
            assert!(!has_nul(&clean), "{len}");
            for at in 0..len {
                let mut bytes = clean.clone();
                bytes[at] = 0;
                assert!(has_nul(&bytes), "{at} of {len}");
            }
        }
    }

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let keys: [&[u8]; 10] = [
            b"",
            b"a",
            b"a\0",
            b"ab",
            b"abcdefgh",
            b"abcdefgh\0",
            b"abcdefghi",
            b"abcdefgi",
            b"b",
            b"\xff",
        ];
        for (i, a) in keys.iter().enumerate() {
            for (j, b) in keys.iter().enumerate() {
                let order = compare_after(a, b, common_prefix(a, b));
                assert_eq!(order, i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
