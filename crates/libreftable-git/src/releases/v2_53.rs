//! The options of git 2.52 and 2.53.

use super::unsigned_byte;
use crate::options::{Fsync, write_options};
use reftable_capi::layout;
use std::ffi::{c_long, c_uint, c_void};

/// As in git 2.55, with one field more.
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
    /// Makes a file durable; NULL is the system's function.
    pub fsync: Option<Fsync>,
    pub on_reload: Option<unsafe extern "C" fn(payload: *mut c_void)>,
    pub on_reload_payload: *mut c_void,
}

layout!(zeroed reftable_write_options: 56 / 8 {
    unpadded @ 0, block_size @ 4, skip_index_objects @ 8, restart_interval @ 10, hash_id @ 12,
    default_permissions @ 16, exact_log_message @ 20, auto_compaction_factor @ 21,
    lock_timeout_ms @ 24, fsync @ 32, on_reload @ 40, on_reload_payload @ 48,
});
write_options!(reftable_write_options {
    hash_id,
    fsync,
    on_reload,
    on_reload_payload
});
