//! How tables are written, and what holds for the whole process.

use reftable::fs::Mapping;
use reftable::hash::HashId;
use reftable::table::{DEFAULT_BLOCK_SIZE, DEFAULT_RESTART_INTERVAL};
use reftable::{Durability, StackOptions, WriteOptions};
use reftable_capi::guard::guard;
use reftable_capi::{alloc, layout, mapping};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI8, Ordering};
use std::time::Duration;

/// How tables are written. Zero everywhere is a good choice.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_write_options {
    /// Nonzero: blocks follow each other without padding up to block_size.
    pub unpadded: c_int,
    /// Size in bytes at which a block is full; below 2^24. 0 is 4096.
    pub block_size: u32,
    /// Nonzero: leave out the section that finds refs by object id.
    pub skip_index_objects: c_int,
    /// Every how many records a name is stored in full. 0 is 16.
    pub restart_interval: c_int,
    /// The hash of the object ids: 0x73686131 ("sha1") or 0x73323536 ("s256"). 0 is SHA-1.
    pub hash_id: u32,
    /// Nonzero: a stack takes additions without looking for illegal names and directory/file
    /// conflicts.
    pub skip_name_check: c_int,
}

layout!(zeroed reftable_write_options: 24 / 4 {
    unpadded @ 0, block_size @ 4, skip_index_objects @ 8,
    restart_interval @ 12, hash_id @ 16, skip_name_check @ 20,
});

impl reftable_write_options {
    /// The options with the values that zeros stand for.
    pub(super) fn with_defaults(mut self) -> Self {
        if self.block_size == 0 {
            self.block_size = DEFAULT_BLOCK_SIZE;
        }
        if self.restart_interval == 0 {
            self.restart_interval = c_int::try_from(DEFAULT_RESTART_INTERVAL).unwrap_or(c_int::MAX);
        }
        if self.hash_id == 0 {
            self.hash_id = HashId::Sha1.format_id();
        }
        self
    }

    /// The layout as the core has it; `None` for an unknown hash or a negative interval. The core
    /// checks the rest.
    pub(super) fn layout(self) -> Option<WriteOptions> {
        let options = self.with_defaults();
        let mut layout = WriteOptions::default();
        layout.block_size = options.block_size;
        layout.padded = options.unpadded == 0;
        layout.restart_interval = u32::try_from(options.restart_interval).ok()?;
        layout.object_index = options.skip_index_objects == 0;
        layout.hash = HashId::from_format_id(options.hash_id)?;
        Some(layout)
    }

    /// The options of a stack; `None` as for [`Self::layout`].
    pub(super) fn stack(self) -> Option<StackOptions> {
        let mut options = StackOptions::default();
        options.write = self.layout()?;
        options.check_names = self.skip_name_check == 0;
        options.quirks.ascending_ranges = true;
        options.durability = durability().unwrap_or_else(Durability::from_env);
        options.lock_timeout = Some(Duration::ZERO);
        Some(options)
    }
}

/// What [`reftable_set_durability`] was told: 1 or 0, or [`UNTOLD`].
static DURABILITY: AtomicI8 = AtomicI8::new(UNTOLD);
const UNTOLD: i8 = -1;

fn durability() -> Option<Durability> {
    match DURABILITY.load(Ordering::Relaxed) {
        UNTOLD => None,
        0 => Some(Durability::Unsynced),
        _ => Some(Durability::Synced),
    }
}

/// Replaces the allocator of everything that the caller may free or keep: the strings and object
/// ids of records, and the blocks of reftable_block_source_from_file. NULL stands for malloc,
/// realloc and free of the C library, which are the default. To be called before anything else,
/// as a block must be freed by the allocator that made it. `re` is accepted for completeness; the
/// library never grows such a block. `dealloc` is never called with NULL.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_set_alloc(
    alloc: Option<unsafe extern "C" fn(size: usize) -> *mut c_void>,
    re: Option<unsafe extern "C" fn(block: *mut c_void, size: usize) -> *mut c_void>,
    dealloc: Option<unsafe extern "C" fn(block: *mut c_void)>,
) {
    let _ = re;
    guard((), || alloc::replace(alloc, dealloc));
}

/// Whether stacks opened from now on sync what they write to disk, so that a power cut loses
/// nothing that was acknowledged: nonzero for yes, which is the default, 0 for no. Stands above the
/// environment variable REFTABLE_FSYNC, with which users say the same by 0. An extension of this library.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_set_durability(on: c_int) {
    guard((), || {
        DURABILITY.store(i8::from(on != 0), Ordering::Relaxed)
    });
}

/// Whether tables are mapped into memory from now on, where the file system is one of this machine:
/// nonzero for yes, which is the default, 0 for no. Somebody who cuts a mapped table short ends the
/// process by a signal; one that is read gives REFTABLE_IO_ERROR. Stands above the environment
/// variable REFTABLE_MMAP, with which users say the same by 0. An extension of this library.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_set_mapping(on: c_int) {
    guard((), || {
        mapping::choose(match on {
            0 => Mapping::Never,
            _ => Mapping::Local,
        });
    });
}

/// Returns the version of the library in use, as in "1.2.3"; compare with REFTABLE_VERSION. Never
/// freed by the caller. An extension of this library.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reftable_capi::shape::Zeroed;
    use std::ffi::CStr;

    #[test]
    fn zeros_stand_for_the_defaults() {
        let options = reftable_write_options::ZERO.layout().expect("valid");
        assert_eq!(options, WriteOptions::default());
        let stack = reftable_write_options::ZERO.stack().expect("valid");
        assert!(stack.check_names && stack.quirks.ascending_ranges);
        assert_eq!(stack.lock_timeout, Some(Duration::ZERO));
    }

    #[test]
    fn every_field_arrives() {
        let options = reftable_write_options {
            unpadded: 1,
            block_size: 512,
            skip_index_objects: 1,
            restart_interval: 3,
            hash_id: 0x7332_3536,
            skip_name_check: 1,
        };
        let stack = options.stack().expect("valid");
        assert!(!stack.check_names && !stack.write.padded && !stack.write.object_index);
        assert_eq!(stack.write.block_size, 512);
        assert_eq!(stack.write.restart_interval, 3);
        assert_eq!(stack.write.hash, HashId::Sha256);
    }

    #[test]
    fn an_unknown_hash_and_a_negative_interval_are_refused() {
        let mut options = reftable_write_options::ZERO;
        options.hash_id = 1;
        assert!(options.layout().is_none());
        options.hash_id = 0;
        options.restart_interval = -1;
        assert!(options.stack().is_none());
    }

    #[test]
    fn the_version_is_the_package_s() {
        // SAFETY: a literal with its NUL.
        let version = unsafe { CStr::from_ptr(reftable_version()) };
        assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
    }
}
