//! Transactions: one or more tables that become part of the stack at once.

use super::compact::{self, Folding};
use super::conflicts::check_names;
use super::publish::{Committed, publish};
use super::snapshot::Snapshot;
use super::staged::StagedTable;
use super::{Inner, lock};
use crate::block::Effort;
use crate::error::{Error, Result};
use crate::fs::PendingFile;
use crate::merged::MergedTable;
use crate::table::{Table, TableWriter};
use std::sync::Arc;
use std::time::Duration;

/// A transaction that holds the list's lock. Dropping it without commit leaves nothing behind.
///
/// It comes from [`Stack::begin`](super::Stack::begin) and does not borrow the stack, which may be
/// used, or dropped, while the transaction is open.
#[derive(Debug)]
pub struct Addition {
    inner: Arc<Inner>,
    /// What the list says; it cannot change while we hold its lock.
    base: Arc<Snapshot>,
    next_update_index: u64,
    staged: Vec<StagedTable>,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(Box<dyn PendingFile>),
    Committed,
    Failed,
}

/// Whether a transaction on an outdated view fails or brings the view up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenOutdated {
    Fail,
    Reload,
}

impl Addition {
    pub(super) fn begin(
        inner: &Arc<Inner>,
        when_outdated: WhenOutdated,
        timeout: Option<Duration>,
    ) -> Result<Addition> {
        // A1: the lock of the list.
        let list_lock = lock::lock_list_within(inner, timeout)?;
        // A2: its contents are those of the view.
        if when_outdated == WhenOutdated::Reload {
            inner.reload_locked()?;
        }
        let base = inner.snapshot();
        inner.check_current(&base)?;
        Ok(Addition {
            next_update_index: base.next_update_index()?,
            inner: Arc::clone(inner),
            base,
            staged: Vec::new(),
            state: State::Open(list_lock),
        })
    }

    /// The smallest update index that the next table may have.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] if no number is left.
    pub fn next_update_index(&self) -> Result<u64> {
        match self.staged.last() {
            None => Ok(self.next_update_index),
            Some(table) => table
                .max_update_index
                .checked_add(1)
                .ok_or(Error::Misuse("the update indexes are used up")),
        }
    }

    /// Writes one more table. Ok, and nothing staged, if `write` adds no record.
    ///
    /// On failure the addition is as it was and stays usable.
    ///
    /// # Errors
    ///
    /// Those of `write`, unchanged; [`Error::InvalidName`] and [`Error::NameConflict`] if the stack
    /// checks names; [`Error::Misuse`] if the table's update indexes are not above those of the
    /// stack and of the tables staged before, or if the addition is finished; errors of the
    /// system.
    pub fn add(&mut self, write: impl FnOnce(&mut TableWriter<'_>) -> Result<()>) -> Result<()> {
        if !matches!(self.state, State::Open(_)) {
            return Err(Error::Misuse("the addition is finished"));
        }
        let next = self.next_update_index()?;
        // A3: the table, in memory or in a temporary file.
        let options = self.inner.options.write.clone();
        let write = |writer: &mut TableWriter<'_>| {
            writer.set_effort(Effort::Brief);
            write(writer)
        };
        let Some(table) = StagedTable::write(&self.inner, options, (next, next), write)? else {
            return Ok(());
        };
        // A4: may it be part of the stack? A conflict is reported even if the update index is
        // wrong as well.
        if self.inner.options.check_names && table.refs > 0 {
            self.check_names(&table)?;
        }
        if table.min_update_index < next {
            return Err(Error::Misuse(
                "the table's update indexes do not come after those of the stack",
            ));
        }
        self.staged.push(table);
        Ok(())
    }

    fn check_names(&self, table: &StagedTable) -> Result<()> {
        let changes = NameChanges::of(&table.open(&self.inner)?)?;
        if changes.added.is_empty() {
            return Ok(());
        }
        let view = if self.staged.is_empty() {
            self.base.merged.clone()
        } else {
            let staged = self.staged.iter().map(|table| table.open(&self.inner));
            let base = self.base.tables().iter().map(|table| Ok(Arc::clone(table)));
            let tables = base.chain(staged).collect::<Result<_>>()?;
            MergedTable::new(tables, self.base.merged.hash())?
        };
        check_names(&view, &changes.added, &changes.deleted)
    }

    /// Makes the tables part of the stack, releases the lock, reloads the stack, and merges the
    /// newest tables if the options allow it and their sizes call for it. Ok if repeated or if
    /// nothing is staged.
    ///
    /// # Errors
    ///
    /// If the list could not be replaced, the stack is as it was and the addition is gone. Errors
    /// of what follows, syncing the folder and the reload, are returned although the tables are
    /// part of the stack. Those of the compaction are not: a caller would take the transaction for
    /// failed. They are counted in [`CompactionStats::failures`](super::CompactionStats::failures),
    /// and [`Stack::auto_compact`](super::Stack::auto_compact) reports them.
    pub fn commit(&mut self) -> Result<()> {
        let list_lock = match std::mem::replace(&mut self.state, State::Failed) {
            State::Open(list_lock) => list_lock,
            State::Committed => {
                self.state = State::Committed;
                return Ok(());
            }
            State::Failed => return Err(Error::Misuse("the addition has failed")),
        };
        let staged = std::mem::take(&mut self.staged);
        if staged.is_empty() {
            self.state = State::Committed;
            return Ok(());
        }
        let seen = self.inner.view().clone();
        // A5: the compaction that would follow, if it is quick.
        let folding = match self.inner.options.auto_compact {
            true => compact::fold(&self.inner, &self.base, &staged),
            false => Folding::NotDue,
        };
        let due_later = self.inner.options.auto_compact && matches!(folding, Folding::NotDue);
        let committed = match folding {
            Folding::Done { start, table } => self.publish_folded(list_lock, start, table)?,
            Folding::NotDue | Folding::Failed => self.publish(list_lock, staged)?,
        };
        self.state = State::Committed;
        // A7: the new list. That the commit may not outlast a power cut matters more.
        let adopted = self.inner.adopt(&seen, &self.base, &committed);
        committed.synced?;
        adopted?;
        // A8: the compaction that follows. It counts its failure; the commit is none.
        if due_later {
            let _ = self.inner.auto_compact();
        }
        Ok(())
    }

    fn publish(
        &self,
        list_lock: Box<dyn PendingFile>,
        staged: Vec<StagedTable>,
    ) -> Result<Committed> {
        let names = &self.base.names;
        publish(
            &self.inner,
            list_lock,
            names,
            names.len()..names.len(),
            staged,
        )
    }

    /// Publishes one table in place of the staged ones and of those of the stack from `start` on.
    fn publish_folded(
        &self,
        list_lock: Box<dyn PendingFile>,
        start: usize,
        table: Option<StagedTable>,
    ) -> Result<Committed> {
        let names = &self.base.names;
        let tables = table.into_iter().collect();
        let committed = publish(&self.inner, list_lock, names, start..names.len(), tables)?;
        // A6: what the new table stands for now.
        self.inner.remove_replaced(&names[start..], &committed);
        Ok(committed)
    }
}

/// What a table does to names.
#[derive(Default)]
struct NameChanges {
    added: Vec<Vec<u8>>,
    deleted: Vec<Vec<u8>>,
}

impl NameChanges {
    fn of(table: &Arc<Table>) -> Result<NameChanges> {
        let mut changes = NameChanges::default();
        let mut refs = table.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            let names = match record.is_deletion() {
                true => &mut changes.deleted,
                false => &mut changes.added,
            };
            names.push(record.name.to_vec());
        }
        Ok(changes)
    }
}
