//! `reftable unlock`

use crate::args::Unlock;
use crate::failure::{Failure, LOCKED};
use crate::out::{Out, shown_path};
use crate::owners::{blind_spot, identity, unseen, users_of};
use crate::places::Places;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(crate) fn run(args: &Unlock, out: &mut Out) -> Result<u8, Failure> {
    let places = Places::of(&args.path, &args.which)?;
    let mut status = 0;
    for place in &places.stacks {
        if !unlock(&place.dir, args, out)? {
            status = LOCKED;
        }
    }
    Ok(status)
}

/// Removes the locks of one stack; whether none stays.
pub(crate) fn unlock(dir: &Path, args: &Unlock, out: &mut Out) -> Result<bool, Failure> {
    let mut all = true;
    for lock in locks(dir)? {
        let name = shown_path(&lock.path);
        let age = lock.age;
        let reason = match args.force {
            true => Ok("--force".to_owned()),
            false => prove_stale(dir, &lock, args.older_than),
        };
        match reason {
            Ok(reason) if args.dry_run => {
                out.text(format_args!("would remove {name}, {age} s old: {reason}"))?;
            }
            Ok(reason) => {
                let failed = |error| Failure::message(format!("cannot remove {name}: {error}"));
                match lock.remove().map_err(failed)? {
                    true => out.text(format_args!("removed {name}, {age} s old: {reason}"))?,
                    false => out.text(format_args!("gone meanwhile, or another: {name}"))?,
                }
            }
            Err(reason) => {
                out.text(format_args!("kept {name}, {age} s old: {reason}"))?;
                all = false;
            }
        }
    }
    Ok(all)
}

/// The age in seconds from which on a lock may be a left-over.
pub(crate) const LEAST_AGE: u64 = 60;

/// A lock as it was found.
struct Lock {
    path: PathBuf,
    /// In seconds.
    age: u64,
    /// The file, to be known again.
    identity: (u64, u64),
    modified: Option<SystemTime>,
}

impl Lock {
    /// What the lock at a path is; `None` if it is gone.
    fn at(path: PathBuf) -> Option<Lock> {
        let metadata = fs::symlink_metadata(&path).ok()?;
        let modified = metadata.modified().ok();
        let age = modified.and_then(|made| SystemTime::now().duration_since(made).ok());
        Some(Lock {
            path,
            age: age.unwrap_or_default().as_secs(),
            identity: identity(&metadata),
            modified,
        })
    }

    /// Removes it, if it still is the file that was looked at; whether it was.
    fn remove(&self) -> io::Result<bool> {
        let now = Lock::at(self.path.clone());
        let same = |now: Lock| now.identity == self.identity && now.modified == self.modified;
        if !now.is_some_and(same) {
            return Ok(false);
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            result => result.map(|()| true),
        }
    }
}

/// The locks of a stack.
fn locks(dir: &Path) -> Result<Vec<Lock>, Failure> {
    let failed = |error| Failure::message(format!("cannot list {}: {error}", dir.display()));
    let mut locks = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let Some(locked) = name.strip_suffix(b".lock") else {
            continue;
        };
        if locked == b"tables.list" || locked.ends_with(b".ref") || locked.ends_with(b".log") {
            locks.extend(Lock::at(path));
        }
    }
    locks.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(locks)
}

/// Why a lock can be removed, or why not.
fn prove_stale(dir: &Path, lock: &Lock, least: u64) -> Result<String, String> {
    if lock.age < least {
        return Err(format!("younger than {least} s"));
    }
    let users = users_of(dir)?;
    if !users.known.is_empty() {
        let known = users.known.join(", ");
        return Err(format!("process {known} has a file of the folder open"));
    }
    if !users.possible.is_empty() {
        let possible = users.possible.join(", ");
        return Err(unseen(&format!("process {possible} cannot be inspected")));
    }
    blind_spot(dir)?;
    Ok("no process has a file of the folder open".to_owned())
}
