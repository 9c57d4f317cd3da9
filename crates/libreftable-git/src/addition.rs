//! Transactions on a stack.

use crate::options::Settings;
use crate::stack::{OpenStack, Writing, reftable_stack, stack_of};
use crate::writer::{lend, reftable_writer};
use crate::{Code, Status, status};
use reftable::error::{Error, Result as CoreResult};
use reftable::stack::Addition;
use reftable::table::TableWriter;
use reftable_capi::error::Misuse;
use reftable_capi::guard::guard;
use reftable_capi::handle::Handle;
use reftable_capi::{entered, free, handle};
use std::ffi::{c_int, c_uint, c_void};
use std::rc::Rc;

/// A flag for new transactions: if the stack has changed since it was loaded, load it again instead
/// of failing.
pub const REFTABLE_STACK_NEW_ADDITION_RELOAD: c_uint = 1;

/// A transaction on a stack, which holds the lock of the stack.
pub struct reftable_addition {
    _private: (),
}

impl Handle for reftable_addition {
    type Value = OpenAddition;
}

/// What C holds as a transaction.
pub struct OpenAddition {
    addition: Addition,
    stack: Rc<OpenStack>,
    writing: Writing,
}

impl OpenAddition {
    fn begin(stack: &Rc<OpenStack>, writing: Writing, flags: c_uint) -> CoreResult<OpenAddition> {
        let begun = match flags & REFTABLE_STACK_NEW_ADDITION_RELOAD {
            0 => writing.stack(stack).begin(),
            _ => writing.stack(stack).begin_reloaded(),
        };
        stack.settle();
        Ok(OpenAddition {
            addition: begun?,
            stack: Rc::clone(stack),
            writing,
        })
    }

    /// Adds a table that `write_table` writes.
    ///
    /// # Safety
    ///
    /// `write_table` follows contract 6.
    unsafe fn add(&mut self, write_table: Option<WriteTable>, arg: *mut c_void) -> Status {
        let write_table = write_table.ok_or(Misuse)?;
        let exact = self.writing.exact_log_message;
        let next = self.addition.next_update_index()?;
        // SAFETY: contract 6.
        let write =
            |table: &mut TableWriter<'_>| unsafe { lend(table, next, exact, write_table, arg) };
        self.addition.add(write)?;
        Ok(0)
    }

    /// Commits, and compacts if something was committed.
    fn commit(&mut self) -> Status {
        let before = self.stack.stack.generation();
        let committed = self.addition.commit();
        let changed = self.stack.stack.generation() != before;
        self.stack.settle();
        committed?;
        if changed {
            self.writing.compact_after_commit(&self.stack);
            self.stack.settle();
        }
        Ok(0)
    }
}

/// A function of C that writes a table.
pub(super) type WriteTable = unsafe extern "C" fn(*mut reftable_writer, *mut c_void) -> c_int;

/// Begins a transaction, with the options of the call or else of the stack.
pub(super) fn open(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    flags: c_uint,
) -> Result<OpenAddition, Code> {
    let stack = stack_of(st)?;
    let writing = stack.writing(settings);
    Ok(OpenAddition::begin(&stack, writing, flags)?)
}

/// A transaction of one table.
///
/// # Safety
///
/// `write_table` follows contract 6.
pub(super) unsafe fn add_once(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    write_table: Option<WriteTable>,
    arg: *mut c_void,
    flags: c_uint,
) -> Status {
    let stack = stack_of(st)?;
    write_table.ok_or(Misuse)?;
    let mut addition = match OpenAddition::begin(&stack, stack.writing(settings), flags) {
        Err(error @ Error::Outdated { .. }) => {
            // A failure to load will show in the next call; this one has its answer.
            let _ = stack.stack.reload();
            stack.settle();
            return Err(error.into());
        }
        begun => begun?,
    };
    // SAFETY: contract 6.
    unsafe { addition.add(write_table, arg) }?;
    addition.commit()
}

/// Adds a table to a transaction. write_table is called once, with arg and with a writer that is
/// the stack's; it may use the stack. Its limits must begin at reftable_stack_next_update_index or
/// above, and above those of a table added before.
///
/// Returns 0, also if no record was written and hence nothing added, or a negative value, after
/// which the addition stays usable and the lock held: the value that write_table returned;
/// REFTABLE_API_ERROR for limits too low, after a commit, while another call is writing a table, and
/// for NULL; REFTABLE_IO_ERROR. A positive value from write_table is success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_add(
    add: *mut reftable_addition,
    write_table: Option<unsafe extern "C" fn(wr: *mut reftable_writer, arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let mut addition = entered!(add)?;
        // SAFETY: contract 6.
        let added = unsafe { addition.add(write_table, arg) }?;
        match handle::Entered::is_freed(&addition) {
            // Destroyed by its own write function: nothing of it is kept.
            true => Err(Code::MISUSE),
            false => Ok(added),
        }
    })
}

/// Makes the tables that were added part of the stack, releases the lock, and compacts the stack if
/// that is due and the options do not forbid it.
///
/// Returns 0, also if nothing was added or all is committed already, and if the compaction that
/// follows fails, which is counted; see reftable_stack_compaction_stats. On failure, as
/// REFTABLE_IO_ERROR, the stack is what it was, unless only loading the new one failed.
/// REFTABLE_API_ERROR for NULL and from within write_table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_commit(add: *mut reftable_addition) -> c_int {
    status(|| entered!(add)?.commit())
}

/// Ends a transaction. What was not committed is undone and the lock released. Does nothing for
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_destroy(add: *mut reftable_addition) {
    guard((), || free!(add));
}
