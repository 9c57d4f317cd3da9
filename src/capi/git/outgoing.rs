//! Records on their way to C: copies in memory that C may free, made before anything of the
//! caller's is touched, so that a lack of memory changes nothing.
//!
//! Strings always get new blocks. A record can hold a string of the program's, shorter than the
//! room that the record claims, so there is nothing to be reused. A record is copied from its block
//! to its place in C at once: as a value in between it would cost more than the memory for its
//! strings.

use super::record::{
    put_id, reftable_log_record, reftable_log_update, reftable_log_value, reftable_ref_record,
};
use crate::capi::alloc::Block;
use crate::capi::error::Code;
use crate::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// A string on its way to C, and the room it takes. Dropped before it got there, it leaves nothing.
struct Text {
    block: Block,
    room: usize,
}

impl Text {
    fn new(text: &[u8]) -> Result<Text, Code> {
        let block = Block::string(text).ok_or(Code::OUT_OF_MEMORY)?;
        let room = text.len().saturating_add(1);
        Ok(Text { block, room })
    }

    fn give(self) -> (*mut c_char, MaybeUninit<usize>) {
        (self.block.into_raw().cast(), MaybeUninit::new(self.room))
    }
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
    let name = Text::new(record.name)?;
    let target = match record.value {
        RefValue::Symref(target) => Some(Text::new(target)?),
        _ => None,
    };
    // SAFETY: contract 1. Only now: the functions that allocate are the program's.
    let out = unsafe { out.as_mut() }.ok_or(Code::MISUSE)?;
    // SAFETY: contract 4.
    unsafe { out.clear() };
    (out.refname, out.refname_cap) = name.give();
    out.update_index = record.update_index;
    out.value_type = record.value_type().into();
    // SAFETY: all bytes of the union were just set.
    let ids = unsafe { &mut out.value.val2 };
    match record.value {
        RefValue::Deletion | RefValue::Symref(_) => {}
        // The space of a single id is that of the first one.
        RefValue::Object(id) => put_id(&mut ids.value, id),
        RefValue::Peeled { id, peeled } => {
            put_id(&mut ids.value, id);
            put_id(&mut ids.target_value, peeled);
        }
    }
    if let Some(target) = target {
        out.value.symref = target.give().0;
    }
    Ok(())
}

/// What a log record that is no deletion has.
struct Entry {
    name: Text,
    email: Text,
    message: Text,
}

impl Entry {
    fn new(update: &LogUpdate<'_>) -> Result<Entry, Code> {
        Ok(Entry {
            name: Text::new(update.name)?,
            email: Text::new(update.email)?,
            message: Text::new(update.message)?,
        })
    }
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
    let name = Text::new(record.name)?;
    let entry = match &record.value {
        LogValue::Deletion => None,
        LogValue::Update(update) => Some((Entry::new(update)?, update)),
    };
    // SAFETY: contract 1. Only now: the functions that allocate are the program's.
    let out = unsafe { out.as_mut() }.ok_or(Code::MISUSE)?;
    // SAFETY: contract 4.
    unsafe { out.clear() };
    (out.refname, out.refname_cap) = name.give();
    out.update_index = record.update_index;
    if let Some((entry, from)) = entry {
        let mut update = reftable_log_update::EMPTY;
        put_id(&mut update.new_hash, from.new_id);
        put_id(&mut update.old_hash, from.old_id);
        update.time = from.time;
        update.tz_offset = from.tz_offset;
        update.name = entry.name.give().0;
        update.email = entry.email.give().0;
        (update.message, update.message_cap) = entry.message.give();
        out.value_type = 1;
        out.value = reftable_log_value { update };
    }
    Ok(())
}
