//! A table being written, as a writer of C holds it.

use crate::counts::Count;
use crate::error::{Interface, Status};
use crate::guard::guard;
use crate::handle::{self, Handle};
use reftable::error::Result;
use reftable::hash::HashId;
use reftable::table::{Stats, TableWriter};
use std::cell::Cell;
use std::ptr::{NonNull, null};
use std::rc::Rc;

/// A table being written, and the counts that C sees of it, of type `S`.
pub struct HeldTable<S> {
    owner: Owner,
    /// What [`lend_stats`] lends; `None` until it is asked for.
    stats: Option<Rc<Cell<S>>>,
}

enum Owner {
    /// C, which closes and frees it.
    Program(Box<TableWriter<'static>>),
    /// A stack, which lends it for as long as a callback runs. Its lifetime is shorter than this
    /// one claims; nothing that is given to a writer could depend on it.
    Stack(NonNull<TableWriter<'static>>),
}

impl<S: Default + Count<Stats>> HeldTable<S> {
    /// A table of the program's.
    pub fn owned(table: TableWriter<'static>) -> HeldTable<S> {
        HeldTable {
            owner: Owner::Program(Box::new(table)),
            stats: None,
        }
    }

    /// A table of a stack's.
    ///
    /// # Safety
    ///
    /// Nobody else uses `table` as long as the value lives.
    pub unsafe fn lent(table: &mut TableWriter<'_>) -> HeldTable<S> {
        HeldTable {
            owner: Owner::Stack(NonNull::from(table).cast()),
            stats: None,
        }
    }

    /// Whether a stack has lent it.
    pub fn is_lent(&self) -> bool {
        matches!(self.owner, Owner::Stack(_))
    }

    /// The table.
    pub fn table(&mut self) -> &mut TableWriter<'static> {
        match &mut self.owner {
            Owner::Program(table) => table,
            // SAFETY: the stack has lent it to this value alone.
            Owner::Stack(table) => unsafe { table.as_mut() },
        }
    }

    /// The hash of its object ids.
    pub fn hash(&mut self) -> HashId {
        self.table().options().hash
    }

    /// Does one thing with the table, and brings the counts that C may be looking at up to date.
    pub fn change<I: Interface>(
        &mut self,
        change: impl FnOnce(&mut TableWriter<'static>) -> Result<()>,
    ) -> Status<I> {
        let changed = change(self.table());
        self.refresh_stats();
        changed?;
        Ok(0)
    }

    fn refresh_stats(&mut self) {
        if let Some(stats) = self.stats.clone() {
            stats.set(S::of(*self.table().stats()));
        }
    }
}

/// What is behind a writer of C's.
pub trait Holder {
    /// The counts that C sees.
    type Stats: Default + Count<Stats>;
    /// The table it holds.
    fn held(&mut self) -> &mut HeldTable<Self::Stats>;
}

/// The counts of a table, for C to look at as long as the writer lives; NULL for NULL and for a
/// writer at work.
///
/// # Safety
///
/// `writer` follows contract 3.
pub unsafe fn lend_stats<W>(writer: *mut W) -> *const <W::Value as Holder>::Stats
where
    W: Handle<Value: Holder>,
{
    guard(null(), || {
        // SAFETY: contract 3.
        let Some(mut writer) = (unsafe { handle::enter(writer) }) else {
            return null();
        };
        let held = writer.held();
        let stats = Rc::clone(held.stats.get_or_insert_default());
        held.refresh_stats();
        stats.as_ptr()
    })
}
