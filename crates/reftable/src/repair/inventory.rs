//! The files of a stack's folder, each with what can be made of it.

use super::salvage::{Salvaged, salvage};
use crate::error::{Error, Result};
use crate::format::MAGIC;
use crate::stack::StackOptions;
use crate::stack::file_name::{LOCK_SUFFIX, binding_range_of, is_temporary_name, range_of};
use crate::stack::list::LIST;
use crate::table::{BlockSource, Table};
use crate::verify::{Severity, verify_table};
use bytes::Bytes;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What is put after the name of a file that repair keeps aside.
pub(super) const ASIDE: &str = ".damaged-";

/// A range of update indexes, both ends included.
pub(super) type Range = (u64, u64);

/// A file that is a table, or was one.
#[derive(Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) state: State,
}

/// What can be made of a file.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing is wrong with it.
    Sound(Arc<Table>),
    /// It is damaged, and this could be read.
    Damaged(Box<Salvaged>),
    /// It is of no use; says why.
    Unusable(String),
}

impl File {
    /// The update indexes that it stands for.
    pub(super) fn range(&self) -> Option<Range> {
        match &self.state {
            State::Sound(table) => Some((table.min_update_index(), table.max_update_index())),
            State::Damaged(salvaged) => Some(salvaged.range),
            State::Unusable(_) => range_of(&self.name),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        matches!(self.state, State::Sound(_))
    }
}

/// All files of a folder that matter, by name.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) files: Vec<File>,
    /// Whether some table is locked: then a compaction may be under way.
    pub(super) is_table_locked: bool,
}

impl Inventory {
    /// Looks at every table in `dir`.
    pub(super) fn take(dir: &Path, options: &StackOptions) -> Result<Inventory> {
        let entries = match options.fs.entries(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("list", dir)(error)),
        };
        let list_lock = [LIST, LOCK_SUFFIX].concat();
        let mut inventory = Inventory {
            files: Vec::new(),
            is_table_locked: false,
        };
        let mut names: Vec<&str> = entries.iter().filter_map(|entry| entry.to_str()).collect();
        names.sort_unstable();
        for name in names {
            if name.ends_with(LOCK_SUFFIX) {
                inventory.is_table_locked |= name != list_lock;
            } else if name != LIST && !name.contains(ASIDE) {
                inventory.files.extend(examine(dir, options, name)?);
            }
        }
        Ok(inventory)
    }

    /// The number of the file with a name.
    pub(super) fn find(&self, name: &[u8]) -> Option<usize> {
        let by_name = |file: &File| file.name.as_bytes().cmp(name);
        self.files.binary_search_by(by_name).ok()
    }

    pub(super) fn get(&self, number: usize) -> Option<&File> {
        self.files.get(number)
    }
}

/// What can be made of a file; `None` if it is no table and has no name of one.
fn examine(dir: &Path, options: &StackOptions, name: &str) -> Result<Option<File>> {
    let path = dir.join(name);
    let is_named = name.ends_with(".ref") || name.ends_with(".log");
    let source = match options.fs.open(&path) {
        Ok(source) => source,
        // It was removed meanwhile, as temporary files are.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A folder, a pipe, a device: what is open can be asked, and has no number of the system.
        Err(error) if error.raw_os_error().is_none() => {
            let state = State::Unusable(error.to_string());
            let name = name.to_owned();
            return Ok(is_named.then_some(File { name, state }));
        }
        Err(error) if !is_named && error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let magic = match source.len() {
        0..4 => Bytes::new(),
        _ => source.read(0, 4)?,
    };
    if !is_named && *magic != MAGIC {
        return Ok(None);
    }
    let state = state_of(source, name, options)?;
    // A table that was being written is worth nothing unless it is complete.
    if is_temporary_name(name) && !matches!(state, State::Sound(_)) {
        return Ok(None);
    }
    let name = name.to_owned();
    Ok(Some(File { name, state }))
}

fn state_of(source: Arc<dyn BlockSource>, name: &str, options: &StackOptions) -> Result<State> {
    let hash = options.write.hash;
    let named = binding_range_of(name);
    if let Ok(table) = Table::open(source.clone(), name) {
        if table.hash() != hash {
            let reason = format!("its hash is {}, not {hash}", table.hash());
            return Ok(State::Unusable(reason));
        }
        let findings = verify_table(source.clone(), name);
        let is_error = |severity| severity >= Severity::Error;
        if !findings.iter().any(|finding| is_error(finding.severity)) {
            return Ok(State::Sound(Arc::new(table)));
        }
    }
    let len = usize::try_from(source.len()).unwrap_or(usize::MAX);
    let bytes = match len {
        0 => Bytes::new(),
        _ => source.read(0, len)?,
    };
    Ok(match salvage(&bytes, name, hash, named) {
        Ok(salvaged) => State::Damaged(Box::new(salvaged)),
        Err(reason) => State::Unusable(reason),
    })
}
