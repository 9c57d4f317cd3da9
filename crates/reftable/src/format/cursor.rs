//! Checked reading of bytes: the only place that takes slices apart.

use super::varint::two_groups;
use super::{Flaw, Parse};
use crate::error::Defect;

/// The number that three bytes stand for.
#[inline(always)]
pub(crate) fn u24([a, b, c]: [u8; 3]) -> usize {
    (usize::from(a) << 16) | (usize::from(b) << 8) | usize::from(c)
}

/// A position in some bytes that only moves forward. What it yields borrows from the bytes, not
/// from the cursor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at `offset` of `bytes`; at their end if `offset` is beyond.
    #[inline(always)]
    pub(crate) fn at(bytes: &'a [u8], offset: usize) -> Cursor<'a> {
        Cursor {
            rest: bytes.get(offset..).unwrap_or_default(),
            end: bytes.len(),
        }
    }

    /// Offset of the next byte.
    #[inline(always)]
    pub(crate) fn offset(&self) -> usize {
        // The rest is never longer than the whole.
        self.end.wrapping_sub(self.rest.len())
    }

    /// Number of bytes left.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// A flaw at the next byte.
    #[cold]
    pub(crate) fn flaw(&self, defect: Defect) -> Flaw {
        Flaw {
            defect,
            offset: self.offset(),
        }
    }

    /// The next `len` bytes.
    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> Parse<&'a [u8]> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.flaw(Defect::RecordTruncated)),
        }
    }

    /// The next bytes, as many as a number in the file says.
    #[inline(always)]
    pub(crate) fn take_u64(&mut self, len: u64) -> Parse<&'a [u8]> {
        match usize::try_from(len) {
            Ok(len) => self.take(len),
            Err(_) => Err(self.flaw(Defect::RecordTruncated)),
        }
    }

    /// The next `N` bytes as an array.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self) -> Parse<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.flaw(Defect::RecordTruncated)),
        }
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Parse<u8> {
        self.array().map(|[byte]| byte)
    }

    /// A 24-bit number.
    #[inline(always)]
    pub(crate) fn u24(&mut self) -> Parse<usize> {
        self.array().map(u24)
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Parse<u32> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self) -> Parse<u64> {
        self.array().map(u64::from_be_bytes)
    }

    #[inline(always)]
    pub(crate) fn i16(&mut self) -> Parse<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A number of one to ten bytes (format section 2.1).
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Parse<u64> {
        // Most numbers have one byte or two.
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [high, low, rest @ ..] if *low < 0x80 => {
                self.rest = rest;
                Ok(two_groups(u64::from(*high), u64::from(*low)))
            }
            _ => {
                let (value, after) = self.long_varint()?;
                *self = after;
                Ok(value)
            }
        }
    }

    /// A number of any length, and the cursor after it: the caller's own stays in registers.
    #[cold]
    #[inline(never)]
    fn long_varint(mut self) -> Parse<(u64, Cursor<'a>)> {
        let start = self;
        let mut byte = self.u8()?;
        let mut value = u64::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.u8()?;
            value = match value.checked_add(1) {
                Some(next) if next >> 57 == 0 => (next << 7) | u64::from(byte & 0x7f),
                _ => return Err(start.flaw(Defect::VarintOverflow)),
            };
        }
        Ok((value, self))
    }
}
