//! Codes as texts and `errno`.

use super::code::errno;
use crate::Interface;
use reftable_capi::error::text;
use reftable_capi::guard::guard;
use std::ffi::{c_char, c_int};

/// What can go wrong. Functions return these as `int`; -1 is an error without a name of its own:
/// a record out of order or too large for a block, a lack of memory, or whatever a callback means
/// by it.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the header's names for the numbers in capi::error"
    )
)]
pub enum reftable_error {
    /// Unexpected file system behaviour.
    REFTABLE_IO_ERROR = -2,
    /// A damaged file, a table of another hash than its stack's, or tables whose update indexes
    /// overlap.
    REFTABLE_FORMAT_ERROR = -3,
    /// A table does not exist.
    REFTABLE_NOT_EXIST_ERROR = -4,
    /// Somebody else holds the lock, or has changed the stack since it was loaded. Reload and try
    /// again.
    REFTABLE_LOCK_ERROR = -5,
    /// Misuse of the API: NULL where a value is needed, calls in the wrong order, a record that
    /// contradicts itself.
    REFTABLE_API_ERROR = -6,
    /// Log records that cannot be inflated.
    REFTABLE_ZLIB_ERROR = -7,
    /// A writer was closed without any record. The table is complete all the same.
    REFTABLE_EMPTY_TABLE_ERROR = -8,
    /// A ref would be both a name and a folder of names.
    REFTABLE_NAME_CONFLICT = -9,
    /// A name with an empty component, or a component "." or "..".
    REFTABLE_REFNAME_ERROR = -10,
}

/// Returns an English text for an error code, without newline. It is never freed by the caller.
/// The text for a code that has none of its own lasts until the thread's next call of this
/// function.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_error_str(err: c_int) -> *const c_char {
    text::<Interface>(err)
}

/// Returns the errno value that comes nearest to an error code: EIO, EFAULT, ENOENT, EBUSY, EINVAL
/// and EDOM for -2 to -7, ERANGE for anything else.
#[unsafe(no_mangle)]
pub extern "C" fn reftable_error_to_errno(err: c_int) -> c_int {
    guard(libc::ERANGE, || errno(err))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reftable_capi::error as codes;
    use std::ffi::CStr;

    #[test]
    fn the_header_names_the_codes_in_use() {
        use reftable_error::*;
        assert_eq!(REFTABLE_IO_ERROR as c_int, codes::IO);
        assert_eq!(REFTABLE_FORMAT_ERROR as c_int, codes::FORMAT);
        assert_eq!(REFTABLE_NOT_EXIST_ERROR as c_int, codes::NOT_EXIST);
        assert_eq!(REFTABLE_LOCK_ERROR as c_int, codes::LOCK);
        assert_eq!(REFTABLE_API_ERROR as c_int, codes::API);
        assert_eq!(REFTABLE_ZLIB_ERROR as c_int, codes::ZLIB);
        assert_eq!(REFTABLE_EMPTY_TABLE_ERROR as c_int, codes::EMPTY_TABLE);
        assert_eq!(REFTABLE_NAME_CONFLICT as c_int, codes::NAME_CONFLICT);
        assert_eq!(REFTABLE_REFNAME_ERROR as c_int, codes::REFNAME);
    }

    #[test]
    fn unknown_codes_are_named_by_their_number() {
        for (code, text) in [
            (-8, "unknown error code -8"),
            (0, "unknown error code 0"),
            (c_int::MIN, "unknown error code -2147483648"),
        ] {
            // SAFETY: a string that lasts until the next call.
            let found = unsafe { CStr::from_ptr(reftable_error_str(code)) };
            assert_eq!(found.to_str(), Ok(text));
        }
    }
}
