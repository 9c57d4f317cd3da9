//! Many tables as one.

use super::iterator::{LogWalk, RefWalk, Walk, init, reftable_iterator};
use super::profile::{hash_number, hash_of};
use super::status;
use super::table::{reftable_table, table_of};
use crate::Code;
use reftable::merged::MergedTable;
use reftable_capi::error::FORMAT;
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
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
        if dest.is_null() {
            return Err(Code::MISUSE);
        }
        // SAFETY: contracts 1 and 5.
        let given = unsafe { handle::array(tables, n) }.ok_or(Code::MISUSE)?;
        let mut tables = Vec::with_capacity(given.len());
        for table in &*given {
            // SAFETY: contract 3.
            tables.push(unsafe { table_of(*table) }.ok_or(Code::MISUSE)?);
        }
        let view = MergedTable::new(tables, hash_of(hash_id).ok_or(Code::new(FORMAT))?)?;
        let merged = handle::make(Merged {
            view: RefCell::new(view),
            lent: false,
        });
        // SAFETY: contract 1; not NULL.
        unsafe { dest.write(merged) };
        Ok(0)
    })
}

/// Sets up an iterator over the refs. Returns 0, or REFTABLE_API_ERROR for NULL or an iterator in
/// use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_init_ref_iterator(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) }.ok_or(Code::MISUSE)?;
        let walk = Walk::Refs(RefWalk::Merged(merged.view(), None));
        // SAFETY: contract 1.
        unsafe { init(it, walk) }
    })
}

/// Sets up an iterator over the log records. Returns 0, or REFTABLE_API_ERROR for NULL or an
/// iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_init_log_iterator(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) }.ok_or(Code::MISUSE)?;
        let walk = Walk::Logs(LogWalk::Merged(merged.view(), None));
        // SAFETY: contract 1.
        unsafe { init(it, walk) }
    })
}

/// Returns the largest update index of the tables; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_max_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) };
        merged.map_or(0, |merged| merged.view.borrow().max_update_index())
    })
}

/// Returns the smallest update index of the tables; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_min_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) };
        merged.map_or(0, |merged| merged.view.borrow().min_update_index())
    })
}

/// Frees the merged table. Does nothing for NULL and for the table of a stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_free(m: *mut reftable_merged_table) {
    guard((), || {
        // SAFETY: contract 3.
        if unsafe { handle::share(m) }.is_some_and(|merged| !merged.lent) {
            // SAFETY: contract 3; the caller gives the table up.
            unsafe { handle::free(m) };
        }
    });
}

/// Returns the hash of the tables, one of enum reftable_hash; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_hash_id(m: *mut reftable_merged_table) -> u32 {
    guard(0, || {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(m) };
        merged.map_or(0, |merged| hash_number(merged.view.borrow().hash()))
    })
}
