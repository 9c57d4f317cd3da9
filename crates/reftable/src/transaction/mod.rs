//! Changes of several refs at once, each under the condition that its ref is as expected.
//!
//! ```text
//! Transaction          what shall change: made at leisure, nothing is locked
//!   prepare            locks, checks what is expected and the names, writes the new tables
//! Prepared             holds the locks; nobody sees a change yet
//!   commit, abort      the new tables take effect, or are gone
//! ```
//!
//! A [`Prepared`] borrows nothing and can be kept while other code decides. Dropping it aborts.
//! The reflog entries follow git's rules (format section 16.5): a change through a symbolic ref is
//! entered in the logs of all refs on the way, a change of the branch that `HEAD` names in that of
//! `HEAD` too, and a deleted ref takes its reflog along.

mod edit;
mod prepare;
mod records;

pub use crate::refname::check_name;
pub use edit::{Change, Committer, Edit, Expected};
pub use prepare::Prepared;

use crate::error::Result;
use crate::repository::Repository;
use crate::stack::Stack;
use std::time::Duration;

/// What shall change. Nothing happens before [`Transaction::prepare`].
///
/// ```
/// use reftable::{Edit, Stack, StackOptions, Transaction};
/// use reftable::transaction::{Committer, Expected};
/// use std::time::Duration;
///
/// # let dir = tempfile::tempdir().expect("a folder");
/// # let dir = dir.path();
/// let stack = Stack::open(dir, StackOptions::default())?;
/// let committer = Committer::new("A U Thor", "author@example.com", 1_700_000_000, 230);
/// let mut transaction = Transaction::new();
/// transaction.push(Edit::symref("HEAD", "refs/heads/main"));
/// transaction.push(
///     Edit::update("refs/heads/main", [0x11; 20])
///         .expecting(Expected::Absent)
///         .logging(committer, "branch: created"),
/// );
/// let prepared = transaction.prepare_stack(&stack, Some(Duration::from_secs(1)))?;
/// prepared.commit()?;
/// assert_eq!(stack.view().reflog(b"refs/heads/main")?.count(), 1);
/// # Ok::<(), reftable::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    edits: Vec<Edit>,
}

impl Transaction {
    /// A transaction without edits.
    pub fn new() -> Transaction {
        Transaction::default()
    }

    /// Adds an edit. The order does not matter; each ref may be edited once.
    pub fn push(&mut self, edit: Edit) {
        self.edits.push(edit);
    }

    /// The edits so far.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Locks the stacks of a repository that are concerned, waiting `timeout` at most for each
    /// (zero: not at all, `None`: for ever), checks everything, and writes the new tables aside.
    ///
    /// From a linked worktree, its own refs go to its stack and all others to the repository's.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`](crate::Error::Locked) after the time-out;
    /// [`Error::Unexpected`](crate::Error::Unexpected) for a ref that is not as expected;
    /// [`Error::NameConflict`](crate::Error::NameConflict) and
    /// [`Error::InvalidName`](crate::Error::InvalidName);
    /// [`Error::DuplicateEdit`](crate::Error::DuplicateEdit), also if an edit that follows a
    /// symbolic ref meets another one; [`Error::SymrefChain`](crate::Error::SymrefChain); and those
    /// of [`Stack::begin_reloaded`]. No lock and no file is left behind.
    pub fn prepare(&self, repository: &Repository, timeout: Option<Duration>) -> Result<Prepared> {
        let stores = prepare::Stores {
            shared: repository.stack(),
            worktree: repository.worktree_stack(),
        };
        prepare::prepare(&self.edits, &stores, timeout)
    }

    /// The same for a stack alone, which then has all the refs.
    ///
    /// # Errors
    ///
    /// Those of [`Transaction::prepare`].
    pub fn prepare_stack(&self, stack: &Stack, timeout: Option<Duration>) -> Result<Prepared> {
        let stores = prepare::Stores {
            shared: stack,
            worktree: None,
        };
        prepare::prepare(&self.edits, &stores, timeout)
    }
}
