//! The codes that all interfaces have in common; how errors become codes is the interface's.

use crate::guard::guard;
use reftable::error::Error;
use std::ffi::c_int;
use std::marker::PhantomData;

/// Something failed that has no code of its own.
pub const GENERAL: c_int = -1;
/// The file system failed.
pub const IO: c_int = -2;
/// Damaged bytes, or tables that do not belong together.
pub const FORMAT: c_int = -3;
/// A table is missing.
pub const NOT_EXIST: c_int = -4;
/// Locked.
pub const LOCK: c_int = -5;
/// Misuse.
pub const API: c_int = -6;
/// Compression failed.
pub const ZLIB: c_int = -7;
/// A table without records.
pub const EMPTY_TABLE: c_int = -8;
/// A ref would be both a name and a folder of names.
pub const NAME_CONFLICT: c_int = -9;
/// A name that no ref may have.
pub const REFNAME: c_int = -10;

/// One of the C interfaces: how it names what went wrong.
pub trait Interface {
    /// The code of a lack of memory.
    const OUT_OF_MEMORY: c_int;

    /// The code of an error.
    fn code_of(error: &Error) -> c_int;
}

/// The negative value with which a function of the interface `I` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code<I>(pub c_int, PhantomData<I>);

impl<I: Interface> Code<I> {
    /// NULL where a value is needed, a handle in use, a record that contradicts itself.
    pub const MISUSE: Code<I> = Code::new(API);
    /// There was no memory for something that C gets.
    pub const OUT_OF_MEMORY: Code<I> = Code::new(I::OUT_OF_MEMORY);

    /// The code of this number.
    pub const fn new(number: c_int) -> Code<I> {
        Code(number, PhantomData)
    }
}

impl<I: Interface> From<Error> for Code<I> {
    fn from(error: Error) -> Code<I> {
        Code::new(I::code_of(&error))
    }
}

/// Runs the body of a function that returns 0, sometimes 1, or a negative code.
pub fn status<I: Interface>(body: impl FnOnce() -> Result<c_int, Code<I>>) -> c_int {
    guard(GENERAL, || body().unwrap_or_else(|code| code.0))
}
