//! Several tables as one.

use super::iter::{reftable_iterator, seek};
use super::outgoing::give_ref;
use super::reader::reftable_reader;
use super::record::reftable_ref_record;
use super::{Status, status};
use crate::Code;
use reftable::hash::HashId;
use reftable::merged::MergedTable;
use reftable::record::RefRecord;
use reftable_capi::alloc::release;
use reftable_capi::error::FORMAT;
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::sync::Arc;

/// Several tables seen as one: the newest record of a name counts.
pub struct reftable_merged_table {
    _private: (),
}

impl Handle for reftable_merged_table {
    type Value = Merged;
}

/// What C holds as a merged table.
pub struct Merged {
    /// `None` once closed.
    view: RefCell<Option<MergedTable>>,
    /// Of the view; they outlast a close.
    limits: Cell<(u64, u64)>,
    /// The array given to [`reftable_new_merged_table`]; without elements for a stack's view.
    readers: Cell<Readers>,
    /// Whether the stack owns it, so that C cannot close or free it.
    lent: bool,
}

/// An array of readers that came from C.
#[derive(Clone, Copy)]
struct Readers {
    array: *mut *mut reftable_reader,
    len: c_int,
}

impl Readers {
    const NONE: Readers = Readers {
        array: null_mut(),
        len: 0,
    };
}

impl Merged {
    fn new(view: MergedTable, readers: Readers, lent: bool) -> Merged {
        Merged {
            limits: Cell::new((view.min_update_index(), view.max_update_index())),
            view: RefCell::new(Some(view)),
            readers: Cell::new(readers),
            lent,
        }
    }

    /// The view of a stack.
    pub(super) fn of_stack(view: MergedTable) -> Merged {
        Merged::new(view, Readers::NONE, true)
    }

    /// Shows another view from now on.
    pub(super) fn set_view(&self, view: MergedTable) {
        self.limits
            .set((view.min_update_index(), view.max_update_index()));
        self.view.replace(Some(view));
    }

    /// The view, as a value of the caller's own: reading it can call block sources of C, which may
    /// come back here.
    fn view(&self) -> Result<MergedTable, Code> {
        self.view.borrow().clone().ok_or(Code::MISUSE)
    }

    /// Reads one ref for C: 0, or 1 if there is none or it is deleted.
    ///
    /// # Safety
    ///
    /// `out` follows contracts 1 and 4.
    pub(super) unsafe fn read_ref(&self, name: &[u8], out: *mut reftable_ref_record) -> Status {
        // SAFETY: contracts 1 and 4.
        let give = |record: RefRecord<'_>| unsafe { give_ref(&record, out) };
        let found = self.view()?.read_ref(name, give)?;
        found.map_or(Ok(1), |given| given.map(|()| 0))
    }

    /// Lets go of the tables and frees the readers.
    fn close(&self) {
        drop(self.view.take());
        let readers = self.readers.replace(Readers::NONE);
        // SAFETY: contract 5; the array was given to the library.
        for reader in unsafe { handle::array(readers.array, readers.len) }
            .into_iter()
            .flatten()
        {
            // SAFETY: contract 3; readers belong to their merged table when that is closed.
            unsafe { handle::free(*reader) };
        }
        // SAFETY: the array is a block that was given to the library; its last use was above.
        unsafe { release(readers.array) };
    }
}

impl Drop for Merged {
    fn drop(&mut self) {
        // SAFETY: NULL, or a block that was given to the library. The readers stay the caller's.
        unsafe { release(self.readers.get().array) };
    }
}

/// Makes a merged table of n readers, ordered from the oldest to the newest. Deletions are shown.
///
/// Returns 0 and sets *out. The array, a block of malloc's, then belongs to the library; the
/// readers do when reftable_merged_table_close is called. On failure nothing is taken and *out is
/// left alone: REFTABLE_FORMAT_ERROR if a reader's hash is not hash_id, or its update indexes do
/// not come after those of the reader before it; REFTABLE_API_ERROR for NULL or a negative n.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_merged_table(
    out: *mut *mut reftable_merged_table,
    readers: *mut *mut reftable_reader,
    n: c_int,
    hash_id: u32,
) -> c_int {
    status(|| {
        if out.is_null() {
            return Err(Code::MISUSE);
        }
        // SAFETY: contracts 1, 3 and 5.
        let view = unsafe { merge(readers, n, hash_id) }?;
        let readers = Readers {
            array: readers,
            len: n,
        };
        // SAFETY: contract 1; not NULL.
        unsafe { out.write(handle::make(Merged::new(view, readers, false))) };
        Ok(0)
    })
}

/// The view of an array of readers.
///
/// # Safety
///
/// `readers` follows contracts 1 and 5, its elements contract 3.
unsafe fn merge(
    readers: *mut *mut reftable_reader,
    n: c_int,
    hash_id: u32,
) -> Result<MergedTable, Code> {
    // SAFETY: contracts 1 and 5.
    let readers = unsafe { handle::array(readers, n) }.ok_or(Code::MISUSE)?;
    let mut tables = Vec::with_capacity(readers.len());
    for reader in &*readers {
        // SAFETY: contract 3.
        let reader = unsafe { handle::share(*reader) }.ok_or(Code::MISUSE)?;
        tables.push(Arc::clone(reader.table()));
    }
    let hash = match HashId::from_format_id(hash_id) {
        Some(hash) => hash,
        None if tables.is_empty() => HashId::default(),
        None => return Err(Code::new(FORMAT)),
    };
    let view = MergedTable::new(tables, hash)?;
    view.check_ranges()?;
    Ok(view)
}

/// Goes to the first ref whose name is name or sorts after it, in bytes; "" or NULL is the first
/// of all.
///
/// Returns 0 and sets up it, which must be zeroed; at the end of the table too. Negative on failure,
/// with it left alone; REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_seek_ref(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(name) }.unwrap_or_default();
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(merged.view()?.refs_from(name)?)) }
    })
}

/// Goes to the newest log record of name whose update index is not above update_index, or, if
/// there is none, to the next name; "" or NULL is the first of all. Records of one ref come newest
/// first. Returns as reftable_merged_table_seek_ref does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_seek_log_at(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
    name: *const c_char,
    update_index: u64,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(name) }.unwrap_or_default();
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(merged.view()?.logs_from(name, update_index)?)) }
    })
}

/// Goes to the newest log record of name, as reftable_merged_table_seek_log_at does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_seek_log(
    mt: *mut reftable_merged_table,
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { reftable_merged_table_seek_log_at(mt, it, name, u64::MAX) }
}

/// Returns the largest update index of the tables, after a close too; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_max_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) };
        merged.map_or(0, |merged| merged.limits.get().1)
    })
}

/// Returns the smallest update index of the tables, after a close too; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_min_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || {
        // SAFETY: contract 3.
        let merged = unsafe { handle::share(mt) };
        merged.map_or(0, |merged| merged.limits.get().0)
    })
}

/// Frees the readers, as reftable_reader_free does, and the array. Does nothing for NULL and for the
/// table of a stack. reftable_merged_table_free must follow.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_close(mt: *mut reftable_merged_table) {
    guard((), || {
        // SAFETY: contract 3.
        if let Some(merged) = unsafe { handle::share(mt) }.filter(|merged| !merged.lent) {
            merged.close();
        }
    });
}

/// Frees the merged table and the array; not the readers, which are the caller's again if the table
/// was not closed. Does nothing for NULL and for the table of a stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_free(mt: *mut reftable_merged_table) {
    guard((), || {
        // SAFETY: contract 3.
        if unsafe { handle::share(mt) }.is_some_and(|merged| !merged.lent) {
            // SAFETY: contract 3; the caller gives the table up.
            unsafe { handle::free(mt) };
        }
    });
}
