//! Arrays of records to be written.

use crate::error::Misuse;
use std::cmp::Reverse;
use std::ffi::{CStr, c_char};

/// A record in an array of the program's.
pub trait Element {
    /// The name of its ref, which follows contract 4.
    fn ref_name(&self) -> *const c_char;
    /// Among records of one name, larger ones come first.
    fn rank(&self) -> u64;
}

/// Sorts arrays of a type by a name, and by descending update index if there is one.
#[macro_export]
macro_rules! sorted_by {
    ($type:ident: $name:ident, $rank:expr) => {
        impl $crate::arrays::Element for $type {
            fn ref_name(&self) -> *const std::ffi::c_char {
                self.$name
            }
            fn rank(&self) -> u64 {
                let rank: fn(&$type) -> u64 = $rank;
                rank(self)
            }
        }
    };
}

/// Sorts an array by name, and by descending rank.
///
/// # Errors
///
/// Misuse, before anything is sorted, if a record has no name.
///
/// # Safety
///
/// The records follow contract 4.
pub unsafe fn sort<E: Element>(records: &mut [E]) -> Result<&[E], Misuse> {
    if records.iter().any(|record| record.ref_name().is_null()) {
        return Err(Misuse);
    }
    // SAFETY: contract 4; not NULL.
    let name = |record: &E| unsafe { CStr::from_ptr(record.ref_name()) };
    records.sort_by(|a, b| {
        let rank = || Reverse(a.rank()).cmp(&Reverse(b.rank()));
        name(a).cmp(name(b)).then_with(rank)
    });
    Ok(records)
}
