//! Writing a single table, to functions of the program's or on behalf of a stack.

use crate::error::ENTRY_TOO_BIG;
use crate::options::Settings;
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::releases::LOG_INDEXES_ARE_LIMITED;
use crate::{Code, Status, status};
use reftable::blocks::stored_len;
use reftable::error::{Error, Result as CoreResult};
use reftable::record::{LogRecord, LogUpdate, LogValue};
use reftable::table::TableWriter;
use reftable_capi::callback::{ForeignSink, check};
use reftable_capi::error::IO;
use reftable_capi::guard::guard;
use reftable_capi::handle::{Handle, Lent};
use reftable_capi::held_table::{HeldTable, Holder, lend_stats};
use reftable_capi::{borrowed, entered, free, table_counts};
use std::borrow::Cow;
use std::ffi::{c_int, c_void};

/// Counts of one kind of block.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct reftable_block_stats {
    /// Records.
    pub entries: c_int,
    /// Restart points, where a name is stored in full.
    pub restarts: u32,
    /// Blocks, without those of the index.
    pub blocks: c_int,
    /// Blocks of the section's index, all levels.
    pub index_blocks: c_int,
    /// Levels of the section's index; 0 without index.
    pub max_index_level: c_int,
    /// Position of the section's first block in bytes; 0 if it starts the file.
    pub offset: u64,
    /// Position of the section's index in bytes; 0 without index.
    pub index_offset: u64,
}

/// Counts of one table.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct reftable_stats {
    /// Blocks of all kinds, those of indexes included.
    pub blocks: c_int,
    /// The refs.
    pub ref_stats: reftable_block_stats,
    /// The object ids.
    pub obj_stats: reftable_block_stats,
    /// The indexes of all sections.
    pub idx_stats: reftable_block_stats,
    /// The log records.
    pub log_stats: reftable_block_stats,
    /// Length of abbreviated object ids in bytes; 0 without objects.
    pub object_id_len: c_int,
}

table_counts!(reftable_block_stats, reftable_stats);

/// Writes one table.
pub struct reftable_writer {
    _private: (),
}

impl Handle for reftable_writer {
    type Value = Writer;
}

/// What C holds as a writer.
pub struct Writer {
    held: HeldTable<reftable_stats>,
    /// The function that makes what was written durable, and its argument.
    flush: Option<(FlushBytes, *mut c_void)>,
    exact_log_message: bool,
    /// Whether a record was added, after which the limits stand.
    begun: bool,
    /// The smallest update index that a table of a stack's may have.
    next_update_index: Option<u64>,
}

impl Holder for Writer {
    type Stats = reftable_stats;

    fn held(&mut self) -> &mut HeldTable<reftable_stats> {
        &mut self.held
    }
}

impl Writer {
    fn table(&mut self) -> &mut TableWriter<'static> {
        self.held.table()
    }

    /// Adds a ref of the caller's.
    ///
    /// # Safety
    ///
    /// `record` follows contract 4.
    pub(super) unsafe fn add_ref(&mut self, record: &reftable_ref_record) -> Status {
        let hash = self.held.hash();
        // SAFETY: contract 4.
        let record = unsafe { record.read(hash) }?;
        let status = self.held.change(|table| table.add_ref(&record));
        self.begun |= status.is_ok();
        status
    }

    /// Adds a log record of the caller's.
    ///
    /// # Safety
    ///
    /// `record` follows contract 4.
    pub(super) unsafe fn add_log(&mut self, record: &reftable_log_record) -> Status {
        let hash = self.held.hash();
        let exact = self.exact_log_message || !record.has_message();
        // SAFETY: contract 4.
        let record = unsafe { record.read(hash) }?;
        let status = match record.value {
            LogValue::Deletion => self.held.change(|table| table.add_log(&record)),
            LogValue::Update(update) => self.add_entry(&record, update, exact),
        };
        self.begun |= status.is_ok();
        status
    }

    /// Adds a log record that is no deletion, its message as it is or as one line.
    fn add_entry(&mut self, record: &LogRecord<'_>, update: LogUpdate<'_>, exact: bool) -> Status {
        // Entries from before the limits are allowed: renaming a ref rewrites its log.
        if LOG_INDEXES_ARE_LIMITED && record.update_index > self.table().limits().1 {
            return Err(Code::MISUSE);
        }
        let message = match exact {
            true => Cow::Borrowed(update.message),
            false => one_line(update.message)?,
        };
        let entry = LogRecord {
            value: LogValue::Update(LogUpdate {
                message: &message,
                ..update
            }),
            ..*record
        };
        if stored_len(&entry) > self.room() {
            return Err(Code::new(ENTRY_TOO_BIG));
        }
        self.held.change(|table| table.add_log(&entry))
    }

    /// Length in bytes that a record may have. The core would give a longer log record a block of
    /// its own; programs of this API expect a refusal.
    fn room(&mut self) -> usize {
        // Block header, one restart and the restart count.
        (self.table().options().block_size as usize).saturating_sub(4 + 3 + 2)
    }
}

/// A message as git stores it: one line that ends with a newline.
fn one_line(message: &[u8]) -> Result<Cow<'_, [u8]>, Code> {
    let newlines = message.iter().rev().take_while(|byte| **byte == b'\n');
    let len = message.len().saturating_sub(newlines.count());
    let line = message.get(..len).unwrap_or_default();
    if line.contains(&b'\n') {
        return Err(Code::MISUSE);
    }
    Ok(match message.get(..len.saturating_add(1)) {
        Some(stored) => Cow::Borrowed(stored),
        None => Cow::Owned([line, b"\n"].concat()),
    })
}

/// Lets the callback of a stack write to `table`. Negative results are its errors.
///
/// # Safety
///
/// `write_table` follows contract 6.
pub(super) unsafe fn lend(
    table: &mut TableWriter<'_>,
    next_update_index: u64,
    exact_log_message: bool,
    write_table: unsafe extern "C" fn(*mut reftable_writer, *mut c_void) -> c_int,
    arg: *mut c_void,
) -> CoreResult<()> {
    let writer = Lent::<reftable_writer>::new(Writer {
        // SAFETY: until the callback has returned, only it uses the table.
        held: unsafe { HeldTable::lent(table) },
        flush: None,
        exact_log_message,
        begun: false,
        next_update_index: Some(next_update_index),
    });
    // SAFETY: contract 6.
    let result = unsafe { write_table(writer.handle(), arg) };
    check(result)
}

/// A function of C that takes the bytes of a table.
pub(super) type WriteBytes = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> isize;
/// A function of C that makes them durable.
pub(super) type FlushBytes = unsafe extern "C" fn(*mut c_void) -> c_int;

/// Makes a writer for C.
pub(super) fn open(
    write: Option<WriteBytes>,
    flush: Option<FlushBytes>,
    arg: *mut c_void,
    settings: &Settings,
) -> Result<Writer, Code> {
    let write = write.ok_or(Code::MISUSE)?;
    let sink = move |data: &[u8]| {
        // SAFETY: contract 6.
        let written = unsafe { write(arg, data.as_ptr().cast(), data.len()) };
        match written {
            ..0 => c_int::try_from(written).unwrap_or(IO),
            _ => 0,
        }
    };
    let table = TableWriter::new(ForeignSink(sink), settings.write.clone())?;
    Ok(Writer {
        held: HeldTable::owned(table),
        flush: flush.map(|flush| (flush, arg)),
        exact_log_message: settings.exact_log_message,
        begun: false,
        next_update_index: None,
    })
}

/// Sets the range of update indexes of the table, before the first record; 0 to 0 otherwise. Refs
/// must lie within, log records not above. A range upside down is, for a stack's writer, the one
/// from the stack's next update index on. Returns 0, or REFTABLE_API_ERROR for NULL, for a range
/// upside down of any other writer, and after the first record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_set_limits(
    w: *mut reftable_writer,
    min: u64,
    max: u64,
) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        if writer.begun {
            return Err(Code::MISUSE);
        }
        let (min, max) = match writer.next_update_index {
            _ if min <= max => (min, max),
            // git's library takes limits that are upside down, and libgit2 rewrites reflogs with
            // them, from 2^64-1 on. No table can have such: it gets the ones that it needs.
            Some(next) => (next, max.max(next)),
            None => return Err(Code::MISUSE),
        };
        writer.table().set_limits(min, max);
        Ok(0)
    })
}

/// Adds a ref. Names must ascend, in bytes, and no log record may have been added. The record is
/// read during the call and stays the caller's.
///
/// Returns 0; REFTABLE_ENTRY_TOO_BIG_ERROR if the record fits no block; a negative value of
/// writer_func's; REFTABLE_API_ERROR for NULL, a record without name, of an unknown type or with an
/// update index outside the limits, out of order, after a log record, and after the writer was
/// closed. Unless writer_func failed the writer stays usable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_ref(
    w: *mut reftable_writer,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    // SAFETY: contract 4.
    status(|| unsafe { entered!(w)?.add_ref(borrowed!(r#ref)?) })
}

/// Adds a log record. Names must ascend, in bytes, and update indexes of one name descend; no ref
/// can be added afterwards. The record is read during the call and stays the caller's. Unless the
/// options ask for exact messages, the message, if there is one, becomes a line that ends with a newline.
///
/// Returns 0; REFTABLE_ENTRY_TOO_BIG_ERROR if the record is larger than a block; a negative value of
/// writer_func's; REFTABLE_API_ERROR for NULL, a record without name, with a message of several
/// lines or with an update index above the limits, out of order, and after the writer was closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_log(
    w: *mut reftable_writer,
    log: *mut reftable_log_record,
) -> c_int {
    // SAFETY: contract 4.
    status(|| unsafe { entered!(w)?.add_log(borrowed!(log)?) })
}

/// Writes what is still to be written, and calls flush_func.
///
/// Returns 0; REFTABLE_EMPTY_TABLE_ERROR if no record was added (the table is complete all the
/// same); a negative value of writer_func's; REFTABLE_IO_ERROR if flush_func failed;
/// REFTABLE_API_ERROR for NULL, the second time, and for the writer of a stack's callback, which the
/// stack closes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_close(w: *mut reftable_writer) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        if writer.held.is_lent() {
            return Err(Code::MISUSE);
        }
        let finished = writer.table().finish();
        if let (Ok(()) | Err(Error::EmptyTable), Some((flush, arg))) = (&finished, writer.flush) {
            // SAFETY: contract 6.
            if unsafe { flush(arg) } < 0 {
                return Err(Code::new(IO));
            }
        }
        writer.held.change(|_| finished)
    })
}

/// Returns counts of what was written, complete once the writer is closed. They belong to the
/// writer and follow what it does. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_stats(w: *mut reftable_writer) -> *const reftable_stats {
    // SAFETY: contract 3.
    unsafe { lend_stats(w) }
}

/// Frees the writer without closing it: the table is complete only after reftable_writer_close.
/// Does nothing for NULL and for the writer of a stack's callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_free(w: *mut reftable_writer) {
    guard((), || free!(w));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message without newline used to lose its last letter.
    #[test]
    fn messages_become_one_line() {
        for (message, stored) in [
            (&b""[..], &b"\n"[..]),
            (b"commit", b"commit\n"),
            (b"commit\n", b"commit\n"),
            (b"commit\n\n\n", b"commit\n"),
            (b"\n", b"\n"),
        ] {
            assert_eq!(one_line(message).as_deref(), Ok(stored));
        }
        assert!(one_line(b"two\nlines").is_err());
        assert!(one_line(b"\ntwo\n").is_err());
    }

    #[test]
    fn the_length_of_a_log_record_is_what_is_stored() {
        let record = LogRecord {
            name: b"HEAD",
            update_index: 1,
            value: LogValue::Update(LogUpdate {
                old_id: &[0; 20],
                new_id: &[1; 20],
                name: b"n",
                email: b"e",
                time: 0,
                tz_offset: 0,
                message: b"m\n",
            }),
        };
        // Two lengths, the key, two ids, three strings with their lengths, time, zone.
        assert_eq!(stored_len(&record), 2 + 13 + 40 + 2 + 2 + 3 + 1 + 2);
    }
}
