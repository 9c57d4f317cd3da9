//! Tables that git has mapped.

use super::calls::{reftable_mmap, reftable_munmap};
use super::{HostMap, check};
use crate::error::{Error, Result as CoreResult};
use crate::table::BlockSource;
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

/// A file up to this length in bytes is read rather than mapped.
const SMALL_FILE: u64 = 16 << 10;

/// A table that git has mapped.
#[derive(Debug)]
pub(super) struct Mapped {
    bytes: Bytes,
}

/// The map itself, for as long as blocks of it are in use.
struct MappedBytes(HostMap);

// SAFETY: the map is for reading, and git's functions are called from one thread at a time.
unsafe impl Send for MappedBytes {}
// SAFETY: see above.
unsafe impl Sync for MappedBytes {}

impl AsRef<[u8]> for MappedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: mapped with that size, until this value is dropped. Tables are never changed.
        unsafe { std::slice::from_raw_parts(self.0.data.cast(), self.0.size) }
    }
}

impl Drop for MappedBytes {
    fn drop(&mut self) {
        // SAFETY: mapped by `Mapped::new`, and not used any more.
        let _ = unsafe { reftable_munmap(&raw mut self.0) };
    }
}

impl Mapped {
    /// Maps a file; `None` if it is so short that it is better read.
    pub(super) fn new(file: &File) -> io::Result<Option<Mapped>> {
        let len = file.metadata()?.len();
        let len = match usize::try_from(len) {
            Ok(size) if len > SMALL_FILE => size,
            _ => return Ok(None),
        };
        let mut map = HostMap {
            data: null_mut(),
            size: 0,
            priv_: null_mut(),
        };
        // SAFETY: an idle map, and an open file of that length.
        check(unsafe { reftable_mmap(&raw mut map, file.as_raw_fd(), len) })?;
        Ok(Some(Mapped {
            bytes: Bytes::from_owner(MappedBytes(map)),
        }))
    }
}

impl BlockSource for Mapped {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> CoreResult<Bytes> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        match start.checked_add(len) {
            Some(end) if end <= self.bytes.len() => Ok(self.bytes.slice(start..end)),
            _ => Err(Error::Misuse("read beyond the end of a table")),
        }
    }
}
