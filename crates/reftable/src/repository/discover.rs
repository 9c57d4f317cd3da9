//! Finding the folders of a repository.

use super::config::Config;
use super::expiry::{self, ReflogRule};
use super::format::Format;
use super::git_dir::{Found, common_dir, look_at_file, look_in};
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::stack::StackOptions;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a repository has what.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) git_dir: PathBuf,
    pub(super) common_dir: PathBuf,
    pub(super) work_tree: Option<PathBuf>,
    pub(super) bare: bool,
    pub(super) hash: HashId,
    pub(super) settings: Settings,
    /// Or the reason why they cannot be told.
    pub(super) reflog_rules: std::result::Result<Vec<ReflogRule>, String>,
    /// The folder of the stack of shared refs.
    pub(super) stack: PathBuf,
    /// The folder of the linked worktree's stack.
    pub(super) worktree_stack: Option<PathBuf>,
}

/// Which linked worktrees are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Linked {
    /// Those whose stack has a folder.
    WithStack,
    /// Those too that should have a stack.
    All,
}

impl Layout {
    /// Looks in `path` and the folders above it, or where the file `path` leads.
    pub(super) fn discover(path: &Path) -> Result<Layout> {
        let start = fs::canonicalize(path).map_err(Error::io("find", path))?;
        if start.is_file() {
            return Layout::of(look_at_file(&start)?);
        }
        for dir in start.ancestors() {
            if let Some(found) = look_in(dir)? {
                return Layout::of(found);
            }
        }
        Err(Error::NoRepository { path: start })
    }

    /// Looks in `path` alone.
    pub(super) fn open(path: &Path) -> Result<Layout> {
        Layout::of(find_at(path)?)
    }

    fn of(Found { git_dir, work_tree }: Found) -> Result<Layout> {
        let common_dir = common_dir(&git_dir)?;
        let path = common_dir.join("config");
        let mut config = Config::read(&path)?;
        let format = Format::of(&config, &common_dir)?;
        if format.storage != "reftable" {
            let storage = format.storage;
            return Err(Error::NotReftable { path, storage });
        }
        if format.worktree_config {
            config.read_more(&git_dir.join("config.worktree"))?;
        }
        let refs = format.location.as_deref().unwrap_or(&common_dir);
        let worktree_stack = match (git_dir != common_dir, git_dir.file_name()) {
            (true, Some(id)) => Some(refs.join("worktrees").join(id).join("reftable")),
            _ => None,
        };
        let bare = config.get("core.bare");
        let bare = bare.is_some_and(|bare| bare.as_bool() == Some(true));
        Ok(Layout {
            stack: refs.join("reftable"),
            worktree_stack,
            bare: bare && work_tree.is_none(),
            hash: format.hash,
            settings: Settings::of(&config, &path)?,
            reflog_rules: expiry::rules(&config),
            git_dir,
            common_dir,
            work_tree,
        })
    }

    /// The names of linked worktrees, sorted.
    pub(super) fn worktrees(&self, which: Linked) -> Result<Vec<OsString>> {
        let dir = self.common_dir.join("worktrees");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", dir)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &dir))?.file_name();
            let is_expected = which == Linked::All && dir.join(&name).join("commondir").is_file();
            if is_expected || self.stack_of_worktree(&name).is_dir() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The folder of the stack of a linked worktree.
    pub(super) fn stack_of_worktree(&self, id: &OsStr) -> PathBuf {
        let refs = self.stack.parent().unwrap_or(&self.common_dir);
        refs.join("worktrees").join(id).join("reftable")
    }
}

/// Where the stacks of a repository are, for those who look at the files. No table is opened, so
/// this works on a damaged repository too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stacks {
    /// The git directory that all worktrees share.
    pub common_dir: PathBuf,
    /// The folder of the repository's stack.
    pub shared: PathBuf,
    /// Names of linked worktrees and the folders of their stacks, sorted. A folder need not exist:
    /// then the worktree has lost its stack.
    pub worktrees: Vec<(OsString, PathBuf)>,
    /// The hash of the object ids.
    pub hash: HashId,
    reflog_rules: std::result::Result<Vec<ReflogRule>, String>,
    settings: Settings,
}

impl Stacks {
    /// Finds the repository that `path` is in, as
    /// [`Repository::discover`](super::Repository::discover) does.
    ///
    /// # Errors
    ///
    /// Those of finding it: [`Error::NoRepository`], [`Error::NotReftable`],
    /// [`Error::UnsupportedRepository`], and errors of the system.
    pub fn discover(path: impl AsRef<Path>) -> Result<Stacks> {
        Stacks::of(Layout::discover(path.as_ref())?)
    }

    /// The repository whose work tree or git directory `path` is.
    ///
    /// # Errors
    ///
    /// Those of [`Stacks::discover`].
    pub fn open(path: impl AsRef<Path>) -> Result<Stacks> {
        Stacks::of(Layout::open(path.as_ref())?)
    }

    fn of(layout: Layout) -> Result<Stacks> {
        let names = layout.worktrees(Linked::All)?.into_iter();
        let place = |name: OsString| {
            let dir = layout.stack_of_worktree(&name);
            (name, dir)
        };
        Ok(Stacks {
            worktrees: names.map(place).collect(),
            common_dir: layout.common_dir,
            hash: layout.hash,
            settings: layout.settings,
            reflog_rules: layout.reflog_rules,
            shared: layout.stack,
        })
    }

    /// How long `git gc` keeps the reflogs of some refs, `gc.PATTERN.reflogExpire`. Of several that
    /// are about one ref the first counts.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedRepository`] for a time that cannot be read.
    pub fn reflog_rules(&self) -> Result<Vec<ReflogRule>> {
        let refused = |reason: &String| Error::UnsupportedRepository {
            path: self.common_dir.join("config"),
            reason: reason.clone(),
        };
        self.reflog_rules.clone().map_err(|reason| refused(&reason))
    }

    /// The options for these stacks. What the repository says goes before `options`: the hash,
    /// `core.sharedRepository` unless they have a mode, and `reftable.*`.
    pub fn options(&self, options: StackOptions) -> StackOptions {
        self.settings.apply(options, self.hash)
    }
}

/// How a repository keeps its refs, as [`RefStorage::of`] finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefStorage {
    /// The git directory that all worktrees share.
    pub common_dir: PathBuf,
    /// The name of the format: "files", "reftable".
    pub format: String,
    /// The hash of the object ids.
    pub hash: HashId,
}

impl RefStorage {
    /// Asks the repository whose work tree or git directory `path` is.
    ///
    /// # Errors
    ///
    /// [`Error::NoRepository`], [`Error::UnsupportedRepository`], and errors of the system.
    pub fn of(path: impl AsRef<Path>) -> Result<RefStorage> {
        let common_dir = common_dir(&find_at(path.as_ref())?.git_dir)?;
        let format = Format::of(&Config::read(&common_dir.join("config"))?, &common_dir)?;
        Ok(RefStorage {
            hash: format.hash,
            format: format.storage,
            common_dir,
        })
    }
}

/// The repository at `path` itself.
fn find_at(path: &Path) -> Result<Found> {
    let path = fs::canonicalize(path).map_err(Error::io("find", path))?;
    if path.is_file() {
        return look_at_file(&path);
    }
    look_in(&path)?.ok_or(Error::NoRepository { path })
}
