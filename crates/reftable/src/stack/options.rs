//! How a stack writes, locks and compacts, and what survives a power cut.

use crate::fs::{Fs, Mode, OsFs};
use crate::table::WriteOptions;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What survives a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// A table is on disk before a list names it, the list before it takes effect, and the folder
    /// after: what was acknowledged stays.
    #[default]
    Synced,
    /// The system writes when it likes. A power cut may lose recent transactions or damage the
    /// stack; a crash of the process alone does not.
    Unsynced,
}

/// The environment variable that turns syncing off with the value 0.
const VARIABLE: &str = "REFTABLE_FSYNC";

impl Durability {
    /// What the environment asks for: [`Durability::Unsynced`] if `REFTABLE_FSYNC` is `0`.
    ///
    /// For programs that let their users choose; the library itself follows
    /// [`StackOptions::durability`] alone. The variable is read once per process.
    pub fn from_env() -> Durability {
        static CHOICE: OnceLock<Durability> = OnceLock::new();
        *CHOICE.get_or_init(|| match std::env::var_os(VARIABLE) {
            Some(value) if value == "0" => Durability::Unsynced,
            _ => Durability::Synced,
        })
    }
}

/// How a stack writes, locks and compacts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StackOptions {
    /// Layout of the tables written, and the hash that every table must have. Compaction may make
    /// tables with longer blocks, if those it merges have longer ones.
    pub write: WriteOptions,
    /// Whether additions are checked for illegal names and directory/file conflicts.
    pub check_names: bool,
    /// Whether a missing list is an error, and not a stack without tables. For stacks that are
    /// known to exist, as that of a repository: without its list everything in it is lost.
    pub list_required: bool,
    /// Whether a commit compacts the newest tables if their sizes call for it.
    pub auto_compact: bool,
    /// A table is compacted into the next newer ones once it is less than this many times as
    /// large as they are together; at least 2.
    pub compaction_factor: u8,
    /// Mode of new tables and lists; `None` is 0666 without the process's umask.
    pub file_mode: Option<u32>,
    /// Permission bits that they get beyond that, as 0660 for a repository shared with a group.
    pub extra_mode: u32,
    /// Whether writes are synced to disk.
    pub durability: Durability,
    /// How long to wait for the lock of the list: zero to fail at once, `None` for ever.
    pub lock_timeout: Option<Duration>,
    /// The file system.
    pub fs: Arc<dyn Fs>,
    /// What C programs rely on.
    #[doc(hidden)]
    pub quirks: Quirks,
}

/// What the C libraries do in other ways, and programs that link them rely on. For their
/// interfaces alone; not covered by semantic versioning.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// A stack whose tables have overlapping or descending update indexes is refused.
    pub ascending_ranges: bool,
    /// A list that does not end with a newline is refused, as one that was cut short.
    pub whole_lists: bool,
    /// Compaction makes no blocks larger than asked for, also where a record needs that, or the
    /// tables had larger ones: a record that fits no block is an error.
    pub fixed_blocks: bool,
    /// Compaction ends the messages of log entries with a newline where they have none.
    pub end_messages: bool,
}

impl StackOptions {
    /// The mode of new tables and lists.
    pub(crate) fn mode(&self) -> Mode {
        Mode {
            bits: self.file_mode.unwrap_or(0o666),
            exact: self.file_mode.is_some(),
            extra: self.extra_mode,
        }
    }
}

impl Default for StackOptions {
    fn default() -> Self {
        StackOptions {
            write: WriteOptions::default(),
            check_names: true,
            list_required: false,
            auto_compact: true,
            compaction_factor: 2,
            file_mode: None,
            extra_mode: 0,
            durability: Durability::Synced,
            lock_timeout: Some(Duration::ZERO),
            fs: Arc::new(OsFs),
            quirks: Quirks::default(),
        }
    }
}
