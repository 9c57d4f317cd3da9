//! Locks: files made by exclusive creation.
//!
//! `tables.list.lock` protects the list, `TABLE.lock` a table from being compacted twice. A lock
//! that this process did not create is never touched. Dropping the returned file unlocks.

use super::Inner;
use super::file_name::LOCK_SUFFIX;
use super::list::LIST;
use crate::error::{Error, Result};
use crate::fs::{Fs, PendingFile};
use crate::stack::StackOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The longest pause between two tries.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Takes the lock of the list, waiting as long as the options allow.
pub(super) fn lock_list(inner: &Inner) -> Result<Box<dyn PendingFile>> {
    lock_list_within(inner, inner.options.lock_timeout)
}

/// Takes the lock of the list, waiting for `timeout` at most; for ever if there is none.
pub(super) fn lock_list_within(
    inner: &Inner,
    timeout: Option<Duration>,
) -> Result<Box<dyn PendingFile>> {
    lock_list_in(&inner.dir, &inner.options, timeout)
}

/// The same for the stack in a folder, of which nothing needs to be loaded.
pub(crate) fn lock_list_in(
    dir: &Path,
    options: &StackOptions,
    timeout: Option<Duration>,
) -> Result<Box<dyn PendingFile>> {
    let path = lock_path(dir, LIST);
    let fs = &*options.fs;
    let start = fs.now();
    let mut pause = Duration::ZERO;
    loop {
        let Some(lock) = try_lock(options, &path)? else {
            let waited = fs.now().saturating_sub(start);
            let left = match timeout {
                Some(timeout) if waited >= timeout => return Err(locked(fs, path)),
                Some(timeout) => timeout - waited,
                None => MAX_PAUSE,
            };
            pause = longer_pause(fs, pause).min(MAX_PAUSE);
            fs.sleep(pause.min(left));
            continue;
        };
        return Ok(lock);
    }
}

/// A pause above the last one by a random part of it and a millisecond, so that those who wait
/// for each other do not meet again.
pub(super) fn longer_pause(fs: &dyn Fs, pause: Duration) -> Duration {
    let random = f64::from(fs.random()) / f64::from(u32::MAX);
    pause + pause.mul_f64(random) + Duration::from_millis(1)
}

/// Takes the lock of a table, at once or not at all.
pub(super) fn lock_table(inner: &Inner, table: &str) -> Result<Box<dyn PendingFile>> {
    let path = lock_path(&inner.dir, table);
    match try_lock(&inner.options, &path)? {
        Some(mut lock) => {
            // A long stack has more tables than a process may have open files.
            lock.close();
            Ok(lock)
        }
        None => Err(locked(&*inner.options.fs, path)),
    }
}

/// Whether somebody has, or may have, locked a table. Only meaningful while the list is locked:
/// table locks are taken under its lock.
pub(super) fn is_table_locked(inner: &Inner, table: &str) -> bool {
    match inner.options.fs.modified(&lock_path(&inner.dir, table)) {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn lock_path(dir: &Path, name: &str) -> PathBuf {
    dir.join([name, LOCK_SUFFIX].concat())
}

/// `None` if it exists.
fn try_lock(options: &StackOptions, path: &Path) -> Result<Option<Box<dyn PendingFile>>> {
    match options.fs.create(path, options.mode()) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(Error::io("create", path)(error)),
    }
}

fn locked(fs: &dyn Fs, path: PathBuf) -> Error {
    let made = fs.modified(&path).ok();
    let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
    Error::Locked { path, age }
}
