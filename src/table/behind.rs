//! Names behind all refs of a table.
//!
//! Who expands a short name asks for refs in several places, most of them behind all that there
//! are. The index has no entry for such a name: the last block of each level is looked through
//! before the table is known to have none. Once that was done for one name, it is known of all
//! greater ones.
//!
//! In a damaged table a name may be out of order, and a search for a greater one find what another
//! search did not. So a name is remembered only if every name that its search met was smaller:
//! then the search for a greater one meets the same names, and ends where this one did.

use super::{Section, Table};
use crate::block::{Block, Inflater};
use crate::error::Result;
use crate::format::BlockType;
use crate::record::{Index, Refs};

/// Names of more bytes than this are not remembered.
const LONGEST_NAME: usize = 1 << 10;

impl Table {
    /// Whether it is known without a look at the table that its refs all come before `name`.
    pub(super) fn ends_before(&self, name: &[u8]) -> bool {
        let behind = self.learned.behind.get();
        behind.is_some_and(|behind| **behind <= *name)
    }

    /// Notes that a search for `name` entered the refs at the block at `entered` and found nothing
    /// to the end of `last`, the last block.
    pub(super) fn note_end(&self, name: &[u8], entered: u64, last: &Block) {
        let is_new = || self.learned.behind.get().is_none() && name.len() <= LONGEST_NAME;
        if entered == last.place.position
            && is_new()
            // Damage is reported to whoever asks for a name, not noted.
            && self.is_behind_all(name, last).unwrap_or(false)
        {
            let _ = self.learned.behind.set(name.into());
        }
    }

    /// Whether the search for `name` met none but smaller names on its way to `last`.
    fn is_behind_all(&self, name: &[u8], last: &Block) -> Result<bool> {
        let context = self.context();
        let flaw = |flaw| last.error(self.name(), flaw);
        if !last.ends_before::<Refs>(name, &context).map_err(flaw)? {
            return Ok(false);
        }
        match self.section(BlockType::Ref) {
            Some(Section {
                start,
                index: Some(root),
            }) => self.index_ends_before(name, start, root, last.place.position),
            // From block to block, as long as they begin with a smaller name.
            section => Ok(section.is_some()),
        }
    }

    /// The same for the index, which must lead to the block at `last`.
    fn index_ends_before(&self, name: &[u8], start: u64, root: u64, last: u64) -> Result<bool> {
        let context = self.context();
        let mut inflater = Inflater::default();
        let mut block = self.root_block(root, BlockType::Ref, &mut inflater)?;
        let mut is_root = true;
        loop {
            let flaw = |flaw| block.error(self.name(), flaw);
            if !block.ends_before::<Index>(name, &context).map_err(flaw)? {
                return Ok(false);
            }
            if is_root {
                // The root level may have several blocks, side by side.
                if let Some(next) = self.next_block(&block, BlockType::Index, &mut inflater)? {
                    block = next;
                    continue;
                }
                is_root = false;
            }
            let below = match self.target(&block, name, start)? {
                Some(target) if target.position == last => return Ok(true),
                Some(target) if target.position < block.place.position => target.position,
                _ => return Ok(false),
            };
            block = self.block_at(below, BlockType::Index, &mut inflater)?;
        }
    }
}
