//! Adding many records, whose count is a `size_t` since git 2.48.

use crate::record::{reftable_log_record, reftable_ref_record};
use crate::status;
use crate::writer::{self, reftable_writer};
use std::ffi::c_int;

/// Sorts the n records of the array refs by name, in place, and adds them in that order, up to the
/// first that fails. Returns what reftable_writer_add_ref does; REFTABLE_API_ERROR, before anything
/// is sorted or added, if a record has no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_refs(
    w: *mut reftable_writer,
    refs: *mut reftable_ref_record,
    n: usize,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { writer::add_refs(w, refs, n) })
}

/// Sorts the n records of the array logs by name and descending update index, in place, and adds
/// them in that order, up to the first that fails. Returns what reftable_writer_add_log does;
/// REFTABLE_API_ERROR, before anything is sorted or added, if a record has no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_logs(
    w: *mut reftable_writer,
    logs: *mut reftable_log_record,
    n: usize,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { writer::add_logs(w, logs, n) })
}
