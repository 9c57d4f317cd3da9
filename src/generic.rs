//! A reader or a merged table, whichever.

use super::iter::reftable_iterator;
use super::merged::{reftable_merged_table, reftable_merged_table_seek_ref};
use super::reader::{reftable_reader, reftable_reader_seek_ref};
use super::record::reftable_ref_record;
use super::{Status, status};
use crate::Code;
use reftable_capi::guard::guard;
use reftable_capi::handle;
use std::ffi::{c_char, c_int, c_void};
use std::mem::{align_of, offset_of, size_of};
use std::ptr::null_mut;

/// Stands for a reader or a merged table, of which the caller stays the owner. There is nothing to
/// free.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_table {
    /// NULL in a struct that is not set up.
    pub ops: *mut reftable_table_vtable,
    /// The reader or the merged table.
    pub table_arg: *mut c_void,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    type T = reftable_table;
    assert!(size_of::<T>() == 16 && align_of::<T>() == 8);
    assert!(offset_of!(T, ops) == 0 && offset_of!(T, table_arg) == 8);
};

/// What can be done with either kind of table.
pub struct reftable_table_vtable {
    seek_ref: unsafe fn(*mut c_void, *mut reftable_iterator, *const c_char) -> c_int,
    read_ref: unsafe fn(*mut c_void, &[u8], *mut reftable_ref_record) -> Status,
}

static READER_OPS: reftable_table_vtable = reftable_table_vtable {
    // SAFETY: a table with these functions has a reader as its argument.
    seek_ref: |table, it, name| unsafe { reftable_reader_seek_ref(table.cast(), it, name) },
    read_ref: |table, name, out| {
        // SAFETY: a table with these functions has a reader as its argument.
        let reader = unsafe { handle::share(table.cast::<reftable_reader>()) };
        // SAFETY: the same contract.
        unsafe { reader.ok_or(Code::MISUSE)?.read_ref(name, out) }
    },
};

static MERGED_OPS: reftable_table_vtable = reftable_table_vtable {
    // SAFETY: a table with these functions has a merged table as its argument.
    seek_ref: |table, it, name| unsafe { reftable_merged_table_seek_ref(table.cast(), it, name) },
    read_ref: |table, name, out| {
        // SAFETY: a table with these functions has a merged table as its argument.
        let merged = unsafe { handle::share(table.cast::<reftable_merged_table>()) };
        // SAFETY: the same contract.
        unsafe { merged.ok_or(Code::MISUSE)?.read_ref(name, out) }
    },
};

/// Fills `tab`, or zeroes it if `table` is NULL.
///
/// # Safety
///
/// `tab` follows contract 1.
unsafe fn fill<T>(tab: *mut reftable_table, table: *mut T, ops: &'static reftable_table_vtable) {
    let (ops, table_arg) = if table.is_null() {
        (null_mut(), null_mut())
    } else {
        ((&raw const *ops).cast_mut(), table.cast())
    };
    // SAFETY: contract 1. NULL is no place to put anything, and there is nobody to tell.
    let _ = unsafe { handle::put(tab, reftable_table { ops, table_arg }) };
}

/// The functions of a table and their argument.
///
/// # Safety
///
/// `tab` follows contract 1 and was set up by one of the functions below, or not at all.
unsafe fn table(
    tab: *mut reftable_table,
) -> Result<(&'static reftable_table_vtable, *mut c_void), Code> {
    // SAFETY: contract 1.
    let tab = unsafe { handle::borrow(tab) }.ok_or(Code::MISUSE)?;
    let ops = [&READER_OPS, &MERGED_OPS]
        .into_iter()
        .find(|ops| std::ptr::eq(*ops, tab.ops))
        .ok_or(Code::MISUSE)?;
    Ok((ops, tab.table_arg))
}

/// Goes to the first ref whose name is name or sorts after it, as reftable_reader_seek_ref or
/// reftable_merged_table_seek_ref does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_seek_ref(
    tab: *mut reftable_table,
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let (ops, arg) = unsafe { table(tab) }?;
        // SAFETY: the argument that was stored with these functions.
        Ok(unsafe { (ops.seek_ref)(arg, it, name) })
    })
}

/// Makes tab stand for a reader, which must outlive its use. What tab was before does not matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_from_reader(
    tab: *mut reftable_table,
    reader: *mut reftable_reader,
) {
    // SAFETY: contract 1.
    guard((), || unsafe { fill(tab, reader, &READER_OPS) });
}

/// Makes tab stand for a merged table, which must outlive its use. What tab was before does not
/// matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_from_merged_table(
    tab: *mut reftable_table,
    mt: *mut reftable_merged_table,
) {
    // SAFETY: contract 1.
    guard((), || unsafe { fill(tab, mt, &MERGED_OPS) });
}

/// Looks up the ref of exactly this name.
///
/// Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 if
/// there is no such ref or it is deleted, a negative value on failure; REFTABLE_API_ERROR for NULL.
/// ref is left alone unless the result is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_read_ref(
    tab: *mut reftable_table,
    name: *const c_char,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let (ops, arg) = unsafe { table(tab) }?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(name) }.ok_or(Code::MISUSE)?;
        if r#ref.is_null() {
            return Err(Code::MISUSE);
        }
        // SAFETY: the argument that was stored with these functions.
        unsafe { (ops.read_ref)(arg, name, r#ref) }
    })
}
