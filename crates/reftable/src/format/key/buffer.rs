//! The key of the current record, in memory that is filled again for the next one.

use super::compare::{common_prefix, compare_after};
use super::{ShortHead, nothing};
use std::cmp::Ordering;

/// A key that is made from the one before, record by record.
///
/// Suffixes are short: most are copied as sixteen bytes at once, whatever follows them. So there
/// is room after the key. The byte after it is zero, so that it comes before every key which goes
/// on there; what the others hold does not matter.
#[derive(Debug, Default)]
pub(crate) struct KeyBuf {
    bytes: Vec<u8>,
    len: usize,
}

/// Room after a key.
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
        debug_assert!(self.is_sound(), "a key of {} bytes", self.len);
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
        (compare_after(key, other, more), more)
    }

    /// Eight bytes from `at` on, the lowest first, with zeros after the key. `None` if there is no
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
        if let Some(after) = self.bytes.get_mut(self.len) {
            *after = 0;
        }
        debug_assert!(self.is_sound(), "a key of {} bytes", self.len);
    }

    /// Whether the key lies within its memory and comes before every key that goes on after it.
    fn is_sound(&self) -> bool {
        self.len <= self.bytes.len() && self.bytes.get(self.len).is_none_or(|after| *after == 0)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
