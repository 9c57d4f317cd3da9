//! What a function was given, as its body wants it. Each macro is one rule of the contract of all
//! pointers, and its answer to NULL is [`Misuse`](crate::error::Misuse).
//!
//! They stand for `unsafe` blocks that would say the same in every function: they are only for the
//! arguments of a function that C calls, which the contract is about.

/// The value behind a handle, to look at.
#[macro_export]
macro_rules! shared {
    ($handle:expr) => {
        match $handle {
            // SAFETY: contract 3.
            handle => unsafe { $crate::handle::share(handle) }.ok_or($crate::error::Misuse),
        }
    };
}

/// The value behind a handle, to change.
#[macro_export]
macro_rules! entered {
    ($handle:expr) => {
        match $handle {
            // SAFETY: contract 3.
            handle => unsafe { $crate::handle::enter(handle) }.ok_or($crate::error::Misuse),
        }
    };
}

/// Frees what is behind a handle that the program gives up.
#[macro_export]
macro_rules! free {
    ($handle:expr) => {
        match $handle {
            // SAFETY: contract 3; the program gives it up.
            handle => unsafe { $crate::handle::free(handle) },
        }
    };
}

/// A struct of the program's, to read.
#[macro_export]
macro_rules! borrowed {
    ($pointer:expr) => {
        match $pointer {
            // SAFETY: contract 1.
            pointer => unsafe { $crate::handle::borrow(pointer) }.ok_or($crate::error::Misuse),
        }
    };
}

/// A struct of the program's, to change.
#[macro_export]
macro_rules! borrowed_mut {
    ($pointer:expr) => {
        match $pointer {
            // SAFETY: contract 1.
            pointer => unsafe { pointer.as_mut() }.ok_or($crate::error::Misuse),
        }
    };
}

/// A string of the program's, without its NUL.
#[macro_export]
macro_rules! text {
    ($text:expr) => {
        match $text {
            // SAFETY: contract 2.
            text => unsafe { $crate::handle::text(text) }.ok_or($crate::error::Misuse),
        }
    };
}

/// The path that a string of the program's names.
#[macro_export]
macro_rules! path {
    ($text:expr) => {
        $crate::text!($text).map($crate::handle::path)
    };
}

/// A name to look up, copied: see [`Name`](crate::name::Name).
#[macro_export]
macro_rules! name {
    ($text:expr) => {
        $crate::text!($text).map($crate::name::Name::new)
    };
}

/// An array of the program's.
#[macro_export]
macro_rules! array {
    ($pointer:expr, $len:expr) => {
        match ($pointer, $len) {
            (pointer, len) => {
                // SAFETY: contracts 1 and 5.
                unsafe { $crate::handle::array(pointer, len) }.ok_or($crate::error::Misuse)
            }
        }
    };
}

/// An array of records of the program's, sorted in place.
#[macro_export]
macro_rules! sorted {
    ($pointer:expr, $len:expr) => {
        $crate::array!($pointer, $len).and_then(|records| {
            // SAFETY: contract 4.
            unsafe { $crate::arrays::sort(records) }
        })
    };
}

/// Bytes of the program's, to read; NULL is none at all.
#[macro_export]
macro_rules! bytes {
    ($pointer:expr, $len:expr) => {
        match ($pointer, $len) {
            (pointer, len) => {
                // SAFETY: contract 5.
                unsafe { $crate::handle::bytes(pointer, len) }.ok_or($crate::error::Misuse)
            }
        }
    };
}

/// Writes a result where the program wants it.
#[macro_export]
macro_rules! put {
    ($out:expr, $value:expr) => {
        match ($out, $value) {
            // SAFETY: contract 1.
            (out, value) => unsafe { $crate::handle::put(out, value) },
        }
    };
}

/// Moves a value into a new handle and writes that where the program wants it, which was looked at
/// before.
#[macro_export]
macro_rules! put_new {
    ($out:expr, $value:expr) => {
        match ($out, $value) {
            // SAFETY: contract 1.
            (out, value) => unsafe { $crate::handle::put_new(out, value) },
        }
    };
}
