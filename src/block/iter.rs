//! Walking through the records of a block.

use super::reader::Block;
use crate::error::Defect;
use crate::format::key::{KeyBuf, KeyHead, comes_after};
use crate::format::{Cursor, Flaw, Parse};
use crate::record::{Context, Kind};

/// A position among the records of a block, and the record before it.
///
/// The key is kept from block to block, so that the order is checked across their borders too.
#[derive(Debug)]
pub(crate) struct Records<K: Kind> {
    next: usize,
    key: KeyBuf,
    /// Whether `key` is one that the next key has to come after.
    follows: bool,
    span: K::Span,
}

impl<K: Kind> Default for Records<K> {
    fn default() -> Self {
        Records {
            next: 0,
            key: KeyBuf::default(),
            follows: false,
            span: K::Span::default(),
        }
    }
}

impl<K: Kind> Records<K> {
    /// Goes in front of the first record of a block; its key must come after the last one seen.
    pub(crate) fn enter(&mut self, block: &Block) {
        self.next = block.first_record();
    }

    /// Goes in front of the record at `offset`, whose key stands there in full.
    pub(crate) fn enter_at(&mut self, offset: usize) {
        self.forget();
        self.next = offset;
    }

    /// Forgets the last key.
    pub(crate) fn forget(&mut self) {
        self.key.replace(0, &[], 0);
        self.follows = false;
    }

    /// The key of the current record.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.key.as_slice()
    }

    /// The value of the current record.
    #[inline]
    pub(crate) fn span(&self) -> K::Span {
        self.span
    }

    /// Offset of the record that comes next.
    pub(crate) fn next_offset(&self) -> usize {
        self.next
    }

    /// The current record; `block` is the one that [`Records::advance`] was given.
    #[inline(always)]
    pub(crate) fn record<'a>(&'a self, block: &'a Block, context: &Context) -> K::Record<'a> {
        K::record(self.key.as_slice(), self.span, block.records(), context)
    }

    /// Goes to the next record; false at the end of the block.
    #[inline(always)]
    pub(crate) fn advance(&mut self, block: &Block, context: &Context) -> Parse<bool> {
        let records = block.records();
        let start = self.next;
        if start >= records.len() {
            return Ok(false);
        }
        let flaw = |defect| Flaw {
            defect,
            offset: start,
        };
        let mut cursor = Cursor::at(records, start);
        let head = KeyHead::read(&mut cursor)?;
        let Some(differing) = self.key.as_slice().get(head.prefix..) else {
            return Err(flaw(Defect::BadPrefix));
        };
        if head.prefix == 0 {
            if head.suffix.is_empty() {
                return Err(flaw(Defect::EmptyKey));
            }
        } else if start == block.first_record() {
            return Err(flaw(Defect::BadPrefix));
        }
        if self.follows && !comes_after(head.suffix, differing) {
            return Err(flaw(Defect::KeyOrder));
        }
        let suffix_at = cursor.offset().wrapping_sub(head.suffix.len());
        let rest = records.get(suffix_at..).unwrap_or_default();
        self.key.replace(head.prefix, rest, head.suffix.len());
        K::check_key(self.key.as_slice(), head.suffix, context).map_err(flaw)?;
        self.span = K::read_value(&mut cursor, head.extra, context)?;
        self.follows = true;
        self.next = cursor.offset();
        Ok(true)
    }

    /// Goes in front of the first record at or after `key`; false if the block has none.
    pub(crate) fn seek(&mut self, block: &Block, key: &[u8], context: &Context) -> Parse<bool> {
        self.forget();
        let Some(found) = block.locate::<K>(key, context)? else {
            return Ok(false);
        };
        // What the record's key shares with the one before it, it shares with the wanted one.
        self.key.replace(0, key, found.prefix);
        self.next = found.start;
        Ok(true)
    }
}
