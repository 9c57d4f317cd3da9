//! Several tables as one.

use crate::iter::{reftable_iterator, seek};
use crate::outgoing::give_ref;
use crate::reader::reftable_reader;
use crate::record::reftable_ref_record;
use crate::{Code, Status, status};
use reftable::hash::HashId;
use reftable::merged::MergedTable;
use reftable::record::RefRecord;
use reftable_capi::alloc::release;
use reftable_capi::error::FORMAT;
use reftable_capi::guard::guard;
use reftable_capi::handle::{Handle, given};
use reftable_capi::name::Name;
use reftable_capi::{array, free, put_new, shared, text};
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
    pub(super) unsafe fn read_ref(&self, name: &Name, out: *mut reftable_ref_record) -> Status {
        let out = given(out)?;
        // SAFETY: contracts 1 and 4.
        let give = |record: RefRecord<'_>| unsafe { give_ref(&record, out) };
        let found = self.view()?.read_ref(name, give)?;
        found.map_or(Ok(1), |given| given.map(|()| 0))
    }

    /// Sets up an iterator over refs.
    ///
    /// # Safety
    ///
    /// `it` follows contract 1.
    pub(super) unsafe fn seek_ref(&self, it: *mut reftable_iterator, name: &[u8]) -> Status {
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(self.view()?.refs_from(name)?)) }
    }

    /// Lets go of the tables and frees the readers, which belong to the merged table now.
    fn close(&self) {
        drop(self.view.take());
        let readers = self.readers.replace(Readers::NONE);
        for reader in array!(readers.array, readers.len).into_iter().flatten() {
            free!(*reader);
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
        let (out, array) = (given(out)?, readers);
        let view = merge(array, n, hash_id)?;
        let readers = Readers { array, len: n };
        Ok(put_new!(out, Merged::new(view, readers, false))?)
    })
}

/// The view of an array of readers.
fn merge(readers: *mut *mut reftable_reader, n: c_int, hash_id: u32) -> Result<MergedTable, Code> {
    let readers = array!(readers, n)?;
    let mut tables = Vec::with_capacity(readers.len());
    for reader in &*readers {
        tables.push(Arc::clone(shared!(*reader)?.table()));
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
    // SAFETY: contract 1.
    status(|| unsafe { shared!(mt)?.seek_ref(it, text!(name).unwrap_or_default()) })
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
        let merged = shared!(mt)?;
        let name = text!(name).unwrap_or_default();
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
    guard(0, || shared!(mt).map_or(0, |merged| merged.limits.get().1))
}

/// Returns the smallest update index of the tables, after a close too; 0 for none or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_min_update_index(
    mt: *mut reftable_merged_table,
) -> u64 {
    guard(0, || shared!(mt).map_or(0, |merged| merged.limits.get().0))
}

/// Frees the readers, as reftable_reader_free does, and the array. Does nothing for NULL and for the
/// table of a stack. reftable_merged_table_free must follow.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_close(mt: *mut reftable_merged_table) {
    guard((), || {
        if let Some(merged) = shared!(mt).ok().filter(|merged| !merged.lent) {
            merged.close();
        }
    });
}

/// Frees the merged table and the array; not the readers, which are the caller's again if the table
/// was not closed. Does nothing for NULL and for the table of a stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_merged_table_free(mt: *mut reftable_merged_table) {
    guard((), || {
        if shared!(mt).is_ok_and(|merged| !merged.lent) {
            free!(mt);
        }
    });
}
