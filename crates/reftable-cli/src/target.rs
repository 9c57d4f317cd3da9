//! What a path means: a table, a stack's folder, a git directory or a work tree.

use crate::failure::Failure;
use crate::places::worktrees_in;
use reftable::repository::{RefStorage, Stacks, is_gitfile};
use reftable::{
    Durability, Error, HashId, MergedTable, Repository, Stack, StackOptions, Table, View,
};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a command that reads refs works on.
#[derive(Debug)]
pub(crate) enum Target {
    /// One table.
    File(Arc<Table>),
    /// A stack.
    Folder(Stack),
    /// A repository.
    Repository(Box<Repository>),
}

/// What stands at a path, without opening any table of it.
#[derive(Debug)]
pub(crate) enum Place {
    /// One table.
    File(PathBuf),
    /// The folder of a stack.
    Folder(PathBuf),
    /// Stacks laid out as in a git directory, and nothing else of one.
    Snapshot(PathBuf),
    /// Anything else must be in a repository.
    Repository(PathBuf),
}

impl Place {
    /// What the path is.
    pub(crate) fn of(path: &Path) -> Result<Place, Failure> {
        if path.is_file() {
            return match is_gitfile(path) {
                true => Ok(Place::Repository(path.to_path_buf())),
                false if is_table(path) => Ok(Place::File(path.to_path_buf())),
                false => Err(Failure::usage(format!("{} is not a table", path.display()))),
            };
        }
        let is_repository = path.join(".git").exists()
            || !matches!(RefStorage::of(path), Err(Error::NoRepository { .. }));
        if is_repository {
            return Ok(Place::Repository(path.to_path_buf()));
        }
        let has_list = |dir: &Path| dir.join("tables.list").exists();
        let named = path.file_name().is_some_and(|name| name == "reftable") && path.is_dir();
        if has_list(path) || named || has_table(path) {
            return Ok(Place::Folder(path.to_path_buf()));
        }
        let below = path.join("reftable");
        let has_stack = |(_, dir): &(_, PathBuf)| dir.is_dir();
        if has_list(&below) || has_table(&below) || worktrees_in(path)?.iter().any(has_stack) {
            return Ok(Place::Snapshot(path.to_path_buf()));
        }
        Ok(Place::Repository(path.to_path_buf()))
    }
}

/// Whether a file is a table, be it a damaged one: by its name, or by its first bytes.
fn is_table(path: &Path) -> bool {
    let named = path
        .extension()
        .is_some_and(|extension| extension == "ref" || extension == "log");
    let mut start = [0; 4];
    let mut read = || std::fs::File::open(path)?.read_exact(&mut start);
    named || (read().is_ok() && start == *b"REFT")
}

/// Whether a folder has a table, as one does that has lost its list.
fn has_table(dir: &Path) -> bool {
    let is_table = |entry: std::fs::DirEntry| entry.path().extension() == Some("ref".as_ref());
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.into_iter().any(is_table)
}

/// Options for writing, which the environment may make faster and less durable.
pub(crate) fn options() -> StackOptions {
    let mut options = StackOptions::default();
    options.durability = Durability::from_env();
    options.lock_timeout = Some(Duration::from_secs(1));
    options
}

/// The hash of the stack in `dir`, which is in no repository: that of its first readable table,
/// SHA-1 without any.
fn hash_of_stack(dir: &Path) -> HashId {
    let list = std::fs::read_to_string(dir.join("tables.list")).unwrap_or_default();
    let plain = |name: &&str| !name.is_empty() && !name.contains(['/', '\\']);
    let listed = list.lines().filter(plain).map(|name| dir.join(name));
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut tables = listed.chain(entries.map(|entry| entry.path()));
    let hash = tables.find_map(|path| Some(Table::open_file(path).ok()?.hash()));
    hash.unwrap_or_default()
}

/// Options for the stack in `dir`: what the git directory it is in says.
pub(crate) fn options_for_stack(dir: &Path) -> Result<StackOptions, Failure> {
    let mut options = options();
    let real = dir.canonicalize().ok();
    let parent = real.as_deref().and_then(Path::parent);
    let Some(storage) = parent.and_then(|parent| RefStorage::of(parent).ok()) else {
        options.write.hash = hash_of_stack(dir);
        return Ok(options);
    };
    options.write.hash = storage.hash;
    match parent.map(Stacks::open) {
        Some(Ok(stacks)) if storage.format == "reftable" => Ok(stacks.options(options)),
        Some(Err(error)) if storage.format == "reftable" => Err(error.into()),
        _ => Ok(options),
    }
}

fn open_stack(dir: &Path) -> Result<Stack, Failure> {
    if !dir.is_dir() {
        return Err(Failure::message(format!(
            "no such folder: {}",
            dir.display()
        )));
    }
    Ok(Stack::open(dir, options_for_stack(dir)?)?)
}

impl Target {
    /// Opens what stands at `path`.
    pub(crate) fn open(path: &Path) -> Result<Target, Failure> {
        Ok(match Place::of(path)? {
            Place::File(path) => Target::File(Arc::new(Table::open_file(path)?)),
            Place::Folder(dir) => Target::Folder(open_stack(&dir)?),
            Place::Snapshot(dir) => Target::Folder(open_stack(&dir.join("reftable"))?),
            Place::Repository(path) => {
                Target::Repository(Box::new(Repository::discover_with(path, options())?))
            }
        })
    }

    /// The refs, tombstones hidden.
    pub(crate) fn view(&self) -> Result<View, Failure> {
        Ok(match self {
            Target::File(table) => {
                let tables = vec![Arc::clone(table)];
                View::new(MergedTable::new(tables, table.hash())?)
            }
            Target::Folder(stack) => stack.view(),
            Target::Repository(repository) => repository.view(),
        })
    }

    /// Brings the view up to date; whether it changed.
    pub(crate) fn reload(&self) -> Result<bool, Error> {
        match self {
            Target::File(_) => Ok(false),
            Target::Folder(stack) => stack.reload(),
            Target::Repository(repository) => repository.reload(),
        }
    }
}
