//! The port to the system: everything that changes the folder of a stack, or must be ordered.
//!
//! A [`Stack`](crate::Stack) reaches its folder through the trait [`Fs`] alone, so that a test can
//! fail or cut the power at every step, and a host program can bring its own locks and temporary
//! files. Reading the bytes of an open table does not come through here; that is
//! [`BlockSource`].

mod entry;
mod held;
mod mapping;
mod os;
mod pending;
mod platform;
mod register;
mod source;

pub use held::hold;
pub use mapping::{Mapping, set_mapping};
pub use os::{OsFs, remove_pending_files};
pub use platform::Identity;
pub(crate) use platform::file_name;
pub(crate) use source::PIECE;
pub use source::{BlockSource, FileSource, MemorySource};

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A file system, as far as a stack needs one.
///
/// Errors are the system's; the stack adds the path and the operation.
pub trait Fs: Debug + Send + Sync {
    /// The bytes of a small file. Fails with [`io::ErrorKind::FileTooLarge`] beyond `limit` bytes.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// As [`Fs::read`], and the file itself where that can be told from every later one.
    fn read_held(&self, path: &Path, limit: u64) -> io::Result<(Vec<u8>, Option<Held>)> {
        Ok((self.read(path, limit)?, None))
    }

    /// Opens a table for reading. It stays readable when the file is removed.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockSource>>;

    /// Makes `path` with the permissions `mode`, which the process's umask limits unless `exact`.
    /// Fails with [`io::ErrorKind::AlreadyExists`] if it exists, so the file is also a lock.
    fn create(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>>;

    /// As [`Fs::create`], for a path that nobody else makes, since it has a random part.
    fn create_unique(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>> {
        self.create(path, mode)
    }

    /// Makes a file that has its final name from the start, which [`PendingFile::persist`] to this very
    /// name only ends to be pending. Fails as [`Fs::create`] does; `None` where files get their
    /// final names by renaming alone.
    fn create_named(&self, path: &Path, mode: Mode) -> io::Result<Option<Box<dyn PendingFile>>> {
        let _ = (path, mode);
        Ok(None)
    }

    /// Gives a file a second name, `to`. Fails with [`io::ErrorKind::Unsupported`] where files can
    /// have one name only.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Names of the entries of a folder, in no order, without `.` and `..`.
    fn entries(&self, dir: &Path) -> io::Result<Vec<std::ffi::OsString>>;

    /// When the file was last written.
    fn modified(&self, path: &Path) -> io::Result<SystemTime>;

    /// Makes the entries of a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// A number that other processes and threads do not draw; need not be cryptographically strong.
    fn random(&self) -> u32;
}

/// Shared by those who know the contents of one file.
pub type Held = Arc<dyn HeldFile>;

/// A file that is never changed, only replaced, and that stays open: as long as it does, no other
/// file can have its number, so that the same number means the same contents.
pub trait HeldFile: Debug + Send + Sync {
    /// Whether `path` leads to this file, as far as the system knows at once: on a network it may
    /// answer by what it knew a moment ago.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// Permissions of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The permission bits, as in 0o666.
    pub bits: u32,
    /// Whether the bits are set as they are, whatever the umask says.
    pub exact: bool,
    /// Bits that the file gets beyond these, whatever the umask says.
    pub extra: u32,
}

/// A new file that belongs to its creator until it is given a final name.
///
/// Dropping it removes the file, and so does the exit of the process that made it, unless
/// [`PendingFile::persist`] came before.
pub trait PendingFile: Debug + Send {
    /// Where the file is now.
    fn path(&self) -> &Path;

    /// Appends all of `data`.
    fn write_all(&mut self, data: &[u8]) -> io::Result<()>;

    /// Makes the contents durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Closes the file early; it stays pending. For locks, whose contents nobody reads.
    fn close(&mut self) {}

    /// The file, as it is with what was written so far, to be known again under its final name.
    fn hold(&self) -> Option<Held> {
        None
    }

    /// Closes the file and renames it to `to`, replacing what is there, unless it is there
    /// already. On failure the file is still pending.
    fn persist(&mut self, to: &Path) -> io::Result<()>;
}
