//! Records on their way to C: copies in memory that C may free, made before anything of the
//! caller's is touched, so that a lack of memory changes nothing.
//!
//! Strings always get new blocks. A record can hold a string of the program's, shorter than the
//! room that the record claims, so there is nothing to be reused.

use super::record::{
    reftable_log_record, reftable_log_update, reftable_log_value, reftable_ref_record,
    reftable_ref_val2, reftable_ref_value, wide,
};
use crate::capi::alloc::Block;
use crate::capi::error::Code;
use crate::record::{LogRecord, LogValue, RefRecord, RefValue};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// A string on its way to C, and the room it takes.
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

/// A ref on its way to C; dropped before it got there, it leaves nothing.
pub(super) struct NewRef {
    name: Text,
    target: Option<Text>,
    record: reftable_ref_record,
}

impl NewRef {
    /// A copy of `record`.
    pub(super) fn new(record: &RefRecord<'_>) -> Result<NewRef, Code> {
        let mut new = NewRef {
            name: Text::new(record.name)?,
            target: None,
            record: reftable_ref_record {
                update_index: record.update_index,
                value_type: record.value_type().into(),
                ..reftable_ref_record::EMPTY
            },
        };
        match record.value {
            RefValue::Deletion => {}
            RefValue::Object(id) => new.record.value = reftable_ref_value { val1: wide(id) },
            RefValue::Peeled { id, peeled } => {
                let val2 = reftable_ref_val2 {
                    value: wide(id),
                    target_value: wide(peeled),
                };
                new.record.value = reftable_ref_value { val2 };
            }
            RefValue::Symref(target) => new.target = Some(Text::new(target)?),
        }
        Ok(new)
    }

    /// Puts the ref where C wants it, freeing what was there.
    ///
    /// # Safety
    ///
    /// `out` follows contracts 1 and 4.
    pub(super) unsafe fn store(self, out: *mut reftable_ref_record) -> Result<(), Code> {
        // SAFETY: contract 1.
        let out = unsafe { out.as_mut() }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 4.
        unsafe { out.clear() };
        *out = self.record;
        (out.refname, out.refname_cap) = self.name.give();
        if let Some(target) = self.target {
            out.value.symref = target.give().0;
        }
        Ok(())
    }
}

/// A log record on its way to C; see [`NewRef`].
pub(super) struct NewLog {
    refname: Text,
    update_index: u64,
    entry: Option<NewEntry>,
}

/// What a log record that is no deletion has.
struct NewEntry {
    name: Text,
    email: Text,
    message: Text,
    update: reftable_log_update,
}

impl NewLog {
    /// A copy of `record`.
    pub(super) fn new(record: &LogRecord<'_>) -> Result<NewLog, Code> {
        Ok(NewLog {
            refname: Text::new(record.name)?,
            update_index: record.update_index,
            entry: match &record.value {
                LogValue::Deletion => None,
                LogValue::Update(update) => Some(NewEntry {
                    name: Text::new(update.name)?,
                    email: Text::new(update.email)?,
                    message: Text::new(update.message)?,
                    update: reftable_log_update {
                        new_hash: wide(update.new_id),
                        old_hash: wide(update.old_id),
                        time: update.time,
                        tz_offset: update.tz_offset,
                        ..reftable_log_update::EMPTY
                    },
                }),
            },
        })
    }

    /// Puts the record where C wants it, freeing what was there.
    ///
    /// # Safety
    ///
    /// `out` follows contracts 1 and 4.
    pub(super) unsafe fn store(self, out: *mut reftable_log_record) -> Result<(), Code> {
        // SAFETY: contract 1.
        let out = unsafe { out.as_mut() }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 4.
        unsafe { out.clear() };
        (out.refname, out.refname_cap) = self.refname.give();
        out.update_index = self.update_index;
        if let Some(entry) = self.entry {
            let mut update = entry.update;
            update.name = entry.name.give().0;
            update.email = entry.email.give().0;
            (update.message, update.message_cap) = entry.message.give();
            out.value_type = 1;
            out.value = reftable_log_value { update };
        }
        Ok(())
    }
}
