//! The functions of git 2.47 to 2.55 that take options, or whose stacks have them.

use super::reftable_write_options;
use crate::addition::{self, reftable_addition};
use crate::options::settings;
use crate::stack::{self, reftable_log_expiry_config, reftable_stack};
use crate::status;
#[cfg(not(git_api = "2.47"))]
use crate::writer::{self, reftable_writer};
use reftable_capi::{path, put, put_new};
#[cfg(not(git_api = "2.47"))]
use std::ffi::c_void;
use std::ffi::{c_char, c_int, c_uint};
use std::ptr::null_mut;

/// Opens the stack in the folder dir, which need not exist yet: it is then an empty one. NULL
/// options are zeros.
///
/// Returns 0 and sets *dest to a stack that is freed by reftable_stack_destroy. On failure *dest is
/// NULL: REFTABLE_FORMAT_ERROR for a damaged table or list, or a table of another hash;
/// REFTABLE_NOT_EXIST_ERROR if a table is missing; REFTABLE_IO_ERROR; REFTABLE_API_ERROR for NULL or
/// an option out of range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_stack(
    dest: *mut *mut reftable_stack,
    dir: *const c_char,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| {
        put!(dest, null_mut())?;
        Ok(put_new!(dest, stack::open(path!(dir)?, settings(opts)?)?)?)
    })
}

/// Begins a transaction: takes the lock of the stack. flags are 0 or
/// REFTABLE_STACK_NEW_ADDITION_RELOAD.
///
/// Returns 0 and sets *dest to an addition that is ended by reftable_addition_destroy, before the
/// stack is destroyed. On failure *dest is NULL and no lock is held: REFTABLE_LOCK_ERROR if somebody
/// else holds the lock; REFTABLE_OUTDATED_ERROR if the stack has changed since it was loaded;
/// REFTABLE_IO_ERROR; REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_new_addition(
    dest: *mut *mut reftable_addition,
    st: *mut reftable_stack,
    flags: c_uint,
) -> c_int {
    status(|| {
        put!(dest, null_mut())?;
        Ok(put_new!(dest, addition::open(st, None, flags)?)?)
    })
}

/// Adds a table in a transaction of its own. write_table and the result are as for
/// reftable_addition_add, flags and REFTABLE_LOCK_ERROR as for reftable_stack_new_addition. If the
/// result is REFTABLE_OUTDATED_ERROR, the stack has been loaded again.
#[cfg(not(git_api = "2.47"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_add(
    st: *mut reftable_stack,
    write_table: Option<
        unsafe extern "C" fn(wr: *mut reftable_writer, write_arg: *mut c_void) -> c_int,
    >,
    write_arg: *mut c_void,
    flags: c_uint,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { addition::add_once(st, None, write_table, write_arg, flags) })
}

/// Compacts all tables into one. config says which log records to drop meanwhile; NULL drops none.
///
/// Returns 0; REFTABLE_LOCK_ERROR if somebody else holds a lock, REFTABLE_OUTDATED_ERROR if somebody
/// else has changed the stack; another negative value on failure. In all these cases the stack is as
/// it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compact_all(
    st: *mut reftable_stack,
    config: *mut reftable_log_expiry_config,
) -> c_int {
    status(|| stack::compact_all(st, None, config))
}

/// Says by *required whether compaction has something to do: without use_heuristics that is so if
/// there are two tables, with it if reftable_stack_auto_compact would compact some. Returns 0, or
/// REFTABLE_API_ERROR for NULL.
#[cfg(not(git_api = "2.47"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compaction_required(
    st: *mut reftable_stack,
    use_heuristics: bool,
    required: *mut bool,
) -> c_int {
    status(|| {
        put!(
            required,
            stack::compaction_required(st, None, use_heuristics)?
        )?;
        Ok(0)
    })
}

/// Compacts the newest tables if their sizes call for it. Where a table is locked, those above it
/// are compacted, if there are two. Returns as reftable_stack_compact_all does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_auto_compact(st: *mut reftable_stack) -> c_int {
    status(|| stack::auto_compact(st, None))
}

/// Makes a writer. writer_func is called with consecutive pieces of the file and returns a negative
/// value on failure, which becomes the result of the call that had something to write; flush_func,
/// which may be NULL, when all of it was written.
///
/// Returns 0 and sets *out to a writer that is freed by reftable_writer_free. NULL options are zeros.
/// REFTABLE_API_ERROR if out or writer_func is NULL or an option is out of range.
#[cfg(not(git_api = "2.47"))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_new(
    out: *mut *mut reftable_writer,
    writer_func: Option<
        unsafe extern "C" fn(arg: *mut c_void, data: *const c_void, len: usize) -> isize,
    >,
    flush_func: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    writer_arg: *mut c_void,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| {
        let writer = writer::open(writer_func, flush_func, writer_arg, &settings(opts)?)?;
        Ok(put_new!(out, writer)?)
    })
}
