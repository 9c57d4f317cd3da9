//! Compaction: several neighbouring tables become one.
//!
//! The newest record of each key stays. Tombstones go only if the bottom of the stack takes part,
//! since below it is nothing left to hide. The list is locked at the beginning and at the end, not
//! while the tables are merged; locks on the tables keep two compactions apart. The steps C1 to C8
//! are those of `docs/durability.md`.

use super::publish::{Committed, publish};
use super::segments::find_segment;
use super::snapshot::Snapshot;
use super::staged::StagedTable;
use super::{Inner, LogExpiry, lock};
use crate::block::Effort;
use crate::error::{Error, Result};
use crate::format::Header;
use crate::fs::PendingFile;
use crate::merged::MergedTable;
use crate::record::{LogRecord, LogUpdate, LogValue};
use crate::table::{BLOCK_SIZE_LIMIT, Table, TableWriter};
use std::ops::Range;
use std::sync::Arc;

/// A commit merges its tables with those of the stack, instead of leaving that to a compaction of
/// its own, if all together have no more than this many bytes.
const FOLD_LIMIT: u64 = 256 << 10;

/// The largest block size in bytes.
const LONGEST_BLOCK: u32 = BLOCK_SIZE_LIMIT - 1;

/// Which log entries a compaction drops.
#[derive(Clone, Copy)]
pub(super) enum Expiry<'a> {
    Nothing,
    /// By age, as the C library does: a reflog that loses all its entries is gone.
    Bounds(LogExpiry),
    /// Those that the function is true for. A reflog that loses all its entries stays, empty.
    Entries(&'a dyn Fn(&LogRecord<'_>) -> bool),
}

impl Expiry<'_> {
    fn drops_something(&self) -> bool {
        !matches!(self, Expiry::Nothing)
    }
}

/// What to do about a table that somebody else has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenLocked {
    Fail,
    /// Be content with the tables above it, if there are two.
    TakeNewer,
}

/// Tables that no other compaction can take until this is dropped.
struct LockedTables {
    range: Range<usize>,
    locks: Vec<Box<dyn PendingFile>>,
}

impl Inner {
    pub(super) fn compact_all(&self, expiry: Expiry<'_>) -> Result<()> {
        let base = self.snapshot();
        // One table has nothing to be merged with, but may have logs to drop.
        let enough = if expiry.drops_something() { 1 } else { 2 };
        if base.names.len() < enough {
            return Ok(());
        }
        self.compact(&base, 0..base.names.len(), expiry, WhenLocked::Fail)
    }

    pub(super) fn auto_compact(&self) -> Result<()> {
        let base = self.snapshot();
        let Some(range) = self.find_due(&base) else {
            return Ok(());
        };
        let result = self.compact(&base, range, Expiry::Nothing, WhenLocked::TakeNewer);
        self.stats().failures += u64::from(result.is_err());
        result
    }

    /// The tables of `base` whose sizes call for compaction.
    pub(super) fn find_due(&self, base: &Snapshot) -> Option<Range<usize>> {
        let sizes: Vec<u64> = weights(self, base).collect();
        find_segment(&sizes, self.options.compaction_factor)
    }

    /// The size in bytes that counts for a table of `file_len` bytes: without what even an empty
    /// table has, save one byte.
    fn weigh(&self, file_len: u64) -> u64 {
        let hash = self.options.write.hash;
        let empty = Header::len_for(hash) + Header::footer_len_for(hash);
        file_len.saturating_sub(empty as u64 - 1)
    }

    fn compact(
        &self,
        base: &Snapshot,
        range: Range<usize>,
        expiry: Expiry<'_>,
        when_locked: WhenLocked,
    ) -> Result<()> {
        self.stats().attempts += 1;
        let LockedTables { range, locks } = self.lock_tables(base, range, when_locked)?;
        // C4: the result, in memory or in a temporary file.
        let keep_tombstones = range.start > 0;
        let table = self.merge(
            base.tables()[range.clone()].to_vec(),
            keep_tombstones,
            expiry,
            Effort::Brief,
        )?;
        // C5: the list again, which others may have replaced meanwhile.
        let list_lock = lock::lock_list(self)?;
        let old = &base.names[range];
        let names = self.read_list()?.names;
        let run = find_run(&names, old).ok_or_else(|| self.outdated())?;
        if run.start > 0 && !keep_tombstones {
            // Somebody has put tables below: what they have deleted would come back.
            return Err(self.outdated());
        }
        // The result takes the place of the run, and nothing else changes.
        let committed = publish(self, list_lock, &names, run, table.into_iter().collect())?;
        // C6: the new list.
        let reloaded = self.reload();
        // C7: the old tables. Their locks stay until they are gone.
        self.remove_replaced(old, &committed);
        // C8: their locks.
        drop(locks);
        committed.synced?;
        reloaded?;
        Ok(())
    }

    /// C1 to C3: locks the list, then the tables, newest first; the list is free again after.
    fn lock_tables(
        &self,
        base: &Snapshot,
        mut range: Range<usize>,
        when_locked: WhenLocked,
    ) -> Result<LockedTables> {
        let _list_lock = lock::lock_list(self)?;
        self.check_current(base)?;
        let mut locks = Vec::new();
        for position in range.clone().rev() {
            match lock::lock_table(self, &base.names[position]) {
                Ok(lock) => locks.push(lock),
                Err(Error::Locked { .. })
                    if when_locked == WhenLocked::TakeNewer && locks.len() >= 2 =>
                {
                    range.start = position + 1;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(LockedTables { range, locks })
    }

    /// Merges tables into a new one; `None` if no record is left.
    fn merge(
        &self,
        tables: Vec<Arc<Table>>,
        keep_tombstones: bool,
        expiry: Expiry<'_>,
        effort: Effort,
    ) -> Result<Option<StagedTable>> {
        let footer = Header::footer_len_for(self.options.write.hash) as u64;
        let bytes = tables
            .iter()
            .map(|table| table.file_len().saturating_sub(footer));
        self.stats().bytes += bytes.sum::<u64>();
        // What fitted its table is to fit the result.
        let mut options = self.options.write.clone();
        let grow = !self.options.quirks.fixed_blocks;
        for table in tables.iter().filter(|_| grow) {
            options.block_size = options.block_size.max(table.block_size());
        }
        // Each is read once: mapped, all their pages would be in memory at the end.
        let tables = tables.iter().map(Table::read_ahead).collect();
        let view = MergedTable::new(tables, options.hash)?;
        let range = (view.min_update_index(), view.max_update_index());
        loop {
            let mut copying = Copying {
                keep_tombstones,
                end_messages: self.options.quirks.end_messages,
                expiry,
                entries: 0,
            };
            let result = StagedTable::write(self, options.clone(), range, |writer| {
                writer.set_limits(range.0, range.1);
                writer.set_effort(effort);
                copying.copy_refs(&view, writer)?;
                copying.copy_logs(&view, writer)
            });
            self.stats().entries_written += copying.entries;
            match result {
                // A table without padding does not tell its block size, and the first block of a
                // table has less room than the others.
                Err(Error::TooLarge { .. }) if grow && options.block_size < LONGEST_BLOCK => {
                    options.block_size = options.block_size.saturating_mul(2).min(LONGEST_BLOCK);
                }
                result => return result,
            }
        }
    }

    /// Removes the files of tables that `committed` took from the list. They stay if a power cut
    /// could still bring back the list that names them.
    pub(super) fn remove_replaced(&self, names: &[String], committed: &Committed) {
        if committed.synced.is_err() {
            return;
        }
        for name in names {
            // Readers ignore a file that stays, and `clean` finds it.
            let _ = self.options.fs.remove(&self.dir.join(name));
        }
    }
}

fn weights(inner: &Inner, base: &Snapshot) -> impl Iterator<Item = u64> {
    base.tables()
        .iter()
        .map(|table| inner.weigh(table.file_len()))
}

/// Where `old` stands in `names`, without gaps and in this order.
fn find_run(names: &[String], old: &[String]) -> Option<Range<usize>> {
    let start = names.windows(old.len()).position(|window| window == old)?;
    Some(start..start + old.len())
}

/// What becomes of the tables of a transaction when it is committed.
pub(super) enum Folding {
    /// They are merged with the stack's tables from `start` on; `None` if no record is left.
    Done {
        start: usize,
        table: Option<StagedTable>,
    },
    /// They do not call for compaction, or not for one that is quick enough under the lock.
    NotDue,
    /// Merging failed, which is counted; they are committed as they are.
    Failed,
}

/// Does what auto-compaction would do after a commit before it, so that the list is replaced
/// once. The list must be locked.
pub(super) fn fold(inner: &Inner, base: &Snapshot, staged: &[StagedTable]) -> Folding {
    match try_fold(inner, base, staged) {
        Ok(Some((start, table))) => Folding::Done { start, table },
        Ok(None) => Folding::NotDue,
        Err(_) => {
            inner.stats().failures += 1;
            Folding::Failed
        }
    }
}

fn try_fold(
    inner: &Inner,
    base: &Snapshot,
    staged: &[StagedTable],
) -> Result<Option<(usize, Option<StagedTable>)>> {
    let new = staged.iter().map(|table| inner.weigh(table.file_len));
    let sizes: Vec<u64> = weights(inner, base).chain(new).collect();
    let range = match find_segment(&sizes, inner.options.compaction_factor) {
        Some(range) if range.end == sizes.len() && range.start <= base.names.len() => range,
        _ => return Ok(None),
    };
    if sizes[range.clone()].iter().sum::<u64>() > FOLD_LIMIT {
        return Ok(None);
    }
    let mut start = range.start;
    let locked = |name: &String| lock::is_table_locked(inner, name);
    if let Some(position) = base.names[start..].iter().rposition(locked) {
        start += position + 1;
    }
    if sizes.len() - start < 2 {
        return Ok(None);
    }
    inner.stats().attempts += 1;
    let mut tables = base.tables()[start..].to_vec();
    for table in staged {
        tables.push(table.open(inner)?);
    }
    // It is short, and its turn to be merged comes again soon.
    let table = inner.merge(tables, start > 0, Expiry::Nothing, Effort::Least)?;
    Ok(Some((start, table)))
}

/// Copies records from the old tables to the new one.
struct Copying<'a> {
    keep_tombstones: bool,
    end_messages: bool,
    expiry: Expiry<'a>,
    entries: u64,
}

impl Copying<'_> {
    fn copy_refs(&mut self, view: &MergedTable, writer: &mut TableWriter<'_>) -> Result<()> {
        let mut refs = view.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            if self.keep_tombstones || !record.is_deletion() {
                writer.add_ref(&record)?;
                self.entries += 1;
            }
        }
        Ok(())
    }

    fn copy_logs(&mut self, view: &MergedTable, writer: &mut TableWriter<'_>) -> Result<()> {
        // The reflog that has lost all entries so far, and the index of the newest one.
        let mut emptied: Option<(Vec<u8>, u64)> = None;
        let mut last_kept = Vec::new();
        let mut logs = view.logs_from(b"", u64::MAX)?;
        while let Some(record) = logs.next()? {
            if emptied
                .as_ref()
                .is_some_and(|(name, _)| name != record.name)
            {
                self.mark_emptied(emptied.take(), view, writer)?;
            }
            if self.keeps_log(&record) {
                last_kept.clear();
                last_kept.extend_from_slice(record.name);
                emptied = None;
                self.copy_log(record, writer)?;
                self.entries += 1;
            } else if !record.is_deletion() && emptied.is_none() && last_kept != record.name {
                emptied = Some((record.name.to_vec(), record.update_index));
            }
        }
        self.mark_emptied(emptied, view, writer)
    }

    /// Writes the mark of an empty reflog in place of its newest entry.
    fn mark_emptied(
        &mut self,
        emptied: Option<(Vec<u8>, u64)>,
        view: &MergedTable,
        writer: &mut TableWriter<'_>,
    ) -> Result<()> {
        let (Some((name, update_index)), Expiry::Entries(_)) = (emptied, self.expiry) else {
            return Ok(());
        };
        let zero = vec![0; view.hash().len()];
        self.entries += 1;
        writer.add_log(&LogRecord {
            name: &name,
            update_index,
            value: LogValue::Update(LogUpdate::marker(&zero)),
        })
    }

    fn copy_log(&self, record: LogRecord<'_>, writer: &mut TableWriter<'_>) -> Result<()> {
        match record.value {
            LogValue::Update(update) if self.end_messages && !update.message.ends_with(b"\n") => {
                let message = &[update.message, b"\n"].concat();
                writer.add_log(&LogRecord {
                    value: LogValue::Update(LogUpdate { message, ..update }),
                    ..record
                })
            }
            _ => writer.add_log(&record),
        }
    }

    fn keeps_log(&self, record: &LogRecord<'_>) -> bool {
        match &record.value {
            LogValue::Deletion => self.keep_tombstones,
            LogValue::Update(update) => match self.expiry {
                Expiry::Nothing => true,
                // A bound of 0 is never undercut.
                Expiry::Bounds(bounds) => {
                    update.time >= bounds.time && record.update_index >= bounds.min_update_index
                }
                Expiry::Entries(drops) => update.is_marker() || !drops(record),
            },
        }
    }
}
