//! Writing a single table, to a sink of the program's or on behalf of a stack.

use crate::options::reftable_write_options;
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::{Code, Status, status};
use reftable::error::Result as CoreResult;
use reftable::table::TableWriter;
use reftable_capi::callback::{ForeignSink, check};
use reftable_capi::counts::Count;
use reftable_capi::error::IO;
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle, Lent};
use reftable_capi::held_table::{HeldTable, Holder, lend_stats};
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut, bytes, entered, free, sorted, table_counts};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::ptr::null_mut;

/// Counts of one kind of block.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct reftable_block_stats {
    /// Records.
    pub entries: c_int,
    /// Restart points, where a name is stored in full.
    pub restarts: c_int,
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
pub struct Writer(HeldTable<reftable_stats>);

impl Holder for Writer {
    type Stats = reftable_stats;

    fn held(&mut self) -> &mut HeldTable<reftable_stats> {
        &mut self.0
    }
}

impl Writer {
    /// Adds a ref of the caller's.
    ///
    /// # Safety
    ///
    /// `record` follows contract 4.
    unsafe fn add_ref(&mut self, record: &reftable_ref_record) -> Status {
        // SAFETY: contract 4.
        let record = unsafe { record.read(self.0.hash()) }?;
        self.0.change(|table| table.add_ref(&record))
    }

    /// Adds a log record of the caller's.
    ///
    /// # Safety
    ///
    /// `record` follows contract 4.
    unsafe fn add_log(&mut self, record: &reftable_log_record) -> Status {
        // SAFETY: contract 4.
        let record = unsafe { record.read(self.0.hash()) }?;
        self.0.change(|table| table.add_log(&record))
    }
}

/// Lets the callback of a stack write to `table`. Negative results are its errors.
///
/// # Safety
///
/// `write_table` follows contract 6.
pub(super) unsafe fn lend(
    table: &mut TableWriter<'_>,
    write_table: unsafe extern "C" fn(*mut reftable_writer, *mut c_void) -> c_int,
    arg: *mut c_void,
) -> CoreResult<()> {
    // SAFETY: until the callback has returned, only it uses the table.
    let held = unsafe { HeldTable::lent(table) };
    let writer = Lent::<reftable_writer>::new(Writer(held));
    // SAFETY: contract 6.
    let result = unsafe { write_table(writer.handle(), arg) };
    check(result)
}

/// Makes a writer. sink is called with consecutive pieces of the file and returns a negative value
/// on failure, which becomes the result of the call that had something to write.
///
/// Replaces zeros in opts by the defaults for block_size, restart_interval and hash_id; NULL stands
/// for the defaults. Returns NULL if sink is NULL or an option is out of range. The writer is freed
/// by reftable_writer_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_writer(
    sink: Option<unsafe extern "C" fn(sink_arg: *mut c_void, data: *mut u8, size: usize) -> c_int>,
    sink_arg: *mut c_void,
    opts: *mut reftable_write_options,
) -> *mut reftable_writer {
    guard(null_mut(), || {
        let options = borrowed_mut!(opts).map(|opts| {
            *opts = opts.with_defaults();
            *opts
        });
        let layout = options.unwrap_or(reftable_write_options::ZERO).layout();
        let (Some(sink), Some(layout)) = (sink, layout) else {
            return null_mut();
        };
        // SAFETY: contract 6. The sink may not write to the bytes; v16 forgot to say so in the type.
        let write =
            move |data: &[u8]| unsafe { sink(sink_arg, data.as_ptr().cast_mut(), data.len()) };
        let table = TableWriter::new(ForeignSink(write), layout);
        table.map_or(null_mut(), |table| {
            handle::make(Writer(HeldTable::owned(table)))
        })
    })
}

/// A sink for reftable_new_writer: writes to the file descriptor that the int at fdp holds.
///
/// Writes everything, however often that takes; returns size, or REFTABLE_IO_ERROR.
/// REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_fd_write(fdp: *mut c_void, data: *mut u8, size: usize) -> c_int {
    status(|| {
        let fd = *borrowed!(fdp.cast::<c_int>())?;
        if size == 0 {
            return Ok(0);
        }
        let data = bytes!(data, size)?;
        if fd < 0 {
            return Err(Code::new(IO));
        }
        // SAFETY: the descriptor is the caller's, who keeps it: the file is not dropped.
        let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
        file.write_all(data).map_err(|_| Code::new(IO))?;
        Ok(Count::of(size))
    })
}

/// Sets the range of update indexes of the table, before the first record; 0 to 0 otherwise. Refs
/// must lie within, log records need not. A range that is empty or comes too late is reported by
/// the next call that adds or closes, as REFTABLE_API_ERROR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_set_limits(w: *mut reftable_writer, min: u64, max: u64) {
    guard((), || {
        if let Ok(mut writer) = entered!(w) {
            writer.0.table().set_limits(min, max);
        }
    });
}

/// Adds a ref. Names must ascend, in bytes, and no log record may have been added. The record is
/// read during the call and stays the caller's.
///
/// Returns 0, -1 if the name is empty, does not come after the last one, or the record fits no
/// block, a negative value of the sink's, or REFTABLE_API_ERROR: for NULL, a record without name or
/// with value and target or with target_value alone, an update index outside the limits, after a log
/// record, and after the writer was closed. Unless the sink failed the writer stays usable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_ref(
    w: *mut reftable_writer,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    // SAFETY: contract 4.
    status(|| unsafe { entered!(w)?.add_ref(borrowed!(r#ref)?) })
}

/// Sorts the n records of the array refs by name, in place, and adds them in that order, up to the
/// first that fails. Returns what reftable_writer_add_ref does; REFTABLE_API_ERROR, before anything
/// is sorted or added, if a record has no name or n is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_refs(
    w: *mut reftable_writer,
    refs: *mut reftable_ref_record,
    n: c_int,
) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        // SAFETY: contract 4.
        let mut add = |_, record| unsafe { writer.add_ref(record) };
        sorted!(refs, n)?.iter().try_fold(0, &mut add)
    })
}

/// Adds a log record. Names must ascend, in bytes, and update indexes of one name descend; no ref
/// can be added afterwards. The record is read during the call and stays the caller's.
///
/// Returns 0, -1 if the record does not come after the last one, a negative value of the sink's, or
/// REFTABLE_API_ERROR for NULL, a record without name (which changes nothing: refs may still be
/// added), and after the writer was closed. Unless the sink failed the writer stays usable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_log(
    w: *mut reftable_writer,
    log: *mut reftable_log_record,
) -> c_int {
    // SAFETY: contract 4.
    status(|| unsafe { entered!(w)?.add_log(borrowed!(log)?) })
}

/// Sorts the n records of the array logs by name and descending update index, in place, and adds
/// them in that order, up to the first that fails. Returns what reftable_writer_add_log does;
/// REFTABLE_API_ERROR, before anything is sorted or added, if a record has no name or n is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_logs(
    w: *mut reftable_writer,
    logs: *mut reftable_log_record,
    n: c_int,
) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        // SAFETY: contract 4.
        let mut add = |_, record| unsafe { writer.add_log(record) };
        sorted!(logs, n)?.iter().try_fold(0, &mut add)
    })
}

/// Writes what is still to be written. The sink's file is not closed.
///
/// Returns 0, REFTABLE_EMPTY_TABLE_ERROR if no record was added (the table is complete all the
/// same), a negative value of the sink's, or REFTABLE_API_ERROR: for NULL, the second time, and for
/// the writer of a stack's callback, which the stack closes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_close(w: *mut reftable_writer) -> c_int {
    status(|| {
        let mut writer = entered!(w)?;
        match writer.0.is_lent() {
            true => Err(Code::MISUSE),
            false => writer.0.change(TableWriter::finish),
        }
    })
}

/// Returns counts of what was written, complete once the writer is closed. They belong to the
/// writer, which frees them, and follow what it does: they are up to date when a call on the writer
/// has returned. NULL for NULL, and from within the sink, as the writer is then at work.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writer_stats(w: *mut reftable_writer) -> *const reftable_stats {
    // SAFETY: contract 3.
    unsafe { lend_stats(w) }
}

/// Frees the writer without closing it: the table is complete only after reftable_writer_close.
/// Does nothing for NULL and for the writer of a stack's callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_free(w: *mut reftable_writer) {
    guard((), || free!(w));
}
