//! From a key to the leaf block where it is, through the section's index.
//!
//! An index block lists the last key and the position of each block one level below (format
//! section 8). Two writers left damaged indexes in the wild (format section 18.1), and their
//! tables must stay readable:
//!
//! - the first entry of a section's index belongs to another section: it points before the
//!   section's start, and is passed over;
//! - the last blocks of a section are missing from the index: a key beyond the last entry is
//!   looked for from the last indexed block on, not given up.
//!
//! Everything else that an index gets wrong is an error.

use super::Section;
use crate::block::{Block, Inflater};
use crate::error::{Defect, Result};
use crate::format::key::KeyHead;
use crate::format::{BlockType, Cursor, Parse};
use crate::record::{Context, Index, Kind};
use crate::table::Table;

/// At least this many levels are followed in any index.
const FEW_LEVELS: u64 = 64;
/// An index block has at least a head, an entry of two bytes, a restart and their count.
const LEAST_INDEX_BLOCK: u64 = 11;

/// Where an index block leads.
struct Target {
    position: u64,
    /// Whether the wanted key is beyond all keys of the index block.
    beyond: bool,
}

impl Table {
    /// The leaf block from which on the first record at or after `key` is to be looked for:
    /// in that block, or else in the ones that follow it. `None` without the section.
    pub(crate) fn leaf_for<K: Kind>(
        &self,
        key: &[u8],
        inflater: &mut Inflater,
    ) -> Result<Option<Block>> {
        let Some(section) = self.section(K::BLOCK) else {
            return Ok(None);
        };
        match section.index {
            Some(index) if !key.is_empty() => {
                let learned = &self.learned;
                let known = learned.leaf_position(self, section, index, K::BLOCK, key);
                if let Some(position) = known {
                    let block = self.any_block_at(position, inflater)?;
                    if block.kind == K::BLOCK {
                        return Ok(Some(block));
                    }
                    // An index with levels of different depth.
                }
                self.descend(section, index, K::BLOCK, key, inflater)
                    .map(Some)
            }
            Some(_) => self.block_at(section.start, K::BLOCK, inflater).map(Some),
            None => self.walk(section, K::BLOCK, key, inflater).map(Some),
        }
    }

    /// Without an index: goes on while the next block starts at or before `key`.
    fn walk(
        &self,
        section: Section,
        kind: BlockType,
        key: &[u8],
        inflater: &mut Inflater,
    ) -> Result<Block> {
        if key.is_empty() {
            return self.block_at(section.start, kind, inflater);
        }
        let load = || self.block_at(section.start, kind, inflater);
        let mut block = self.learned.first_block(kind, load)?;
        while let Some(next) = self.next_block(&block, kind, inflater)? {
            let first = next.first_key();
            if first.map_err(|flaw| next.error(self.name(), flaw))? > key {
                break;
            }
            block = next;
        }
        Ok(block)
    }

    fn descend(
        &self,
        section: Section,
        root: u64,
        kind: BlockType,
        key: &[u8],
        inflater: &mut Inflater,
    ) -> Result<Block> {
        let load = || self.block_at(root, BlockType::Index, inflater);
        let mut block = self.learned.root_block(kind, load)?;
        let mut target = self.target(&block, key, section.start)?;
        // The root level may have several blocks, side by side.
        while target.as_ref().is_none_or(|target| target.beyond) {
            match self.next_block(&block, BlockType::Index, inflater)? {
                Some(next) => block = next,
                None => break,
            }
            target = self.target(&block, key, section.start)?.or(target);
        }
        for _ in 0..most_levels(root.saturating_sub(section.start)) {
            let Some(Target { position, .. }) = target else {
                // Nothing in it points into the section: it is of no use.
                return self.walk(section, kind, key, inflater);
            };
            if position >= block.place.position {
                return Err(self.corrupt(block.place.position, Defect::BadIndex));
            }
            let next = self.any_block_at(position, inflater)?;
            if next.kind == kind {
                return Ok(next);
            }
            if next.kind != BlockType::Index {
                return Err(self.corrupt(block.place.position, Defect::BadIndex));
            }
            target = self.target(&next, key, section.start)?;
            block = next;
        }
        Err(self.corrupt(block.place.position, Defect::BadIndex))
    }

    /// The block that an index block names for `key`: the first one that ends at or after it, else
    /// the last one. `None` if no entry points to `start` or after it.
    fn target(&self, block: &Block, key: &[u8], start: u64) -> Result<Option<Target>> {
        let flaw = |flaw| block.error(self.name(), flaw);
        let context = self.context();
        if let Some(found) = block.locate::<Index>(key, &context).map_err(flaw)? {
            let first = found.span.position;
            let position = match first >= start {
                true => Some(first),
                false => {
                    let entries = Entries::at(block, found.next, &context);
                    entries.first_from(start).map_err(flaw)?
                }
            };
            if let Some(position) = position {
                return Ok(Some(Target {
                    position,
                    beyond: false,
                }));
            }
        }
        let last_restart = block.restart(block.restart_count.saturating_sub(1));
        let entries = Entries::at(block, last_restart.map_err(flaw)?, &context);
        let last = entries.last().map_err(flaw)?;
        Ok(last.filter(|last| *last >= start).map(|position| Target {
            position,
            beyond: true,
        }))
    }
}

/// How many levels an index can have whose lower ones take at most `len` bytes: each level has
/// more blocks than the one above it.
///
/// Names that fill a block each can give an index hundreds of levels that shrink by one block.
fn most_levels(len: u64) -> u64 {
    let blocks = len / LEAST_INDEX_BLOCK;
    FEW_LEVELS.saturating_add(blocks.saturating_mul(2).isqrt())
}

/// The positions in the entries of an index block, whatever the order of their keys.
struct Entries<'a> {
    cursor: Cursor<'a>,
    context: &'a Context,
}

impl<'a> Entries<'a> {
    fn at(block: &'a Block, offset: usize, context: &'a Context) -> Entries<'a> {
        Entries {
            cursor: Cursor::at(block.records(), offset),
            context,
        }
    }

    fn next(&mut self) -> Parse<Option<u64>> {
        if self.cursor.left() == 0 {
            return Ok(None);
        }
        let head = KeyHead::read(&mut self.cursor)?;
        let span = Index::read_value(&mut self.cursor, head.extra, self.context)?;
        Ok(Some(span.position))
    }

    /// The first position at or after `start`.
    fn first_from(mut self, start: u64) -> Parse<Option<u64>> {
        while let Some(position) = self.next()? {
            if position >= start {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// The last position.
    fn last(mut self) -> Parse<Option<u64>> {
        let mut last = None;
        while let Some(position) = self.next()? {
            last = Some(position);
        }
        Ok(last)
    }
}
