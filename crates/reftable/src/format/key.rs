//! Keys and their prefix compression (format section 6).

use super::varint::put_varint;
use super::{Cursor, Parse};
use std::cmp::Ordering;

/// How a record begins: which bytes of the key before it it shares, and what follows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHead<'a> {
    /// How many bytes of the key before are shared.
    pub(crate) prefix: usize,
    /// The rest of the key.
    pub(crate) suffix: &'a [u8],
    /// The value type, three bits.
    pub(crate) extra: u8,
}

impl<'a> KeyHead<'a> {
    /// Reads the head of a record.
    #[inline(always)]
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Parse<KeyHead<'a>> {
        let prefix = cursor.varint()?;
        let len_and_extra = cursor.varint()?;
        let suffix = cursor.take_u64(len_and_extra >> 3)?;
        Ok(KeyHead {
            prefix: usize::try_from(prefix).unwrap_or(usize::MAX),
            suffix,
            extra: (len_and_extra & 0x7) as u8,
        })
    }
}

/// The longest suffix of a [`ShortHead`].
const SHORT: usize = 15;
/// How many bytes the head of a short record and the first two of its value take at most.
pub(crate) const WINDOW: usize = 2 + SHORT + 2;

/// The head of a record whose prefix length, suffix length and suffix take few bytes, and whose
/// suffix has no NUL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortHead {
    /// How many bytes of the key before are shared.
    pub(crate) prefix: usize,
    /// The value type, three bits.
    pub(crate) extra: u8,
    /// Length of the suffix, from 1 to 15.
    suffix_len: usize,
    /// The suffix as two numbers whose lowest bytes come first, and zeros behind it.
    suffix: [u64; 2],
}

impl ShortHead {
    /// The head that `window` begins with; `None` if it is a longer one, or damaged.
    #[inline(always)]
    pub(crate) fn read(window: &[u8; WINDOW]) -> Option<ShortHead> {
        let [prefix, len_and_extra, suffix @ ..] = window;
        let suffix_len = usize::from(len_and_extra >> 3);
        let masks = SUFFIX_MASKS.get(suffix_len)?;
        let words = [word(suffix), word(suffix.get(8..)?)];
        let zero = has_zero(words[0] | !masks[0]) || has_zero(words[1] | !masks[1]);
        (*prefix < 0x80 && suffix_len > 0 && !zero).then_some(ShortHead {
            prefix: usize::from(*prefix),
            extra: len_and_extra & 0x7,
            suffix_len,
            suffix: [words[0] & masks[0], words[1] & masks[1]],
        })
    }

    /// Length of the head in bytes.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.suffix_len.wrapping_add(2)
    }

    /// The two bytes behind the head that `window` begins with.
    #[inline(always)]
    pub(crate) fn behind(&self, window: &[u8; WINDOW]) -> [u8; 2] {
        behind(window, self.suffix_len)
    }
}

/// A [`ShortHead`] that is only looked at, so that it may have a NUL in its suffix, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortOutline<'a> {
    /// The head, and the two bytes behind it.
    pub(crate) head: KeyHead<'a>,
    pub(crate) behind: [u8; 2],
}

impl<'a> ShortOutline<'a> {
    /// The outline of the head that `window` begins with; `None` if that is a longer one.
    #[inline(always)]
    pub(crate) fn read(window: &'a [u8; WINDOW]) -> Option<ShortOutline<'a>> {
        let [prefix, len_and_extra, rest @ ..] = window;
        let suffix_len = usize::from(len_and_extra >> 3);
        if *prefix >= 0x80 || suffix_len > SHORT {
            return None;
        }
        let head = KeyHead {
            prefix: usize::from(*prefix),
            suffix: rest.get(..suffix_len)?,
            extra: len_and_extra & 0x7,
        };
        let behind = behind(window, suffix_len);
        Some(ShortOutline { head, behind })
    }

    /// Length of the head in bytes.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.head.suffix.len().wrapping_add(2)
    }
}

/// The two bytes behind a short head with a suffix of `suffix_len` bytes.
#[inline(always)]
fn behind(window: &[u8; WINDOW], suffix_len: usize) -> [u8; 2] {
    let at = suffix_len.min(SHORT).wrapping_add(2);
    match window.get(at..) {
        Some([first, second, ..]) => [*first, *second],
        _ => [0xff; 2],
    }
}

/// For each length of a suffix, ones in its bytes and zeros behind them.
const SUFFIX_MASKS: [[u64; 2]; SHORT + 1] = [
    [0, 0],
    [0xff, 0],
    [0xffff, 0],
    [0xff_ffff, 0],
    [0xffff_ffff, 0],
    [0xff_ffff_ffff, 0],
    [0xffff_ffff_ffff, 0],
    [0xff_ffff_ffff_ffff, 0],
    [u64::MAX, 0],
    [u64::MAX, 0xff],
    [u64::MAX, 0xffff],
    [u64::MAX, 0xff_ffff],
    [u64::MAX, 0xffff_ffff],
    [u64::MAX, 0xff_ffff_ffff],
    [u64::MAX, 0xffff_ffff_ffff],
    [u64::MAX, 0xff_ffff_ffff_ffff],
];

/// A key that is made from the one before, record by record.
///
/// Suffixes are short: most are copied as sixteen bytes at once, whatever follows them. So there
/// is room behind the key. The byte behind it is zero, so that it comes before every key which
/// goes on there; what the others hold does not matter.
#[derive(Debug, Default)]
pub(crate) struct KeyBuf {
    bytes: Vec<u8>,
    len: usize,
}

/// Room behind a key.
const SLACK: usize = 16;

impl KeyBuf {
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_else(|| nothing())
    }

    /// Makes the key that `head` is the head of, if it comes after this one by its first own byte.
    /// False, and nothing done, if it does not, shares more than there is, or has no room.
    #[inline(always)]
    pub(crate) fn take_short(&mut self, head: &ShortHead) -> bool {
        let room = head.prefix..head.prefix.wrapping_add(SLACK);
        let Some(room) = self.bytes.get_mut(room) else {
            return false;
        };
        let [low, high] = head.suffix.map(u64::to_le_bytes);
        let comes_after = room.first().is_some_and(|byte| low[0] > *byte);
        if head.prefix > self.len || !comes_after {
            return false;
        }
        let (first, last) = room.split_at_mut(low.len());
        first.copy_from_slice(&low);
        last.copy_from_slice(&high);
        self.len = head.prefix.wrapping_add(head.suffix_len);
        true
    }

    /// The order of this key and another, which share their first `shared` bytes, and how many more
    /// they share.
    ///
    /// Most keys differ in the next eight bytes. These are compared as numbers, without a loop whose
    /// end the processor would have to guess.
    #[inline(always)]
    pub(crate) fn compare_from(&self, other: &KeyBuf, shared: usize) -> (Ordering, usize) {
        let lens = [self.len, other.len].map(|len| len.saturating_sub(shared));
        let (Some(word), Some(other_word)) = (self.word_at(shared), other.word_at(shared)) else {
            return self.compare_rest(other, shared);
        };
        let both = lens[0].min(lens[1]);
        let differ = word ^ other_word;
        if differ == 0 {
            return match both > 8 {
                true => self.compare_rest(other, shared),
                false => (lens[0].cmp(&lens[1]), both),
            };
        }
        let same = (differ.trailing_zeros() / 8) as usize;
        (
            word.swap_bytes().cmp(&other_word.swap_bytes()),
            same.min(both),
        )
    }

    #[inline(never)]
    fn compare_rest(&self, other: &KeyBuf, shared: usize) -> (Ordering, usize) {
        let key = self.as_slice().get(shared..).unwrap_or_default();
        let other = other.as_slice().get(shared..).unwrap_or_default();
        let more = common_prefix(key, other);
        (compare_behind(key, other, more), more)
    }

    /// Eight bytes from `at` on, the lowest first, with zeros behind the key. `None` if there is no
    /// room for them.
    #[inline(always)]
    fn word_at(&self, at: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        let bits = self.len.saturating_sub(at).min(8).wrapping_mul(8);
        let end = 1u64.checked_shl(u32::try_from(bits).unwrap_or(64));
        Some(u64::from_le_bytes(*bytes) & end.unwrap_or(0).wrapping_sub(1))
    }

    /// Keeps the first `prefix` bytes and appends the first `len` of `rest`.
    #[inline(always)]
    pub(crate) fn replace(&mut self, prefix: usize, rest: &[u8], len: usize) {
        let room = self.bytes.get_mut(prefix..);
        match (
            room.and_then(<[u8]>::first_chunk_mut),
            rest.first_chunk::<SLACK>(),
        ) {
            (Some(room), Some(chunk)) if len <= SLACK => *room = *chunk,
            _ => self.replace_any(prefix, rest.get(..len).unwrap_or_default()),
        }
        // Both are lengths of slices in memory.
        self.len = prefix.wrapping_add(len);
        if let Some(behind) = self.bytes.get_mut(self.len) {
            *behind = 0;
        }
    }

    #[inline(never)]
    fn replace_any(&mut self, prefix: usize, suffix: &[u8]) {
        let end = prefix.saturating_add(suffix.len());
        if self.bytes.len() < end.saturating_add(SLACK) {
            self.bytes
                .resize(end.saturating_add(SLACK).saturating_mul(2), 0);
        }
        if let Some(room) = self.bytes.get_mut(prefix..end) {
            room.copy_from_slice(suffix);
        }
    }
}

/// Appends the head of a record for `key`, which shares `prefix` bytes with the key before.
pub(crate) fn put_key(out: &mut Vec<u8>, key: &[u8], prefix: usize, extra: u8) {
    let suffix = key.get(prefix..).unwrap_or_default();
    put_varint(out, prefix as u64);
    put_varint(out, ((suffix.len() as u64) << 3) | u64::from(extra));
    out.extend_from_slice(suffix);
}

/// What there is instead of bytes that ought to be there: a branch that is never taken costs less
/// than a choice.
#[cold]
pub(crate) fn nothing() -> &'static [u8] {
    &[]
}

/// The order of two keys that share their first `shared` bytes and no more.
///
/// With [`common_prefix`] this is several times as fast as comparing slices for keys that were just
/// put together: the wide loads of a comparison have to wait for the narrow stores before them.
#[inline]
pub(crate) fn compare_behind(a: &[u8], b: &[u8], shared: usize) -> Ordering {
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
fn has_zero(word: u64) -> bool {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    // A high bit stays only for a byte that was 0, or for one behind such a byte.
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
fn word(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Length in bytes of what follows the name in a log key: NUL and the update index.
pub(crate) const LOG_KEY_TAIL: usize = 9;

/// Appends the key of the log record (`name`, `update_index`): the index is stored reversed, so
/// that newer entries come first (format section 10.3).
pub(crate) fn put_log_key(out: &mut Vec<u8>, name: &[u8], update_index: u64) {
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(&(u64::MAX ^ update_index).to_be_bytes());
}

/// The key from which to look for log records of `name` up to `update_index`; empty, which is
/// before everything, for an empty name.
pub(crate) fn log_seek_key(name: &[u8], update_index: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len().saturating_add(LOG_KEY_TAIL));
    if !name.is_empty() {
        put_log_key(&mut key, name, update_index);
    }
    key
}

/// Name and update index of a log key, unless it is malformed.
#[inline]
pub(crate) fn split_log_key(key: &[u8]) -> Option<(&[u8], u64)> {
    let (name, reversed) = key.split_last_chunk()?;
    match name.split_last() {
        Some((0, name)) if !name.is_empty() && !name.contains(&0) => {
            Some((name, u64::MAX ^ u64::from_be_bytes(*reversed)))
        }
        _ => None,
    }
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
                let order = compare_behind(a, b, common_prefix(a, b));
                assert_eq!(order, i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn keys_in_buffers_are_in_the_order_of_their_bytes_too() {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for start in ["", "a", "refs/heads/"] {
            for end in [
                "",
                "\0",
                "\0\0",
                "b",
                "bcdefgh",
                "bcdefghi",
                "bcdefghij",
                "\u{ff}",
            ] {
                keys.push([start, end].concat().into_bytes());
                keys.push([start, end, "\0"].concat().into_bytes());
                keys.push([start, "bcdefgh", end, "i"].concat().into_bytes());
            }
        }
        let buffers = keys.iter().map(|key| {
            let mut buffer = KeyBuf::default();
            // What was there before does not count.
            buffer.replace(0, &[0x61; 40], 40);
            buffer.replace(0, key, key.len());
            buffer
        });
        let buffers: Vec<_> = buffers.chain([KeyBuf::default()]).collect();
        for a in &buffers {
            for b in &buffers {
                let (key, other) = (a.as_slice(), b.as_slice());
                let all = common_prefix(key, other);
                for shared in 0..=all {
                    let expected = (key.cmp(other), all - shared);
                    assert_eq!(
                        a.compare_from(b, shared),
                        expected,
                        "{key:?} {other:?} {shared}"
                    );
                }
            }
        }
    }

    #[test]
    fn log_keys_sort_newest_first() {
        let key = |index| {
            let mut key = Vec::new();
            put_log_key(&mut key, b"refs/heads/main", index);
            key
        };
        let indexes = [u64::MAX, 1 << 63, (1 << 32) + 1, 1 << 32, 2, 1, 0];
        for pair in indexes.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        assert_eq!(split_log_key(&key(5)), Some((&b"refs/heads/main"[..], 5)));
    }

    #[test]
    fn malformed_log_keys_are_refused() {
        assert_eq!(split_log_key(b"\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(split_log_key(b"name\x01\0\0\0\0\0\0\0\0"), None);
        assert_eq!(split_log_key(b"na\0me\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(split_log_key(b"short"), None);
    }
}
