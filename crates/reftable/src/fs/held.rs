//! Files that are known again without being read again.

use super::{Held, HeldFile};
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// An open file of the real file system.
#[derive(Debug)]
struct OpenFile {
    _file: File,
    /// Length and time tell of a person who edits the file in place.
    mark: Mark,
}

/// What tells a file from others while it is open.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

#[cfg(unix)]
impl Mark {
    fn of(metadata: &Metadata) -> Option<Mark> {
        use std::os::unix::fs::MetadataExt;
        (metadata.ino() != 0).then(|| Mark {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// Where std tells nothing of that kind, no file is known again.
#[cfg(not(unix))]
#[derive(Debug, PartialEq, Eq)]
struct Mark;

#[cfg(not(unix))]
impl Mark {
    fn of(_metadata: &Metadata) -> Option<Mark> {
        None
    }
}

impl HeldFile for OpenFile {
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let found = fs::metadata(path)?;
        Ok(Mark::of(&found).as_ref() == Some(&self.mark))
    }
}

/// Holds an open file; `None` where its state, `metadata`, cannot be told.
pub fn hold(file: File, metadata: &Metadata) -> Option<Held> {
    let mark = Mark::of(metadata)?;
    Some(Arc::new(OpenFile { _file: file, mark }))
}
