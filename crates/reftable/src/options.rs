//! How tables are written and how a stack behaves.

use crate::error::{Error, Result};
use crate::fs::{Fs, OsFs};
use crate::hash::HashId;
use std::sync::Arc;
use std::time::Duration;

/// The block size where none is given, in bytes.
pub const DEFAULT_BLOCK_SIZE: u32 = 4096;
/// Every how many records a key is stored in full where no interval is given.
pub const DEFAULT_RESTART_INTERVAL: u32 = 16;
/// A block is shorter than this, in bytes: its length has 24 bits (format section 13).
pub const BLOCK_SIZE_LIMIT: u32 = 1 << 24;

/// How a table is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Size in bytes at which a block is full, below [`BLOCK_SIZE_LIMIT`].
    pub block_size: u32,
    /// Whether ref, object and index blocks start at multiples of the block size.
    pub padded: bool,
    /// Every how many records of a block a key is stored in full; at least 1.
    pub restart_interval: u32,
    /// Whether to write the section that finds refs by object id.
    pub object_index: bool,
    /// The hash of the object ids.
    pub hash: HashId,
}

impl WriteOptions {
    /// Checks that a table can be laid out like this.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for a block size that is not below [`BLOCK_SIZE_LIMIT`] or too small for
    /// header and restart table, or a restart interval of 0.
    pub fn validate(&self) -> Result<()> {
        let header_len: u32 = match self.hash {
            HashId::Sha1 => 24,
            HashId::Sha256 => 28,
        };
        // File header, block header, the smallest record, one restart, the restart count.
        let least = header_len + 4 + 4 + 3 + 2;
        if self.block_size >= BLOCK_SIZE_LIMIT || self.block_size < least {
            return Err(Error::Misuse("block size out of range"));
        }
        if self.restart_interval == 0 {
            return Err(Error::Misuse("restart interval of 0"));
        }
        Ok(())
    }
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions {
            block_size: DEFAULT_BLOCK_SIZE,
            padded: true,
            restart_interval: DEFAULT_RESTART_INTERVAL,
            object_index: true,
            hash: HashId::Sha1,
        }
    }
}

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

/// How a stack writes, locks and compacts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StackOptions {
    /// Layout of the tables written, and the hash that every table must have. Compaction may make
    /// tables with longer blocks, if those it merges have longer ones.
    pub write: WriteOptions,
    /// Whether additions are checked for illegal names and directory/file conflicts.
    pub check_names: bool,
    /// Whether a stack whose tables have overlapping or descending update indexes is refused.
    pub ascending_ranges: bool,
    /// Whether a list that does not end with a newline is refused, as one that was cut short.
    pub whole_lists: bool,
    /// Whether compaction makes blocks larger than asked for where a record needs that, or the
    /// tables had larger ones. Otherwise a record that fits no block is an error.
    pub grow_blocks: bool,
    /// Whether compaction ends the messages of log entries with a newline where they have none.
    pub end_messages: bool,
    /// Whether a commit compacts the newest tables if their sizes call for it.
    pub auto_compact: bool,
    /// A table is compacted into the next newer ones once it is less than this many times as
    /// large as they are together; at least 2.
    pub compaction_factor: u8,
    /// Mode of new tables and lists; `None` is 0666 without the process's umask.
    pub file_mode: Option<u32>,
    /// Whether writes are synced to disk.
    pub durability: Durability,
    /// How long to wait for the lock of the list: zero to fail at once, `None` for ever.
    pub lock_timeout: Option<Duration>,
    /// The file system.
    pub fs: Arc<dyn Fs>,
}

impl Default for StackOptions {
    fn default() -> Self {
        StackOptions {
            write: WriteOptions::default(),
            check_names: true,
            ascending_ranges: false,
            whole_lists: false,
            grow_blocks: true,
            end_messages: false,
            auto_compact: true,
            compaction_factor: 2,
            file_mode: None,
            durability: Durability::Synced,
            lock_timeout: Some(Duration::ZERO),
            fs: Arc::new(OsFs),
        }
    }
}
