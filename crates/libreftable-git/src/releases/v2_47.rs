//! git 2.47: other names for tables, other integer types, and the older options.

use super::unsigned_byte;
use crate::addition::{self, WriteTable};
use crate::iterator::reftable_iterator;
use crate::options::{settings, write_options};
use crate::source::reftable_block_source;
use crate::stack::reftable_stack;
use crate::table::{self, reftable_table};
use crate::writer::{self, FlushBytes, WriteBytes, reftable_writer};
use crate::{Code, status};
use reftable::blocks::{BlockType, TableBlocks};
use reftable::table::Table;
use reftable_capi::error::IO;
use reftable_capi::guard::guard;
use reftable_capi::{handle, layout, path};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::io::Write;
use std::ptr::null_mut;
use std::sync::Arc;

/// As in git 2.55, without the last two fields.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_write_options {
    pub unpadded: c_uint,
    pub block_size: u32,
    pub skip_index_objects: unsigned_byte,
    pub restart_interval: u16,
    pub hash_id: u32,
    pub default_permissions: c_uint,
    pub exact_log_message: unsigned_byte,
    pub auto_compaction_factor: u8,
    pub lock_timeout_ms: c_long,
}

layout!(zeroed reftable_write_options: 32 / 8 {
    unpadded @ 0, block_size @ 4, skip_index_objects @ 8, restart_interval @ 10, hash_id @ 12,
    default_permissions @ 16, exact_log_message @ 20, auto_compaction_factor @ 21,
    lock_timeout_ms @ 24,
});
write_options!(reftable_write_options { hash_id });

/// As in git 2.55, without flags.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_add(
    st: *mut reftable_stack,
    write_table: Option<WriteTable>,
    write_arg: *mut c_void,
) -> c_int {
    // SAFETY: the same contract.
    status(|| unsafe { addition::add_once(st, None, write_table, write_arg, 0) })
}

/// The writer, NULL if it cannot be made.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_writer(
    writer_func: Option<WriteBytes>,
    flush_func: Option<FlushBytes>,
    writer_arg: *mut c_void,
    opts: *const reftable_write_options,
) -> *mut reftable_writer {
    guard(null_mut(), || {
        let open = |settings| writer::open(writer_func, flush_func, writer_arg, &settings);
        let writer = settings(opts).map_err(Code::from).and_then(open);
        writer.map_or(null_mut(), handle::make)
    })
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
        reftable_capi::mapping::obey_environment();
        let table = Table::open_file(path!(tablename)?)?;
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
