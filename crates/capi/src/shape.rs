//! Structs that C sees: where their fields are, and their zero values.

use std::ffi::c_void;
use std::mem::MaybeUninit;

/// A struct of C's for which all bytes zero are a value: its zeros, NULLs and functions that are not there.
///
/// # Safety
///
/// A value of zero bytes is valid for the type.
pub unsafe trait Zeroed: Sized {
    /// The value.
    // SAFETY: what the trait promises.
    const ZERO: Self = unsafe { std::mem::zeroed() };
}

macro_rules! zeroed {
    ($($type:ty),*) => {
        $(
            // SAFETY: a number; zero is one.
            unsafe impl Zeroed for $type {}
        )*
    };
}
zeroed!(u8, u16, u32, u64, usize, i16, i32, i64, isize);

// SAFETY: NULL is a raw pointer.
unsafe impl<T> Zeroed for *mut T {}
// SAFETY: NULL is a raw pointer.
unsafe impl<T> Zeroed for *const T {}
// SAFETY: any bytes will do.
unsafe impl<T> Zeroed for MaybeUninit<T> {}
// SAFETY: each element has a zero.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}
// SAFETY: NULL is `None`.
unsafe impl<R> Zeroed for Option<unsafe extern "C" fn(*mut c_void) -> R> {}
// SAFETY: NULL is `None`.
unsafe impl Zeroed for Option<unsafe extern "C" fn(i32) -> i32> {}

/// Checks that a field has a zero value; see [`layout!`](crate::layout!).
pub const fn has_zero<T: Zeroed>(_: &T) {}

/// Pins the size, the alignment and the offset of every field of a struct on 64-bit machines; a
/// field that is left out does not compile. After `zeroed`, the struct gets a zero value too, which
/// each of its fields must have.
#[macro_export]
macro_rules! layout {
    (zeroed $type:ident: $size:literal / $align:literal { $($field:ident @ $at:literal),* $(,)? }) => {
        $crate::layout!($type: $size / $align { $($field @ $at),* });
        const _: fn(&$type) = |value| {
            $($crate::shape::has_zero(&value.$field);)*
        };
        // SAFETY: each of its fields has a zero, as the function above shows.
        unsafe impl $crate::shape::Zeroed for $type {}
    };
    ($type:ident: $size:literal / $align:literal { $($field:ident @ $at:literal),* $(,)? }) => {
        #[cfg(target_pointer_width = "64")]
        const _: () = {
            assert!(std::mem::size_of::<$type>() == $size);
            assert!(std::mem::align_of::<$type>() == $align);
            $(assert!(std::mem::offset_of!($type, $field) == $at);)*
        };
        const _: fn(&$type) = |value| {
            let $type { $($field: _),* } = value;
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::c_char;

    #[repr(C)]
    struct Pair {
        text: *mut c_char,
        number: u16,
    }
    layout!(zeroed Pair: 16 / 8 { text @ 0, number @ 8 });

    #[test]
    fn the_zero_of_a_struct_is_that_of_its_fields() {
        const PAIR: Pair = Pair::ZERO;
        assert!(PAIR.text.is_null());
        assert_eq!(PAIR.number, 0);
    }
}
