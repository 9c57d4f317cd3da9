//! Building the repaired stack, and putting it in the place of the damaged one.

use super::plan::{Planned, Source};
use super::salvage::Salvaged;
use crate::error::{Error, Result};
use crate::fs::{Mode, PendingFile};
use crate::stack::StackOptions;
use crate::stack::file_name::{LOCK_SUFFIX, table_name};
use crate::stack::list::{LIST, encode};
use crate::table::TableWriter;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Takes the lock of the list, at once or not at all.
pub(super) fn lock(dir: &Path, options: &StackOptions) -> Result<Box<dyn PendingFile>> {
    let path = dir.join([LIST, LOCK_SUFFIX].concat());
    match options.fs.create(&path, mode(options)) {
        Ok(lock) => Ok(lock),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let made = options.fs.modified(&path).ok();
            let age = made.and_then(|made| SystemTime::now().duration_since(made).ok());
            Err(Error::Locked { path, age })
        }
        Err(error) => Err(Error::io("create", path)(error)),
    }
}

fn mode(options: &StackOptions) -> Mode {
    Mode {
        bits: options.file_mode.unwrap_or(0o666),
        exact: options.file_mode.is_some(),
        extra: options.extra_mode,
    }
}

/// `dir` with something after its name.
fn beside(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    dir.with_file_name(name)
}

/// Makes the repaired stack and gives it the name `dir`; where the old one is now.
pub(super) fn swap(
    dir: &Path,
    options: &StackOptions,
    tables: Vec<Planned>,
    lock: Box<dyn PendingFile>,
) -> Result<PathBuf> {
    let new = beside(dir, &format!(".repaired-{:08x}", options.fs.random()));
    fs::create_dir(&new).map_err(Error::io("create", &new))?;
    let built = build(dir, &new, options, tables);
    let swapped = built.and_then(|()| exchange(dir, &new));
    match swapped {
        Ok(aside) => {
            // The lock went along with the old folder.
            drop(lock);
            let _ = fs::remove_file(aside.join([LIST, LOCK_SUFFIX].concat()));
            if let Some(parent) = dir.parent() {
                options
                    .fs
                    .sync_dir(parent)
                    .map_err(Error::io("sync", parent))?;
            }
            Ok(aside)
        }
        Err(error) => {
            let _ = fs::remove_dir_all(&new);
            Err(error)
        }
    }
}

fn build(dir: &Path, new: &Path, options: &StackOptions, tables: Vec<Planned>) -> Result<()> {
    let permissions = fs::metadata(dir).map_err(Error::io("look at", dir))?;
    fs::set_permissions(new, permissions.permissions()).map_err(Error::io("set mode of", new))?;
    let mut names = Vec::new();
    for table in tables {
        match table.source {
            Source::Lost(_) => {}
            Source::Kept(_) => {
                let (from, to) = (dir.join(&table.name), new.join(&table.name));
                // Tables never change, so both folders may have the same file.
                if fs::hard_link(&from, &to).is_err() {
                    fs::copy(&from, &to).map_err(Error::io("copy", &from))?;
                }
                names.push(table.name);
            }
            Source::Salvaged(salvaged) => {
                let (min, max) = salvaged.range;
                let name = table_name(min, max, options.fs.random());
                let mut bytes = Vec::new();
                write_table(&mut bytes, &salvaged, options)?;
                write_file(new, &name, &bytes, options)?;
                names.push(name);
            }
        }
    }
    write_file(new, LIST, &encode(&names)?, options)?;
    options.fs.sync_dir(new).map_err(Error::io("sync", new))
}

fn write_table(bytes: &mut Vec<u8>, salvaged: &Salvaged, options: &StackOptions) -> Result<()> {
    let mut writer = TableWriter::new(bytes, options.write.clone())?;
    writer.set_limits(salvaged.range.0, salvaged.range.1);
    for record in salvaged.refs.values() {
        writer.add_ref(&record.as_record())?;
    }
    for record in salvaged.logs.values() {
        writer.add_log(&record.as_record())?;
    }
    writer.finish()
}

fn write_file(dir: &Path, name: &str, bytes: &[u8], options: &StackOptions) -> Result<()> {
    let path = dir.join([name, ".new"].concat());
    let create = options.fs.create(&path, mode(options));
    let mut file = create.map_err(Error::io("create", &path))?;
    file.write_all(bytes).map_err(Error::io("write", &path))?;
    file.sync().map_err(Error::io("sync", &path))?;
    let to = dir.join(name);
    file.persist(&to).map_err(Error::io("rename to", to))
}

/// Gives the name of `dir` to `new`, and a name that says so to the old folder.
fn exchange(dir: &Path, new: &Path) -> Result<PathBuf> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = now.unwrap_or_default().as_secs();
    let mut aside = beside(dir, &format!(".broken-{seconds}"));
    let mut number = 1;
    while aside.exists() {
        aside = beside(dir, &format!(".broken-{seconds}-{number}"));
        number += 1;
    }
    fs::rename(dir, &aside).map_err(Error::io("rename", dir))?;
    match fs::rename(new, dir) {
        Ok(()) => Ok(aside),
        Err(error) => {
            // Back to the old state, if the system allows that.
            let _ = fs::rename(&aside, dir);
            Err(Error::io("rename", new)(error))
        }
    }
}
