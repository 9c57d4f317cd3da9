//! A record on its way from a cursor to C.

/// Gives a record to `give`; whether there was one. The record goes on as a reference, as moving it
/// takes longer than reading it.
#[inline]
pub fn pass<R, E>(record: Option<R>, give: impl FnOnce(&R) -> Result<(), E>) -> Result<bool, E> {
    match record {
        Some(record) => give(&record).map(|()| true),
        None => Ok(false),
    }
}
