//! How a table is laid out.

use crate::error::{Error, Result};
use crate::format::{BLOCK_HEADER_LEN, Header};
use crate::hash::HashId;

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
        // File header, block header, the smallest record, one restart, the restart count.
        let least = Header::len_for(self.hash).saturating_add(BLOCK_HEADER_LEN + 4 + 3 + 2);
        if self.block_size >= BLOCK_SIZE_LIMIT || (self.block_size as usize) < least {
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
