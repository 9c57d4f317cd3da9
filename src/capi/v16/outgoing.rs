//! Records on their way to C: copies in memory that C may free, made before anything of the
//! caller's is touched, so that a lack of memory changes nothing.

use super::record::{reftable_log_record, reftable_ref_record};
use crate::capi::alloc::Block;
use crate::capi::error::Code;
use crate::record::{LogRecord, LogValue, RefRecord, RefValue};
use std::ptr::null_mut;

/// A ref on its way to C, in memory that C may free; dropped before it got there, it leaves nothing.
pub(super) struct NewRef {
    name: Block,
    update_index: u64,
    value: Option<Block>,
    target_value: Option<Block>,
    target: Option<Block>,
}

impl NewRef {
    /// A copy of `record`.
    pub(super) fn new(record: &RefRecord<'_>) -> Result<NewRef, Code> {
        NewRef::copy(record).ok_or(Code::OUT_OF_MEMORY)
    }

    fn copy(record: &RefRecord<'_>) -> Option<NewRef> {
        let mut new = NewRef {
            name: Block::string(record.name)?,
            update_index: record.update_index,
            value: None,
            target_value: None,
            target: None,
        };
        match record.value {
            RefValue::Deletion => {}
            RefValue::Object(id) => new.value = Some(Block::bytes(id)?),
            RefValue::Peeled { id, peeled } => {
                new.value = Some(Block::bytes(id)?);
                new.target_value = Some(Block::bytes(peeled)?);
            }
            RefValue::Symref(target) => new.target = Some(Block::string(target)?),
        }
        Some(new)
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
        let raw = |block: Option<Block>| block.map_or(null_mut(), Block::into_raw);
        *out = reftable_ref_record {
            ref_name: self.name.into_raw().cast(),
            update_index: self.update_index,
            value: raw(self.value),
            target_value: raw(self.target_value),
            target: raw(self.target).cast(),
        };
        Ok(())
    }
}

/// A log record on its way to C; see [`NewRef`].
pub(super) struct NewLog {
    ref_name: Block,
    update_index: u64,
    entry: Option<NewEntry>,
}

/// What a log record that is no deletion has: no field of it is ever NULL.
struct NewEntry {
    new_hash: Block,
    old_hash: Block,
    name: Block,
    email: Block,
    time: u64,
    tz_offset: i16,
    message: Block,
}

impl NewLog {
    /// A copy of `record`.
    pub(super) fn new(record: &LogRecord<'_>) -> Result<NewLog, Code> {
        NewLog::copy(record).ok_or(Code::OUT_OF_MEMORY)
    }

    fn copy(record: &LogRecord<'_>) -> Option<NewLog> {
        Some(NewLog {
            ref_name: Block::string(record.name)?,
            update_index: record.update_index,
            entry: match &record.value {
                LogValue::Deletion => None,
                LogValue::Update(update) => Some(NewEntry {
                    new_hash: Block::bytes(update.new_id)?,
                    old_hash: Block::bytes(update.old_id)?,
                    name: Block::string(update.name)?,
                    email: Block::string(update.email)?,
                    time: update.time,
                    tz_offset: update.tz_offset,
                    message: Block::string(update.message)?,
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
        out.ref_name = self.ref_name.into_raw().cast();
        out.update_index = self.update_index;
        if let Some(entry) = self.entry {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::v16::record::{reftable_log_record_clear, reftable_log_record_is_deletion};
    use crate::hash::HashId;
    use crate::record::LogUpdate;

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
            let new = NewLog::new(&record).expect("memory");
            // SAFETY: a record that is empty or filled by the round before.
            unsafe { new.store(&raw mut out) }.expect("not NULL");
            // SAFETY: just filled.
            assert_eq!(unsafe { out.read(HashId::Sha1) }, Ok(record));
        }
        let tombstone = LogRecord {
            name: b"HEAD",
            update_index: 9,
            value: LogValue::Deletion,
        };
        let new = NewLog::new(&tombstone).expect("memory");
        // SAFETY: filled above.
        unsafe { new.store(&raw mut out) }.expect("not NULL");
        // A reused record once kept its time and was then no deletion any more.
        // SAFETY: filled above.
        let deletion = unsafe { reftable_log_record_is_deletion(&raw const out) };
        assert_eq!(deletion, 1);
        // SAFETY: filled above.
        unsafe { reftable_log_record_clear(&raw mut out) };
        assert!(out.ref_name.is_null() && out.update_index == 0);
    }
}
