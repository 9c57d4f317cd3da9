//! git's development branch after 2.55: options for writing come with each call, and stacks have
//! options of their own.

use super::unsigned_byte;
use crate::addition::{self, WriteTable, reftable_addition};
use crate::options::{Given, Options, given, settings, write_options};
use crate::stack::{self, reftable_log_expiry_config, reftable_stack};
use crate::status;
use crate::writer::{self, FlushBytes, WriteBytes, reftable_writer};
use reftable_capi::{layout, path, put, put_new};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::ptr::null_mut;

/// As in git 2.55, without the options of stacks.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_write_options {
    pub unpadded: c_uint,
    pub block_size: u32,
    pub skip_index_objects: unsigned_byte,
    pub restart_interval: u16,
    pub default_permissions: c_uint,
    pub exact_log_message: unsigned_byte,
    pub auto_compaction_factor: u8,
    pub lock_timeout_ms: c_long,
}

/// What a stack is opened with.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_stack_options {
    /// The hash of the object ids, one of enum reftable_hash. 0 is SHA-1.
    pub hash_id: u32,
    /// Called with on_reload_payload after the stack was loaded, for the first time or again.
    pub on_reload: Option<unsafe extern "C" fn(payload: *mut c_void)>,
    /// Passed to on_reload.
    pub on_reload_payload: *mut c_void,
    /// Whether iterators skip deletions.
    pub suppress_deletions: c_int,
}

layout!(zeroed reftable_write_options: 32 / 8 {
    unpadded @ 0, block_size @ 4, skip_index_objects @ 8, restart_interval @ 10,
    default_permissions @ 12, exact_log_message @ 16, auto_compaction_factor @ 17,
    lock_timeout_ms @ 24,
});
write_options!(reftable_write_options {});

layout!(zeroed reftable_stack_options: 32 / 8 {
    hash_id @ 0, on_reload @ 8, on_reload_payload @ 16, suppress_deletions @ 24,
});

impl Options for reftable_stack_options {
    fn given(&self) -> Given {
        Given {
            hash_id: self.hash_id,
            on_reload: self.on_reload,
            on_reload_payload: self.on_reload_payload,
            show_deletions: self.suppress_deletions == 0,
            ..Given::NOTHING
        }
    }
}

/// As in git 2.55, with options of the stack only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_stack(
    dest: *mut *mut reftable_stack,
    dir: *const c_char,
    opts: *const reftable_stack_options,
) -> c_int {
    status(|| {
        put!(dest, null_mut())?;
        Ok(put_new!(dest, stack::open(path!(dir)?, settings(opts)?)?)?)
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_new_addition(
    dest: *mut *mut reftable_addition,
    st: *mut reftable_stack,
    opts: *const reftable_write_options,
    flags: c_uint,
) -> c_int {
    status(|| {
        put!(dest, null_mut())?;
        Ok(put_new!(
            dest,
            addition::open(st, Some(settings(opts)?), flags)?
        )?)
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_add(
    st: *mut reftable_stack,
    write_table: Option<WriteTable>,
    write_arg: *mut c_void,
    opts: *const reftable_write_options,
    flags: c_uint,
) -> c_int {
    status(|| {
        let settings = Some(settings(opts)?);
        // SAFETY: the same contract.
        unsafe { addition::add_once(st, settings, write_table, write_arg, flags) }
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compact_all(
    st: *mut reftable_stack,
    opts: *const reftable_write_options,
    config: *mut reftable_log_expiry_config,
) -> c_int {
    status(|| stack::compact_all(st, Some(settings(opts)?), config))
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compaction_required(
    st: *mut reftable_stack,
    opts: *const reftable_write_options,
    use_heuristics: bool,
    required: *mut bool,
) -> c_int {
    status(|| {
        let settings = Some(settings(opts)?);
        put!(
            required,
            stack::compaction_required(st, settings, use_heuristics)?
        )?;
        Ok(0)
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_auto_compact(
    st: *mut reftable_stack,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| stack::auto_compact(st, Some(settings(opts)?)))
}

/// As in git 2.55, with the hash beside the options.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_new(
    out: *mut *mut reftable_writer,
    writer_func: Option<WriteBytes>,
    flush_func: Option<FlushBytes>,
    writer_arg: *mut c_void,
    hash_id: u32,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| {
        let given = Given {
            hash_id,
            ..given(opts)
        };
        let writer = writer::open(writer_func, flush_func, writer_arg, &given.decode()?)?;
        Ok(put_new!(out, writer)?)
    })
}
