//! The options of git 2.55.

use super::unsigned_byte;
use crate::options::write_options;
use reftable_capi::layout;
use std::ffi::{c_long, c_uint, c_void};

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
    /// Called with on_reload_payload after the stack was loaded, for the first time or again.
    pub on_reload: Option<unsafe extern "C" fn(payload: *mut c_void)>,
    /// Passed to on_reload.
    pub on_reload_payload: *mut c_void,
}

layout!(zeroed reftable_write_options: 48 / 8 {
    unpadded @ 0, block_size @ 4, skip_index_objects @ 8, restart_interval @ 10, hash_id @ 12,
    default_permissions @ 16, exact_log_message @ 20, auto_compaction_factor @ 21,
    lock_timeout_ms @ 24, on_reload @ 32, on_reload_payload @ 40,
});
write_options!(reftable_write_options {
    hash_id,
    on_reload,
    on_reload_payload
});
