//! A reader or a merged table, whichever.

use crate::iter::reftable_iterator;
use crate::merged::reftable_merged_table;
use crate::reader::reftable_reader;
use crate::record::reftable_ref_record;
use crate::{Status, status};
use reftable_capi::error::Misuse;
use reftable_capi::guard::guard;
use reftable_capi::name::Name;
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, layout, name, put, shared, text};
use std::ffi::{c_char, c_int, c_void};

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

layout!(zeroed reftable_table: 16 / 8 { ops @ 0, table_arg @ 8 });

/// What can be done with either kind of table.
pub struct reftable_table_vtable {
    seek_ref: unsafe fn(*mut c_void, *mut reftable_iterator, &[u8]) -> Status,
    read_ref: unsafe fn(*mut c_void, &Name, *mut reftable_ref_record) -> Status,
}

// A table with these functions has a reader as its argument.
static READER_OPS: reftable_table_vtable = reftable_table_vtable {
    // SAFETY: the same contract.
    seek_ref: |table, it, name| unsafe { shared!(reader(table))?.seek_ref(it, name) },
    // SAFETY: the same contract.
    read_ref: |table, name, out| unsafe { shared!(reader(table))?.read_ref(name, out) },
};

// A table with these functions has a merged table as its argument.
static MERGED_OPS: reftable_table_vtable = reftable_table_vtable {
    // SAFETY: the same contract.
    seek_ref: |table, it, name| unsafe { shared!(merged(table))?.seek_ref(it, name) },
    // SAFETY: the same contract.
    read_ref: |table, name, out| unsafe { shared!(merged(table))?.read_ref(name, out) },
};

fn reader(table: *mut c_void) -> *mut reftable_reader {
    table.cast()
}

fn merged(table: *mut c_void) -> *mut reftable_merged_table {
    table.cast()
}

/// Makes `tab` stand for `table`, or for nothing if that is NULL. NULL is no place to put
/// anything, and there is nobody to tell.
fn stand_for<T>(tab: *mut reftable_table, table: *mut T, ops: &'static reftable_table_vtable) {
    let mut standing = reftable_table::ZERO;
    if !table.is_null() {
        standing.ops = (&raw const *ops).cast_mut();
        standing.table_arg = table.cast();
    }
    let _ = put!(tab, standing);
}

/// The functions of a table, which was set up by one of the functions below or not at all, and
/// their argument.
fn functions(
    tab: *mut reftable_table,
) -> Result<(&'static reftable_table_vtable, *mut c_void), Misuse> {
    let tab = borrowed!(tab)?;
    let ops = [&READER_OPS, &MERGED_OPS]
        .into_iter()
        .find(|ops| std::ptr::eq(*ops, tab.ops))
        .ok_or(Misuse)?;
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
        let (ops, table) = functions(tab)?;
        // SAFETY: the argument that was stored with these functions.
        unsafe { (ops.seek_ref)(table, it, text!(name).unwrap_or_default()) }
    })
}

/// Makes tab stand for a reader, which must outlive its use. What tab was before does not matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_from_reader(
    tab: *mut reftable_table,
    reader: *mut reftable_reader,
) {
    guard((), || stand_for(tab, reader, &READER_OPS));
}

/// Makes tab stand for a merged table, which must outlive its use. What tab was before does not
/// matter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_from_merged_table(
    tab: *mut reftable_table,
    mt: *mut reftable_merged_table,
) {
    guard((), || stand_for(tab, mt, &MERGED_OPS));
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
        let (ops, table) = functions(tab)?;
        // SAFETY: the argument that was stored with these functions.
        unsafe { (ops.read_ref)(table, &name!(name)?, r#ref) }
    })
}
