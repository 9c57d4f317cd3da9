//! The codes that all profiles have in common; how errors become codes is the profile's.

use std::ffi::c_int;

/// Something failed that has no code of its own.
pub(crate) const GENERAL: c_int = -1;
/// The file system failed.
pub(crate) const IO: c_int = -2;
/// Damaged bytes, or tables that do not belong together.
pub(crate) const FORMAT: c_int = -3;
/// A table is missing.
pub(crate) const NOT_EXIST: c_int = -4;
/// Locked.
pub(crate) const LOCK: c_int = -5;
/// Misuse.
pub(crate) const API: c_int = -6;
/// Compression failed.
pub(crate) const ZLIB: c_int = -7;
/// A table without records.
pub(crate) const EMPTY_TABLE: c_int = -8;
/// A ref would be both a name and a folder of names.
pub(crate) const NAME_CONFLICT: c_int = -9;
/// A name that no ref may have.
pub(crate) const REFNAME: c_int = -10;

/// The negative value with which a function of C fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) c_int);

impl Code {
    /// NULL where a value is needed, a handle in use, a record that contradicts itself.
    pub(crate) const MISUSE: Code = Code(API);
}
