//! One state of a stack.

use super::StackOptions;
use super::list::List;
use crate::error::{Error, Result};
use crate::fs::Held;
use crate::merged::MergedTable;
use crate::table::Table;
use std::sync::Arc;

/// One state of the stack. Never changes; a program that holds it can read from it for ever.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The tables' names, oldest first.
    pub(super) names: Vec<String>,
    /// The file with these names, if it can be known again.
    pub(super) list_file: Option<Held>,
    /// The tables, tombstones shown.
    pub(super) merged: MergedTable,
    /// The tables, tombstones hidden.
    pub(super) visible: MergedTable,
    /// Counts the states of one handle.
    pub(super) generation: u64,
}

impl Snapshot {
    pub(super) fn empty(options: &StackOptions) -> Result<Snapshot> {
        Snapshot::new(List::default(), Vec::new(), options)
    }

    pub(super) fn new(
        list: List,
        tables: Vec<Arc<Table>>,
        options: &StackOptions,
    ) -> Result<Snapshot> {
        let merged = MergedTable::new(tables, options.write.hash)?;
        if options.quirks.ascending_ranges {
            merged.check_ranges()?;
        }
        Ok(Snapshot {
            names: list.names,
            list_file: list.file,
            visible: merged.clone().hiding_deletions(),
            merged,
            generation: 0,
        })
    }

    pub(super) fn tables(&self) -> &[Arc<Table>] {
        self.merged.tables()
    }

    /// The update index of the transaction after this state.
    pub(super) fn next_update_index(&self) -> Result<u64> {
        let next = self.merged.max_update_index().checked_add(1);
        next.ok_or(Error::Misuse("the update indexes are used up"))
    }
}

/// The snapshot in use.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) snapshot: Arc<Snapshot>,
    /// Counts how often the list was found to be that of the snapshot. Anyone who read the list before
    /// the last time knows an older one.
    pub(super) looks: u64,
}
