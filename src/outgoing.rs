//! Records on their way to C: copies in memory that C may free, made before anything of the
//! caller's is touched, so that a lack of memory changes nothing.
//!
//! A record is copied from its block to its place in C at once. As a value in between it would cost
//! more than the memory for its fields.

use crate::Code;
use crate::record::{reftable_log_record, reftable_ref_record, release_all};
use reftable::hash::HashId;
use reftable::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use reftable_capi::alloc::{self, Block, release};
use reftable_capi::handle::{self, given};
use reftable_capi::{borrowed, borrowed_mut};
use std::ptr::null_mut;

/// A copy of an object id.
fn id(bytes: &[u8]) -> Result<Block, Code> {
    Block::bytes(bytes).ok_or(Code::OUT_OF_MEMORY)
}

/// A copy of a string.
fn text(bytes: &[u8]) -> Result<Block, Code> {
    Block::string(bytes).ok_or(Code::OUT_OF_MEMORY)
}

/// The length in bytes that every block with an object id has at least.
const LEAST_ID: usize = HashId::Sha1.len();

/// A copy of the object id, if there is one and it cannot go into the block that is there.
#[inline]
fn id_unless_fits(old: *mut u8, bytes: Option<&[u8]>) -> Result<Option<Block>, Code> {
    match bytes {
        Some(bytes) if old.is_null() || bytes.len() != LEAST_ID => id(bytes).map(Some),
        _ => Ok(None),
    }
}

/// Puts `new` in the place of the object id at `old`, or without it, `bytes` into the block there.
/// Without either, there is none any more.
///
/// # Safety
///
/// `old` follows contract 4; if there are `bytes` and nothing `new`, it has as many.
#[inline]
unsafe fn put_id(old: *mut u8, new: Option<Block>, bytes: Option<&[u8]>) -> *mut u8 {
    if let Some(new) = new {
        // SAFETY: contract 4; the caller puts the new one in its place.
        return unsafe { new.replace(old) };
    }
    let Some(bytes) = bytes else {
        // SAFETY: contract 4; the caller forgets it.
        unsafe { release(old) };
        return null_mut();
    };
    // SAFETY: as many bytes, and none of them is the library's.
    unsafe { old.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    old
}

/// Puts `new` in the place of the string at `old`, or without it, `text` into the block there.
///
/// # Safety
///
/// `old` follows contract 4; without `new` it has a string of the same length or a longer one.
#[inline]
unsafe fn put_name(old: *mut u8, new: Option<Block>, text: &[u8]) -> *mut u8 {
    let Some(new) = new else {
        // SAFETY: a string of that length fits, and the library has no part of the block.
        unsafe { alloc::fill(old, text) };
        return old;
    };
    // SAFETY: contract 4; the caller puts the new one in its place.
    unsafe { new.replace(old) }
}

/// Puts a copy of the ref where C wants it, freeing what was there. A block with a name is used
/// again if that is not shorter, and one with an object id: a program can have put nothing shorter
/// there.
///
/// # Safety
///
/// `out` follows contracts 1 and 4. Nothing that the record is made of belongs to `out`.
#[inline]
pub(super) unsafe fn give_ref(
    record: &RefRecord<'_>,
    out: *mut reftable_ref_record,
) -> Result<(), Code> {
    let old = borrowed!(out)?;
    // SAFETY: contract 4.
    let old_name = unsafe { handle::text(old.ref_name) };
    let name = match old_name.is_some_and(|old| old.len() >= record.name.len()) {
        true => None,
        false => Some(text(record.name)?),
    };
    let (id, peeled, target) = match record.value {
        RefValue::Deletion => (None, None, None),
        RefValue::Object(id) => (Some(id), None, None),
        RefValue::Peeled { id, peeled } => (Some(id), Some(peeled), None),
        RefValue::Symref(target) => (None, None, Some(text(target)?)),
    };
    let new_id = id_unless_fits(old.value, id)?;
    let new_peeled = id_unless_fits(old.target_value, peeled)?;
    // Only now: the functions that allocate are the program's.
    let out = borrowed_mut!(out)?;
    let [old_name, old_id, old_peeled, old_target] = out.take_blocks();
    // SAFETY: contract 4.
    unsafe { release(old_target) };
    // SAFETY: contract 4, and what was found out above.
    out.ref_name = unsafe { put_name(old_name, name, record.name) }.cast();
    out.update_index = record.update_index;
    // SAFETY: contract 4, and what was found out above.
    out.value = unsafe { put_id(old_id, new_id, id) };
    // SAFETY: contract 4, and what was found out above.
    out.target_value = unsafe { put_id(old_peeled, new_peeled, peeled) };
    out.target = target.map_or(null_mut(), |target| target.into_raw().cast());
    Ok(())
}

/// Puts a copy of the log record where C wants it, freeing what was there.
///
/// # Safety
///
/// `out` follows contracts 1 and 4. Nothing that the record is made of belongs to `out`.
#[inline]
pub(super) unsafe fn give_log(
    record: &LogRecord<'_>,
    out: *mut reftable_log_record,
) -> Result<(), Code> {
    let out = given(out)?;
    let name = text(record.name)?;
    let entry = match &record.value {
        LogValue::Deletion => None,
        LogValue::Update(update) => Some(Entry::new(update)?),
    };
    // Only now: the functions that allocate are the program's.
    let out = borrowed_mut!(out)?;
    // SAFETY: contract 4.
    unsafe { release_all(out.take_blocks()) };
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
    use crate::record::{reftable_log_record_clear, reftable_log_record_is_deletion};
    use reftable_capi::shape::Zeroed;

    const ID: [u8; 20] = [7; 20];

    #[test]
    fn storing_frees_what_was_there_and_fills_every_field() {
        let mut out = reftable_log_record::ZERO;
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
