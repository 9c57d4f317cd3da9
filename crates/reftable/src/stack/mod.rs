//! The folder: a list of tables, and the transactions and compactions that change it.
//!
//! ```text
//! tables.list          names of the tables, oldest first
//! tables.list.lock     held by the process that is about to replace the list
//! 0x…-0x…-….ref        a table: smallest and largest update index, random number
//! 0x…-0x…-….ref.lock   held while the table is being compacted
//! 0x…-0x…-….temp.…     a table being written
//! ```
//!
//! Files never change once they have their final names: a transaction ([`Addition`]) adds a table
//! and a compaction replaces some by one, and both take effect when a new list is renamed over the
//! old one. So a loaded list with its open tables is a snapshot of the stack that stays readable.
//! `list`, `lock` and `publish` know the folder, `reload` makes snapshots, `segments` decides what
//! to compact.

mod addition;
mod clean;
mod compact;
mod conflicts;
mod copy;
pub(crate) mod file_name;
pub(crate) mod list;
pub(crate) mod lock;
mod options;
pub(crate) mod publish;
mod reload;
mod segments;
mod snapshot;
mod staged;

pub use addition::Addition;
pub use conflicts::check_names;
#[doc(hidden)]
pub use options::Quirks;
pub use options::{Durability, StackOptions};

use crate::error::{Error, Result};
use crate::fs::Mode;
use crate::merged::MergedTable;
use crate::record::{LogRecord, RefRecord};
use crate::table::TableWriter;
use addition::WhenOutdated;
use compact::Expiry;
use snapshot::{Snapshot, View};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A stack of tables in a folder.
///
/// A handle sees the state it loaded last: on opening, by [`Stack::reload`], or by a change of its
/// own. All methods take `&self`, and handles can be shared between threads. No lock is held while
/// a caller's closure runs, so closures may use the same stack.
#[derive(Debug)]
pub struct Stack {
    inner: Arc<Inner>,
}

/// What a stack and its open additions share.
#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Path of the list.
    list: PathBuf,
    options: StackOptions,
    /// Locked to take or swap the reference, never longer.
    view: Arc<Mutex<View>>,
    stats: Arc<Mutex<CompactionStats>>,
}

impl Inner {
    fn mode(&self) -> Mode {
        self.options.mode()
    }

    fn is_durable(&self) -> bool {
        self.options.durability != Durability::Unsynced
    }

    fn stats(&self) -> MutexGuard<'_, CompactionStats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stack {
    /// Opens the stack in `dir`, which need not exist.
    ///
    /// A relative path is taken from the current folder of now, not from that of later calls.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::reload`] and of [`WriteOptions::validate`](crate::WriteOptions::validate).
    pub fn open(dir: impl AsRef<Path>, options: StackOptions) -> Result<Stack> {
        options.write.validate()?;
        let view = View {
            snapshot: Arc::new(Snapshot::empty(&options)?),
            looks: 0,
        };
        let dir = reload::absolute(dir.as_ref())?;
        let inner = Inner {
            list: dir.join(list::LIST),
            dir,
            options,
            view: Arc::new(Mutex::new(view)),
            stats: Arc::default(),
        };
        inner.reload()?;
        Ok(Stack {
            inner: Arc::new(inner),
        })
    }

    /// A handle on the same stack with other options: it shows and loads the same view.
    ///
    /// The hash is that of this stack, whatever the options say.
    #[must_use]
    pub fn with_options(&self, mut options: StackOptions) -> Stack {
        options.write.hash = self.inner.options.write.hash;
        let inner = Inner {
            dir: self.inner.dir.clone(),
            list: self.inner.list.clone(),
            options,
            view: Arc::clone(&self.inner.view),
            stats: Arc::clone(&self.inner.stats),
        };
        Stack {
            inner: Arc::new(inner),
        }
    }

    /// The options given to open.
    pub fn options(&self) -> &StackOptions {
        &self.inner.options
    }

    /// The folder, as an absolute path.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Loads the list again if it changed; whether it did. On failure the old view stays.
    ///
    /// Tables that stay in the list are not opened again. While other processes keep replacing the
    /// list, this waits and tries again, for three seconds at least.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a listed table that does not exist,
    /// [`Error::HashMismatch`],
    /// [`Error::Corrupt`] for a damaged list or table,
    /// [`Error::RangeOverlap`] if the options ask for ascending
    /// ranges, and errors of the system.
    pub fn reload(&self) -> Result<bool> {
        self.inner.reload()
    }

    /// The loaded view, tombstones hidden. Stays valid for ever; does not see later changes.
    pub fn merged(&self) -> MergedTable {
        self.inner.snapshot().visible.clone()
    }

    /// The names of the loaded view's tables, oldest first.
    pub fn table_names(&self) -> Vec<String> {
        self.inner.snapshot().names.clone()
    }

    /// Counts reloads that changed the view: equal numbers, equal view.
    pub fn generation(&self) -> u64 {
        self.inner.snapshot().generation
    }

    /// The update index of the next transaction: one above the largest of the loaded view, and 1
    /// for an empty stack.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] beyond 64 bits.
    pub fn next_update_index(&self) -> Result<u64> {
        self.inner.snapshot().next_update_index()
    }

    /// Gives the ref of exactly this name in the loaded view to `f`; `None` if there is none.
    pub fn read_ref<R>(
        &self,
        name: &[u8],
        f: impl FnOnce(RefRecord<'_>) -> R,
    ) -> Result<Option<R>> {
        self.inner.snapshot().visible.read_ref(name, f)
    }

    /// Gives the newest log entry of exactly this name in the loaded view to `f`; `None` if there
    /// is none.
    pub fn read_log<R>(
        &self,
        name: &[u8],
        f: impl FnOnce(LogRecord<'_>) -> R,
    ) -> Result<Option<R>> {
        self.inner.snapshot().visible.read_log(name, f)
    }

    /// Begins a transaction on the loaded view, and holds the list's lock for its time.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another transaction, of whatever process or of
    /// this very handle, is open for longer than the options allow to wait;
    /// [`Error::Outdated`] if the list is no longer the loaded one; an
    /// error of the system if the folder does not exist.
    pub fn begin(&self) -> Result<Addition> {
        let timeout = self.inner.options.lock_timeout;
        Addition::begin(&self.inner, WhenOutdated::Fail, timeout)
    }

    /// Begins a transaction as [`Stack::begin`] does, on the newest view: reloads under the lock
    /// rather than to find the view outdated.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::begin`] and of [`Stack::reload`].
    pub fn begin_reloaded(&self) -> Result<Addition> {
        self.begin_within(self.inner.options.lock_timeout)
    }

    /// [`Stack::begin_reloaded`] with a time-out of its own: how long to wait for the lock of the
    /// list, zero to fail at once, `None` for ever.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::begin_reloaded`].
    pub fn begin_within(&self, timeout: Option<Duration>) -> Result<Addition> {
        Addition::begin(&self.inner, WhenOutdated::Reload, timeout)
    }

    /// One transaction of one table: [`Stack::begin`], [`Addition::add`], [`Addition::commit`].
    ///
    /// If the list is locked or the view outdated, the view is reloaded before the error is
    /// returned, so that another call can succeed.
    ///
    /// # Errors
    ///
    /// Those of the three functions.
    pub fn add(&self, write: impl FnOnce(&mut TableWriter<'_>) -> Result<()>) -> Result<()> {
        let mut addition = self.begin().inspect_err(|error| {
            if matches!(error, Error::Locked { .. } | Error::Outdated { .. }) {
                // A failure to reload will show in the next call; this one has its answer.
                let _ = self.reload();
            }
        })?;
        addition.add(write)?;
        addition.commit()
    }

    /// Merges all tables into one; drops log entries by `expiry`.
    ///
    /// Does nothing if there are fewer than two tables, or none if `expiry` is given.
    ///
    /// ```
    /// use reftable::{LogExpiry, Stack, StackOptions};
    ///
    /// # let dir = tempfile::tempdir().expect("a folder");
    /// # let stack = Stack::open(dir.path(), StackOptions::default())?;
    /// // Entries from before 2020 go, whatever their update index.
    /// let expiry = LogExpiry { time: 1_577_836_800, min_update_index: 0 };
    /// stack.compact_all(Some(expiry))?;
    /// assert!(stack.table_names().len() <= 1);
    /// # Ok::<(), reftable::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if the list or a table is locked,
    /// [`Error::Outdated`] if the list is not the loaded one or does not
    /// have the merged tables any more. On any error before the list is replaced nothing changed.
    pub fn compact_all(&self, expiry: Option<LogExpiry>) -> Result<()> {
        let expiry = expiry.map_or(Expiry::Nothing, Expiry::Bounds);
        self.inner.compact_all(expiry)
    }

    /// Merges all tables into one, and drops the log entries that `drops` is true for.
    ///
    /// A reflog stays though it loses all entries, with the mark of an empty one as its record:
    /// git goes on logging only where there is a reflog.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::compact_all`].
    pub fn compact_dropping(&self, drops: &dyn Fn(&LogRecord<'_>) -> bool) -> Result<()> {
        self.inner.compact_all(Expiry::Entries(drops))
    }

    /// Merges the newest tables if their sizes call for it.
    ///
    /// Where a table is locked, those above it are merged, if there are two.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::compact_all`].
    pub fn auto_compact(&self) -> Result<()> {
        self.inner.auto_compact()
    }

    /// Whether [`Stack::auto_compact`] would merge tables of the loaded view.
    pub fn compaction_required(&self) -> bool {
        self.inner.find_due(&self.inner.snapshot()).is_some()
    }

    /// What compaction has done through this handle.
    pub fn stats(&self) -> CompactionStats {
        *self.inner.stats()
    }

    /// Removes files that no list names and that no writer can be making: what crashes left.
    ///
    /// Those are temporary files, and tables whose update indexes are not above the stack's, also
    /// if they end too early, as after the kill of a writer. Other files that cannot be read as
    /// tables, locks and foreign files stay.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if the list is locked, and those of
    /// [`Stack::reload`].
    pub fn clean(&self) -> Result<()> {
        self.clean_with(|_| ())
    }

    /// [`Stack::clean`] that tells `removed` the name of each file that it removed itself.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::clean`].
    pub fn clean_with(&self, mut removed: impl FnMut(&str)) -> Result<()> {
        self.inner.clean(&mut removed)
    }
}

/// Which log entries a compaction drops; a bound of 0 drops none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogExpiry {
    /// Entries older than this, in seconds since 1970, are dropped.
    pub time: u64,
    /// Entries with a smaller update index are dropped.
    pub min_update_index: u64,
}

/// What compaction has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionStats {
    /// Bytes of the tables compacted, without footers.
    pub bytes: u64,
    /// Records written, also by compactions that failed later.
    pub entries_written: u64,
    /// Compactions tried.
    pub attempts: u64,
    /// Automatic compactions that failed: for a lock, for an outdated list, or with an error. The
    /// ones that belong to a commit do not make it fail.
    pub failures: u64,
}

/// Handles and transactions go between threads.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    const fn is_send<T: Send>() {}
    is_send_and_sync::<Stack>();
    is_send_and_sync::<MergedTable>();
    is_send::<Addition>();
};
