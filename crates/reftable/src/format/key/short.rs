//! Heads of records that take few bytes, as nearly all do, read with one check of bounds.

use super::KeyHead;
use super::compare::{has_zero, word};

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
    pub(super) suffix_len: usize,
    /// The suffix as two numbers whose lowest bytes come first, and zeros after it.
    pub(super) suffix: [u64; 2],
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

    /// The first two bytes of the value, whose head `window` begins with.
    #[inline(always)]
    pub(crate) fn value_start(&self, window: &[u8; WINDOW]) -> [u8; 2] {
        value_start(window, self.suffix_len)
    }
}

/// A [`ShortHead`] that is only looked at, so that it may have a NUL in its suffix, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortOutline<'a> {
    pub(crate) head: KeyHead<'a>,
    /// The first two bytes of the value.
    pub(crate) value_start: [u8; 2],
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
        let value_start = value_start(window, suffix_len);
        Some(ShortOutline { head, value_start })
    }

    /// Length of the head in bytes.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.head.suffix.len().wrapping_add(2)
    }
}

/// The two bytes after a short head with a suffix of `suffix_len` bytes.
#[inline(always)]
fn value_start(window: &[u8; WINDOW], suffix_len: usize) -> [u8; 2] {
    let at = suffix_len.min(SHORT).wrapping_add(2);
    match window.get(at..) {
        Some([first, second, ..]) => [*first, *second],
        _ => [0xff; 2],
    }
}

/// For each length of a suffix, ones in its bytes and zeros after them.
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
