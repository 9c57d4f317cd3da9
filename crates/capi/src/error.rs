//! Errors of the core as codes, and codes as texts: what all interfaces have in common.

use crate::guard::guard;
use reftable::error::{Defect, Error};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::io::Write;
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

/// One of the C interfaces: how it names what went wrong, where they differ.
pub trait Interface {
    /// The code of a lack of memory.
    const OUT_OF_MEMORY: c_int;
    /// The code of a stack that has changed since it was loaded.
    const OUTDATED: c_int;
    /// The code of a record that does not come after the last one.
    const OUT_OF_ORDER: c_int;
    /// The code of a record that fits no block.
    const TOO_LARGE: c_int;

    /// The text of a code, if it has one.
    fn text(code: c_int) -> Option<&'static CStr>;
}

/// Names the types with which the functions of an interface fail.
#[macro_export]
macro_rules! interface {
    ($interface:ident) => {
        /// How this interface names what went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $interface {}

        pub(crate) type Code = $crate::error::Code<$interface>;
        pub(crate) type Status = $crate::error::Status<$interface>;

        /// Runs the body of a function that returns a status.
        pub(crate) fn status(body: impl FnOnce() -> Status) -> std::ffi::c_int {
            $crate::error::status(body)
        }
    };
}

/// The code of an error.
///
/// Callers assert that they never see [`API`] where the C library gives another code, so only what
/// that calls misuse maps to it.
fn code_of<I: Interface>(error: &Error) -> c_int {
    match error {
        Error::Io { .. } => IO,
        Error::Corrupt(corruption) => match corruption.defect {
            Defect::Zlib => ZLIB,
            _ => FORMAT,
        },
        Error::HashMismatch { .. } | Error::RangeOverlap { .. } => FORMAT,
        Error::NotFound { .. } => NOT_EXIST,
        Error::Locked { .. } => LOCK,
        Error::Outdated { .. } => I::OUTDATED,
        Error::Misuse(_) => API,
        Error::OutOfOrder { .. } => I::OUT_OF_ORDER,
        Error::EmptyTable => EMPTY_TABLE,
        Error::NameConflict { .. } => NAME_CONFLICT,
        Error::InvalidName { .. } => REFNAME,
        Error::TooLarge { .. } => I::TOO_LARGE,
        // Not met by the functions of C, which know no repositories.
        Error::NoRepository { .. }
        | Error::NotReftable { .. }
        | Error::UnsupportedRepository { .. }
        | Error::SymrefChain { .. }
        | Error::Unexpected { .. }
        | Error::DuplicateEdit { .. } => GENERAL,
        Error::Callback(value) => *value,
        _ => GENERAL,
    }
}

/// NULL where a value is needed, a handle in use, a record that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misuse;

/// The negative value with which a function of the interface `I` fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code<I>(pub c_int, PhantomData<I>);

/// What most functions return: 0, sometimes 1, or a negative code.
pub type Status<I> = Result<c_int, Code<I>>;

impl<I: Interface> Code<I> {
    /// [`Misuse`].
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
        Code::new(code_of::<I>(&error))
    }
}

impl<I: Interface> From<Misuse> for Code<I> {
    fn from(_: Misuse) -> Code<I> {
        Code::MISUSE
    }
}

/// Runs the body of a function that returns 0, sometimes 1, or a negative code.
pub fn status<I: Interface>(body: impl FnOnce() -> Status<I>) -> c_int {
    guard(GENERAL, || body().unwrap_or_else(|code| code.0))
}

/// The result of something that found a record, or did not.
pub fn found<E>(found: Result<bool, E>) -> Result<c_int, E> {
    Ok(if found? { 0 } else { 1 })
}

/// Longest text for a code without one, with its NUL.
const UNKNOWN_LEN: usize = 40;

thread_local! {
    static UNKNOWN: Cell<[u8; UNKNOWN_LEN]> = const { Cell::new([0; UNKNOWN_LEN]) };
}

/// The text of a code. That of a code without one lasts until the next call of the thread.
pub fn text<I: Interface>(code: c_int) -> *const c_char {
    guard(c"general error".as_ptr(), || match I::text(code) {
        Some(text) => text.as_ptr(),
        None => UNKNOWN.with(|buffer| {
            buffer.set(unknown(code));
            buffer.as_ptr().cast_const().cast()
        }),
    })
}

/// "unknown error code" and the number, ended by NUL.
fn unknown(code: c_int) -> [u8; UNKNOWN_LEN] {
    let mut text = [0; UNKNOWN_LEN];
    if let Some((_, room)) = text.split_last_mut() {
        let mut room: &mut [u8] = room;
        // The longest number fits, and a cut text would be no less true.
        let _ = write!(room, "unknown error code {code}");
    }
    text
}
