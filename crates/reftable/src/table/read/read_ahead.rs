//! Reading a table once, from front to back, without mapping it.

use crate::error::Result;
use crate::fs::{BlockSource, PIECE};
use crate::table::Table;
use crate::table::learned::Learned;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Reads long pieces of another source and hands out parts of them.
///
/// Of a mapped file, all pages that were read once stay in memory. Here only the piece is, and those
/// before it of which a block is in use.
#[derive(Debug)]
struct ReadAhead {
    source: Arc<dyn BlockSource>,
    piece: Mutex<Piece>,
}

/// The last piece that was read.
#[derive(Debug, Default)]
struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Piece {
    fn part(&self, offset: u64, len: usize) -> Option<Bytes> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

impl BlockSource for ReadAhead {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let mut piece = self.piece.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = piece.part(offset, len) {
            return Ok(part);
        }
        let left = self.source.len().saturating_sub(offset);
        let wanted = PIECE.min(usize::try_from(left).unwrap_or(usize::MAX));
        // The old piece goes first, so that there are no two unless a block is in use.
        *piece = Piece::default();
        let bytes = self.source.read(offset, wanted.max(len))?;
        let part = bytes.get(..len).map(|_| bytes.slice(..len));
        *piece = Piece {
            start: offset,
            bytes: bytes.clone(),
        };
        // A source that gives less than it was asked for has said so with an error.
        Ok(part.unwrap_or(bytes))
    }
}

impl Table {
    /// The same table, for reading it once from front to back: of a large file that is not mapped,
    /// only some [`PIECE`]s are in memory at a time.
    pub(crate) fn read_ahead(table: &Arc<Table>) -> Arc<Table> {
        if table.source.len() <= PIECE as u64 {
            return Arc::clone(table);
        }
        Arc::new(Table {
            name: table.name.clone(),
            source: Arc::new(ReadAhead {
                source: Arc::clone(&table.source),
                piece: Mutex::default(),
            }),
            header: table.header,
            footer: table.footer,
            end: table.end,
            first: table.first,
            learned: Learned::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::MemorySource;

    /// Whatever is asked for, in whatever order, is what the source has there.
    #[test]
    fn parts_of_pieces_are_the_bytes_of_the_source() {
        let bytes: Vec<u8> = (0_u32..300_000).map(|i| i.to_be_bytes()[2]).collect();
        let ahead = ReadAhead {
            source: Arc::new(MemorySource::new(bytes.clone())),
            piece: Mutex::default(),
        };
        let len = bytes.len();
        for (offset, wanted) in [
            (0, 29),
            (len - 68, 68),
            (0, 4096),
            (4000, 4096),
            (PIECE - 1, 2),
            (PIECE - 1, PIECE + 1),
            (100, 100_000),
            (99, 1),
            (len - 10, 10),
            (len, 0),
        ] {
            let part = ahead.read(offset as u64, wanted).unwrap();
            assert_eq!(part, bytes[offset..offset + wanted], "{wanted} at {offset}");
        }
        assert!(ahead.read(len as u64 - 10, 11).is_err());
    }
}
