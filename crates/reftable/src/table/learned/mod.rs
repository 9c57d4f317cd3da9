//! What lookups found out about a table, for the lookups that follow.
//!
//! [`Learned`] answers four questions: does the table lack a ref, which leaf block is a key in,
//! what is the root block of the index of refs, what is the first log block. None of the answers
//! is more than a shortcut: without them a lookup gives the same, later. What is learned from a
//! table in which anything is not as it should be is that there is no shortcut.

mod directory;
mod fences;
mod filter;

use super::{Section, Table};
use crate::block::Block;
use crate::error::Result;
use crate::format::BlockType;
use directory::LazyDirectory;
use filter::LazyFilter;
use std::sync::OnceLock;

/// A block is kept for all lookups if the records in it take no more bytes than this.
const MOST_KEPT: usize = 1 << 16;

/// What is known about one table.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// The indexes of the ref, object and log sections, once they are decoded.
    directories: [LazyDirectory; 3],
    /// The names of the refs, once many were looked for in vain.
    filter: LazyFilter,
    /// The first root block of the index of refs, once a ref was looked for.
    ref_root: OnceLock<Block>,
    /// The first log block, once a log was looked for, in a table without index of its logs.
    first_log_block: OnceLock<Block>,
}

impl Learned {
    /// Whether it is known without a look at the table that it has no ref of this name.
    pub(super) fn lacks_ref(&self, name: &[u8]) -> bool {
        self.filter.denies(name)
    }

    /// Notes that a ref was looked for in vain in `table`.
    pub(super) fn note_missing_ref(&self, table: &Table) {
        self.filter.note_miss(table);
    }

    /// Where the leaf block is in which to look for the first record at or after `key`, if the
    /// index at `root` of `table`'s section of type `kind` is decoded.
    pub(super) fn leaf_position(
        &self,
        table: &Table,
        section: Section,
        root: u64,
        kind: BlockType,
        key: &[u8],
    ) -> Option<u64> {
        let [refs, objects, logs] = &self.directories;
        let lazy = match kind {
            BlockType::Ref => refs,
            BlockType::Obj => objects,
            BlockType::Log => logs,
            BlockType::Index => return None,
        };
        let directory = lazy.get(|| directory::decode(table, section, root, kind))?;
        directory.block_for(key)
    }

    /// The first root block of the index of a section of type `kind`. Every lookup of a ref begins
    /// there, so that one is read once and kept.
    pub(super) fn root_block(
        &self,
        kind: BlockType,
        load: impl FnOnce() -> Result<Block>,
    ) -> Result<Block> {
        match kind {
            BlockType::Ref => keep(&self.ref_root, load, Block::detached),
            _ => load(),
        }
    }

    /// The first block of a section of type `kind` without an index. A program that writes refs
    /// asks for the log of each, so that one of log records is inflated once and kept.
    pub(super) fn first_block(
        &self,
        kind: BlockType,
        load: impl FnOnce() -> Result<Block>,
    ) -> Result<Block> {
        match kind {
            BlockType::Log => keep(&self.first_log_block, load, Block::clone),
            _ => load(),
        }
    }
}

/// The block that is kept, or else the one that `load` gives; keeps a copy of that if it is short.
fn keep(
    kept: &OnceLock<Block>,
    load: impl FnOnce() -> Result<Block>,
    copy: impl FnOnce(&Block) -> Block,
) -> Result<Block> {
    if let Some(block) = kept.get() {
        return Ok(block.clone());
    }
    let block = load()?;
    if block.records().len() <= MOST_KEPT {
        // Another thread may have been faster.
        let _ = kept.set(copy(&block));
    }
    Ok(block)
}
