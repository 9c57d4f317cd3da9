//! Removes what crashes left behind.

use super::file_name::{LOCK_SUFFIX, is_table_name, is_temporary_name, largest_update_index};
use super::list::LIST;
use super::publish::sync_dir;
use super::{Inner, lock};
use crate::error::{Corruption, Defect, Error, Result};
use crate::table::Table;
use std::collections::HashSet;
use std::io;

impl Inner {
    /// Removes unlisted tables and temporary files that no writer can be making.
    ///
    /// With the list locked no transaction is open, and no compaction begins. One that is under
    /// way shows by the locks on its tables; then its temporary file stays, and so does every
    /// table whose name other implementations might have given to a temporary file.
    pub(super) fn clean(&self, removed: &mut dyn FnMut(&str)) -> Result<()> {
        let _list_lock = lock::lock_list(self)?;
        self.reload_locked()?;
        let snapshot = self.snapshot();
        let listed: HashSet<&str> = snapshot.names.iter().map(String::as_str).collect();
        let entries = self
            .options
            .fs
            .entries(&self.dir)
            .map_err(Error::io("list", &self.dir))?;
        // Names that are no text are not of our making.
        let names: Vec<&str> = entries.iter().filter_map(|entry| entry.to_str()).collect();
        let list_lock = [LIST, LOCK_SUFFIX].concat();
        let is_table_lock = |name: &&str| name.ends_with(LOCK_SUFFIX) && **name != *list_lock;
        let compacting = names.iter().any(is_table_lock);
        let is_stale = |name: &&str| match name {
            name if listed.contains(name) => false,
            name if is_temporary_name(name) => !compacting,
            name => {
                name.ends_with(".ref")
                    && (!compacting || is_table_name(name))
                    && self.is_superseded(name, snapshot.merged.max_update_index(), compacting)
            }
        };
        let stale: Vec<&str> = names.into_iter().filter(is_stale).collect();
        if !stale.is_empty() && self.is_durable() {
            // The process that replaced the list may have been killed before the folder was synced. Then a
            // power cut brings the old list back, and it must find its tables.
            sync_dir(self)?;
        }
        for name in stale {
            if self.remove_stale(name)? {
                removed(name);
            }
        }
        Ok(())
    }

    /// Removes a file; whether it was there.
    fn remove_stale(&self, name: &str) -> Result<bool> {
        let path = self.dir.join(name);
        match self.options.fs.remove(&path) {
            Ok(()) => Ok(true),
            // Another process may be at the same: a compaction that removes what it replaced.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", path)(error)),
        }
    }

    /// Whether a file is a table whose transactions the stack is past. What cannot be read is
    /// left for a person to look at, and so is what is newer than the stack.
    fn is_superseded(&self, name: &str, max_update_index: u64, compacting: bool) -> bool {
        let Ok(source) = self.options.fs.open(&self.dir.join(name)) else {
            return false;
        };
        match Table::open(source, name) {
            Ok(table) => table.max_update_index() <= max_update_index,
            // A compaction of another implementation may be writing it.
            Err(Error::Corrupt(corruption)) if !compacting => {
                is_cut_off(&corruption)
                    && largest_update_index(name).is_some_and(|max| max <= max_update_index)
            }
            Err(_) => false,
        }
    }
}

/// Whether that is what is wrong with a table whose writer was killed: it begins as a table and ends
/// where no footer begins. A damaged table, which somebody may want to look at, has a footer.
fn is_cut_off(corruption: &Corruption) -> bool {
    match corruption.defect {
        Defect::TooShort => true,
        // At the start it is no table at all.
        Defect::BadMagic => corruption.offset > 0,
        _ => false,
    }
}
