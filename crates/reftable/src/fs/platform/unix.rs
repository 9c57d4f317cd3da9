//! Unix: files have numbers, permission bits and names of any bytes.

use crate::fs::entry::{self, patiently};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

/// Whether several threads can read a file at an offset.
pub(in crate::fs) const READS_AT_OFFSET: bool = true;

/// Fills `bytes` from `offset` on, however many calls that takes.
pub(in crate::fs) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(bytes, offset)
}

/// Opens a file for reading. Opening a FIFO would wait until somebody writes to it, for ever
/// perhaps; this gives one without a writer, which the caller refuses.
pub(in crate::fs) fn open_without_waiting(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    match options.open(path) {
        // A file that somebody has leased, as servers of network file systems do, must be waited
        // for.
        Err(error)
            if error.kind() == io::ErrorKind::WouldBlock && fs::metadata(path)?.is_file() =>
        {
            File::open(path)
        }
        result => result,
    }
}

/// Gives a file that is about to be made permission bits, which the process's umask limits.
pub(in crate::fs) fn set_mode(options: &mut OpenOptions, bits: u32) {
    options.mode(bits);
}

/// Gives an open file permission bits, whatever the umask says.
pub(in crate::fs) fn set_exact_mode(file: &File, bits: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(bits))
}

/// Gives an open file more permission bits.
pub(in crate::fs) fn add_mode(file: &File, bits: u32) -> io::Result<()> {
    let given = file.metadata()?.permissions().mode() & 0o7777;
    match given | bits {
        wanted if wanted == given => Ok(()),
        wanted => file.set_permissions(Permissions::from_mode(wanted)),
    }
}

/// Makes the entries of a folder durable.
pub(in crate::fs) fn sync_dir(dir: &Path) -> io::Result<()> {
    tolerate_unsupported(File::open(dir)?.sync_all())
}

/// What syncing a folder gave, where not all file systems can do it: those that cannot, some
/// network file systems among them, have no other way to make names durable, and writing must go
/// on.
fn tolerate_unsupported(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// The name of a file as the system takes it; `None` if it cannot have that name.
pub(crate) fn file_name(name: &[u8]) -> Option<&OsStr> {
    Some(OsStr::from_bytes(name))
}

/// What tells a file from others while it is open.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::fs) struct Mark {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl Mark {
    /// `None` where the file system numbers no files.
    pub(in crate::fs) fn of(metadata: &Metadata) -> Option<Mark> {
        (metadata.ino() != 0).then(|| Mark {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// Tells a file from another one that took its name.
///
/// Somebody may remove a lock that looks abandoned, and a third party take it: then the file of
/// that name is no longer ours to remove or rename. Names that nobody else makes need no such
/// care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Device and inode; `None` if the name tells enough.
    number: Option<(u64, u64)>,
    /// Of a file that is closed: its inode can serve another file once somebody has removed it.
    /// The inode of an open one cannot.
    closed: Option<Times>,
}

/// Tells a file from a later one of the same inode, whatever else is done to the file: new links,
/// other permissions and other owners change none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    /// When it was made, where the file system keeps that.
    made: Option<SystemTime>,
    /// When it was last written, in seconds and nanoseconds. Locks that are closed early are not
    /// written.
    written: (i64, i64),
}

impl Times {
    fn of(metadata: &Metadata) -> Times {
        Times {
            made: metadata.created().ok(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    fn agree(self, found: Times) -> bool {
        match (self.made, found.made) {
            (Some(made), Some(found)) => made == found,
            _ => self.written == found.written,
        }
    }
}

impl Identity {
    pub(in crate::fs) fn of_open(metadata: &Metadata) -> Identity {
        Identity {
            number: Some((metadata.dev(), metadata.ino())),
            closed: None,
        }
    }

    /// Of a file whose name nobody else makes.
    pub(in crate::fs) fn of_name() -> Identity {
        Identity {
            number: None,
            closed: None,
        }
    }

    /// Of a file that is about to be closed.
    pub(in crate::fs) fn of_closed(metadata: &Metadata) -> Identity {
        Identity {
            closed: Some(Times::of(metadata)),
            ..Identity::of_open(metadata)
        }
    }

    /// Whether it still tells the file from others when nobody has it open any more.
    pub(in crate::fs) fn outlasts_closing(self) -> bool {
        self.number.is_none() || self.closed.is_some()
    }

    /// Whether the file at `path` is this one.
    pub(in crate::fs) fn is_at(self, path: &Path) -> io::Result<bool> {
        if self.number.is_none() {
            return Ok(true);
        }
        let found = entry::look(path)?;
        let same_number = self.number == Identity::of_open(&found).number;
        Ok(same_number
            && self
                .closed
                .is_none_or(|times| times.agree(Times::of(&found))))
    }

    /// Whether the file, which stood at `path` until now, has been renamed to `to`. Renaming
    /// changes it, so that only its inode counts.
    pub(in crate::fs) fn has_moved(self, path: &Path, to: &Path) -> bool {
        let left = patiently(|| entry::look(path));
        let arrived = patiently(|| entry::look(to)).is_ok_and(|found| {
            self.number.is_none() || self.number == Identity::of_open(&found).number
        });
        left.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) && arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No transaction succeeded on file systems that cannot sync a folder.
    #[test]
    fn folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is() {
        let sync = |code| tolerate_unsupported(Err(io::Error::from_raw_os_error(code)));
        for code in [libc::EINVAL, libc::EOPNOTSUPP, libc::ENOSYS] {
            assert!(sync(code).is_ok(), "{code}");
        }
        for code in [libc::EIO, libc::ENOSPC, libc::EDQUOT, libc::EBADF] {
            assert!(sync(code).is_err(), "{code}");
        }
        let dir = tempfile::tempdir().expect("a folder");
        assert!(sync_dir(dir.path()).is_ok());
        assert!(sync_dir(&dir.path().join("missing")).is_err());
    }

    /// The folders of /proc cannot be synced.
    #[test]
    #[cfg(target_os = "linux")]
    fn folder_of_a_file_system_without_syncing_passes() {
        assert!(File::open("/proc").is_ok_and(|dir| dir.sync_all().is_err()));
        assert!(sync_dir(Path::new("/proc")).is_ok());
    }
}
