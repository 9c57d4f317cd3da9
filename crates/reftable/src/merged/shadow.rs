//! Shadowing: of all records of a key the newest is shown, and tombstones only if asked.

use super::merge::Merge;
use crate::error::Result;
use crate::record::{Kind, Refs};
use crate::table::{SectionIter, Table};
use std::sync::Arc;

/// One record per key.
#[derive(Debug)]
pub(super) struct Shadow<K: Kind> {
    merge: Merge<K>,
    hide_deletions: bool,
    /// What the keys of the records begin with; the first other one ends them.
    prefix: Vec<u8>,
}

impl<K: Kind> Shadow<K> {
    pub(super) fn new(tables: &[Arc<Table>], hide_deletions: bool) -> Shadow<K> {
        Shadow {
            merge: Merge::new(tables),
            hide_deletions,
            prefix: Vec::new(),
        }
    }

    /// Goes in front of the first record at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.prefix.clear();
        self.merge.seek(key)
    }

    /// Goes in front of the records whose keys begin with `prefix`, and shows no others.
    pub(super) fn seek_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        self.seek(prefix)?;
        self.prefix.extend_from_slice(prefix);
        Ok(())
    }

    /// Goes to the next record; false at the end.
    #[inline(always)]
    pub(super) fn advance(&mut self) -> Result<bool> {
        loop {
            // Only now: until then the current record is that of the newest table.
            if self.merge.is_tied() {
                self.merge.skip_shadowed()?;
            }
            if !self.merge.advance()? {
                return Ok(false);
            }
            // A key that keeps that much of the one before it begins as that does.
            if self.merge.kept() < self.prefix.len() && self.is_beyond_prefix() {
                self.merge.finish();
                return Ok(false);
            }
            let hidden =
                self.hide_deletions && self.merge.current().is_some_and(SectionIter::is_deletion);
            if !hidden {
                return Ok(true);
            }
        }
    }

    fn is_beyond_prefix(&self) -> bool {
        let key = self.merge.current().map(SectionIter::key);
        !key.unwrap_or_default().starts_with(&self.prefix)
    }

    /// The current record; `None` if there is none.
    #[inline(always)]
    pub(super) fn record(&self) -> Option<K::Record<'_>> {
        self.merge.current().map(SectionIter::record)
    }
}

impl Shadow<Refs> {
    /// As [`Shadow::seek`], but other refs than that of exactly `name` are looked for only when
    /// they are asked for.
    pub(super) fn seek_name(&mut self, name: &[u8]) -> Result<()> {
        self.prefix.clear();
        self.merge.seek_name(name)
    }
}
