//! Adding many records, whose count is an `int` in git 2.47 and a `size_t` since.

use super::array_len;
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::status;
use crate::writer::reftable_writer;
use reftable_capi::{entered, sorted};
use std::ffi::c_int;

/// Sorts the n records of the array refs by name, in place, and adds them in that order, up to the
/// first that fails. Returns what reftable_writer_add_ref does; REFTABLE_API_ERROR, before anything
/// is sorted or added, if a record has no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_refs(
    w: *mut reftable_writer,
    refs: *mut reftable_ref_record,
    n: array_len,
) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        // SAFETY: contract 4.
        let mut add = |_, record| unsafe { writer.add_ref(record) };
        sorted!(refs, n)?.iter().try_fold(0, &mut add)
    })
}

/// Sorts the n records of the array logs by name and descending update index, in place, and adds
/// them in that order, up to the first that fails. Returns what reftable_writer_add_log does;
/// REFTABLE_API_ERROR, before anything is sorted or added, if a record has no name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_logs(
    w: *mut reftable_writer,
    logs: *mut reftable_log_record,
    n: array_len,
) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        // SAFETY: contract 4.
        let mut add = |_, record| unsafe { writer.add_log(record) };
        sorted!(logs, n)?.iter().try_fold(0, &mut add)
    })
}
