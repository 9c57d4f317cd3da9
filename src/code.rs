//! Errors of the core as the codes and texts of series v16, and the codes as `errno`.

use reftable_capi::error;
use reftable_capi::error::{
    API, FORMAT, GENERAL, IO, LOCK, NAME_CONFLICT, NOT_EXIST, REFNAME, ZLIB,
};
use std::ffi::{CStr, c_int};

reftable_capi::interface!(Interface);

impl error::Interface for Interface {
    /// There is no code for a lack of memory.
    const OUT_OF_MEMORY: c_int = GENERAL;
    const OUTDATED: c_int = LOCK;
    const OUT_OF_ORDER: c_int = GENERAL;
    const TOO_LARGE: c_int = GENERAL;

    /// Empty tables share the text of all unknown codes.
    fn text(code: c_int) -> Option<&'static CStr> {
        Some(match code {
            GENERAL => c"general error",
            IO => c"I/O error",
            FORMAT => c"corrupt reftable file",
            NOT_EXIST => c"file does not exist",
            LOCK => c"data is outdated",
            API => c"misuse of the reftable API",
            ZLIB => c"zlib failure",
            NAME_CONFLICT => c"file/directory conflict",
            REFNAME => c"invalid refname",
            _ => return None,
        })
    }
}

/// The `errno` that comes nearest to a code.
pub(super) fn errno(code: c_int) -> c_int {
    match code {
        IO => libc::EIO,
        FORMAT => libc::EFAULT,
        NOT_EXIST => libc::ENOENT,
        LOCK => libc::EBUSY,
        API => libc::EINVAL,
        ZLIB => libc::EDOM,
        _ => libc::ERANGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reftable::error::{Defect, Error};
    use reftable::hash::HashId;
    use reftable_capi::error::Interface as _;
    use std::path::PathBuf;

    fn assert_codes(table: impl IntoIterator<Item = (Error, c_int)>) {
        for (error, code) in table {
            let text = error.to_string();
            assert_eq!(Code::from(error).0, code, "{text}");
        }
    }

    #[test]
    fn errors_of_files_and_formats_have_the_codes_that_callers_know() {
        let path = || PathBuf::from("tables.list");
        let age = None;
        let io = std::io::Error::from(std::io::ErrorKind::NotFound);
        let mismatch = Error::HashMismatch {
            table: String::new(),
            expected: HashId::Sha1,
            found: HashId::Sha256,
        };
        let overlap = Error::RangeOverlap {
            table: String::new(),
        };
        assert_codes([
            (Error::io("open", path())(io), -2),
            (Error::corrupt("t", 0, Defect::FooterCrc), -3),
            (Error::corrupt("t", 0, Defect::InflatedSize), -3),
            (Error::corrupt("t", 0, Defect::BadTablesList), -3),
            (mismatch, -3),
            (overlap, -3),
            (Error::NotFound { path: path() }, -4),
            (Error::Locked { path: path(), age }, -5),
            (Error::Outdated { path: path() }, -5),
            (Error::corrupt("t", 0, Defect::Zlib), -7),
        ]);
    }

    #[test]
    fn errors_of_records_and_calls_have_the_codes_that_callers_know() {
        let (name, existing, key, reason, limit) = (vec![], vec![], vec![], "", 0);
        assert_codes([
            (Error::OutOfOrder { key: key.clone() }, -1),
            (Error::TooLarge { key, limit }, -1),
            (Error::Misuse("rule"), -6),
            (Error::EmptyTable, -8),
            (
                Error::NameConflict {
                    name: name.clone(),
                    existing,
                },
                -9,
            ),
            (Error::InvalidName { name, reason }, -10),
            (Error::Callback(-42), -42),
        ]);
    }

    #[test]
    fn texts_and_errno_are_those_of_the_c_library() {
        let table = [
            (-1, Some(c"general error"), libc::ERANGE),
            (-2, Some(c"I/O error"), libc::EIO),
            (-3, Some(c"corrupt reftable file"), libc::EFAULT),
            (-4, Some(c"file does not exist"), libc::ENOENT),
            (-5, Some(c"data is outdated"), libc::EBUSY),
            (-6, Some(c"misuse of the reftable API"), libc::EINVAL),
            (-7, Some(c"zlib failure"), libc::EDOM),
            (-8, None, libc::ERANGE),
            (-9, Some(c"file/directory conflict"), libc::ERANGE),
            (-10, Some(c"invalid refname"), libc::ERANGE),
            (-11, None, libc::ERANGE),
            (0, None, libc::ERANGE),
            (1, None, libc::ERANGE),
        ];
        for (code, text, number) in table {
            assert_eq!(Interface::text(code), text, "{code}");
            assert_eq!(errno(code), number, "{code}");
        }
    }
}
