//! What blocks hold: a record is a key and a value; the kind of the block says which.
//!
//! ```text
//! kind    key                                   value
//! Refs    ref name                              deletion | id | id and peeled id | symref target
//! Logs    ref name, NUL, reversed update index  deletion | entry of the reflog
//! Objs    abbreviated object id                 positions of the ref blocks that mention it
//! Index   last key of a block                   position of that block
//! ```
//!
//! A `Kind` decodes a value in place: what it returns are offsets into the block, so that nothing
//! is copied until somebody asks for the record.
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod index;
mod log;
mod obj;
mod refs;

pub(crate) use index::Index;
pub(crate) use log::Logs;
pub use log::{LogRecord, LogRecordBuf, LogUpdate, LogUpdateBuf, LogValue, LogValueBuf};
pub(crate) use obj::{Objs, count_bits, put_positions};
pub(crate) use refs::Refs;
pub use refs::{RefRecord, RefRecordBuf, RefValue, RefValueBuf};

use crate::error::Defect;
use crate::format::key::nothing;
use crate::format::{BlockType, Cursor, Parse};
use std::fmt::Debug;

/// What decoding a value needs to know about its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Length in bytes of object ids.
    pub(crate) id_len: usize,
    pub(crate) min_update_index: u64,
    pub(crate) max_update_index: u64,
    /// Length in bytes of the keys of object records.
    pub(crate) obj_id_len: usize,
}

/// A kind of record.
pub(crate) trait Kind: Debug + Send + Sync + 'static {
    /// The type of the blocks that hold it.
    const BLOCK: BlockType;

    /// A decoded value, as offsets into its block.
    type Span: Copy + Debug + Default + Send + Sync;

    /// A record that borrows from its block.
    type Record<'a>;

    /// Whether `key` can be one; `suffix` is the part that the key before did not have.
    fn check_key(key: &[u8], suffix: &[u8], context: &Context) -> Result<(), Defect>;

    /// Decodes the value at the cursor, which ends after it. `extra` are the three bits of the
    /// record's head.
    fn read_value(cursor: &mut Cursor<'_>, extra: u8, context: &Context) -> Parse<Self::Span>;

    /// Decodes a value of one of the kind's forms of fixed length: `first` are its first bytes, and
    /// `at` is its offset in the block. Gives where it would end, which may be after the block's end;
    /// `None` if it has another form or is damaged.
    #[inline(always)]
    fn read_short(
        _extra: u8,
        _first: [u8; 2],
        _at: usize,
        _context: &Context,
    ) -> Option<(Self::Span, usize)> {
        None
    }

    /// The record with this key and value; `block` is what the span's offsets count in.
    fn record<'a>(
        key: &'a [u8],
        span: Self::Span,
        block: &'a [u8],
        context: &Context,
    ) -> Self::Record<'a>;

    /// Whether the value is a tombstone.
    fn is_deletion(span: &Self::Span) -> bool;
}

/// Bytes of a block, as offset and end.
pub(crate) type Range = (usize, usize);

/// The bytes that a range names.
#[inline]
fn bytes(block: &[u8], (start, end): Range) -> &[u8] {
    block.get(start..end).unwrap_or_else(|| nothing())
}

/// The range of a string (format section 2.2) at the cursor.
#[inline]
fn read_string(cursor: &mut Cursor<'_>) -> Parse<Range> {
    let len = cursor.varint()?;
    let start = cursor.offset();
    cursor.take_u64(len)?;
    Ok((start, cursor.offset()))
}
