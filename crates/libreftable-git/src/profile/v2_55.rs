//! The options of git 2.55.

use super::unsigned_byte;
use crate::options::{Given, Layout};
use std::ffi::{c_long, c_uint, c_void};
use std::mem::{align_of, offset_of, size_of};
use std::ptr::null_mut;

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

#[cfg(target_pointer_width = "64")]
const _: () = {
    type T = reftable_write_options;
    assert!(size_of::<T>() == 48 && align_of::<T>() == 8);
    assert!(offset_of!(T, unpadded) == 0 && offset_of!(T, block_size) == 4);
    assert!(offset_of!(T, skip_index_objects) == 8 && offset_of!(T, restart_interval) == 10);
    assert!(offset_of!(T, hash_id) == 12 && offset_of!(T, default_permissions) == 16);
    assert!(offset_of!(T, exact_log_message) == 20 && offset_of!(T, auto_compaction_factor) == 21);
    assert!(offset_of!(T, lock_timeout_ms) == 24 && offset_of!(T, on_reload) == 32);
    assert!(offset_of!(T, on_reload_payload) == 40);
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
        on_reload: None,
        on_reload_payload: null_mut(),
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
            on_reload: self.on_reload,
            on_reload_payload: self.on_reload_payload,
        }
    }
}
