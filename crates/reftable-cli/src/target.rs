//! What a path means: a table, a stack's folder, a git directory or a work tree.

use crate::failure::Failure;
use reftable::repository::RefStorage;
use reftable::{
    Durability, Error, HashId, MergedTable, Repository, Stack, StackOptions, Table, View,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a command works on.
#[derive(Debug)]
pub(crate) enum Target {
    /// One table.
    File(Arc<Table>),
    /// A stack.
    Folder(Stack),
    /// A repository.
    Repository(Box<Repository>),
}

/// One of the stacks of a target.
#[derive(Clone, Debug)]
pub(crate) struct StackPlace {
    /// The name of the linked worktree whose stack it is.
    pub(crate) worktree: Option<String>,
    /// The folder.
    pub(crate) dir: PathBuf,
}

impl StackPlace {
    /// The folder of such a stack in a git directory, or what is laid out like one.
    pub(crate) fn folder_in(&self, dir: &Path) -> PathBuf {
        match &self.worktree {
            None => dir.join("reftable"),
            Some(name) => dir.join("worktrees").join(name).join("reftable"),
        }
    }
}

/// What stands at a path, without opening any table of it.
#[derive(Debug)]
pub(crate) enum Place {
    /// One table.
    File(PathBuf),
    /// The folder of a stack.
    Folder(PathBuf),
    /// Anything else must be in a repository.
    Repository(PathBuf),
}

impl Place {
    /// What the path is.
    pub(crate) fn of(path: &Path) -> Place {
        let has_list = |dir: &Path| dir.join("tables.list").exists();
        if path.is_file() {
            return Place::File(path.to_path_buf());
        }
        let named = path.file_name().is_some_and(|name| name == "reftable") && path.is_dir();
        if has_list(path) || named || has_table(path) {
            return Place::Folder(path.to_path_buf());
        }
        let below = path.join("reftable");
        // A snapshot has the folders of a git directory and nothing else of it.
        let is_git_dir = path.join("config").exists() || path.join("commondir").exists();
        if has_list(&below) && !is_git_dir {
            return Place::Folder(below);
        }
        Place::Repository(path.to_path_buf())
    }
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

/// The hash of the stack in `dir`: what the git directory it is in says, else that of its first
/// readable table, SHA-1 without any.
pub(crate) fn hash_of_stack(dir: &Path) -> HashId {
    let parent = dir.canonicalize().ok();
    let parent = parent.as_deref().and_then(Path::parent);
    if let Some(storage) = parent.and_then(|parent| RefStorage::of(parent).ok()) {
        return storage.hash;
    }
    let list = std::fs::read_to_string(dir.join("tables.list")).unwrap_or_default();
    let plain = |name: &&str| !name.is_empty() && !name.contains(['/', '\\']);
    let listed = list.lines().filter(plain).map(|name| dir.join(name));
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut tables = listed.chain(entries.map(|entry| entry.path()));
    let hash = tables.find_map(|path| Some(Table::open_file(path).ok()?.hash()));
    hash.unwrap_or_default()
}

/// Options for the stack in `dir`.
pub(crate) fn options_for_stack(dir: &Path) -> StackOptions {
    let mut options = options();
    options.write.hash = hash_of_stack(dir);
    options
}

fn open_stack(dir: &Path) -> Result<Stack, Failure> {
    if !dir.is_dir() {
        return Err(Failure::message(format!(
            "no such folder: {}",
            dir.display()
        )));
    }
    Ok(Stack::open(dir, options_for_stack(dir))?)
}

impl Target {
    /// Opens what stands at `path`.
    pub(crate) fn open(path: &Path) -> Result<Target, Failure> {
        Ok(match Place::of(path) {
            Place::File(path) => Target::File(Arc::new(Table::open_file(path)?)),
            Place::Folder(dir) => Target::Folder(open_stack(&dir)?),
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

/// The folders of all stacks at `path`: those of linked worktrees too. Needs no table to be sound.
pub(crate) fn stacks(path: &Path) -> Result<(Vec<StackPlace>, StackOptions), Failure> {
    let only = |dir: PathBuf| {
        vec![StackPlace {
            worktree: None,
            dir,
        }]
    };
    match Place::of(path) {
        Place::File(path) => {
            let text = format!("{} is a table, not a stack of tables", path.display());
            Err(Failure::message(text))
        }
        Place::Folder(dir) => {
            let options = options_for_stack(&dir);
            Ok((only(dir), options))
        }
        Place::Repository(path) => {
            let layout = reftable::repository::Stacks::discover(path)?;
            let mut options = options();
            options.write.hash = layout.hash;
            let mut places = only(layout.shared);
            let worktrees = layout.worktrees.into_iter();
            places.extend(worktrees.map(|(name, dir)| StackPlace {
                worktree: Some(name),
                dir,
            }));
            Ok((places, options))
        }
    }
}
