//! git 2.47: other names for tables, other integer types, and the older options.

use super::unsigned_byte;
use crate::Code;
use crate::addition::{self, reftable_addition};
use crate::iterator::reftable_iterator;
use crate::options::{Given, Layout, Settings};
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::source::reftable_block_source;
use crate::stack::{self, reftable_log_expiry_config, reftable_stack};
use crate::status;
use crate::table::{self, reftable_table};
use crate::writer::{self, reftable_writer};
use reftable::blocks::{BlockType, TableBlocks};
use reftable::table::Table;
use reftable_capi::error::IO;
use reftable_capi::guard::guard;
use reftable_capi::handle;
use std::ffi::{OsStr, c_char, c_int, c_long, c_uint, c_void};
use std::io::Write;
use std::mem::{align_of, offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;
use std::sync::Arc;

/// How tables are written, and how the stack behaves that writes them. Zero everywhere is a good
/// choice.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_write_options {
    /// Blocks follow each other without padding up to block_size.
    ///
    /// cbindgen:bitfield=1
    pub unpadded: c_uint,
    /// Size in bytes at which a block is full; below 2^24. 0 is 4096.
    pub block_size: u32,
    /// Leave out the section that finds refs by object id.
    ///
    /// cbindgen:bitfield=1
    pub skip_index_objects: unsigned_byte,
    /// Every how many records a name is stored in full. 0 is 16.
    pub restart_interval: u16,
    /// The hash of the object ids, one of enum reftable_hash. 0 is SHA-1.
    pub hash_id: u32,
    /// Mode of new files. 0 leaves tables as private as temporary files are.
    pub default_permissions: c_uint,
    /// exact_log_message: store messages as they are; otherwise they become one line that ends with
    /// a newline, and messages of several lines are refused. disable_auto_compact: never compact
    /// tables after a commit.
    ///
    /// cbindgen:bitfield=1, disable_auto_compact : 1
    pub exact_log_message: unsigned_byte,
    /// How many times as large as the newer tables together a table should be. 0 is 2.
    pub auto_compaction_factor: u8,
    /// Milliseconds to wait for the lock of a stack: 0 fails at once, a negative number waits for
    /// ever.
    pub lock_timeout_ms: c_long,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    type T = reftable_write_options;
    assert!(size_of::<T>() == 32 && align_of::<T>() == 8);
    assert!(offset_of!(T, unpadded) == 0 && offset_of!(T, block_size) == 4);
    assert!(offset_of!(T, skip_index_objects) == 8 && offset_of!(T, restart_interval) == 10);
    assert!(offset_of!(T, hash_id) == 12 && offset_of!(T, default_permissions) == 16);
    assert!(offset_of!(T, exact_log_message) == 20 && offset_of!(T, auto_compaction_factor) == 21);
    assert!(offset_of!(T, lock_timeout_ms) == 24);
};

impl reftable_write_options {
    /// What NULL stands for.
    pub(super) const ZERO: reftable_write_options = reftable_write_options {
        unpadded: 0,
        block_size: 0,
        skip_index_objects: 0,
        restart_interval: 0,
        hash_id: 0,
        default_permissions: 0,
        exact_log_message: 0,
        auto_compaction_factor: 0,
        lock_timeout_ms: 0,
    };

    pub(super) fn given(&self) -> Given {
        Given {
            layout: Layout {
                // The other bits of the unit are padding.
                unpadded: self.unpadded & 1 != 0,
                block_size: self.block_size,
                skip_index_objects: self.skip_index_objects & 1 != 0,
                restart_interval: self.restart_interval,
            },
            hash_id: self.hash_id,
            default_permissions: self.default_permissions,
            flags: self.exact_log_message,
            auto_compaction_factor: self.auto_compaction_factor,
            lock_timeout_ms: self.lock_timeout_ms,
            fsync: None,
            on_reload: None,
            on_reload_payload: null_mut(),
        }
    }
}

/// What the options say.
///
/// # Safety
///
/// `options` follows contract 1.
unsafe fn settings(options: *const reftable_write_options) -> Result<Settings, Code> {
    // SAFETY: contract 1.
    let options = unsafe { handle::borrow(options) };
    let given = options.unwrap_or(&reftable_write_options::ZERO).given();
    given.decode()
}

/// As in git 2.55.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_stack(
    dest: *mut *mut reftable_stack,
    dir: *const c_char,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) };
        // SAFETY: the same contract.
        unsafe { stack::open(dest, dir, settings, false) }
    })
}

/// As in git 2.55.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_new_addition(
    dest: *mut *mut reftable_addition,
    st: *mut reftable_stack,
    flags: c_uint,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { addition::open(dest, st, Ok(None), flags) })
}

/// As in git 2.55, without flags.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_add(
    st: *mut reftable_stack,
    write_table: Option<addition::WriteTable>,
    write_arg: *mut c_void,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { addition::add_once(st, None, write_table, write_arg, 0) })
}

/// As in git 2.55.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compact_all(
    st: *mut reftable_stack,
    config: *mut reftable_log_expiry_config,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { stack::compact_all(st, None, config) })
}

/// As in git 2.55.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_auto_compact(st: *mut reftable_stack) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { stack::auto_compact(st, None) })
}

/// The writer, NULL if it cannot be made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_writer(
    writer_func: Option<writer::WriteBytes>,
    flush_func: Option<writer::FlushBytes>,
    writer_arg: *mut c_void,
    opts: *const reftable_write_options,
) -> *mut reftable_writer {
    guard(null_mut(), || {
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) };
        let open = |settings| writer::open(writer_func, flush_func, writer_arg, &settings);
        settings.and_then(open).unwrap_or(null_mut())
    })
}

/// As in git 2.55, of `int` records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_refs(
    w: *mut reftable_writer,
    refs: *mut reftable_ref_record,
    n: c_int,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { writer::add_refs(w, refs, n) })
}

/// As in git 2.55, of `int` records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_add_logs(
    w: *mut reftable_writer,
    logs: *mut reftable_log_record,
    n: c_int,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { writer::add_logs(w, logs, n) })
}

/// What later releases call a table.
type reftable_reader = reftable_table;

/// As `reftable_table_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_new(
    out: *mut *mut reftable_reader,
    src: *mut reftable_block_source,
    name: *const c_char,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_new(out, src, name) }
}

/// As `reftable_table_incref`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_incref(reader: *mut reftable_reader) {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_incref(reader) }
}

/// As `reftable_table_decref`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_decref(reader: *mut reftable_reader) {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_decref(reader) }
}

/// As `reftable_table_init_ref_iterator`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_init_ref_iterator(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
) {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_init_ref_iterator(r, it) };
}

/// As `reftable_table_init_log_iterator`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_init_log_iterator(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
) {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_init_log_iterator(r, it) };
}

/// As `reftable_table_hash_id`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_hash_id(r: *mut reftable_reader) -> u32 {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_hash_id(r) }
}

/// As `reftable_table_refs_for`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_refs_for(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
    oid: *mut u8,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_refs_for(r, it, oid) }
}

/// As `reftable_table_max_update_index`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_max_update_index(r: *mut reftable_reader) -> u64 {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_max_update_index(r) }
}

/// As `reftable_table_min_update_index`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_min_update_index(r: *mut reftable_reader) -> u64 {
    // SAFETY: the same contract.
    unsafe { table::reftable_table_min_update_index(r) }
}

/// Prints the blocks of a table, without those of indexes: a section's name where its type changes,
/// and for each block how long its records are and how many restarts it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_print_blocks(tablename: *const c_char) -> c_int {
    status(|| {
        // SAFETY: contract 2.
        let path = unsafe { handle::text(tablename) }.ok_or(Code::MISUSE)?;
        let table = Table::open_file(OsStr::from_bytes(path))?;
        let mut text = format!("header:\n  block_size: {}\n", table.block_size());
        let mut blocks = TableBlocks::new(Arc::new(table));
        let mut section = None;
        while let Some(block) = blocks.next_block()? {
            if block.kind() == BlockType::Index {
                continue;
            }
            if section.replace(block.kind()) != Some(block.kind()) {
                text += match block.kind() {
                    BlockType::Ref => "ref:\n",
                    BlockType::Log => "log:\n",
                    BlockType::Obj => "obj:\n",
                    BlockType::Index => "idx:\n",
                };
            }
            let (length, restarts) = (block.records().len(), block.restart_count());
            text += &format!("  - length: {length}\n    restarts: {restarts}\n");
        }
        let written = std::io::stdout().write_all(text.as_bytes());
        written.map_err(|_| Code::new(IO))?;
        Ok(0)
    })
}
