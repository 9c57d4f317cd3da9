//! The one way in which tables become part of a stack: the steps P1 to P7 of
//! `docs/durability.md`. Their order is what a power cut at any moment relies on.

use super::Inner;
use super::file_name::table_name;
use super::list::{LIST_LIMIT, List, encode};
use super::staged::{StagedTable, write_all};
use crate::error::{Error, Result};
use crate::fs::{Fs, PendingFile};
use bytes::Bytes;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How many random names are tried for a table.
const NAME_TRIES: u32 = 100;

/// A final name for a table, which no file in the folder has. The list must be locked.
fn choose_name(inner: &Inner, table: &StagedTable) -> Result<String> {
    let (min, max) = (table.min_update_index, table.max_update_index);
    let fs = &inner.options.fs;
    for _ in 0..NAME_TRIES {
        let name = table_name(min, max, fs.random());
        let path = inner.dir.join(&name);
        match fs.modified(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
            Err(error) => return Err(Error::io("look for", path)(error)),
        }
    }
    Err(no_free_name(inner))
}

fn no_free_name(inner: &Inner) -> Error {
    Error::io("find a free name in", &inner.dir)(io::ErrorKind::AlreadyExists.into())
}

/// Puts `tables` in place of those in the range `replaced` of the list, which is `listed`. `lock`
/// is the list's lock.
///
/// Unlocks in any case. If this fails, the stack is as it was and the tables are gone, unless nobody
/// can tell whether the list was replaced: then they stay, and `clean` removes them if it was not.
pub(super) fn publish(
    inner: &Inner,
    mut lock: Box<dyn PendingFile>,
    listed: &[String],
    replaced: Range<usize>,
    tables: Vec<StagedTable>,
) -> Result<Committed> {
    let mut placed = Placed {
        inner,
        paths: Vec::new(),
    };
    let mut in_memory = Vec::new();
    let mut new = Vec::new();
    for table in tables {
        // P1 and P2: the tables.
        let bytes = table.in_memory().cloned();
        let name = placed.place(table)?;
        in_memory.extend(bytes.map(|bytes| (name.clone(), bytes)));
        new.push(name);
    }
    let mut names = listed.to_vec();
    names.splice(replaced, new);
    let list = encode(&names)?;
    // P3: the new list, in the file that is the lock.
    let lock_path = lock.path().to_path_buf();
    lock.write_all(&list)
        .map_err(Error::io("write", &lock_path))?;
    if inner.is_durable() {
        // P4: its bytes, before it takes effect.
        lock.sync().map_err(Error::io("sync", &lock_path))?;
        // P5: the names of the tables, likewise.
        sync_dir(inner)?;
    }
    let file = lock.hold();
    // P6: the commit point, which unlocks.
    if let Err(error) = replace_list(&*inner.options.fs, &inner.list, &mut *lock, &list) {
        if error.is_unclear {
            placed.paths.clear();
        }
        return Err(error.error);
    }
    placed.paths.clear();
    // P7: the name of the list; from here on the change stays.
    let synced = if inner.is_durable() {
        sync_dir(inner)
    } else {
        Ok(())
    };
    Ok(Committed {
        synced,
        list: List { names, file },
        in_memory,
    })
}

/// A list that was not replaced, or perhaps was.
pub(crate) struct NotReplaced {
    pub(crate) error: Error,
    /// Whether the list may name the new tables.
    pub(crate) is_unclear: bool,
}

/// Renames the lock, which holds `list`, to the list.
///
/// A file system on the network may report a failure of what it did, if the answer was lost, or of
/// what it does later. If the list is the new one, it is done; else only a refusal tells that it is
/// not.
pub(crate) fn replace_list(
    fs: &dyn Fs,
    path: &Path,
    lock: &mut dyn PendingFile,
    list: &[u8],
) -> std::result::Result<(), NotReplaced> {
    let Err(error) = lock.persist(path) else {
        return Ok(());
    };
    let is_unclear = match fs.read(path, LIST_LIMIT) {
        Ok(bytes) if bytes == list => return Ok(()),
        Err(unread) if unread.kind() != io::ErrorKind::NotFound => true,
        // Another machine may see the new list already, or this one see it in a moment.
        _ => !is_refusal(&error),
    };
    Err(NotReplaced {
        error: Error::io("rename to", path)(error),
        is_unclear,
    })
}

/// Whether the error of a rename tells that nothing was renamed, nor will be: the system, or the
/// file system before it asked the system, did not begin.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind::{
        AlreadyExists, CrossesDevices, DirectoryNotEmpty, InvalidInput, IsADirectory,
        NotADirectory, Other, OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull, TooManyLinks, Unsupported,
    };
    matches!(
        error.kind(),
        AlreadyExists
            | CrossesDevices
            | DirectoryNotEmpty
            | InvalidInput
            | IsADirectory
            | NotADirectory
            | Other
            | OutOfMemory
            | PermissionDenied
            | QuotaExceeded
            | ReadOnlyFilesystem
            | StorageFull
            | TooManyLinks
            | Unsupported
    )
}

/// A change that took effect.
#[must_use]
pub(super) struct Committed {
    /// If this is an error, a power cut may still undo the change.
    pub(super) synced: Result<()>,
    /// The list that took effect.
    pub(super) list: List,
    /// The bytes of new tables, by name, as far as they are in memory.
    pub(super) in_memory: Vec<(String, Bytes)>,
}

pub(super) fn sync_dir(inner: &Inner) -> Result<()> {
    let result = inner.options.fs.sync_dir(&inner.dir);
    result.map_err(Error::io("sync", &inner.dir))
}

/// Tables under their final names that no list names yet; removed unless the list comes to be.
struct Placed<'a> {
    inner: &'a Inner,
    paths: Vec<PathBuf>,
}

impl Placed<'_> {
    /// Gives a table a final name, which no file has. The list must be locked.
    fn place(&mut self, table: StagedTable) -> Result<String> {
        if let Some(name) = self.make_named(&table)? {
            return Ok(name);
        }
        let name = choose_name(self.inner, &table)?;
        let path = self.inner.dir.join(&name);
        // One whose renaming fails may have its name all the same.
        self.paths.push(path.clone());
        table.place(self.inner, &path)?;
        Ok(name)
    }

    /// Makes the file of a table in memory under its final name, which takes half as many calls to
    /// the system; `None` if it has to be renamed.
    ///
    /// Only a killed process leaves a part of a table by that, as of a temporary file. After a
    /// power cut anything could be in the file, so if that counts it is synced first and renamed then.
    fn make_named(&mut self, table: &StagedTable) -> Result<Option<String>> {
        let inner = self.inner;
        let bytes = match table.in_memory() {
            Some(bytes) if !inner.is_durable() => bytes,
            _ => return Ok(None),
        };
        let (min, max) = (table.min_update_index, table.max_update_index);
        let fs = &inner.options.fs;
        for _ in 0..NAME_TRIES {
            let name = table_name(min, max, fs.random());
            let path = inner.dir.join(&name);
            match fs.create_named(&path, inner.mode()) {
                Ok(Some(mut file)) => {
                    write_all(&mut *file, bytes)?;
                    file.persist(&path).map_err(Error::io("close", &path))?;
                    self.paths.push(path);
                    return Ok(Some(name));
                }
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create", path)(error)),
            }
        }
        Err(no_free_name(inner))
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        for path in &self.paths {
            // What cannot be removed is ignored by every reader, and `clean` finds it.
            let _ = self.inner.options.fs.remove(path);
        }
    }
}
