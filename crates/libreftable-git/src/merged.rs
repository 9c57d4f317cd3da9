//! Many tables as one.

use crate::iterator::{Walk, init, reftable_iterator};
use crate::releases::{hash_number, hash_of};
use crate::table::{reftable_table, table_of};
use crate::{Code, status};
use reftable::merged::MergedTable;
use reftable_capi::error::FORMAT;
use reftable_capi::guard::guard;
use reftable_capi::handle::{Handle, given};
use reftable_capi::{array, free, put_new, shared};
use std::cell::RefCell;
use std::ffi::c_int;

/// Many tables, seen as one.
pub struct reftable_merged_table {
    _private: (),
}

impl Handle for reftable_merged_table {
    type Value = Merged;
}

/// What C holds as a merged table.
pub struct Merged {
    view: RefCell<MergedTable>,
    /// Whether a stack has it and will free it.
    lent: bool,
}

impl Merged {
    /// The table that a stack lends.
    pub(super) fn of_stack(view: MergedTable) -> Merged {
        Merged {
            view: RefCell::new(view),
            lent: true,
        }
    }

    /// Lets the table show other tables.
    pub(super) fn show(&self, view: MergedTable) {
        self.view.replace(view);
    }

    fn view(&self) -> MergedTable {
        self.view.borrow().clone()
    }
}

/// Makes one table of n tables, oldest first, with the hash hash_id. Deletions show. The array
/// is needed during the call only, and the tables are kept alive.
///
/// Returns 0 and sets *dest to a table that is freed by reftable_merged_table_free;
/// REFTABLE_FORMAT_ERROR if a table has another hash; REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_new(
    dest: *mut *mut reftable_merged_table,
    tables: *mut *mut reftable_table,
    n: usize,
    hash_id: u32,
) -> c_int {
    status(|| {
        let (dest, given) = (given(dest)?, array!(tables, n)?);
        let tables = given.iter().map(|table| table_of(*table));
        let tables = tables.collect::<Result<_, _>>()?;
        let view = MergedTable::new(tables, hash_of(hash_id).ok_or(Code::new(FORMAT))?)?;
        let (view, lent) = (RefCell::new(view), false);
        Ok(put_new!(dest, Merged { view, lent })?)
    })
}

/// Sets up an iterator over the refs. Returns 0, or REFTABLE_API_ERROR for NULL or an iterator in
/// use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_init_ref_iterator(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| init(it, Walk::refs_of(shared!(mt)?.view())))
}

/// Sets up an iterator over the log records. Returns 0, or REFTABLE_API_ERROR for NULL or an
/// iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_init_log_iterator(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| init(it, Walk::logs_of(shared!(mt)?.view())))
}

/// Returns the largest update index of the tables; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_max_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || {
        shared!(mt).map_or(0, |merged| merged.view.borrow().max_update_index())
    })
}

/// Returns the smallest update index of the tables; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_min_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || {
        shared!(mt).map_or(0, |merged| merged.view.borrow().min_update_index())
    })
}

/// Frees the merged table. Does nothing for NULL and for the table of a stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_free(m: *mut reftable_merged_table) {
    guard((), || {
        if shared!(m).is_ok_and(|merged| !merged.lent) {
            free!(m);
        }
    });
}

/// Returns the hash of the tables, one of enum reftable_hash; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_hash_id(m: *mut reftable_merged_table) -> u32 {
    guard(0, || {
        shared!(m).map_or(0, |merged| hash_number(merged.view.borrow().hash()))
    })
}
