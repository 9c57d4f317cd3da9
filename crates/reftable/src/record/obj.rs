//! Object records (format section 9): which ref blocks mention an object.

use super::{Context, Kind};
use crate::error::Defect;
use crate::format::varint::put_varint;
use crate::format::{BlockType, Cursor, Parse};

/// The kind of object records.
#[derive(Debug)]
pub(crate) struct Objs;

/// A decoded object value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ObjSpan {
    /// Number of positions; 0 if they are not listed and all refs have to be looked at.
    pub(crate) count: u64,
    /// Offset of the first position in the block.
    start: usize,
}

/// The positions of an object record, as they are decoded.
#[derive(Debug)]
pub(crate) struct ObjPositions<'a> {
    cursor: Cursor<'a>,
    left: u64,
    last: Option<u64>,
}

impl Kind for Objs {
    const BLOCK: BlockType = BlockType::Obj;
    type Span = ObjSpan;
    type Record<'a> = (&'a [u8], ObjPositions<'a>);

    fn check_key(key: &[u8], _suffix: &[u8], context: &Context) -> Result<(), Defect> {
        match key.len() == context.obj_id_len {
            true => Ok(()),
            false => Err(Defect::BadObjIdLen),
        }
    }

    fn read_value(cursor: &mut Cursor<'_>, extra: u8, _context: &Context) -> Parse<ObjSpan> {
        let count = match extra {
            0 => cursor.varint()?,
            few => u64::from(few),
        };
        // Each position takes a byte at least, so a count beyond that is cut off.
        if count > cursor.left() as u64 {
            return Err(cursor.flaw(Defect::RecordTruncated));
        }
        let start = cursor.offset();
        let mut positions = ObjPositions::new(*cursor, count);
        while positions.next()?.is_some() {}
        *cursor = positions.cursor;
        Ok(ObjSpan { count, start })
    }

    fn record<'a>(
        key: &'a [u8],
        span: ObjSpan,
        block: &'a [u8],
        _context: &Context,
    ) -> (&'a [u8], ObjPositions<'a>) {
        let cursor = Cursor::at(block, span.start);
        (key, ObjPositions::new(cursor, span.count))
    }

    fn is_deletion(_span: &ObjSpan) -> bool {
        false
    }
}

impl<'a> ObjPositions<'a> {
    fn new(cursor: Cursor<'a>, count: u64) -> ObjPositions<'a> {
        ObjPositions {
            cursor,
            left: count,
            last: None,
        }
    }

    /// The next position, in bytes from the start of the file.
    pub(crate) fn next(&mut self) -> Parse<Option<u64>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left = self.left.saturating_sub(1);
        let at = self.cursor;
        let delta = self.cursor.varint()?;
        let position = match self.last {
            None => delta,
            Some(_) if delta == 0 => return Err(at.flaw(Defect::KeyOrder)),
            Some(last) => last
                .checked_add(delta)
                .ok_or_else(|| at.flaw(Defect::VarintOverflow))?,
        };
        self.last = Some(position);
        Ok(Some(position))
    }
}

/// The three bits that go into the head of a record with that many positions; 0 if the number does
/// not fit them or is 0, and stands in the value.
pub(crate) fn count_bits(positions: &[u64]) -> u8 {
    let count = u8::try_from(positions.len()).ok();
    count.filter(|count| *count < 8).unwrap_or_default()
}

/// Appends ascending positions. None of them stand for "look at all refs".
pub(crate) fn put_positions(out: &mut Vec<u8>, positions: &[u64]) {
    if count_bits(positions) == 0 {
        put_varint(out, positions.len() as u64);
    }
    let mut last = 0;
    for &position in positions {
        put_varint(out, position.saturating_sub(last));
        last = position;
    }
}
