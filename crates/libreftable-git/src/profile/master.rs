//! git's development branch after 2.55: options for writing come with each call, and stacks have
//! options of their own.

use super::unsigned_byte;
use crate::Code;
use crate::addition::{self, reftable_addition};
use crate::options::{Given, Layout, Settings};
use crate::stack::{self, reftable_log_expiry_config, reftable_stack};
use crate::status;
use crate::writer::{self, reftable_writer};
use reftable_capi::handle;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::mem::{align_of, offset_of, size_of};
use std::ptr::null_mut;

/// How tables are written, and how a stack behaves meanwhile. Zero everywhere is a good
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

#[cfg(target_pointer_width = "64")]
const _: () = {
    type T = reftable_write_options;
    assert!(size_of::<T>() == 32 && align_of::<T>() == 8);
    assert!(offset_of!(T, unpadded) == 0 && offset_of!(T, block_size) == 4);
    assert!(offset_of!(T, skip_index_objects) == 8 && offset_of!(T, restart_interval) == 10);
    assert!(offset_of!(T, default_permissions) == 12 && offset_of!(T, exact_log_message) == 16);
    assert!(offset_of!(T, auto_compaction_factor) == 17 && offset_of!(T, lock_timeout_ms) == 24);
    type S = reftable_stack_options;
    assert!(size_of::<S>() == 32 && align_of::<S>() == 8);
    assert!(offset_of!(S, hash_id) == 0 && offset_of!(S, on_reload) == 8);
    assert!(offset_of!(S, on_reload_payload) == 16 && offset_of!(S, suppress_deletions) == 24);
};

impl reftable_write_options {
    /// What NULL stands for.
    pub(super) const ZERO: reftable_write_options = reftable_write_options {
        unpadded: 0,
        block_size: 0,
        skip_index_objects: 0,
        restart_interval: 0,
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
            hash_id: 0,
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

/// The settings of a call.
///
/// # Safety
///
/// `options` follows contract 1.
unsafe fn settings(options: *const reftable_write_options) -> Result<Settings, Code> {
    // SAFETY: contract 1.
    let options = unsafe { handle::borrow(options) };
    options
        .unwrap_or(&reftable_write_options::ZERO)
        .given()
        .decode()
}

/// As in git 2.55, with options of the stack only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_stack(
    dest: *mut *mut reftable_stack,
    dir: *const c_char,
    opts: *const reftable_stack_options,
) -> c_int {
    status(|| {
        let mut given = reftable_write_options::ZERO.given();
        let mut show_deletions = true;
        // SAFETY: contract 1.
        if let Some(options) = unsafe { handle::borrow(opts) } {
            given.hash_id = options.hash_id;
            given.on_reload = options.on_reload;
            given.on_reload_payload = options.on_reload_payload;
            show_deletions = options.suppress_deletions == 0;
        }
        // SAFETY: the same contract.
        unsafe { stack::open(dest, dir, given.decode(), show_deletions) }
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
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) };
        // SAFETY: the same contract.
        unsafe { addition::open(dest, st, settings.map(Some), flags) }
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_add(
    st: *mut reftable_stack,
    write_table: Option<addition::WriteTable>,
    write_arg: *mut c_void,
    opts: *const reftable_write_options,
    flags: c_uint,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) }?;
        // SAFETY: the same contract.
        unsafe { addition::add_once(st, Some(settings), write_table, write_arg, flags) }
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compact_all(
    st: *mut reftable_stack,
    opts: *const reftable_write_options,
    config: *mut reftable_log_expiry_config,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) }?;
        // SAFETY: the same contract.
        unsafe { stack::compact_all(st, Some(settings), config) }
    })
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
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) }?;
        // SAFETY: the same contract.
        unsafe { stack::compaction_required(st, Some(settings), use_heuristics, required) }
    })
}

/// As in git 2.55, with options for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_auto_compact(
    st: *mut reftable_stack,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let settings = unsafe { settings(opts) }?;
        // SAFETY: the same contract.
        unsafe { stack::auto_compact(st, Some(settings)) }
    })
}

/// As in git 2.55, with the hash beside the options.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_writer_new(
    out: *mut *mut reftable_writer,
    writer_func: Option<writer::WriteBytes>,
    flush_func: Option<writer::FlushBytes>,
    writer_arg: *mut c_void,
    hash_id: u32,
    opts: *const reftable_write_options,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let options = unsafe { handle::borrow(opts) };
        let mut given = options.unwrap_or(&reftable_write_options::ZERO).given();
        given.hash_id = hash_id;
        let writer = writer::open(writer_func, flush_func, writer_arg, &given.decode()?)?;
        // SAFETY: contract 1.
        match unsafe { handle::put(out, writer) } {
            true => Ok(0),
            false => {
                // SAFETY: made above.
                unsafe { handle::free(writer) };
                Err(Code::MISUSE)
            }
        }
    })
}
