//! A whole repository of git: where its stacks are, and its refs as a worktree sees them.
//!
//! ```text
//! work tree ──► .git ──┬─► config        extensions.refStorage, extensions.objectFormat
//!  .git file: gitdir:  ├─► commondir     in a linked worktree: where the rest is
//!                      └─► reftable/     the stack; a linked worktree has a second one
//! ```
//!
//! `git_dir` knows git directories, `discover` finds the folders, `config` reads the few settings
//! that matter: `format` what they say about what the repository is, `settings` how its stacks are
//! written. `state` tells whether anything has changed. Neither the environment nor settings
//! outside of the repository are looked at.

mod config;
mod discover;
mod expiry;
mod format;
mod git_dir;
mod pseudo;
mod settings;
mod state;
mod wildmatch;

pub use discover::{RefStorage, Stacks};
pub use expiry::{Keep, ReflogRule};
pub use git_dir::is_gitfile;
pub use state::StateToken;

use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::stack::Stack;
use crate::stack::StackOptions;
use crate::view::View;
use discover::{Layout, Linked};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A repository that keeps its refs as reftables.
///
/// ```no_run
/// use reftable::{Head, Repository};
///
/// let repository = Repository::discover(".")?;
/// if let Head::Branch { name, .. } = repository.view().head()? {
///     println!("on {}", String::from_utf8_lossy(&name));
/// }
/// for record in repository.view().refs(b"refs/tags/")? {
///     println!("{}", String::from_utf8_lossy(&record?.name));
/// }
/// # Ok::<(), reftable::Error>(())
/// ```
#[derive(Debug)]
pub struct Repository {
    layout: Layout,
    shared: Stack,
    worktree: Option<Stack>,
}

impl Repository {
    /// Finds the repository that `path` is in: `path` itself, or the nearest folder above that is
    /// a work tree or a git directory.
    ///
    /// # Errors
    ///
    /// [`Error::NoRepository`]; [`Error::NotReftable`] and [`Error::UnsupportedRepository`], which
    /// name the file that says so; those of [`Stack::open`]; errors of the system, among them one
    /// for a repository whose stack has gone: it is never taken for one without refs.
    pub fn discover(path: impl AsRef<Path>) -> Result<Repository> {
        Repository::discover_with(path, StackOptions::default())
    }

    /// [`Repository::discover`] with options of the stacks. What the repository says goes before
    /// them: the hash, `core.sharedRepository` unless they have a mode, and `reftable.*`.
    ///
    /// # Errors
    ///
    /// Those of [`Repository::discover`].
    pub fn discover_with(path: impl AsRef<Path>, options: StackOptions) -> Result<Repository> {
        Repository::load(Layout::discover(path.as_ref())?, options)
    }

    /// Opens the repository whose work tree or git directory `path` is.
    ///
    /// # Errors
    ///
    /// Those of [`Repository::discover`].
    pub fn open(path: impl AsRef<Path>) -> Result<Repository> {
        Repository::open_with(path, StackOptions::default())
    }

    /// [`Repository::open`] with options of the stacks, as [`Repository::discover_with`] has them.
    ///
    /// # Errors
    ///
    /// Those of [`Repository::discover`].
    pub fn open_with(path: impl AsRef<Path>, options: StackOptions) -> Result<Repository> {
        Repository::load(Layout::open(path.as_ref())?, options)
    }

    fn load(layout: Layout, options: StackOptions) -> Result<Repository> {
        let options = layout.settings.apply(options, layout.hash);
        let worktree = match &layout.worktree_stack {
            Some(dir) => Some(open_stack(dir, options.clone())?),
            None => None,
        };
        Ok(Repository {
            shared: open_stack(&layout.stack, options)?,
            worktree,
            layout,
        })
    }

    /// The git directory; in a linked worktree its own.
    pub fn git_dir(&self) -> &Path {
        &self.layout.git_dir
    }

    /// The git directory of the whole repository, the same for all its worktrees.
    pub fn common_dir(&self) -> &Path {
        &self.layout.common_dir
    }

    /// The work tree, if the repository was found by it.
    pub fn work_tree(&self) -> Option<&Path> {
        self.layout.work_tree.as_deref()
    }

    /// Whether the repository says that it has no work tree.
    pub fn is_bare(&self) -> bool {
        self.layout.bare
    }

    /// The hash of the object ids.
    pub fn hash(&self) -> HashId {
        self.layout.hash
    }

    /// The stack of the repository, which also has the main worktree's own refs.
    pub fn stack(&self) -> &Stack {
        &self.shared
    }

    /// The stack of the linked worktree's own refs, if the repository was opened in one.
    pub fn worktree_stack(&self) -> Option<&Stack> {
        self.worktree.as_ref()
    }

    /// The refs as of the last load. A view does not see later changes.
    pub fn view(&self) -> View {
        let worktree = self.worktree.as_ref().map(Stack::merged);
        View::with_worktree(self.shared.merged(), worktree)
    }

    /// Loads what has changed; whether anything has.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::reload`].
    pub fn reload(&self) -> Result<bool> {
        let shared = self.shared.reload()?;
        let worktree = match &self.worktree {
            Some(worktree) => worktree.reload()?,
            None => false,
        };
        Ok(shared || worktree)
    }

    /// The names of the linked worktrees that have a stack of their own, sorted.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn worktrees(&self) -> Result<Vec<OsString>> {
        self.layout.worktrees(Linked::WithStack)
    }

    /// The stack of the linked worktree `name`, of those that [`Repository::worktrees`] lists.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::open`].
    pub fn open_worktree_stack(&self, name: impl AsRef<OsStr>) -> Result<Stack> {
        let options = self.shared.options().clone();
        open_stack(&self.layout.stack_of_worktree(name.as_ref()), options)
    }

    /// The refs as the linked worktree `name` sees them, as of now: from everywhere,
    /// `worktrees/NAME/HEAD` is its `HEAD`.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::open`].
    pub fn view_of_worktree(&self, name: impl AsRef<OsStr>) -> Result<View> {
        let own = self.open_worktree_stack(name)?;
        Ok(View::with_worktree(
            self.shared.merged(),
            Some(own.merged()),
        ))
    }
}

/// Opens a stack whose folder and list must exist: a repository without its stack is broken, not
/// empty.
fn open_stack(dir: &PathBuf, options: StackOptions) -> Result<Stack> {
    std::fs::metadata(dir).map_err(Error::io("open the stack", dir))?;
    Stack::open(dir, options)
}

/// Repositories go between threads.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Repository>();
};
