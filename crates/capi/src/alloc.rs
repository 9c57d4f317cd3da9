//! Memory that crosses the ABI.
//!
//! Each string and object id handed to C is one block of its own, made by the replaceable
//! `malloc` below, so that the caller may free, replace or keep single fields of a record. Nothing
//! else goes through here; Rust's own memory never crosses.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A function like `malloc`.
pub type Malloc = unsafe extern "C" fn(usize) -> *mut c_void;
/// A function like `free`.
pub type Free = unsafe extern "C" fn(*mut c_void);

/// The caller's `malloc`; NULL is libc's.
static MALLOC: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
/// The caller's `free`; NULL is libc's.
static FREE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Replaces the allocator; `None` is libc's function. The caller sees to it that no block is made
/// by one and freed by the other.
pub fn replace(malloc: Option<Malloc>, free: Option<Free>) {
    let malloc = malloc.map_or(ptr::null_mut(), |f| f as *mut c_void);
    let free = free.map_or(ptr::null_mut(), |f| f as *mut c_void);
    MALLOC.store(malloc, Ordering::Relaxed);
    FREE.store(free, Ordering::Relaxed);
}

/// A block of `size` bytes; NULL if there is no memory.
pub fn malloc(size: usize) -> *mut c_void {
    let function = MALLOC.load(Ordering::Relaxed);
    // SAFETY: the static holds NULL, which is `None`, or a pointer stored from this very type.
    let function = unsafe { std::mem::transmute::<*mut c_void, Option<Malloc>>(function) };
    // SAFETY: libc's, or one the caller vouches for (contract 6); any size is fine.
    unsafe { function.unwrap_or(libc::malloc)(size) }
}

/// Frees a block; NULL is skipped.
///
/// # Safety
///
/// `block` is NULL or a block of this allocator that nobody uses any more.
pub unsafe fn release<T>(block: *mut T) {
    if block.is_null() {
        return;
    }
    let function = FREE.load(Ordering::Relaxed);
    // SAFETY: the static holds NULL, which is `None`, or a pointer stored from this very type.
    let function = unsafe { std::mem::transmute::<*mut c_void, Option<Free>>(function) };
    // SAFETY: the caller gives up a block of this allocator.
    unsafe { function.unwrap_or(libc::free)(block.cast()) }
}

/// Writes `text` and a NUL byte behind it into a block.
///
/// # Safety
///
/// `block` has room for them and overlaps nothing that anybody else has.
pub unsafe fn fill(block: *mut u8, text: &[u8]) {
    // SAFETY: there is room, and no overlap.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), block, text.len()) };
    // SAFETY: there is room for one byte more.
    let end = unsafe { block.add(text.len()) };
    // SAFETY: see above.
    unsafe { end.write(0) };
}

/// A block on its way to C: freed when dropped before it got there.
#[derive(Debug)]
pub struct Block(NonNull<u8>);

impl Block {
    /// A copy of `data`; `None` if there is no memory.
    pub fn bytes(data: &[u8]) -> Option<Block> {
        let block = Block(NonNull::new(malloc(data.len().max(1)).cast())?);
        // SAFETY: the new block has room for `data` and cannot overlap it.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), block.0.as_ptr(), data.len()) };
        Some(block)
    }

    /// A copy of `text` with a NUL byte behind it; `None` if there is no memory.
    pub fn string(text: &[u8]) -> Option<Block> {
        Block::string_in(text, text.len().checked_add(1)?)
    }

    /// The same in a block of `room` bytes, more than `text` has.
    pub fn string_in(text: &[u8], room: usize) -> Option<Block> {
        if room <= text.len() {
            return None;
        }
        let block = Block(NonNull::new(malloc(room).cast())?);
        // SAFETY: the new block has room for `text` and one byte more.
        unsafe { fill(block.0.as_ptr(), text) };
        Some(block)
    }

    /// Gives the block to C, which frees it.
    pub fn into_raw(self) -> *mut u8 {
        let block = self.0.as_ptr();
        std::mem::forget(self);
        block
    }

    /// Gives the block to C in the place of `old`, which is freed.
    ///
    /// # Safety
    ///
    /// `old` is NULL or a block of this allocator, and nobody has it any more.
    pub unsafe fn replace<T>(self, old: *mut T) -> *mut T {
        // SAFETY: the same promise.
        unsafe { release(old) };
        self.into_raw().cast()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block was not given away, so it is still this value's own.
        unsafe { release(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_string_ends_with_nul_and_belongs_to_libc() {
        let raw = Block::string(b"refs/heads/main")
            .expect("memory")
            .into_raw();
        // SAFETY: a fresh string that ends with NUL.
        let text = unsafe { CStr::from_ptr(raw.cast()) };
        assert_eq!(text.to_bytes(), b"refs/heads/main");
        // SAFETY: the default allocator is libc's, so that C may call free.
        unsafe { libc::free(raw.cast()) };
    }

    #[test]
    fn an_empty_block_is_no_null_pointer() {
        let raw = Block::bytes(b"").expect("memory").into_raw();
        assert!(!raw.is_null());
        // SAFETY: made above and not used again.
        unsafe { release(raw) };
    }

    #[test]
    fn null_is_not_passed_to_free() {
        // SAFETY: NULL is allowed.
        unsafe { release(ptr::null_mut::<u8>()) };
    }
}
