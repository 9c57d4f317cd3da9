//! The allocator, for programs that bring their own and for the functions that git supplies.

use reftable_capi::alloc::{self, Block, Free, Malloc};
use reftable_capi::guard::guard;
use reftable_capi::text;
use std::ffi::{c_char, c_void};
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function like `realloc`.
type Realloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;

/// The program's `realloc`; NULL is libc's.
static REALLOC: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Replaces the functions by which the library makes, resizes and frees the memory that programs
/// see: strings of records and buffers. NULL stands for the C library's function. Call it before
/// anything else; it holds for the whole process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_set_alloc(
    malloc: Option<unsafe extern "C" fn(size: usize) -> *mut c_void>,
    realloc: Option<unsafe extern "C" fn(block: *mut c_void, size: usize) -> *mut c_void>,
    free: Option<unsafe extern "C" fn(block: *mut c_void)>,
) {
    guard((), || {
        let (malloc, free): (Option<Malloc>, Option<Free>) = (malloc, free);
        alloc::replace(malloc, free);
        let realloc = realloc.map_or(null_mut(), |function| function as *mut c_void);
        REALLOC.store(realloc, Ordering::Relaxed);
    });
}

/// Returns a block of size bytes, to be freed by reftable_free; NULL if size is 0 or there is no
/// memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_malloc(size: usize) -> *mut c_void {
    match size {
        0 => null_mut(),
        _ => alloc::malloc(size),
    }
}

/// Resizes a block and returns where it is now; frees it and returns NULL if size is 0. NULL if
/// there is no memory, and the block is as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if size == 0 {
        // SAFETY: the caller gives up the block.
        unsafe { alloc::release(block) };
        return null_mut();
    }
    let function = REALLOC.load(Ordering::Relaxed);
    // SAFETY: the static holds NULL, which is `None`, or a pointer stored from this very type.
    let function = unsafe { std::mem::transmute::<*mut c_void, Option<Realloc>>(function) };
    // SAFETY: libc's, or one the caller vouches for (contract 6); the block is of this allocator.
    unsafe { function.unwrap_or(libc::realloc)(block, size) }
}

/// Returns a block of nelem times elsize zeros; NULL if that is 0 bytes or more than there is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_calloc(nelem: usize, elsize: usize) -> *mut c_void {
    let Some(size @ 1..) = nelem.checked_mul(elsize) else {
        return null_mut();
    };
    let block = alloc::malloc(size);
    if !block.is_null() {
        // SAFETY: a new block of that size.
        unsafe { ptr::write_bytes(block.cast::<u8>(), 0, size) };
    }
    block
}

/// Frees a block; leaves errno as it is. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_free(block: *mut c_void) {
    // Callers look at errno afterwards, and libc's `free` only promises to keep it since 2.33.
    // SAFETY: errno of this thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: valid for the thread's life.
    let saved = unsafe { errno.read() };
    // SAFETY: the caller gives up a block of this allocator.
    unsafe { alloc::release(block) };
    // SAFETY: see above.
    unsafe { errno.write(saved) };
}

/// Returns a copy of a string, to be freed by reftable_free; NULL for NULL or without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_strdup(text: *const c_char) -> *mut c_char {
    guard(null_mut(), || {
        let copy = text!(text).ok().and_then(Block::string);
        copy.map_or(null_mut(), |block| block.into_raw().cast())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// git's lock function frees first and looks at errno then.
    #[test]
    fn free_keeps_errno() {
        // SAFETY: errno of this thread.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: any size.
        let block = unsafe { reftable_malloc(1 << 20) };
        // SAFETY: valid for the thread's life.
        unsafe { errno.write(libc::EEXIST) };
        // SAFETY: made above, not used again.
        unsafe { reftable_free(block) };
        // SAFETY: valid for the thread's life.
        assert_eq!(unsafe { errno.read() }, libc::EEXIST);
    }

    #[test]
    fn sizes_that_overflow_or_vanish_are_null() {
        // SAFETY: any sizes.
        assert!(unsafe { reftable_calloc(usize::MAX, 2) }.is_null());
        // SAFETY: any sizes.
        assert!(unsafe { reftable_calloc(0, 2) }.is_null());
        // SAFETY: any size.
        assert!(unsafe { reftable_malloc(0) }.is_null());
        // SAFETY: NULL and no size.
        assert!(unsafe { reftable_realloc(null_mut(), 0) }.is_null());
    }
}
