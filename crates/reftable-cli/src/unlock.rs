//! `reftable unlock`

use crate::args::Unlock;
use crate::failure::{Failure, LOCKED};
use crate::out::{Out, shown};
use crate::target::stacks;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(crate) fn run(args: &Unlock, out: &mut Out) -> Result<u8, Failure> {
    let (places, _) = stacks(&args.path)?;
    let mut status = 0;
    for place in places {
        if !unlock(&place.dir, args, out)? {
            status = LOCKED;
        }
    }
    Ok(status)
}

/// Removes the locks of one stack; whether none stays.
pub(crate) fn unlock(dir: &Path, args: &Unlock, out: &mut Out) -> Result<bool, Failure> {
    let mut all = true;
    for (lock, age) in locks(dir)? {
        let name = shown(lock.as_os_str().as_encoded_bytes());
        let reason = match args.force {
            true => Ok("--force".to_owned()),
            false => prove_stale(dir, age, args.older_than),
        };
        match reason {
            Ok(reason) if args.dry_run => {
                out.text(format_args!("would remove {name}, {age} s old: {reason}"))?;
            }
            Ok(reason) => {
                let failed = |error| Failure::message(format!("cannot remove {name}: {error}"));
                fs::remove_file(&lock).map_err(failed)?;
                out.text(format_args!("removed {name}, {age} s old: {reason}"))?;
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

/// The locks of a stack and their ages in seconds.
fn locks(dir: &Path) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let failed = |error| Failure::message(format!("cannot list {}: {error}", dir.display()));
    let mut locks = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let Some(locked) = name.strip_suffix(b".lock") else {
            continue;
        };
        if locked == b"tables.list" || locked.ends_with(b".ref") || locked.ends_with(b".log") {
            let age = fs::symlink_metadata(&path)
                .and_then(|metadata| metadata.modified())
                .ok()
                .and_then(|made| SystemTime::now().duration_since(made).ok())
                .unwrap_or_default();
            locks.push((path, age.as_secs()));
        }
    }
    locks.sort();
    Ok(locks)
}

/// Why a lock can be removed, or why not.
fn prove_stale(dir: &Path, age: u64, least: u64) -> Result<String, String> {
    if age < least {
        return Err(format!("younger than {least} s"));
    }
    match users_of(dir)? {
        users if users.is_empty() => Ok("no process has a file of the folder open".to_owned()),
        users => Err(format!(
            "process {} has a file of the folder open",
            users.join(", ")
        )),
    }
}

/// The processes, but for this one, that have a file of the folder open; an error if they cannot
/// all be seen.
fn users_of(dir: &Path) -> Result<Vec<String>, String> {
    let dir = fs::canonicalize(dir).map_err(|error| error.to_string())?;
    let unseen = |what: &str| format!("cannot see what processes have open ({what})");
    let processes = fs::read_dir("/proc").map_err(|_| unseen("no /proc"))?;
    let mut users = Vec::new();
    let mut seen = 0;
    for process in processes.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        seen += 1;
        if name == std::process::id().to_string() {
            continue;
        }
        let files = match fs::read_dir(process.path().join("fd")) {
            Ok(files) => files,
            // It has ended meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(_) => return Err(unseen(&format!("process {name} is not ours"))),
        };
        let open = files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|path| path.starts_with(&dir)));
        let maps = fs::read_to_string(process.path().join("maps")).unwrap_or_default();
        let mapped = maps
            .lines()
            .any(|line| line.contains(&*dir.to_string_lossy()));
        if open || mapped {
            users.push(name);
        }
    }
    match seen {
        0 => Err(unseen("no /proc")),
        _ => Ok(users),
    }
}
