//! How tables are written and stacks behave.

use crate::releases::{LISTS_END_WITH_NEWLINE, hash_of};
use reftable::hash::HashId;
use reftable::table::BLOCK_SIZE_LIMIT;
use reftable::{StackOptions, WriteOptions};
use reftable_capi::borrowed;
use reftable_capi::error::Misuse;
use reftable_capi::shape::Zeroed;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::ptr::null_mut;
use std::time::Duration;

/// What a release's struct of options says, in the types that it has there.
pub(super) struct Given {
    pub(super) layout: Layout,
    pub(super) hash_id: u32,
    pub(super) default_permissions: c_uint,
    /// Bits of [`Given::EXACT_LOG_MESSAGE`] and [`Given::DISABLE_AUTO_COMPACT`].
    pub(super) flags: u8,
    pub(super) auto_compaction_factor: u8,
    pub(super) lock_timeout_ms: c_long,
    pub(super) fsync: Option<Fsync>,
    pub(super) on_reload: Option<unsafe extern "C" fn(*mut c_void)>,
    pub(super) on_reload_payload: *mut c_void,
    /// Whether iterators of stacks show deletions.
    pub(super) show_deletions: bool,
}

/// A struct of options.
pub(super) trait Options: Zeroed {
    /// What it says.
    fn given(&self) -> Given;
}

/// What options say; NULL stands for zeros.
pub(super) fn given<O: Options>(options: *const O) -> Given {
    borrowed!(options).map_or_else(|_| O::ZERO.given(), O::given)
}

/// The settings of a call; misuse for options out of range. NULL stands for zeros.
pub(super) fn settings<O: Options>(options: *const O) -> Result<Settings, Misuse> {
    given(options).decode()
}

/// Reads the options for writing of a release: the fields that all of them have, and those named.
macro_rules! write_options {
    ($type:ident { $($more:ident),* }) => {
        impl crate::options::Options for $type {
            fn given(&self) -> crate::options::Given {
                crate::options::Given {
                    layout: crate::options::Layout {
                        // The other bits of the unit are padding.
                        unpadded: self.unpadded & 1 != 0,
                        block_size: self.block_size,
                        skip_index_objects: self.skip_index_objects & 1 != 0,
                        restart_interval: self.restart_interval,
                    },
                    default_permissions: self.default_permissions,
                    flags: self.exact_log_message,
                    auto_compaction_factor: self.auto_compaction_factor,
                    lock_timeout_ms: self.lock_timeout_ms,
                    $($more: self.$more,)*
                    ..crate::options::Given::NOTHING
                }
            }
        }
    };
}
pub(super) use write_options;

/// A function that makes a file durable.
pub(super) type Fsync = unsafe extern "C" fn(fd: c_int) -> c_int;

/// Bit fields fill a unit from its least significant bit where numbers are stored so, and from the
/// other end elsewhere; the layouts here are those of the first kind.
#[cfg(target_endian = "big")]
compile_error!("the bit fields of git's options are laid out for little-endian machines");

impl Given {
    /// In C a bit field of this name.
    pub(super) const EXACT_LOG_MESSAGE: u8 = 1;
    /// In C a bit field of this name.
    pub(super) const DISABLE_AUTO_COMPACT: u8 = 2;

    /// All options zero.
    pub(super) const NOTHING: Given = Given {
        layout: Layout {
            unpadded: false,
            block_size: 0,
            skip_index_objects: false,
            restart_interval: 0,
        },
        hash_id: 0,
        default_permissions: 0,
        flags: 0,
        auto_compaction_factor: 0,
        lock_timeout_ms: 0,
        fsync: None,
        on_reload: None,
        on_reload_payload: null_mut(),
        show_deletions: false,
    };

    /// The options as the rest of the interface has them; misuse for values out of range.
    pub(super) fn decode(&self) -> Result<Settings, Misuse> {
        let hash = hash_of(self.hash_id).ok_or(Misuse)?;
        Ok(Settings {
            write: self.layout.options(hash)?,
            file_mode: (self.default_permissions != 0).then_some(self.default_permissions),
            exact_log_message: self.flags & Given::EXACT_LOG_MESSAGE != 0,
            auto_compact: self.flags & Given::DISABLE_AUTO_COMPACT == 0,
            compaction_factor: self.auto_compaction_factor,
            lock_timeout_ms: self.lock_timeout_ms,
            fsync: self.fsync,
            on_reload: self.on_reload.map(|call| OnReload {
                call,
                payload: self.on_reload_payload,
            }),
            show_deletions: self.show_deletions,
        })
    }
}

/// What concerns the bytes of a table.
pub(super) struct Layout {
    pub(super) unpadded: bool,
    pub(super) block_size: u32,
    pub(super) skip_index_objects: bool,
    pub(super) restart_interval: u16,
}

impl Layout {
    fn options(&self, hash: HashId) -> Result<WriteOptions, Misuse> {
        if self.block_size >= BLOCK_SIZE_LIMIT {
            return Err(Misuse);
        }
        let mut options = WriteOptions::default();
        if self.block_size != 0 {
            // In blocks smaller than that no record fits, which the first record reports.
            options.block_size = self.block_size.max(LEAST_BLOCK_SIZE);
        }
        if self.restart_interval != 0 {
            options.restart_interval = self.restart_interval.into();
        }
        options.padded = !self.unpadded;
        options.object_index = !self.skip_index_objects;
        options.hash = hash;
        Ok(options)
    }
}

/// Length in bytes of a file header, a block header, the smallest record and one restart.
const LEAST_BLOCK_SIZE: u32 = 41;

/// What the program wants to hear about reloads.
#[derive(Clone, Copy)]
pub(super) struct OnReload {
    call: unsafe extern "C" fn(*mut c_void),
    payload: *mut c_void,
}

impl OnReload {
    pub(super) fn tell(&self) {
        // SAFETY: contract 6.
        unsafe { (self.call)(self.payload) };
    }
}

/// The options of a stack and of its writers, whatever struct they came in.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) write: WriteOptions,
    pub(super) file_mode: Option<u32>,
    pub(super) exact_log_message: bool,
    pub(super) auto_compact: bool,
    pub(super) compaction_factor: u8,
    pub(super) lock_timeout_ms: c_long,
    #[cfg_attr(
        not(reftable_host_glue),
        expect(dead_code, reason = "only the host's files are synced by it")
    )]
    pub(super) fsync: Option<Fsync>,
    pub(super) on_reload: Option<OnReload>,
    pub(super) show_deletions: bool,
}

impl Settings {
    /// The options for the core.
    ///
    /// Compaction after a commit is this interface's business: it comes as a step of its own, so
    /// that each list is synced once, as git counts it.
    pub(super) fn stack(&self) -> StackOptions {
        let mut options = StackOptions::default();
        options.write = self.write.clone();
        options.check_names = false;
        options.quirks.whole_lists = LISTS_END_WITH_NEWLINE;
        // git's tests compact to smaller blocks, and expect to be told what does not fit.
        options.quirks.fixed_blocks = true;
        // What git's library writes has the newline, and compaction is writing to it.
        options.quirks.end_messages = !self.exact_log_message;
        options.auto_compact = false;
        options.compaction_factor = self.compaction_factor.max(2);
        options.file_mode = self.file_mode;
        self.set_system(&mut options);
        options
    }

    /// git's functions wait for locks themselves.
    #[cfg(reftable_host_glue)]
    fn set_system(&self, options: &mut StackOptions) {
        options.lock_timeout = Some(Duration::ZERO);
        options.fs = super::host::HostFs::new(self.lock_timeout_ms, self.fsync);
    }

    #[cfg(not(reftable_host_glue))]
    fn set_system(&self, options: &mut StackOptions) {
        let timeout = u64::try_from(self.lock_timeout_ms);
        options.lock_timeout = timeout.ok().map(Duration::from_millis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_the_defaults() {
        let settings = Given::NOTHING.decode().expect("valid");
        assert_eq!(settings.write, WriteOptions::default());
        let stack = settings.stack();
        assert_eq!(stack.compaction_factor, 2);
        assert_eq!(stack.lock_timeout, Some(Duration::ZERO));
        assert!(settings.auto_compact && !settings.exact_log_message);
    }

    #[test]
    fn each_bit_is_a_field_of_its_own() {
        let mut given = Given::NOTHING;
        given.flags = Given::DISABLE_AUTO_COMPACT;
        let settings = given.decode().expect("valid");
        assert!(!settings.auto_compact && !settings.exact_log_message);
        given.flags = Given::EXACT_LOG_MESSAGE;
        let settings = given.decode().expect("valid");
        assert!(settings.auto_compact && settings.exact_log_message);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut given = Given::NOTHING;
        given.layout.block_size = BLOCK_SIZE_LIMIT;
        assert!(given.decode().is_err());
        given.layout.block_size = 1;
        assert!(given.decode().is_ok());
        given.hash_id = 1;
        assert!(given.decode().is_err());
    }

    #[test]
    fn a_negative_time_out_waits_for_ever() {
        let mut given = Given::NOTHING;
        given.lock_timeout_ms = -1;
        let stack = given.decode().expect("valid").stack();
        assert_eq!(stack.lock_timeout, None);
    }
}
