//! A record on its way from a cursor to C.

use super::error::Code;

/// Gives a record to `give`; whether there was one. The record goes on as a reference, as moving it
/// takes longer than reading it.
#[inline]
pub(crate) fn pass<R>(
    record: Option<R>,
    give: impl FnOnce(&R) -> Result<(), Code>,
) -> Result<bool, Code> {
    match record {
        Some(record) => give(&record).map(|()| true),
        None => Ok(false),
    }
}
