//! What a table consists of, block by block: for tools that show a file, not for reading refs.
//!
//! ```
//! use reftable::inspect::{Part, walk};
//! # use reftable::{RefRecord, RefValue, Table, TableWriter, WriteOptions};
//! # use reftable::table::MemorySource;
//! # use std::sync::Arc;
//! # let mut bytes = Vec::new();
//! # let mut writer = TableWriter::new(&mut bytes, WriteOptions::default())?;
//! # writer.set_limits(1, 1);
//! # writer.add_ref(&RefRecord { name: b"HEAD", update_index: 1, value: RefValue::Object(&[1; 20]) })?;
//! # writer.finish()?;
//! # drop(writer);
//! # let table = Arc::new(Table::open(Arc::new(MemorySource::new(bytes)), "a.ref")?);
//!
//! walk(&table, |part| match part {
//!     Part::Block(block) => println!("{} block at {}", block.kind.name(), block.position),
//!     Part::Record(record) => println!("  record at {}", record.offset),
//! })?;
//! # Ok::<(), reftable::Error>(())
//! ```

use crate::block::{Block, Inflater, Records};
use crate::error::Result;
use crate::format::key::KeyHead;
use crate::format::{BlockType, Cursor};
use crate::record::{Context, Index, Kind, LogRecord, Logs, Objs, RefRecord, Refs};
use crate::table::Table;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockKind {
    /// Refs.
    Refs,
    /// Object ids.
    Objects,
    /// Reflog entries.
    Logs,
    /// The index of a section.
    Index,
}

impl BlockKind {
    /// "ref", "obj", "log" or "index".
    pub fn name(self) -> &'static str {
        match self {
            BlockKind::Refs => "ref",
            BlockKind::Objects => "obj",
            BlockKind::Logs => "log",
            BlockKind::Index => "index",
        }
    }
}

/// A block. Lengths and positions are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockInfo {
    /// What it holds.
    pub kind: BlockKind,
    /// The section it belongs to: for an index, that of the blocks it leads to.
    pub section: BlockKind,
    /// 0 for blocks of records, else how many levels of the index are below, this one counted.
    pub level: u32,
    /// Position in the file. The first block counts the file's header as its own.
    pub position: u64,
    /// Length in the file, without padding.
    pub stored_len: u64,
    /// Bytes up to the next block.
    pub padding: u64,
    /// Length inflated; the same as in the file unless it is a log block.
    pub len: u64,
    /// Number of restarts.
    pub restarts: u64,
}

/// A record as it stands in its block.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecordInfo<'a> {
    /// Position in the file; in a log block, bytes from the start of the inflated block.
    pub offset: u64,
    /// Whether a restart leads to it.
    pub is_restart: bool,
    /// How many bytes of the key are taken from the record before.
    pub shared: u64,
    /// Length of the key in bytes.
    pub key_len: u64,
    /// The record.
    pub content: Content<'a>,
}

/// What a record says.
#[derive(Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// A ref or its tombstone.
    Ref(RefRecord<'a>),
    /// A reflog entry or its tombstone.
    Log(LogRecord<'a>),
    /// An object id, mostly abbreviated.
    Object {
        /// The id's first bytes.
        id: &'a [u8],
        /// Positions of the ref blocks that mention it; empty for "any".
        blocks: Vec<u64>,
    },
    /// An entry of an index.
    Index {
        /// The last key of the block.
        last_key: &'a [u8],
        /// The block's position.
        block: u64,
    },
}

/// A piece of a table.
#[derive(Debug)]
pub enum Part<'a> {
    /// A block begins; its records follow.
    Block(BlockInfo),
    /// A record of the last block.
    Record(RecordInfo<'a>),
}

/// Gives all blocks and records of a table to `f`, in the order of the file.
///
/// # Errors
///
/// [`Error::Corrupt`](crate::Error::Corrupt) at the first thing that cannot be read, and errors of
/// the system.
pub fn walk(table: &Arc<Table>, mut f: impl FnMut(Part<'_>)) -> Result<()> {
    let start = |kind| table.section(kind).map(|section| section.start);
    let mut position = start(BlockType::Ref).or_else(|| start(BlockType::Log));
    let mut inflater = Inflater::default();
    let mut walk = Walk {
        table,
        context: table.context(),
        levels: HashMap::new(),
        section: BlockKind::Refs,
    };
    table.expect_scan();
    while let Some(at) = position {
        let block = table.any_block_at(at, &mut inflater)?;
        position = table.position_after(&block)?;
        let next = position.unwrap_or(table.blocks_end());
        let info = walk.describe(&block, next)?;
        f(Part::Block(info));
        let flaw = |flaw| block.error(table.name(), flaw);
        let context = &walk.context;
        match block.kind {
            BlockType::Ref => each::<Refs>(&block, context, &mut f),
            BlockType::Log => each::<Logs>(&block, context, &mut f),
            BlockType::Obj => each::<Objs>(&block, context, &mut f),
            BlockType::Index => each::<Index>(&block, context, &mut f),
        }
        .map_err(flaw)?;
    }
    Ok(())
}

struct Walk<'a> {
    table: &'a Table,
    context: Context,
    /// Levels of the index blocks seen, by position.
    levels: HashMap<u64, u32>,
    section: BlockKind,
}

impl Walk<'_> {
    fn describe(&mut self, block: &Block, next: u64) -> Result<BlockInfo> {
        let kind = match block.kind {
            BlockType::Ref => BlockKind::Refs,
            BlockType::Obj => BlockKind::Objects,
            BlockType::Log => BlockKind::Logs,
            BlockType::Index => BlockKind::Index,
        };
        let position = block.place.position;
        let mut level = 0;
        if kind == BlockKind::Index {
            let mut records = Records::<Index>::default();
            records.enter(block);
            let flaw = |flaw| block.error(self.table.name(), flaw);
            if records.advance(block, &self.context).map_err(flaw)? {
                let (_, below) = records.record(block, &self.context);
                level = self.levels.get(&below).copied().unwrap_or_default() + 1;
            }
            self.levels.insert(position, level);
        } else {
            self.section = kind;
        }
        let restarts = block.restart_count as u64;
        Ok(BlockInfo {
            kind,
            section: self.section,
            level,
            position,
            stored_len: block.stored_len,
            padding: next.saturating_sub(block.end()),
            len: block.records().len() as u64 + 3 * restarts + 2,
            restarts,
        })
    }
}

/// A kind of record that can be shown.
trait Show: Kind {
    fn show<'a>(record: Self::Record<'a>) -> Content<'a>;
}

impl Show for Refs {
    fn show<'a>(record: Self::Record<'a>) -> Content<'a> {
        Content::Ref(record)
    }
}

impl Show for Logs {
    fn show<'a>(record: Self::Record<'a>) -> Content<'a> {
        Content::Log(record)
    }
}

impl Show for Objs {
    fn show<'a>((id, mut listed): Self::Record<'a>) -> Content<'a> {
        let mut blocks = Vec::new();
        while let Ok(Some(position)) = listed.next() {
            blocks.push(position);
        }
        Content::Object { id, blocks }
    }
}

impl Show for Index {
    fn show<'a>((last_key, block): Self::Record<'a>) -> Content<'a> {
        Content::Index { last_key, block }
    }
}

fn each<K: Show>(
    block: &Block,
    context: &Context,
    f: &mut impl FnMut(Part<'_>),
) -> Result<(), crate::format::Flaw> {
    let mut restarts = HashSet::new();
    for n in 0..block.restart_count {
        restarts.insert(block.restart(n)?);
    }
    let base = match block.kind {
        BlockType::Log => 0,
        _ => block.place.position,
    };
    let mut records = Records::<K>::default();
    records.enter(block);
    loop {
        let offset = records.next_offset();
        let mut cursor = Cursor::at(block.records(), offset);
        let shared = match cursor.left() {
            0 => return Ok(()),
            _ => KeyHead::read(&mut cursor)?.prefix as u64,
        };
        if !records.advance(block, context)? {
            return Ok(());
        }
        f(Part::Record(RecordInfo {
            offset: base.saturating_add(offset as u64),
            is_restart: restarts.contains(&offset),
            shared,
            key_len: records.key().len() as u64,
            content: K::show(records.record(block, context)),
        }));
    }
}
