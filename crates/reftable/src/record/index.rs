//! Index records (format section 8): where the block that ends with a key is.

use super::{Context, Kind};
use crate::error::Defect;
use crate::format::{BlockType, Cursor, Parse};

/// The kind of index records.
#[derive(Debug)]
pub(crate) struct Index;

/// A decoded index value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IndexSpan {
    /// Position of the block in bytes from the start of the file.
    pub(crate) position: u64,
}

impl Kind for Index {
    const BLOCK: BlockType = BlockType::Index;
    type Span = IndexSpan;
    type Record<'a> = (&'a [u8], u64);

    fn check_key(_key: &[u8], _suffix: &[u8], _context: &Context) -> Result<(), Defect> {
        Ok(())
    }

    #[inline]
    fn read_value(cursor: &mut Cursor<'_>, extra: u8, _context: &Context) -> Parse<IndexSpan> {
        match extra {
            0 => Ok(IndexSpan {
                position: cursor.varint()?,
            }),
            _ => Err(cursor.flaw(Defect::BadValueType)),
        }
    }

    fn record<'a>(
        key: &'a [u8],
        span: IndexSpan,
        _block: &'a [u8],
        _context: &Context,
    ) -> (&'a [u8], u64) {
        (key, span.position)
    }

    fn is_deletion(_span: &IndexSpan) -> bool {
        false
    }
}
