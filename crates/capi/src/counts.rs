//! Counts of the core as C has them, in smaller integers.

use std::ffi::c_int;

/// A number of the core's as C has it: the largest there is for what does not fit.
pub trait Count<N> {
    /// The number.
    fn of(number: N) -> Self;
}

macro_rules! counts {
    ($($number:ty => $count:ty),* $(,)?) => {
        $(impl Count<$number> for $count {
            fn of(number: $number) -> $count {
                number.try_into().unwrap_or(<$count>::MAX)
            }
        })*
    };
}
counts!(u64 => c_int, u32 => c_int, u8 => c_int, usize => c_int, u64 => u32, usize => u32, usize => u16);

impl Count<u64> for u64 {
    fn of(number: u64) -> u64 {
        number
    }
}

/// Fills a struct of counts from one of the core: `c_struct from CoreStruct { field: core_field }`.
#[macro_export]
macro_rules! counts {
    ($type:ident from $core:ty { $($field:ident: $of:ident),* $(,)? }) => {
        impl $crate::counts::Count<$core> for $type {
            fn of(core: $core) -> $type {
                $type { $($field: $crate::counts::Count::of(core.$of)),* }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::Count;
    use std::ffi::c_int;

    #[test]
    fn what_does_not_fit_is_the_largest_number() {
        assert_eq!(c_int::of(7_u64), 7);
        assert_eq!(c_int::of(u64::MAX), c_int::MAX);
        assert_eq!(u32::of(u64::MAX), u32::MAX);
        assert_eq!(u64::of(u64::MAX), u64::MAX);
    }
}
