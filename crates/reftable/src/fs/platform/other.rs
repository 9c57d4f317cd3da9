//! Systems of which std tells no more than names and lengths of files.

use crate::fs::entry;
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Whether several threads can read a file at an offset.
pub(in crate::fs) const READS_AT_OFFSET: bool = false;

/// Never called: every file is in memory.
pub(in crate::fs) fn read_at(_file: &File, _bytes: &mut [u8], _offset: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Opens a file for reading.
pub(in crate::fs) fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// There are no permission bits.
pub(in crate::fs) fn set_mode(_options: &mut OpenOptions, _bits: u32) {}

/// There are no permission bits.
pub(in crate::fs) fn set_exact_mode(_file: &File, _bits: u32) -> io::Result<()> {
    Ok(())
}

/// There are no permission bits.
pub(in crate::fs) fn add_mode(_file: &File, _bits: u32) -> io::Result<()> {
    Ok(())
}

/// A folder cannot be opened as a file, and renames are made durable by the system.
pub(in crate::fs) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// The name of a file as the system takes it, which is text; `None` if it cannot have that name.
pub(crate) fn file_name(name: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(name).ok().map(OsStr::new)
}

/// No file is known again.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::fs) struct Mark;

impl Mark {
    pub(in crate::fs) fn of(_metadata: &Metadata) -> Option<Mark> {
        None
    }
}

/// A name stands for the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity;

impl Identity {
    pub(in crate::fs) fn of_open(_metadata: &Metadata) -> Identity {
        Identity
    }

    pub(in crate::fs) fn of_name() -> Identity {
        Identity
    }

    pub(in crate::fs) fn of_closed(_metadata: &Metadata) -> Identity {
        Identity
    }

    /// A name can serve another file at any time.
    pub(in crate::fs) fn outlasts_closing(self) -> bool {
        false
    }

    pub(in crate::fs) fn is_at(self, path: &Path) -> io::Result<bool> {
        entry::look(path).map(|_| true)
    }

    pub(in crate::fs) fn has_moved(self, _path: &Path, _to: &Path) -> bool {
        false
    }
}
