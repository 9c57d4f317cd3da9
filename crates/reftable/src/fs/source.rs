//! Where the bytes of a table come from.

use super::mapping;
use super::os::regular_len;
use super::platform::{READS_AT_OFFSET, open_without_waiting, read_at};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// A file up to this length in bytes is read as a whole when it is opened: one call to the system
/// serves all reads, and no descriptor stays open. Where files cannot be read at an offset by
/// several threads, all are.
const SMALL_FILE: u64 = if READS_AT_OFFSET { 16 << 10 } else { u64::MAX };
/// After this many reads of single blocks a file is mapped: a map costs as much as about this
/// many reads. Whole [`PIECE`]s do not count: their reader does not want a map.
const READS_BEFORE_MAP: u32 = 24;

/// Length in bytes of the pieces in which a table is read from front to back. The system's
/// allocator takes memory of this length from what it has, and gives longer pieces back each time.
pub(crate) const PIECE: usize = 64 << 10;

/// The bytes of a table.
///
/// Blocks are handed out as [`Bytes`], which share their memory and give it back when the last
/// of them is dropped.
#[expect(clippy::len_without_is_empty, reason = "no table is empty")]
pub trait BlockSource: Debug + Send + Sync {
    /// Length of the table in bytes; never changes.
    fn len(&self) -> u64;

    /// Exactly `len` bytes from `offset`. The caller asks only for bytes below
    /// [`BlockSource::len`].
    fn read(&self, offset: u64, len: usize) -> Result<Bytes>;

    /// Told when many blocks are about to be read one after the other.
    fn expect_scan(&self) {}
}

/// Bytes in memory.
#[derive(Clone, Debug)]
pub struct MemorySource(Bytes);

impl MemorySource {
    /// Takes the bytes of a whole table.
    pub fn new(bytes: impl Into<Bytes>) -> MemorySource {
        MemorySource(bytes.into())
    }
}

impl BlockSource for MemorySource {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        slice(&self.0, offset, len).ok_or(Error::Misuse("read beyond the end of a table"))
    }
}

fn slice(bytes: &Bytes, offset: u64, len: usize) -> Option<Bytes> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(len)?;
    (end <= bytes.len()).then(|| bytes.slice(start..end))
}

/// A file. Small ones are held in memory; of others single blocks are read where they lie, and
/// they are mapped once a scan or many lookups begin.
///
/// The file must not be changed or cut while it is in use. Tables never are: they are complete
/// before they get their name, and then only removed, which leaves open ones readable.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    /// `None` if the file is in memory or mapped, so that no descriptor stays open.
    file: RwLock<Option<File>>,
    len: u64,
    reads: AtomicU32,
    /// The whole file, once it is in memory or mapped; `None` if it cannot be mapped.
    whole: OnceLock<Option<Bytes>>,
}

impl FileSource {
    /// Opens a file.
    pub fn open(path: &Path) -> io::Result<FileSource> {
        FileSource::new(open_without_waiting(path)?, path)
    }

    /// Takes an open file; `path` is for errors.
    pub fn new(file: File, path: &Path) -> io::Result<FileSource> {
        let len = regular_len(&file)?;
        let mut source = FileSource {
            path: path.to_path_buf(),
            file: RwLock::default(),
            len,
            reads: AtomicU32::new(0),
            whole: OnceLock::new(),
        };
        if source.len <= SMALL_FILE {
            let mut bytes = vec![0; usize::try_from(source.len).unwrap_or_default()];
            read_whole(&file, &mut bytes)?;
            source.whole = OnceLock::from(Some(Bytes::from(bytes)));
        } else {
            source.file = RwLock::new(Some(file));
        }
        Ok(source)
    }

    /// The whole file, if it is in memory or can be mapped.
    fn whole(&self) -> Option<&Bytes> {
        self.whole.get_or_init(|| self.map()).as_ref()
    }

    /// Maps the file and closes it; `None` if it cannot be mapped or has been cut.
    fn map(&self) -> Option<Bytes> {
        let mapped = mapping::map(self.open_file().as_ref()?).ok()?;
        let whole = Bytes::from_owner(mapped);
        if (whole.len() as u64) < self.len {
            return None;
        }
        // While another thread reads from it, it stays open: nobody waits, least of all for a thread
        // that a fork has left behind.
        if let Ok(mut file) = self.file.try_write() {
            *file = None;
        }
        Some(whole)
    }

    fn open_file(&self) -> RwLockReadGuard<'_, Option<File>> {
        self.file.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let many = || len < PIECE && self.reads.fetch_add(1, Ordering::Relaxed) >= READS_BEFORE_MAP;
        let whole = match self.whole.get() {
            None if many() => self.whole(),
            _ => self.whole.get().and_then(Option::as_ref),
        };
        let result = match whole {
            Some(whole) => slice(whole, offset, len),
            None => match self.open_file().as_ref() {
                Some(file) => {
                    let mut bytes = vec![0; len];
                    read_at(file, &mut bytes, offset).map_err(Error::io("read", &self.path))?;
                    Some(Bytes::from(bytes))
                }
                // Another thread has mapped it meanwhile.
                None => self.whole().and_then(|whole| slice(whole, offset, len)),
            },
        };
        // Only a file that was cut after it was opened is shorter than it says.
        let cut = || Error::io("read", &self.path)(io::ErrorKind::UnexpectedEof.into());
        result.ok_or_else(cut)
    }

    fn expect_scan(&self) {
        self.whole();
    }
}

/// Fills `bytes` from the start of the file on.
fn read_whole(mut file: &File, bytes: &mut [u8]) -> io::Result<()> {
    if READS_AT_OFFSET {
        return read_at(file, bytes, 0);
    }
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::{Mapping, set_mapping};
    use super::*;
    use std::io::Write;

    /// A table that was cut after it was opened is damage on disk, not a mistake of the caller: for
    /// that, a program that asserts it makes none would abort.
    #[test]
    fn a_file_that_was_cut_after_opening_is_an_io_error() {
        for scanned in [false, true] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&[7; 40_000]).unwrap();
            let source = FileSource::open(file.path()).unwrap();
            assert_eq!(source.read(30_000, 100).unwrap(), [7; 100][..]);
            file.as_file().set_len(20_000).unwrap();
            if scanned {
                source.expect_scan();
            }
            let error = source.read(30_000, 100).unwrap_err();
            assert!(matches!(error, Error::Io { op: "read", .. }), "{error}");
        }
    }

    /// A mapped table that somebody cut killed the process at the next look.
    #[test]
    fn a_file_that_must_not_be_mapped_can_be_cut_in_use() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[7; 40_000]).unwrap();
        set_mapping(Mapping::Never);
        let source = FileSource::open(file.path()).unwrap();
        source.expect_scan();
        assert_eq!(source.read(30_000, 100).unwrap(), [7; 100][..]);
        assert!(source.whole().is_none());
        set_mapping(Mapping::Local);
        file.as_file().set_len(20_000).unwrap();
        let error = source.read(30_000, 100).unwrap_err();
        assert!(matches!(error, Error::Io { op: "read", .. }), "{error}");
    }
}
