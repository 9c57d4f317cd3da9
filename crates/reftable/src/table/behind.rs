//! Names behind the last ref of a table.
//!
//! Who expands a short name asks for refs in several places, most of them behind all that there
//! are. The index has no entry for such a name: the last block of each level is looked through
//! before the table is known to have none. Once that was done for one name, the last ref tells of
//! all others.
//!
//! In a damaged table a name may be out of order, and a search for a greater one find what another
//! search did not. So the last name is remembered only if the search for it meets no greater one:
//! then the search for any greater name meets the same names, and ends where this one did.

use super::{Section, Table};
use crate::block::{Block, Inflater, Records};
use crate::error::Result;
use crate::format::BlockType;
use crate::record::{Index, Refs};

impl Table {
    /// Whether it is known without a look at the table that its refs all come before `name`.
    pub(super) fn ends_before(&self, name: &[u8]) -> bool {
        let last = self.learned.last_ref.get();
        last.is_some_and(|last| **last < *name)
    }

    /// Notes that a search for `name` entered the refs at the block at `entered` and found nothing
    /// to the end of `last`, the last block.
    pub(super) fn note_end(&self, name: &[u8], entered: u64, last: &Block) {
        if entered != last.place.position || self.learned.last_ref.get().is_some() {
            return;
        }
        // Damage is reported to whoever asks for a name, not noted.
        if let Ok(Some(last_name)) = self.find_last_name(name, last) {
            let _ = self.learned.last_ref.set(last_name);
        }
    }

    /// The last name of `last`, if a search for any greater name goes the way of that for `name`.
    fn find_last_name(&self, name: &[u8], last: &Block) -> Result<Option<Box<[u8]>>> {
        let context = self.context();
        let flaw = |flaw| last.error(self.name(), flaw);
        let mut records = Records::<Refs>::default();
        let restart = last.restart(last.restart_count.saturating_sub(1));
        records.enter_at(restart.map_err(flaw)?);
        while records.advance(last, &context).map_err(flaw)? {}
        let last_name = records.key();
        let is_last = last.ends_with::<Refs>(last_name, &context).map_err(flaw)?
            && match self.section(BlockType::Ref) {
                Some(section) if section.index.is_some() => {
                    self.index_ends_with(last_name, name, section, last.place.position)?
                }
                // From block to block, as long as they begin with a name that is not greater.
                Some(section) => {
                    let leaf =
                        self.walk(section, BlockType::Ref, last_name, &mut Inflater::default())?;
                    leaf.place.position == last.place.position
                }
                None => false,
            };
        Ok(is_last.then(|| last_name.into()))
    }

    /// Whether the index has no name greater than `last_name` on the way of a search for `name`,
    /// which must lead to the block at `last`.
    fn index_ends_with(
        &self,
        last_name: &[u8],
        name: &[u8],
        section: Section,
        last: u64,
    ) -> Result<bool> {
        let Section { start, index } = section;
        let context = self.context();
        let mut inflater = Inflater::default();
        let mut block =
            self.root_block(index.unwrap_or_default(), BlockType::Ref, &mut inflater)?;
        let mut is_root = true;
        loop {
            let flaw = |flaw| block.error(self.name(), flaw);
            if !block
                .ends_with::<Index>(last_name, &context)
                .map_err(flaw)?
            {
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
                Some(target) if target.position < block.place.position => target.position,
                _ => return Ok(false),
            };
            if below == last {
                return Ok(true);
            }
            block = self.block_at(below, BlockType::Index, &mut inflater)?;
        }
    }
}
