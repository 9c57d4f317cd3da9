//! The refs as a program sees them: those of one table, of a stack, or of a repository.
//!
//! A [`View`] is what the refs were at one moment. It never changes, can be shared between threads,
//! and keeps its tables open, whatever becomes of their files. In a linked worktree it joins two
//! stacks: that of the repository and that of the worktree, which has the worktree's own refs
//! (format section 17.1).
//!
//! ```text
//! Stack::view, Repository::view ──► View ──► find, resolve, head      one ref
//!                                     ├────► for_each, refs           all, or by prefix
//!                                     ├────► pointing_at              by object id
//!                                     ├────► reflog                   newest or oldest first
//!                                     └────► changes_since, diff      what is new
//! ```

mod changes;
mod logs;
mod owned;
mod points_at;
mod resolve;
mod worktree;

pub use changes::{Changes, Diff, RefChange};
pub use logs::{Logs, OldestFirst};
pub use owned::Refs;
pub use resolve::{Head, MAX_SYMREFS, Resolved};
pub use worktree::is_per_worktree;
pub(crate) use worktree::of_main_worktree;

use crate::error::Result;
use crate::hash::HashId;
use crate::merged::MergedTable;
use crate::record::{RefRecord, RefRecordBuf};
use crate::stack::Stack;
use std::ops::ControlFlow;

/// The refs at one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct View {
    /// The refs of the repository, and the main worktree's own; tombstones hidden.
    shared: MergedTable,
    /// The linked worktree's own; tombstones hidden.
    worktree: Option<MergedTable>,
}

impl View {
    /// The view of one merged table, as of a single file.
    pub fn new(table: MergedTable) -> View {
        View {
            shared: table.hiding_deletions(),
            worktree: None,
        }
    }

    /// The view from a linked worktree with the refs of `worktree`.
    pub fn with_worktree(shared: MergedTable, worktree: Option<MergedTable>) -> View {
        View {
            shared: shared.hiding_deletions(),
            worktree: worktree.map(MergedTable::hiding_deletions),
        }
    }

    /// The tables of the repository.
    pub fn shared(&self) -> &MergedTable {
        &self.shared
    }

    /// The tables of the linked worktree, if this is the view from one.
    pub fn worktree(&self) -> Option<&MergedTable> {
        self.worktree.as_ref()
    }

    /// The hash of the object ids.
    pub fn hash(&self) -> HashId {
        self.shared.hash()
    }

    /// The largest update index; 0 without tables. In a linked worktree that of the repository's
    /// stack: the worktree's counts for itself.
    pub fn max_update_index(&self) -> u64 {
        self.shared.max_update_index()
    }

    /// The tables that have, or would have, the ref `name`, and its name there.
    fn table_for<'n>(&self, name: &'n [u8]) -> (&MergedTable, &'n [u8]) {
        if let Some(own) = of_main_worktree(name) {
            return (&self.shared, own);
        }
        match &self.worktree {
            Some(worktree) if is_per_worktree(name) => (worktree, name),
            _ => (&self.shared, name),
        }
    }

    /// The ref of exactly this name. From a linked worktree, `main-worktree/HEAD` and the like are
    /// the main worktree's own refs.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt), and errors of the system.
    pub fn find(&self, name: &[u8]) -> Result<Option<RefRecordBuf>> {
        self.find_with(name, |record| record.to_buf())
    }

    /// Gives the ref of exactly this name to `f`, without copying it.
    ///
    /// # Errors
    ///
    /// Those of [`View::find`].
    pub fn find_with<R>(
        &self,
        name: &[u8],
        f: impl FnOnce(RefRecord<'_>) -> R,
    ) -> Result<Option<R>> {
        let (table, name) = self.table_for(name);
        table.read_ref(name, f)
    }

    /// Gives each ref whose name begins with `prefix` to `f` in the order of names, without
    /// copying it, until `f` breaks off.
    ///
    /// # Errors
    ///
    /// Those of [`View::find`].
    ///
    /// ```
    /// use reftable::{MergedTable, HashId, View};
    /// use std::ops::ControlFlow;
    ///
    /// let view = View::new(MergedTable::new(Vec::new(), HashId::Sha1)?);
    /// let mut count = 0;
    /// let _ = view.for_each(b"refs/tags/", |_record| {
    ///     count += 1;
    ///     ControlFlow::<()>::Continue(())
    /// })?;
    /// assert_eq!(count, 0);
    /// # Ok::<(), reftable::Error>(())
    /// ```
    pub fn for_each<B>(
        &self,
        prefix: &[u8],
        mut f: impl FnMut(RefRecord<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>> {
        let mut own = self.own_refs(prefix)?.into_iter().peekable();
        let mut shared = self.shared.refs_with_prefix(prefix)?;
        while let Some(record) = shared.next()? {
            while let Some(record) = own.next_if(|own| own.name.as_slice() < record.name) {
                if let ControlFlow::Break(value) = f(record.as_record()) {
                    return Ok(ControlFlow::Break(value));
                }
            }
            if self.worktree.is_some() && is_per_worktree(record.name) {
                continue;
            }
            if let ControlFlow::Break(value) = f(record) {
                return Ok(ControlFlow::Break(value));
            }
        }
        for record in own {
            if let ControlFlow::Break(value) = f(record.as_record()) {
                return Ok(ControlFlow::Break(value));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The refs of a linked worktree, which are few.
    fn own_refs(&self, prefix: &[u8]) -> Result<Vec<RefRecordBuf>> {
        let mut found = Vec::new();
        let Some(worktree) = &self.worktree else {
            return Ok(found);
        };
        let mut refs = worktree.refs_with_prefix(prefix)?;
        while let Some(record) = refs.next()? {
            if is_per_worktree(record.name) {
                found.push(record.to_buf());
            }
        }
        Ok(found)
    }
}

impl Stack {
    /// The loaded state as a [`View`], which does not see later changes.
    pub fn view(&self) -> View {
        View::new(self.merged())
    }
}

/// Views go between threads.
const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    const fn is_send<T: Send>() {}
    is_send_and_sync::<View>();
    is_send::<Refs>();
    is_send::<Logs>();
};
