//! Publishing a repaired stack, as a compaction is published: the steps R3 to R11 of
//! `docs/durability.md`. The old list, or the new one, names tables that are there at every moment.

use super::inventory::{ASIDE, File, State};
use super::plan::{Content, Plan, Slot};
use super::records::Records;
use crate::error::{Error, Result};
use crate::fs::{Fs, PendingFile};
use crate::stack::file_name::{is_temporary_name, table_name, temporary_name};
use crate::stack::list::{LIST, encode};
use crate::stack::lock::lock_list_in;
use crate::stack::publish::replace_list;
use crate::stack::{Durability, StackOptions};
use crate::table::BLOCK_SIZE_LIMIT;
use crate::table::TableWriter;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes copied at once.
const PIECE: u64 = 1 << 20;
/// How many random names are tried for a new file.
const NAME_TRIES: u32 = 100;

/// R1: takes the lock of the list, waiting as long as the options allow.
pub(super) fn lock(dir: &Path, options: &StackOptions) -> Result<Box<dyn PendingFile>> {
    lock_list_in(dir, options, options.lock_timeout)
}

/// Makes the planned stack the one in `dir`; the files that are kept aside. Unlocks in any case.
pub(super) fn publish(
    dir: &Path,
    options: &StackOptions,
    plan: &Plan,
    mut lock: Box<dyn PendingFile>,
) -> Result<Vec<PathBuf>> {
    let mut new = New {
        dir,
        options,
        made: Vec::new(),
    };
    // R3 and R4: the new tables.
    let names = new.tables(plan)?;
    let list = encode(&names)?;
    // R5: other names for what will not be part of the stack.
    let aside = new.keep_aside(plan, &names)?;
    // R6: the new list, in the file that is the lock.
    let lock_path = lock.path().to_path_buf();
    let failed = |what| Error::io(what, lock_path.clone());
    lock.write_all(&list).map_err(failed("write"))?;
    if new.is_durable() {
        // R7: its bytes; R8: the names of all new files.
        lock.sync().map_err(failed("sync"))?;
        new.sync_dir()?;
    }
    // R9: the commit point, which unlocks.
    if let Err(error) = replace_list(&*options.fs, &dir.join(LIST), &mut *lock, &list) {
        if error.is_unclear {
            new.made.clear();
        }
        return Err(error.error);
    }
    new.made.clear();
    if new.is_durable() {
        // R10: the name of the list.
        new.sync_dir()?;
    }
    // R11: the old names of what was kept aside.
    for (name, _) in aside.iter().filter(|(name, _)| name != LIST) {
        // One that stays is in nobody's way: no list names it.
        let _ = options.fs.remove(&dir.join(name));
    }
    Ok(aside.into_iter().map(|(_, path)| path).collect())
}

/// New files, which go again unless the list comes to be.
struct New<'a> {
    dir: &'a Path,
    options: &'a StackOptions,
    made: Vec<PathBuf>,
}

impl Drop for New<'_> {
    fn drop(&mut self) {
        for path in &self.made {
            // What cannot be removed is ignored by every reader, and `clean` finds it.
            let _ = self.fs().remove(path);
        }
    }
}

impl New<'_> {
    fn fs(&self) -> &dyn Fs {
        &*self.options.fs
    }

    fn is_durable(&self) -> bool {
        self.options.durability != Durability::Unsynced
    }

    fn sync_dir(&self) -> Result<()> {
        let result = self.fs().sync_dir(self.dir);
        result.map_err(Error::io("sync", self.dir))
    }

    /// The names of the stack's tables, of which those are made that are not there.
    fn tables(&mut self, plan: &Plan) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for slot in &plan.slots {
            names.extend(self.table(plan, slot)?);
        }
        Ok(names)
    }

    fn table(&mut self, plan: &Plan, slot: &Slot) -> Result<Option<String>> {
        let file = match &slot.content {
            Content::File(number) => plan.inventory.get(*number),
            Content::Records(records) => return self.write(records).map(Some),
            Content::Nothing | Content::Replaced => None,
        };
        let Some(file) = file else {
            return Ok(None);
        };
        match &file.state {
            State::Sound(_) if can_be_listed(&file.name) => Ok(Some(file.name.clone())),
            State::Sound(_) => self.copy_under_new_name(file).map(Some),
            State::Damaged(_) => match Records::of(file)? {
                Some(records) => self.write(&records).map(Some),
                None => Ok(None),
            },
            State::Unusable(_) => Ok(None),
        }
    }

    /// R3 and R4: makes a table of records.
    fn write(&mut self, records: &Records) -> Result<String> {
        let mut write = self.options.write.clone();
        write.block_size = write.block_size.max(records.block_size);
        let bytes = loop {
            let mut bytes = Vec::new();
            match write_table(&mut bytes, records, &write) {
                // The first block has less room than the others.
                Err(Error::TooLarge { .. }) if write.block_size < BLOCK_SIZE_LIMIT - 1 => {
                    let twice = write.block_size.saturating_mul(2);
                    write.block_size = twice.min(BLOCK_SIZE_LIMIT - 1);
                }
                result => {
                    result?;
                    break bytes;
                }
            }
        };
        let (min, max) = records.range;
        let name = self.free_name(|random| table_name(min, max, random))?;
        self.make(&name, |put| put(&bytes))?;
        Ok(name)
    }

    /// The same table under the name that a table has.
    fn copy_under_new_name(&mut self, file: &File) -> Result<String> {
        let (min, max) = file.range().unwrap_or_default();
        let name = self.free_name(|random| table_name(min, max, random))?;
        self.copy(&file.name, &name)?;
        Ok(name)
    }

    fn copy(&mut self, from: &str, to: &str) -> Result<()> {
        let path = self.dir.join(from);
        let source = self.fs().open(&path).map_err(Error::io("open", &path))?;
        self.make(to, |put| {
            let mut offset = 0;
            while offset < source.len() {
                let len = PIECE.min(source.len() - offset);
                put(&source.read(offset, usize::try_from(len).unwrap_or_default())?)?;
                offset += len;
            }
            Ok(())
        })
    }

    /// Makes a file of what `write` puts; it gets its name when it is complete.
    fn make(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let temporary = self.free_name(|random| temporary_name(0, 0, random))?;
        let path = self.dir.join(temporary);
        let file = self.fs().create_unique(&path, self.options.mode());
        let mut file = file.map_err(Error::io("create", &path))?;
        write(&mut |data| file.write_all(data).map_err(Error::io("write", &path)))?;
        if self.is_durable() {
            file.sync().map_err(Error::io("sync", &path))?;
        }
        let to = self.dir.join(name);
        // One whose renaming fails may have its name all the same.
        self.made.push(to.clone());
        file.persist(&to).map_err(Error::io("rename to", to))
    }

    fn free_name(&self, name: impl Fn(u32) -> String) -> Result<String> {
        for _ in 0..NAME_TRIES {
            let name = name(self.fs().random());
            let path = self.dir.join(&name);
            match self.fs().modified(&path) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
                Err(error) => return Err(Error::io("look for", path)(error)),
            }
        }
        let exists = io::ErrorKind::AlreadyExists.into();
        Err(Error::io("find a free name in", self.dir)(exists))
    }

    /// R5: gives the old list, and the files that the new one does not name, other names; each
    /// with its path then.
    fn keep_aside(&mut self, plan: &Plan, names: &[String]) -> Result<Vec<(String, PathBuf)>> {
        let suffix = self.fs().random();
        let mut aside = Vec::new();
        let is_slot = |name: &str| plan.slots.iter().any(|slot| slot.name == name);
        // What is not listed may be in the making while a table is locked.
        let is_idle = |name: &str| !plan.inventory.is_table_locked && !is_temporary_name(name);
        let files = plan.inventory.files.iter().map(|file| &file.name);
        let files = files.filter(|name| !names.contains(name) && (is_slot(name) || is_idle(name)));
        let list = match self.fs().modified(&self.dir.join(LIST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            _ => Some(LIST.to_owned()),
        };
        for name in files.cloned().chain(list) {
            let kept = format!("{name}{ASIDE}{suffix:08x}");
            let path = self.dir.join(&kept);
            match self.fs().link(&self.dir.join(&name), &path) {
                Ok(()) => self.made.push(path.clone()),
                // Not every file system has hard links.
                Err(_) if name == LIST => self.copy_list(&kept)?,
                Err(_) => self.copy(&name, &kept)?,
            }
            aside.push((name, path));
        }
        Ok(aside)
    }

    /// The list need not be anything that can be opened as a table.
    fn copy_list(&mut self, kept: &str) -> Result<()> {
        let path = self.dir.join(LIST);
        let bytes = self
            .fs()
            .read(&path, u64::MAX)
            .map_err(Error::io("read", &path))?;
        self.make(kept, |put| put(&bytes))
    }
}

/// Whether a table's name is one that writers give.
fn can_be_listed(name: &str) -> bool {
    (name.ends_with(".ref") || name.ends_with(".log")) && !is_temporary_name(name)
}

fn write_table(
    bytes: &mut Vec<u8>,
    records: &Records,
    options: &crate::table::WriteOptions,
) -> Result<()> {
    let mut writer = TableWriter::new(bytes, options.clone())?;
    writer.set_limits(records.range.0, records.range.1);
    for record in records.refs.values() {
        writer.add_ref(&record.as_record())?;
    }
    // Of one name the newest entry comes first.
    let mut logs: Vec<_> = records.logs.values().collect();
    logs.sort_by(|one, other| {
        let newest = other.update_index.cmp(&one.update_index);
        one.name.cmp(&other.name).then(newest)
    });
    for record in logs {
        writer.add_log(&record.as_record())?;
    }
    writer.finish()
}
