//! Single blocks of a table, and the records in them.

use crate::block::{Block, BlockHead, Inflater, Placement, Records};
use crate::error::{Error, Result};
use crate::format::{BlockType, Cursor};
use crate::hash::HashId;
use crate::record::{Context, Kind};
use crate::table::{BlockSource, Table};
use std::sync::Arc;

/// The blocks of a table as they follow each other in the file, of all types.
pub(super) struct TableBlocks {
    table: Arc<Table>,
    /// Where the next block starts; `None` at the end.
    next: Option<u64>,
}

impl TableBlocks {
    pub(super) fn new(table: Arc<Table>) -> TableBlocks {
        let first = table
            .section(BlockType::Ref)
            .or_else(|| table.section(BlockType::Log));
        TableBlocks {
            next: first.map(|section| section.start),
            table,
        }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// The next block; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Block>> {
        let Some(position) = self.next.take() else {
            return Ok(None);
        };
        let block = self
            .table
            .any_block_at(position, &mut Inflater::default())?;
        self.next = self.table.position_after(&block)?;
        Ok(Some(block))
    }
}

/// Reads the block at `position` of a source that is not known to be a table.
pub(super) fn read_block(
    source: &dyn BlockSource,
    position: u64,
    header_off: usize,
    guess: usize,
) -> Result<Block> {
    const NAME: &str = "block";
    let room = source.len().saturating_sub(position);
    let place = Placement {
        position,
        header_off,
        room,
    };
    let at = |flaw: crate::format::Flaw| flaw.at(NAME, position);
    let available = usize::try_from(room).unwrap_or(usize::MAX);
    let mut bytes = source.read(position, guess.min(available))?;
    let head = BlockHead::read(&bytes, &place).map_err(at)?;
    if head.kind != BlockType::Log {
        if bytes.len() < head.len {
            bytes = source.read(position, head.len)?;
        }
        bytes.truncate(head.len);
        return Block::plain(bytes, head, place).map_err(at);
    }
    loop {
        let inflated = Block::inflate(&bytes, head, place, &mut Inflater::default());
        if let Some(block) = inflated.map_err(at)? {
            return Ok(block);
        }
        if bytes.len() >= available {
            return Err(Error::corrupt(NAME, position, crate::error::Defect::Zlib));
        }
        let more = bytes.len().saturating_mul(2).max(head.len).min(available);
        bytes = source.read(position, more)?;
    }
}

/// The key of a block's first record.
pub(super) fn first_key(block: &Block) -> Result<&[u8]> {
    let at = |flaw| block.error("block", flaw);
    let mut cursor = Cursor::at(block.records(), block.first_record());
    let head = crate::format::key::KeyHead::read(&mut cursor).map_err(at)?;
    if head.prefix != 0 || head.suffix.is_empty() {
        return Err(Error::corrupt(
            "block",
            block.place.position,
            crate::error::Defect::BadPrefix,
        ));
    }
    Ok(head.suffix)
}

/// The records of one block.
pub(super) struct BlockWalk<K: Kind> {
    block: Arc<Block>,
    context: Context,
    records: Records<K>,
    /// Whether the current record is yet to be yielded.
    pending: bool,
    done: bool,
}

impl<K: Kind> BlockWalk<K> {
    /// Starts at the first record.
    pub(super) fn new(block: Arc<Block>, hash: HashId) -> BlockWalk<K> {
        let mut records = Records::default();
        records.enter(&block);
        BlockWalk {
            block,
            // A block alone does not know the limits of its table.
            context: Context {
                id_len: hash.len(),
                min_update_index: 0,
                max_update_index: u64::MAX,
                obj_id_len: 0,
            },
            records,
            pending: false,
            done: false,
        }
    }

    /// Goes in front of the first record at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.records.forget();
        let found = self.records.seek(&self.block, key, &self.context);
        self.pending = found.map_err(|flaw| self.block.error("block", flaw))?;
        self.done = !self.pending;
        Ok(())
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<K::Record<'_>>> {
        if self.done {
            return Ok(None);
        }
        if !std::mem::take(&mut self.pending) {
            let more = self.records.advance(&self.block, &self.context);
            match more.map_err(|flaw| self.block.error("block", flaw)) {
                Ok(true) => {}
                Ok(false) => self.done = true,
                Err(error) => {
                    self.done = true;
                    return Err(error);
                }
            }
        }
        let record = || self.records.record(&self.block, &self.context);
        Ok((!self.done).then(record))
    }
}
