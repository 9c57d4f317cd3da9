//! Errors of the core as codes, and codes as texts.

use reftable_capi::error::{
    self, API, EMPTY_TABLE, FORMAT, GENERAL, IO, LOCK, NOT_EXIST, REFNAME, ZLIB,
};
use std::ffi::{CStr, c_char, c_int};

reftable_capi::interface!(Interface);

/// A record that fits no block.
pub(super) const ENTRY_TOO_BIG: c_int = -11;
/// Changed since it was loaded.
pub(super) const OUTDATED: c_int = -12;
/// No memory.
const OUT_OF_MEMORY: c_int = -13;

/// What can go wrong. Functions return these as int; -1 is an error without a name of its own.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the header's names for the numbers")
)]
pub enum reftable_error {
    /// Unexpected file system behaviour.
    REFTABLE_IO_ERROR = -2,
    /// A damaged file, or a table of another hash than its stack's.
    REFTABLE_FORMAT_ERROR = -3,
    /// A table does not exist.
    REFTABLE_NOT_EXIST_ERROR = -4,
    /// Somebody else holds a lock.
    REFTABLE_LOCK_ERROR = -5,
    /// Misuse of the API: NULL where a value is needed, calls in the wrong order, records out of
    /// order or outside the limits, a record that contradicts itself.
    REFTABLE_API_ERROR = -6,
    /// Log records that cannot be inflated.
    REFTABLE_ZLIB_ERROR = -7,
    /// A writer was closed without any record. The table is complete all the same.
    REFTABLE_EMPTY_TABLE_ERROR = -8,
    /// An illegal ref name. Never returned: the program checks names.
    REFTABLE_REFNAME_ERROR = -10,
    /// A record that fits no block.
    REFTABLE_ENTRY_TOO_BIG_ERROR = -11,
    /// The stack has changed since it was loaded. Reload and try again.
    REFTABLE_OUTDATED_ERROR = -12,
    /// No memory for a record.
    REFTABLE_OUT_OF_MEMORY_ERROR = -13,
}

impl error::Interface for Interface {
    const OUT_OF_MEMORY: c_int = OUT_OF_MEMORY;
    const OUTDATED: c_int = OUTDATED;
    const OUT_OF_ORDER: c_int = API;
    const TOO_LARGE: c_int = ENTRY_TOO_BIG;

    /// git's tests compare some of them.
    fn text(code: c_int) -> Option<&'static CStr> {
        Some(match code {
            GENERAL => c"general error",
            IO => c"I/O error",
            FORMAT => c"corrupt reftable file",
            NOT_EXIST => c"file does not exist",
            LOCK => c"data is locked",
            API => c"misuse of the reftable API",
            ZLIB => c"zlib failure",
            EMPTY_TABLE => c"wrote empty table",
            REFNAME => c"invalid refname",
            ENTRY_TOO_BIG => c"entry too large",
            OUTDATED => c"data concurrently modified",
            OUT_OF_MEMORY => c"out of memory",
            _ => return None,
        })
    }
}

/// Returns an English text for an error code, without newline. It is never freed by the caller.
/// The text for a code that has none of its own lasts until the thread's next call of this
/// function.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_error_str(err: c_int) -> *const c_char {
    error::text::<Interface>(err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reftable::error::Error;
    use std::path::PathBuf;

    #[test]
    fn the_header_names_the_codes_in_use() {
        use reftable_error::*;
        assert_eq!(REFTABLE_IO_ERROR as c_int, IO);
        assert_eq!(REFTABLE_FORMAT_ERROR as c_int, FORMAT);
        assert_eq!(REFTABLE_NOT_EXIST_ERROR as c_int, NOT_EXIST);
        assert_eq!(REFTABLE_LOCK_ERROR as c_int, LOCK);
        assert_eq!(REFTABLE_API_ERROR as c_int, API);
        assert_eq!(REFTABLE_ZLIB_ERROR as c_int, ZLIB);
        assert_eq!(REFTABLE_EMPTY_TABLE_ERROR as c_int, EMPTY_TABLE);
        assert_eq!(REFTABLE_REFNAME_ERROR as c_int, REFNAME);
        assert_eq!(REFTABLE_ENTRY_TOO_BIG_ERROR as c_int, ENTRY_TOO_BIG);
        assert_eq!(REFTABLE_OUTDATED_ERROR as c_int, OUTDATED);
        assert_eq!(REFTABLE_OUT_OF_MEMORY_ERROR as c_int, OUT_OF_MEMORY);
    }

    #[test]
    fn locked_and_outdated_are_told_apart() {
        let path = PathBuf::new;
        let locked = Error::Locked {
            path: path(),
            age: None,
        };
        assert_eq!(Code::from(locked).0, -5);
        assert_eq!(Code::from(Error::Outdated { path: path() }).0, -12);
    }

    #[test]
    fn codes_without_a_text_are_named_by_their_number() {
        for (code, text) in [
            (-9, "unknown error code -9"),
            (0, "unknown error code 0"),
            (c_int::MIN, "unknown error code -2147483648"),
            (-5, "data is locked"),
            (-11, "entry too large"),
        ] {
            // SAFETY: a string that lasts until the next call.
            let found = unsafe { CStr::from_ptr(reftable_error_str(code)) };
            assert_eq!(found.to_str(), Ok(text));
        }
    }
}
