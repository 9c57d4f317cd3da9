//! Laying out the index of a section (format sections 8 and 15.2).

use crate::block::BlockWriter;
use crate::format::BlockType;
use crate::format::varint::put_varint;

/// The last key of a block, and where the block is.
#[derive(Clone, Debug)]
pub(crate) struct IndexEntry {
    pub(crate) last_key: Vec<u8>,
    pub(crate) position: u64,
}

/// How index blocks are to be laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexLayout {
    /// Position where the first index block will be.
    pub(crate) start: u64,
    /// Length in bytes that an index block may have.
    pub(crate) limit: usize,
    /// Multiple of bytes at which index blocks start, measured from the first one; `None` if they
    /// follow each other.
    pub(crate) alignment: Option<u64>,
    pub(crate) restart_interval: u32,
}

/// The blocks of an index, in the order of the file.
#[derive(Debug)]
pub(crate) struct IndexBlocks {
    pub(crate) blocks: Vec<Vec<u8>>,
    /// Position of the root, which is the last block.
    pub(crate) root: u64,
    pub(crate) levels: u32,
    pub(crate) entries: u64,
    pub(crate) restarts: u64,
}

/// An index of more levels is not worth its blocks: halving from level to level, this many are
/// enough for 2^32 blocks.
const MAX_LEVELS: u32 = 32;

/// Lays out index blocks, level upon level until one block is the root.
///
/// Readers of other implementations look only into the first block of the root level, or cannot
/// read index blocks above the block size. Where the keys are so long that a level does not get
/// smaller than the one below, there is no such layout; where it gets hardly smaller, the index has
/// more blocks than the section. Then there is no index, and readers walk through the section.
pub(crate) fn lay_out(entries: Vec<IndexEntry>, layout: IndexLayout) -> Option<IndexBlocks> {
    let mut index = IndexBlocks {
        blocks: Vec::new(),
        root: 0,
        levels: 0,
        entries: 0,
        restarts: 0,
    };
    let mut position = layout.start;
    let mut below = entries;
    loop {
        index.levels = index.levels.saturating_add(1);
        let level = add_level(&mut index, &below, &mut position, layout)?;
        match level.as_slice() {
            [] => return None,
            [root] => {
                index.root = root.position;
                return Some(index);
            }
            _ if level.len() >= below.len() || index.levels >= MAX_LEVELS => return None,
            _ => below = level,
        }
    }
}

/// Adds the blocks of one level, which list the blocks `below`; returns their own entries.
fn add_level(
    index: &mut IndexBlocks,
    below: &[IndexEntry],
    position: &mut u64,
    layout: IndexLayout,
) -> Option<Vec<IndexEntry>> {
    let mut level = Vec::new();
    let mut block = BlockWriter::new(BlockType::Index, &[], layout.limit, layout.restart_interval);
    let mut finish = |block: &mut BlockWriter| {
        level.push(IndexEntry {
            last_key: block.last_key().to_vec(),
            position: *position,
        });
        index.entries = index.entries.saturating_add(u64::from(block.entries()));
        index.restarts = index.restarts.saturating_add(block.restarts() as u64);
        let bytes = block.finish().to_vec();
        let len = bytes.len() as u64;
        let taken = layout.alignment.map_or(len, |alignment| len.max(alignment));
        *position = position.saturating_add(taken);
        index.blocks.push(bytes);
        block.reset(layout.limit);
    };
    for entry in below {
        let put = |out: &mut Vec<u8>| put_varint(out, entry.position);
        if !block.add(&entry.last_key, 0, put) {
            if block.entries() > 0 {
                finish(&mut block);
            }
            if !block.add(&entry.last_key, 0, put) {
                return None;
            }
        }
    }
    finish(&mut block);
    Some(level)
}
