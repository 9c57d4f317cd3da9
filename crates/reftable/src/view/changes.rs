//! What is new: since an update index, or since an older view.

use super::{Refs, View, is_per_worktree};
use crate::error::Result;
use crate::merged::MergedTable;
use crate::record::{LogRecordBuf, RefRecordBuf, RefValueBuf};
use std::cmp::Ordering;
use std::iter::Peekable;

/// What transactions after some update index wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Refs in the order of names, deletions included.
    pub refs: Vec<RefRecordBuf>,
    /// Log records by name and newest first, deletions included.
    pub logs: Vec<LogRecordBuf>,
}

impl View {
    /// The refs and log entries with an update index above `update_index`, from the repository's
    /// stack; not from a worktree's, whose update indexes count for themselves.
    ///
    /// Only tables with such records are read. A deletion shows until a compaction of the whole
    /// stack drops its tombstone, so a program that must see all of them compares views: see
    /// [`View::diff`].
    ///
    /// ```
    /// use reftable::{Edit, Stack, StackOptions, Transaction};
    ///
    /// # let dir = tempfile::tempdir().expect("a folder");
    /// # let stack = Stack::open(dir.path(), StackOptions::default())?;
    /// let seen = stack.view().max_update_index();
    /// let mut transaction = Transaction::new();
    /// transaction.push(Edit::create("refs/heads/main", [0x11; 20]));
    /// transaction.prepare_stack(&stack, None)?.commit()?;
    ///
    /// let changes = stack.view().changes_since(seen)?;
    /// assert_eq!(changes.refs[0].name, b"refs/heads/main");
    /// // What to ask for next time.
    /// let seen = stack.view().max_update_index();
    /// # assert!(stack.view().changes_since(seen)?.refs.is_empty());
    /// # Ok::<(), reftable::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`View::find`].
    pub fn changes_since(&self, update_index: u64) -> Result<Changes> {
        let tables = self.shared.tables();
        let is_newer =
            |table: &std::sync::Arc<crate::Table>| table.max_update_index() > update_index;
        // From the first such table on all count: one that comes after it may hide its records.
        let start = tables.iter().position(is_newer).unwrap_or(tables.len());
        let tables = tables.get(start..).unwrap_or_default().to_vec();
        let newer = MergedTable::new(tables, self.hash())?;
        let mut changes = Changes::default();
        let mut refs = newer.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            let hidden = self.worktree.is_some() && is_per_worktree(record.name);
            if record.update_index > update_index && !hidden {
                changes.refs.push(record.to_buf());
            }
        }
        let mut logs = newer.logs_from(b"", u64::MAX)?;
        while let Some(record) = logs.next()? {
            if record.update_index > update_index {
                changes.logs.push(record.to_buf());
            }
        }
        Ok(changes)
    }

    /// The refs that have another value here than in `old`, in the order of names.
    ///
    /// # Errors
    ///
    /// Those of [`View::find`].
    pub fn diff(&self, old: &View, prefix: &[u8]) -> Result<Diff> {
        Ok(Diff {
            old: old.refs(prefix)?.peekable(),
            new: self.refs(prefix)?.peekable(),
        })
    }
}

/// A ref that has another value than before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefChange {
    /// The ref's full name.
    pub name: Vec<u8>,
    /// The value before; `None` if there was no such ref.
    pub old: Option<RefValueBuf>,
    /// The value now; `None` if there is no such ref.
    pub new: Option<RefValueBuf>,
}

/// The refs that differ between two views.
#[derive(Debug)]
pub struct Diff {
    old: Peekable<Refs>,
    new: Peekable<Refs>,
}

impl Diff {
    fn advance(&mut self) -> Result<Option<RefChange>> {
        loop {
            let order = match (self.old.peek(), self.new.peek()) {
                (None, None) => return Ok(None),
                (Some(Ok(old)), Some(Ok(new))) => old.name.cmp(&new.name),
                (Some(_), None) | (Some(Err(_)), _) => Ordering::Less,
                (None, Some(_)) | (_, Some(Err(_))) => Ordering::Greater,
            };
            let old = match order {
                Ordering::Greater => None,
                _ => self.old.next().transpose()?,
            };
            let new = match order {
                Ordering::Less => None,
                _ => self.new.next().transpose()?,
            };
            let name = old
                .as_ref()
                .or(new.as_ref())
                .map(|record| record.name.clone());
            let old = old.map(|record| record.value);
            let new = new.map(|record| record.value);
            if old != new {
                let name = name.unwrap_or_default();
                return Ok(Some(RefChange { name, old, new }));
            }
        }
    }
}

impl Iterator for Diff {
    type Item = Result<RefChange>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
