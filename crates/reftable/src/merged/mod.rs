//! Many tables as one.
//!
//! ```text
//! tables, oldest first ──► merge: smallest key, newest table first ──► shadow: one record per key,
//!                                                                       tombstones hidden if asked
//! ```
//!
//! For each key the record of the newest table counts, whatever its update index (format section
//! 16.1). A lookup of one name does not merge: it asks the tables from the newest on and stops at
//! the first that knows the name.

mod iter;
mod merge;
mod shadow;

pub use iter::{MergedLogIter, MergedRefIter};

use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::record::{LogRecord, RefRecord};
use crate::table::Table;
use std::sync::Arc;

/// Several tables, oldest first, seen as one. Cheap to clone; keeps its tables alive.
#[derive(Clone, Debug)]
pub struct MergedTable {
    tables: Arc<[Arc<Table>]>,
    hash: HashId,
    hide_deletions: bool,
}

impl MergedTable {
    /// The view of `tables`, oldest first, in which tombstones show.
    ///
    /// # Errors
    /// [`Error::HashMismatch`] for a table with another hash than `hash`.
    pub fn new(tables: Vec<Arc<Table>>, hash: HashId) -> Result<MergedTable> {
        for table in &tables {
            if table.hash() != hash {
                return Err(Error::HashMismatch {
                    table: table.name().to_owned(),
                    expected: hash,
                    found: table.hash(),
                });
            }
        }
        Ok(MergedTable {
            tables: tables.into(),
            hash,
            hide_deletions: false,
        })
    }

    /// Whether the update indexes of the tables follow each other without overlap. The format
    /// wants that; not all writers keep to it.
    ///
    /// # Errors
    /// [`Error::RangeOverlap`] with the first table that does not.
    pub fn check_ranges(&self) -> Result<()> {
        for pair in self.tables.windows(2) {
            match pair {
                [older, newer] if newer.min_update_index() <= older.max_update_index() => {
                    return Err(Error::RangeOverlap {
                        table: newer.name().to_owned(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The same view without tombstones.
    #[must_use]
    pub fn hiding_deletions(self) -> MergedTable {
        MergedTable {
            hide_deletions: true,
            ..self
        }
    }

    /// The same view with tombstones.
    #[must_use]
    pub fn showing_deletions(self) -> MergedTable {
        MergedTable {
            hide_deletions: false,
            ..self
        }
    }

    /// The tables, oldest first.
    pub fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// The hash of the object ids.
    pub fn hash(&self) -> HashId {
        self.hash
    }

    /// The smallest update index of any table; 0 without tables.
    pub fn min_update_index(&self) -> u64 {
        let indexes = self.tables.iter().map(|table| table.min_update_index());
        indexes.min().unwrap_or(0)
    }

    /// The largest update index of any table; 0 without tables.
    pub fn max_update_index(&self) -> u64 {
        let indexes = self.tables.iter().map(|table| table.max_update_index());
        indexes.max().unwrap_or(0)
    }

    /// Looks up the ref of exactly this name and gives it to `f`; `None` if there is none or it
    /// is deleted.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and those of the sources.
    pub fn read_ref<R>(
        &self,
        name: &[u8],
        f: impl FnOnce(RefRecord<'_>) -> R,
    ) -> Result<Option<R>> {
        // The closure may be used once, but each table is offered it.
        let mut f = Some(f);
        for table in self.tables.iter().rev() {
            let found = table.read_ref(name, |record| match record.is_deletion() {
                true => None,
                false => f.take().map(|f| f(record)),
            })?;
            if let Some(answer) = found {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    /// Looks up the newest log entry of `name` that is not deleted and gives it to `f`; `None` if
    /// there is none.
    ///
    /// # Errors
    /// As [`MergedTable::read_ref`].
    pub fn read_log<R>(
        &self,
        name: &[u8],
        f: impl FnOnce(LogRecord<'_>) -> R,
    ) -> Result<Option<R>> {
        if name.is_empty() {
            return Ok(None);
        }
        let mut iter = self.clone().hiding_deletions().logs_from(name, u64::MAX)?;
        Ok(match iter.next()? {
            Some(record) if record.name == name => Some(f(record)),
            _ => None,
        })
    }

    /// Refs from `name` on in the order of names; all of them from `b""`.
    ///
    /// # Errors
    /// As [`MergedTable::read_ref`].
    pub fn refs_from(&self, name: &[u8]) -> Result<MergedRefIter> {
        let mut iter = MergedRefIter::new(self);
        iter.seek(name)?;
        Ok(iter)
    }

    /// Refs whose names begin with `prefix` in the order of names; all of them for `b""`.
    ///
    /// Faster than looking at each name: most tell by the bytes that they share with the one
    /// before them.
    ///
    /// # Errors
    /// As [`MergedTable::read_ref`].
    pub fn refs_with_prefix(&self, prefix: &[u8]) -> Result<MergedRefIter> {
        let mut iter = MergedRefIter::new(self);
        iter.seek_prefix(prefix)?;
        Ok(iter)
    }

    /// Log records from the newest of `name` with at most `update_index` on: older ones of that
    /// name, then later names, each newest first. All of them from `b""`.
    ///
    /// # Errors
    /// As [`MergedTable::read_ref`].
    pub fn logs_from(&self, name: &[u8], update_index: u64) -> Result<MergedLogIter> {
        let mut iter = MergedLogIter::new(self);
        iter.seek(name, update_index)?;
        Ok(iter)
    }
}
