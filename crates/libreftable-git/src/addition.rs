//! Transactions on a stack.

use super::options::Settings;
use super::stack::{OpenStack, Writing, reftable_stack, stack_of};
use super::writer::{lend, reftable_writer};
use super::{Status, status};
use crate::Code;
use reftable::error::{Error, Result as CoreResult};
use reftable::stack::Addition;
use reftable::table::TableWriter;
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use std::ffi::{c_int, c_uint, c_void};
use std::ptr::null_mut;
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
    unsafe fn add(&mut self, write_table: WriteTable, arg: *mut c_void) -> CoreResult<()> {
        let exact = self.writing.exact_log_message;
        let next = self.addition.next_update_index()?;
        // SAFETY: contract 6.
        let write =
            |table: &mut TableWriter<'_>| unsafe { lend(table, next, exact, write_table, arg) };
        self.addition.add(write)
    }

    /// Commits, and compacts if something was committed.
    fn commit(&mut self) -> CoreResult<()> {
        let before = self.stack.stack.generation();
        let committed = self.addition.commit();
        let changed = self.stack.stack.generation() != before;
        self.stack.settle();
        committed?;
        if !changed {
            return Ok(());
        }
        let compacted = self.writing.compact_after_commit(&self.stack);
        self.stack.settle();
        compacted
    }
}

/// A function of C that writes a table.
pub(super) type WriteTable = unsafe extern "C" fn(*mut reftable_writer, *mut c_void) -> c_int;

/// Begins a transaction, with the options of the call or else of the stack.
///
/// # Safety
///
/// `dest` follows contract 1, `st` contract 3.
pub(super) unsafe fn open(
    dest: *mut *mut reftable_addition,
    st: *mut reftable_stack,
    settings: Result<Option<Settings>, Code>,
    flags: c_uint,
) -> Status {
    // SAFETY: contract 1.
    if !unsafe { handle::put(dest, null_mut()) } {
        return Err(Code::MISUSE);
    }
    // SAFETY: contract 3.
    let stack = unsafe { stack_of(st) }?;
    let writing = stack.writing(settings?);
    let addition = OpenAddition::begin(&stack, writing, flags)?;
    // SAFETY: contract 1; not NULL.
    unsafe { dest.write(handle::make(addition)) };
    Ok(0)
}

/// A transaction of one table.
///
/// # Safety
///
/// `st` follows contract 3, `write_table` contract 6.
pub(super) unsafe fn add_once(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    write_table: Option<WriteTable>,
    arg: *mut c_void,
    flags: c_uint,
) -> Status {
    // SAFETY: contract 3.
    let stack = unsafe { stack_of(st) }?;
    let write_table = write_table.ok_or(Code::MISUSE)?;
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
    addition.commit()?;
    Ok(0)
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
        // SAFETY: contract 3.
        let mut addition = unsafe { handle::enter(add) }.ok_or(Code::MISUSE)?;
        let write_table = write_table.ok_or(Code::MISUSE)?;
        // SAFETY: contract 6.
        unsafe { addition.add(write_table, arg) }?;
        Ok(0)
    })
}

/// Makes the tables that were added part of the stack, releases the lock, and compacts the stack if
/// that is due and the options do not forbid it.
///
/// Returns 0, also if nothing was added or all is committed already. On failure, as
/// REFTABLE_IO_ERROR, the stack is what it was, unless only loading or compacting the new one failed.
/// REFTABLE_API_ERROR for NULL and from within write_table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_commit(add: *mut reftable_addition) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let mut addition = unsafe { handle::enter(add) }.ok_or(Code::MISUSE)?;
        addition.commit()?;
        Ok(0)
    })
}

/// Ends a transaction. What was not committed is undone and the lock released. Does nothing for
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_destroy(add: *mut reftable_addition) {
    guard((), || {
        // SAFETY: contract 3; the caller gives the addition up.
        unsafe { handle::free(add) };
    });
}
