//! The head of a record: its key, without what it shares with the key before.

use crate::format::varint::put_varint;
use crate::format::{Cursor, Parse};

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

/// Appends the head of a record for `key`, which shares `prefix` bytes with the key before.
pub(crate) fn put_key(out: &mut Vec<u8>, key: &[u8], prefix: usize, extra: u8) {
    let suffix = key.get(prefix..).unwrap_or_default();
    put_varint(out, prefix as u64);
    put_varint(out, ((suffix.len() as u64) << 3) | u64::from(extra));
    out.extend_from_slice(suffix);
}
