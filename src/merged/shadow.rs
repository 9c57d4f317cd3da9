//! Shadowing: of all records of a key the newest is shown, and tombstones only if asked.

use super::merge::Merge;
use crate::error::Result;
use crate::record::Kind;
use crate::table::{SectionIter, Table};
use std::sync::Arc;

/// One record per key.
#[derive(Debug)]
pub(super) struct Shadow<K: Kind> {
    merge: Merge<K>,
    hide_deletions: bool,
}

impl<K: Kind> Shadow<K> {
    pub(super) fn new(tables: &[Arc<Table>], hide_deletions: bool) -> Shadow<K> {
        Shadow {
            merge: Merge::new(tables),
            hide_deletions,
        }
    }

    /// Goes in front of the first record at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.merge.seek(key)
    }

    /// Goes to the next record; false at the end.
    #[inline(always)]
    pub(super) fn advance(&mut self) -> Result<bool> {
        while self.merge.advance()? {
            if self.merge.is_tied() {
                self.merge.skip_shadowed()?;
            }
            let hidden =
                self.hide_deletions && self.merge.current().is_some_and(SectionIter::is_deletion);
            if !hidden {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The current record; `None` if there is none.
    #[inline(always)]
    pub(super) fn record(&self) -> Option<K::Record<'_>> {
        self.merge.current().map(SectionIter::record)
    }
}
