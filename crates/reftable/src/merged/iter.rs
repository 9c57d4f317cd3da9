//! Iterators over the records of a merged table.

use super::MergedTable;
use super::shadow::Shadow;
use crate::error::Result;
use crate::format::key::log_seek_key;
use crate::record::{LogRecord, Logs, RefRecord, Refs};

/// The refs of a merged table in the order of their names.
///
/// Keeps its tables alive, whatever becomes of their files. After an error, every further step
/// gives that error again until the next [`MergedRefIter::seek`].
#[derive(Debug)]
pub struct MergedRefIter(Shadow<Refs>);

impl MergedRefIter {
    pub(super) fn new(table: &MergedTable) -> MergedRefIter {
        MergedRefIter(Shadow::new(&table.tables, table.hide_deletions))
    }

    /// Goes in front of the first ref at or after `name`.
    ///
    /// If there is a ref of exactly this name, tables which it does not depend on are read only
    /// when the ref after it is asked for, and so are their errors given.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) and those of the sources.
    pub fn seek(&mut self, name: &[u8]) -> Result<()> {
        self.0.seek_name(name)
    }

    /// Goes in front of the refs whose names begin with `prefix`; they alone follow.
    ///
    /// # Errors
    /// As [`MergedRefIter::seek`].
    pub fn seek_prefix(&mut self, prefix: &[u8]) -> Result<()> {
        self.0.seek_prefix(prefix)
    }

    /// The next ref; `None` at the end.
    ///
    /// # Errors
    /// As [`MergedRefIter::seek`].
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<RefRecord<'_>>> {
        match self.0.advance()? {
            true => Ok(self.0.record()),
            false => Ok(None),
        }
    }
}

/// The log records of a merged table, by name and newest first.
///
/// Keeps its tables alive, whatever becomes of their files. After an error, every further step
/// gives that error again until the next [`MergedLogIter::seek`].
#[derive(Debug)]
pub struct MergedLogIter(Shadow<Logs>);

impl MergedLogIter {
    pub(super) fn new(table: &MergedTable) -> MergedLogIter {
        MergedLogIter(Shadow::new(&table.tables, table.hide_deletions))
    }

    /// Goes in front of the newest record of `name` with at most `update_index`, or if there is
    /// none, of the first later name. To the very first for an empty name.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) and those of the sources.
    pub fn seek(&mut self, name: &[u8], update_index: u64) -> Result<()> {
        self.0.seek(&log_seek_key(name, update_index))
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// As [`MergedLogIter::seek`].
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<LogRecord<'_>>> {
        match self.0.advance()? {
            true => Ok(self.0.record()),
            false => Ok(None),
        }
    }
}
