//! Reflogs as iterators of the standard library.

use super::View;
use crate::error::Result;
use crate::merged::MergedLogIter;
use crate::record::{LogRecord, LogRecordBuf, LogValue};
use std::iter::{FusedIterator, Rev};
use std::ops::ControlFlow;
use std::vec;

/// The entries of one reflog, newest first, each a copy of its own. Ends after the first error.
#[derive(Debug)]
pub struct Logs {
    name: Vec<u8>,
    records: Option<MergedLogIter>,
}

/// The entries of one reflog, oldest first.
pub type OldestFirst = Rev<vec::IntoIter<LogRecordBuf>>;

/// Whether a record only says that there is a reflog.
fn is_marker(record: &LogRecord<'_>) -> bool {
    matches!(record.value, LogValue::Update(update) if update.is_marker())
}

impl View {
    /// The reflog of `name`. The marker that git writes for a reflog without entries is left out.
    ///
    /// ```no_run
    /// use reftable::Repository;
    /// use reftable::record::LogValueBuf;
    ///
    /// let view = Repository::discover(".")?.view();
    /// // `git reflog -n 3`; `.oldest_first()?` turns it round.
    /// for record in view.reflog(b"HEAD")?.take(3) {
    ///     if let LogValueBuf::Update(entry) = record?.value {
    ///         println!("{} {}", entry.time, String::from_utf8_lossy(&entry.message));
    ///     }
    /// }
    /// # Ok::<(), reftable::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt), and errors of the system. They may also come from
    /// the iterator.
    pub fn reflog(&self, name: &[u8]) -> Result<Logs> {
        let (table, name) = self.table_for(name);
        let records = match name {
            b"" => None,
            _ => Some(table.logs_from(name, u64::MAX)?),
        };
        Ok(Logs {
            name: name.to_vec(),
            records,
        })
    }

    /// Whether there is a reflog of this name, be it without entries.
    ///
    /// # Errors
    ///
    /// Those of [`View::find`].
    pub fn has_reflog(&self, name: &[u8]) -> Result<bool> {
        let (table, name) = self.table_for(name);
        Ok(table.read_log(name, |_| ())?.is_some())
    }

    /// Gives each log record of all reflogs to `f`, by name and newest first, until `f` breaks off.
    /// Those of a linked worktree come last.
    ///
    /// # Errors
    ///
    /// Those of [`View::find`].
    pub fn for_each_log<B>(
        &self,
        mut f: impl FnMut(LogRecord<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>> {
        let linked = self.worktree.is_some();
        for (table, own) in std::iter::once((&self.shared, false))
            .chain(self.worktree.iter().map(|table| (table, true)))
        {
            let mut logs = table.logs_from(b"", u64::MAX)?;
            while let Some(record) = logs.next()? {
                if linked && super::is_per_worktree(record.name) != own {
                    continue;
                }
                if let ControlFlow::Break(value) = f(record) {
                    return Ok(ControlFlow::Break(value));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The tombstones that delete the reflog of `name`, newest entry first.
    pub(crate) fn log_indexes(&self, name: &[u8]) -> Result<Vec<u64>> {
        let (table, name) = self.table_for(name);
        let mut indexes = Vec::new();
        let mut records = table.logs_from(name, u64::MAX)?;
        while let Some(record) = records.next()? {
            if record.name != name {
                break;
            }
            indexes.push(record.update_index);
        }
        Ok(indexes)
    }
}

impl Logs {
    /// The same entries, oldest first. Reads all of them at once: records of a log are stored
    /// newest first.
    ///
    /// # Errors
    ///
    /// Those of [`View::reflog`].
    pub fn oldest_first(self) -> Result<OldestFirst> {
        let entries = self.collect::<Result<Vec<_>>>()?;
        Ok(entries.into_iter().rev())
    }

    fn advance(&mut self) -> Result<Option<LogRecordBuf>> {
        let Some(records) = &mut self.records else {
            return Ok(None);
        };
        while let Some(record) = records.next()? {
            if record.name != self.name {
                break;
            }
            if !is_marker(&record) {
                return Ok(Some(record.to_buf()));
            }
        }
        self.records = None;
        Ok(None)
    }
}

impl Iterator for Logs {
    type Item = Result<LogRecordBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        if result.is_err() {
            self.records = None;
        }
        result.transpose()
    }
}

impl FusedIterator for Logs {}
