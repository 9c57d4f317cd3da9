//! Records on their way to C: copies in memory that C may free, made before anything of the
//! caller's is touched, so that a lack of memory changes nothing.
//!
//! A record is copied from its block to its place in C at once. As a value in between it would cost
//! more than the memory for its fields.

use super::record::{reftable_log_record, reftable_ref_record};
use crate::capi::alloc::Block;
use crate::capi::error::Code;
use crate::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use std::ptr::null_mut;

/// A copy of an object id.
fn id(bytes: &[u8]) -> Result<Block, Code> {
    Block::bytes(bytes).ok_or(Code::OUT_OF_MEMORY)
}

/// A copy of a string.
fn text(bytes: &[u8]) -> Result<Block, Code> {
    Block::string(bytes).ok_or(Code::OUT_OF_MEMORY)
}

/// Puts a copy of the ref where C wants it, freeing what was there.
///
/// # Safety
///
/// `out` follows contracts 1 and 4.
#[inline]
pub(super) unsafe fn give_ref(
    record: &RefRecord<'_>,
    out: *mut reftable_ref_record,
) -> Result<(), Code> {
    if out.is_null() {
        return Err(Code::MISUSE);
    }
    let name = text(record.name)?;
    let (value, peeled, target) = match record.value {
        RefValue::Deletion => (None, None, None),
        RefValue::Object(bytes) => (Some(id(bytes)?), None, None),
        RefValue::Peeled { id: tag, peeled } => (Some(id(tag)?), Some(id(peeled)?), None),
        RefValue::Symref(target) => (None, None, Some(text(target)?)),
    };
    // SAFETY: contract 1. Only now: the functions that allocate are the program's.
    let out = unsafe { out.as_mut() }.ok_or(Code::MISUSE)?;
    // SAFETY: contract 4.
    unsafe { out.clear() };
    let raw = |block: Option<Block>| block.map_or(null_mut(), Block::into_raw);
    out.ref_name = name.into_raw().cast();
    out.update_index = record.update_index;
    out.value = raw(value);
    out.target_value = raw(peeled);
    out.target = raw(target).cast();
    Ok(())
}

/// Puts a copy of the log record where C wants it, freeing what was there.
///
/// # Safety
///
/// `out` follows contracts 1 and 4.
#[inline]
pub(super) unsafe fn give_log(
    record: &LogRecord<'_>,
    out: *mut reftable_log_record,
) -> Result<(), Code> {
    if out.is_null() {
        return Err(Code::MISUSE);
    }
    let name = text(record.name)?;
    let entry = match &record.value {
        LogValue::Deletion => None,
        LogValue::Update(update) => Some(Entry::new(update)?),
    };
    // SAFETY: contract 1. Only now: the functions that allocate are the program's.
    let out = unsafe { out.as_mut() }.ok_or(Code::MISUSE)?;
    // SAFETY: contract 4.
    unsafe { out.clear() };
    out.ref_name = name.into_raw().cast();
    out.update_index = record.update_index;
    if let Some(entry) = entry {
        out.new_hash = entry.new_hash.into_raw();
        out.old_hash = entry.old_hash.into_raw();
        out.name = entry.name.into_raw().cast();
        out.email = entry.email.into_raw().cast();
        out.time = entry.time;
        out.tz_offset = entry.tz_offset;
        out.message = entry.message.into_raw().cast();
    }
    Ok(())
}

/// What a log record that is no deletion has: no field of it is ever NULL. Dropped before it got
/// to C, it leaves nothing.
struct Entry {
    new_hash: Block,
    old_hash: Block,
    name: Block,
    email: Block,
    time: u64,
    tz_offset: i16,
    message: Block,
}

impl Entry {
    fn new(update: &LogUpdate<'_>) -> Result<Entry, Code> {
        Ok(Entry {
            new_hash: id(update.new_id)?,
            old_hash: id(update.old_id)?,
            name: text(update.name)?,
            email: text(update.email)?,
            time: update.time,
            tz_offset: update.tz_offset,
            message: text(update.message)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::v16::record::{reftable_log_record_clear, reftable_log_record_is_deletion};
    use crate::hash::HashId;

    const ID: [u8; 20] = [7; 20];

    #[test]
    fn storing_frees_what_was_there_and_fills_every_field() {
        let mut out = reftable_log_record::EMPTY;
        let update = LogUpdate {
            old_id: &[0; 20],
            new_id: &ID,
            name: b"",
            email: b"a@b",
            time: 5,
            tz_offset: -100,
            message: b"m\n",
        };
        for update_index in 1..3 {
            let record = LogRecord {
                name: b"HEAD",
                update_index,
                value: LogValue::Update(update),
            };
            // SAFETY: a record that is empty or filled by the round before.
            unsafe { give_log(&record, &raw mut out) }.expect("memory");
            // SAFETY: just filled.
            assert_eq!(unsafe { out.read(HashId::Sha1) }, Ok(record));
        }
        let tombstone = LogRecord {
            name: b"HEAD",
            update_index: 9,
            value: LogValue::Deletion,
        };
        // SAFETY: filled above.
        unsafe { give_log(&tombstone, &raw mut out) }.expect("memory");
        // A reused record once kept its time and was then no deletion any more.
        // SAFETY: filled above.
        let deletion = unsafe { reftable_log_record_is_deletion(&raw const out) };
        assert_eq!(deletion, 1);
        // SAFETY: filled above.
        unsafe { reftable_log_record_clear(&raw mut out) };
        assert!(out.ref_name.is_null() && out.update_index == 0);
    }
}
