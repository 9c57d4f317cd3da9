//! The index of a section, decoded: where each of its leaf blocks is and with which key it ends.
//!
//! A single lookup is served by the index blocks as they lie in the file. After some lookups it
//! pays to have gone through all of them once: from then on one binary search replaces a descent
//! through two or three blocks.

use super::fences::Fences;
use crate::block::{Block, Inflater, Records, RestartsMet};
use crate::error::Result;
use crate::format::BlockType;
use crate::record::Index;
use crate::table::{Section, Table};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// After this many lookups in a section its index is decoded. Decoding costs about as much as
/// these.
const LOOKUPS_BEFORE_DECODING: u32 = 256;
/// No directory of more bytes of keys than this is kept.
const MAX_KEY_BYTES: usize = 64 << 20;

/// A directory that is made when it is worth it.
#[derive(Debug, Default)]
pub(crate) struct LazyDirectory {
    lookups: AtomicU32,
    /// `None` if the index is not as it should be; then every lookup descends through it.
    directory: OnceLock<Option<Directory>>,
}

impl LazyDirectory {
    /// The directory, if it has been made or it is time to.
    ///
    /// One caller makes it, and nobody waits: the source of a table may be a program's, and look
    /// up a ref in the same table.
    pub(crate) fn get(&self, make: impl FnOnce() -> Option<Directory>) -> Option<&Directory> {
        let due = || self.lookups.fetch_add(1, Ordering::Relaxed) == LOOKUPS_BEFORE_DECODING;
        if self.directory.get().is_none() && due() {
            let _ = self.directory.set(make());
        }
        self.directory.get()?.as_ref()
    }
}

/// The blocks of one level, by their last keys.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    keys: Vec<u8>,
    /// For each block, where its key ends in `keys`, and its position.
    blocks: Vec<(usize, u64)>,
    /// Made for the lowest level, in which alone keys are looked for.
    fences: Fences,
}

impl Directory {
    /// Position of the block in which to look for the first record at or after `key`: the first
    /// one that ends there or later, else the last one.
    pub(crate) fn block_for(&self, key: &[u8]) -> Option<u64> {
        let last = self.blocks.last()?;
        if key > self.last_key() {
            return Some(last.1);
        }
        let at = match key > self.key(0) {
            true => self.fences.rank(key, |n| self.key(n)),
            false => 0,
        };
        Some(self.blocks.get(at).unwrap_or(last).1)
    }

    fn with_fences(mut self) -> Directory {
        self.fences = Fences::new(self.blocks.len(), |n| self.key(n));
        self
    }

    fn key(&self, n: usize) -> &[u8] {
        let start = n.checked_sub(1).and_then(|before| self.blocks.get(before));
        let start = start.map_or(0, |(end, _)| *end);
        let end = self.blocks.get(n).map_or(start, |(end, _)| *end);
        self.keys.get(start..end).unwrap_or_default()
    }

    fn last_key(&self) -> &[u8] {
        self.key(self.blocks.len().saturating_sub(1))
    }

    fn push(&mut self, key: &[u8], position: u64) {
        debug_assert!(
            self.blocks.is_empty() || key > self.last_key(),
            "keys ascend"
        );
        self.keys.extend_from_slice(key);
        self.blocks.push((self.keys.len(), position));
    }
}

/// Goes through the whole index of a section. `None` if anything about it is not as it should
/// be, or a block cannot be read.
pub(super) fn decode(
    table: &Table,
    section: Section,
    root: u64,
    kind: BlockType,
) -> Option<Directory> {
    let mut inflater = Inflater::default();
    let mut level = decode_root(table, section, root).ok()??;
    let mut above = 0;
    // Levels that share blocks would take longer than the table is large.
    let mut left = table.file_len();
    loop {
        let (_, first) = level.blocks.first()?;
        let block = table.any_block_at(*first, &mut inflater).ok()?;
        if block.kind == kind {
            return Some(level.with_fences());
        }
        // A level has more blocks than the one above it.
        if level.blocks.len() <= above {
            return None;
        }
        let mut below = Directory::default();
        for (_, position) in &level.blocks {
            let block = table
                .block_at(*position, BlockType::Index, &mut inflater)
                .ok()?;
            left = left.checked_sub(block.stored_len)?;
            list_block(table, &block, section, &mut below).ok()??;
        }
        above = level.blocks.len();
        level = below;
    }
}

fn decode_root(table: &Table, section: Section, root: u64) -> Result<Option<Directory>> {
    let mut inflater = Inflater::default();
    let mut level = Directory::default();
    let mut next = Some(table.block_at(root, BlockType::Index, &mut inflater)?);
    while let Some(block) = next {
        if list_block(table, &block, section, &mut level)?.is_none() {
            return Ok(None);
        }
        next = table.next_block(&block, BlockType::Index, &mut inflater)?;
    }
    Ok(Some(level))
}

/// Adds the entries of an index block; `None` if they do not belong there, or if a lookup, which
/// enters the block at a restart, would see others.
fn list_block(
    table: &Table,
    block: &Block,
    section: Section,
    level: &mut Directory,
) -> Result<Option<()>> {
    let context = table.context();
    let mut records = Records::<Index>::default();
    let flaw = |flaw| block.error(table.name(), flaw);
    block.check_restarts().map_err(flaw)?;
    records.enter(block);
    let mut met = RestartsMet::default();
    while met.advance(&mut records, block, &context).map_err(flaw)? {
        let position = records.span().position;
        let ascends = level.blocks.is_empty() || records.key() > level.last_key();
        let points_back = position >= section.start && position < block.place.position;
        if !ascends || !points_back || level.keys.len() > MAX_KEY_BYTES {
            return Ok(None);
        }
        level.push(records.key(), position);
    }
    Ok(met.are_all(block).then_some(()))
}
