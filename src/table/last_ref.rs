//! The name of a table's last ref.
//!
//! Who expands a short name asks for refs in several places, most of them behind all that there
//! are. The index has no entry for such a name: the last block of each level is looked through
//! before the table is known to have none. Once a lookup came to the end, the last name tells the
//! next ones.

use super::Table;
use crate::block::{Block, Records};
use crate::format::Parse;
use crate::record::Refs;

impl Table {
    /// Whether it is known without a look at the table that its refs all come before `name`.
    pub(super) fn ends_before(&self, name: &[u8]) -> bool {
        let last = self.learned.last_ref.get();
        last.is_some_and(|last| **last < *name)
    }

    /// Notes that a lookup found nothing to the end of `block`, the last one of refs.
    pub(super) fn note_last_block(&self, block: &Block) {
        if self.learned.last_ref.get().is_some() {
            return;
        }
        // A damaged block has no last name, and every lookup reports it.
        if let Ok(Some(name)) = last_name(block, self) {
            let _ = self.learned.last_ref.set(name);
        }
    }
}

/// The last name of a block, which is found from its last restart on.
fn last_name(block: &Block, table: &Table) -> Parse<Option<Box<[u8]>>> {
    let Some(last) = block.restart_count.checked_sub(1) else {
        return Ok(None);
    };
    let context = table.context();
    let mut records = Records::<Refs>::default();
    records.enter_at(block.restart(last)?);
    while records.advance(block, &context)? {}
    Ok(Some(records.key().into()))
}
