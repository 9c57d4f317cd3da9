//! Single blocks of a table, and the records in them: what the interface that git calls needs beside
//! tables. Programs want [`inspect`](crate::inspect); this module is not covered by semantic
//! versioning.

use crate::block::{Block, BlockHead, Inflater, Placement, Records};
use crate::error::{Defect, Error, Result};
use crate::format::key::{KeyHead, LOG_KEY_TAIL, log_seek_key};
use crate::format::varint::put_varint;
use crate::format::{Cursor, Flaw};
use crate::fs::BlockSource;
use crate::hash::HashId;
use crate::record::{Context, Kind, LogRecord, Logs, RefRecord, Refs};
use crate::table::{Table, read_exactly};
use std::fmt;
use std::sync::Arc;

pub use crate::format::BlockType;

/// What errors call a block that belongs to no table.
const NAME: &str = "block";

/// One block, which may be shared.
#[derive(Clone)]
pub struct SingleBlock(Arc<Block>);

impl fmt::Debug for SingleBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SingleBlock").field(&self.kind()).finish()
    }
}

impl SingleBlock {
    /// What it holds.
    pub fn kind(&self) -> BlockType {
        self.0.kind
    }

    /// Length in bytes of the file's header in front of it.
    pub fn header_off(&self) -> usize {
        self.0.place.header_off
    }

    /// Its head and records, inflated, without the restarts.
    pub fn records(&self) -> &[u8] {
        self.0.records()
    }

    /// Number of restarts.
    pub fn restart_count(&self) -> usize {
        self.0.restart_count
    }

    /// Length in the file, in bytes.
    pub fn stored_len(&self) -> u64 {
        self.0.stored_len
    }

    /// The key of the first record.
    ///
    /// # Errors
    ///
    /// If the block is damaged.
    pub fn first_key(&self) -> Result<&[u8]> {
        let at = |flaw| self.0.error(NAME, flaw);
        let mut cursor = Cursor::at(self.0.records(), self.0.first_record());
        let head = KeyHead::read(&mut cursor).map_err(at)?;
        if head.prefix != 0 || head.suffix.is_empty() {
            return Err(Error::corrupt(
                NAME,
                self.0.place.position,
                Defect::BadPrefix,
            ));
        }
        Ok(head.suffix)
    }

    /// Its refs; of a block of other records, an error.
    pub fn refs(&self, hash: HashId) -> BlockRefs {
        BlockRefs(BlockWalk::new(Arc::clone(&self.0), hash))
    }

    /// Its log records; of a block of other records, an error.
    pub fn logs(&self, hash: HashId) -> BlockLogs {
        BlockLogs(BlockWalk::new(Arc::clone(&self.0), hash))
    }
}

/// The blocks of a table as they follow each other in the file, of all types.
#[derive(Debug)]
pub struct TableBlocks {
    table: Arc<Table>,
    /// Where the next block starts; `None` at the end.
    next: Option<u64>,
}

impl TableBlocks {
    /// In front of the first.
    pub fn new(table: Arc<Table>) -> TableBlocks {
        let first = table
            .section(BlockType::Ref)
            .or_else(|| table.section(BlockType::Log));
        TableBlocks {
            next: first.map(|section| section.start),
            table,
        }
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    ///
    /// If it is damaged, or cannot be read.
    pub fn next_block(&mut self) -> Result<Option<SingleBlock>> {
        let Some(position) = self.next.take() else {
            return Ok(None);
        };
        let block = self
            .table
            .any_block_at(position, &mut Inflater::default())?;
        self.next = self.table.position_after(&block)?;
        Ok(Some(SingleBlock(Arc::new(block))))
    }
}

/// Reads the block at `position` of a source that is not known to be a table.
///
/// `guess` is how many bytes it has, as far as is known.
///
/// # Errors
///
/// If there is no block, or a damaged one.
pub fn read_block(
    source: &dyn BlockSource,
    position: u64,
    header_off: usize,
    guess: usize,
) -> Result<SingleBlock> {
    let room = source.len().saturating_sub(position);
    let place = Placement {
        position,
        header_off,
        room,
    };
    let at = |flaw: Flaw| flaw.at(NAME, position);
    let available = usize::try_from(room).unwrap_or(usize::MAX);
    let read = |len| read_exactly(source, NAME, position, len);
    let mut bytes = read(guess.min(available))?;
    let head = BlockHead::read(&bytes, &place).map_err(at)?;
    if head.kind != BlockType::Log {
        if bytes.len() < head.len {
            bytes = read(head.len)?;
        }
        bytes.truncate(head.len);
        let block = Block::plain(bytes, head, place).map_err(at)?;
        return Ok(SingleBlock(Arc::new(block)));
    }
    loop {
        let inflated = Block::inflate(&bytes, head, place, &mut Inflater::default());
        if let Some(block) = inflated.map_err(at)? {
            return Ok(SingleBlock(Arc::new(block)));
        }
        if bytes.len() >= available {
            return Err(Error::corrupt(NAME, position, Defect::Zlib));
        }
        let more = bytes.len().saturating_mul(2).max(head.len).min(available);
        bytes = read(more)?;
    }
}

/// The records of one block.
#[derive(Debug)]
struct BlockWalk<K: Kind> {
    block: Arc<Block>,
    context: Context,
    records: Records<K>,
    /// Whether the current record is yet to be yielded.
    pending: bool,
    done: bool,
}

impl<K: Kind> BlockWalk<K> {
    /// Starts at the first record.
    fn new(block: Arc<Block>, hash: HashId) -> BlockWalk<K> {
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
    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.records.forget();
        let found = self.records.seek(&self.block, key, &self.context);
        self.pending = found.map_err(|flaw| self.block.error(NAME, flaw))?;
        self.done = !self.pending;
        Ok(())
    }

    /// The next record; `None` at the end.
    fn next(&mut self) -> Result<Option<K::Record<'_>>> {
        if self.done {
            return Ok(None);
        }
        if !std::mem::take(&mut self.pending) {
            let more = self.records.advance(&self.block, &self.context);
            match more.map_err(|flaw| self.block.error(NAME, flaw)) {
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

/// The refs of one block. Update indexes are relative to the smallest of the table.
#[derive(Debug)]
pub struct BlockRefs(BlockWalk<Refs>);

impl BlockRefs {
    /// Goes in front of the first ref at or after `name`.
    ///
    /// # Errors
    ///
    /// If the block is damaged.
    pub fn seek(&mut self, name: &[u8]) -> Result<()> {
        self.0.seek(name)
    }

    /// The next ref; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the block is damaged.
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    pub fn next(&mut self) -> Result<Option<RefRecord<'_>>> {
        self.0.next()
    }
}

/// The log records of one block.
#[derive(Debug)]
pub struct BlockLogs(BlockWalk<Logs>);

impl BlockLogs {
    /// Goes in front of the newest entry of `name`, or a later name, that is not newer than
    /// `update_index`.
    ///
    /// # Errors
    ///
    /// If the block is damaged.
    pub fn seek(&mut self, name: &[u8], update_index: u64) -> Result<()> {
        self.0.seek(&log_seek_key(name, update_index))
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the block is damaged.
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    pub fn next(&mut self) -> Result<Option<LogRecord<'_>>> {
        self.0.next()
    }
}

/// Where the blocks of a kind start, and their index; `None` if there are none.
pub fn section(table: &Table, kind: BlockType) -> Option<(u64, Option<u64>)> {
    let section = table.section(kind)?;
    Some((section.start, section.index))
}

/// Where the blocks of a table end: the length of the file without the footer.
pub fn blocks_end(table: &Table) -> u64 {
    table.blocks_end()
}

/// Length in bytes of a log record at a restart.
pub fn stored_len(record: &LogRecord<'_>) -> usize {
    let mut value = Vec::new();
    record.put_value(&mut value);
    let suffix = record.name.len().saturating_add(LOG_KEY_TAIL);
    let mut head = Vec::new();
    put_varint(&mut head, 0);
    put_varint(&mut head, (suffix as u64) << 3);
    head.len()
        .saturating_add(suffix)
        .saturating_add(value.len())
}
