//! Pointers of C as Rust values, and back: the only place that makes or drops a box behind a
//! handle.
//!
//! C sees opaque types; [`Handle`] ties each to the Rust value behind it. A value is either *shared*
//! by calls that only read or have interior mutability (stack, reader, merged table), or *entered*
//! by one call at a time that changes it (addition, writer, iterator). C can call back into the
//! library while such a call is under way: a write function re-enters its stack, a block source
//! could even advance the iterator that is reading from it. What would alias a `&mut` is refused,
//! and a value that is freed while a call uses it lives until that call returns.

use crate::error::Misuse;
use std::cell::{Cell, UnsafeCell};
use std::ffi::{CStr, OsStr, c_char, c_int};
use std::ops::{Deref, DerefMut};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;

/// A type that C knows by name only.
pub trait Handle {
    /// What is behind it.
    type Value;
}

/// What a handle points at.
struct Slot<T> {
    /// Calls under way; [`ENTERED`] for one that has the value for itself.
    uses: Cell<u32>,
    /// Freed by C. If calls are under way, the last of them drops the slot.
    freed: Cell<bool>,
    /// Ours to free: C has it for as long as a callback runs.
    lent: bool,
    value: UnsafeCell<T>,
}

const ENTERED: u32 = u32::MAX;

/// Moves `value` behind a new handle.
pub fn make<H: Handle>(value: H::Value) -> *mut H {
    make_slot(value, false)
}

fn make_slot<H: Handle>(value: H::Value, lent: bool) -> *mut H {
    let slot = Slot {
        uses: Cell::new(0),
        freed: Cell::new(false),
        lent,
        value: UnsafeCell::new(value),
    };
    Box::into_raw(Box::new(slot)).cast()
}

/// A handle that C gets for the time of a callback. [`free`] leaves it alone, also from within a call
/// that is changing the value.
pub struct Lent<H: Handle> {
    handle: *mut H,
}

impl<H: Handle> Lent<H> {
    /// Moves `value` behind a handle.
    pub fn new(value: H::Value) -> Lent<H> {
        Lent {
            handle: make_slot(value, true),
        }
    }

    /// The handle for C.
    pub fn handle(&self) -> *mut H {
        self.handle
    }
}

impl<H: Handle> Drop for Lent<H> {
    fn drop(&mut self) {
        let slot = self.handle.cast::<Slot<H::Value>>();
        // SAFETY: made by `make_slot` for this type; the callback and all calls within have returned.
        drop(unsafe { Box::from_raw(slot) });
    }
}

/// The value, to look at. `None` for NULL, a value that a call under way is changing, and one freed
/// while in use.
///
/// # Safety
///
/// `handle` follows contract 3.
pub unsafe fn share<H: Handle>(handle: *mut H) -> Option<Shared<H>> {
    let slot = NonNull::new(handle.cast::<Slot<H::Value>>())?;
    // SAFETY: a handle that is not freed points at its slot; freeing waits for `uses`.
    let state = unsafe { slot.as_ref() };
    if state.freed.get() || state.uses.get() >= ENTERED - 1 {
        return None;
    }
    state.uses.set(state.uses.get() + 1);
    Some(Shared { slot })
}

/// The value, to change. `None` for NULL, a value in use by a call under way, and one freed while
/// in use.
///
/// # Safety
///
/// `handle` follows contract 3.
pub unsafe fn enter<H: Handle>(handle: *mut H) -> Option<Entered<H>> {
    let slot = NonNull::new(handle.cast::<Slot<H::Value>>())?;
    // SAFETY: a handle that is not freed points at its slot; freeing waits for `uses`.
    let state = unsafe { slot.as_ref() };
    if state.freed.get() || state.uses.get() != 0 {
        return None;
    }
    state.uses.set(ENTERED);
    Some(Entered { slot })
}

/// Drops the value, or leaves that to the call that is using it. NULL is skipped, and so is what is
/// [`Lent`].
///
/// # Safety
///
/// `handle` follows contract 3, and the caller does not use it again.
pub unsafe fn free<H: Handle>(handle: *mut H) {
    let Some(slot) = NonNull::new(handle.cast::<Slot<H::Value>>()) else {
        return;
    };
    // SAFETY: a handle that is not freed points at its slot.
    let state = unsafe { slot.as_ref() };
    if state.lent {
        return;
    }
    if !state.freed.replace(true) && state.uses.get() == 0 {
        // SAFETY: made by `make` for this type, and now freed for the first time.
        drop(unsafe { Box::from_raw(slot.as_ptr()) });
    }
}

/// A shared value; see [`share`].
pub struct Shared<H: Handle> {
    slot: NonNull<Slot<H::Value>>,
}

impl<H: Handle> Deref for Shared<H> {
    type Target = H::Value;
    fn deref(&self) -> &H::Value {
        // SAFETY: `uses` keeps the slot alive.
        let value = unsafe { &raw const (*self.slot.as_ptr()).value };
        // SAFETY: while `uses` counts this value, nobody enters the slot.
        unsafe { &*UnsafeCell::raw_get(value) }
    }
}

impl<H: Handle> Drop for Shared<H> {
    fn drop(&mut self) {
        // SAFETY: `uses` has kept the slot alive until here.
        let state = unsafe { self.slot.as_ref() };
        state.uses.set(state.uses.get() - 1);
        if state.uses.get() == 0 && state.freed.get() {
            // SAFETY: C freed it during the call and this was the last use.
            drop(unsafe { Box::from_raw(self.slot.as_ptr()) });
        }
    }
}

/// A value in exclusive use; see [`enter`].
pub struct Entered<H: Handle> {
    slot: NonNull<Slot<H::Value>>,
}

impl<H: Handle> Entered<H> {
    /// Whether C has freed it during the use.
    pub fn is_freed(entered: &Self) -> bool {
        // SAFETY: `uses` keeps the slot alive.
        unsafe { entered.slot.as_ref() }.freed.get()
    }
}

impl<H: Handle> Deref for Entered<H> {
    type Target = H::Value;
    fn deref(&self) -> &H::Value {
        // SAFETY: `uses` keeps the slot alive.
        let value = unsafe { &raw const (*self.slot.as_ptr()).value };
        // SAFETY: this is the only use of the slot; `&self` rules out the `&mut` below.
        unsafe { &*UnsafeCell::raw_get(value) }
    }
}

impl<H: Handle> DerefMut for Entered<H> {
    fn deref_mut(&mut self) -> &mut H::Value {
        // SAFETY: `uses` keeps the slot alive.
        let value = unsafe { &raw const (*self.slot.as_ptr()).value };
        // SAFETY: this is the only use of the slot, and `&mut self` the only use of this.
        unsafe { &mut *UnsafeCell::raw_get(value) }
    }
}

impl<H: Handle> Drop for Entered<H> {
    fn drop(&mut self) {
        // SAFETY: `uses` has kept the slot alive until here.
        let state = unsafe { self.slot.as_ref() };
        state.uses.set(0);
        if state.freed.get() {
            // SAFETY: C freed it during the call, which was the only use.
            drop(unsafe { Box::from_raw(self.slot.as_ptr()) });
        }
    }
}

/// A struct of the caller's to read; `None` for NULL.
///
/// # Safety
///
/// `pointer` follows contract 1.
pub unsafe fn borrow<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: contract 1.
    unsafe { pointer.as_ref() }
}

/// An array of the caller's, `None` for a length that cannot be, or for NULL with elements.
///
/// # Safety
///
/// `pointer` follows contracts 1 and 5.
pub unsafe fn array<'a, T>(pointer: *mut T, len: impl TryInto<usize>) -> Option<&'a mut [T]> {
    let len = len.try_into().ok()?;
    if len == 0 {
        return Some(&mut []);
    }
    let pointer = NonNull::new(pointer)?;
    // SAFETY: contracts 1 and 5.
    Some(unsafe { std::slice::from_raw_parts_mut(pointer.as_ptr(), len) })
}

/// Bytes of the caller's to read; `None` for NULL.
///
/// # Safety
///
/// `pointer` follows contract 5.
pub unsafe fn bytes<'a>(pointer: *const u8, len: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: contract 5.
    Some(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// A string of the caller's without its NUL; `None` for NULL.
///
/// # Safety
///
/// `text` follows contract 2.
pub unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: contract 2.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// A pointer that is not NULL; misuse for NULL.
pub fn given<T>(pointer: *mut T) -> Result<*mut T, Misuse> {
    match pointer.is_null() {
        true => Err(Misuse),
        false => Ok(pointer),
    }
}

/// The path that a string names.
pub fn path(text: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(text))
}

/// Writes a result of the caller's; misuse for NULL.
///
/// # Safety
///
/// `out` follows contract 1, except that it need not be initialised.
pub unsafe fn put<T: Copy>(out: *mut T, value: T) -> Result<(), Misuse> {
    if out.is_null() {
        return Err(Misuse);
    }
    // SAFETY: contract 1.
    unsafe { out.write(value) };
    Ok(())
}

/// Moves `value` into a new handle and gives that to the caller: 0, or misuse for NULL.
///
/// # Safety
///
/// `out` follows contract 1, except that it need not be initialised.
pub unsafe fn put_new<H: Handle>(out: *mut *mut H, value: H::Value) -> Result<c_int, Misuse> {
    if out.is_null() {
        return Err(Misuse);
    }
    // SAFETY: contract 1.
    unsafe { out.write(make(value)) };
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    struct Thing;
    impl Handle for Thing {
        type Value = Rc<Cell<u32>>;
    }

    fn thing() -> (Rc<Cell<u32>>, *mut Thing) {
        let value = Rc::new(Cell::new(0));
        (Rc::clone(&value), make::<Thing>(value))
    }

    #[test]
    fn null_is_refused_and_freeing_it_does_nothing() {
        let null = std::ptr::null_mut::<Thing>();
        // SAFETY: NULL is allowed.
        assert!(unsafe { share(null) }.is_none());
        // SAFETY: NULL is allowed.
        assert!(unsafe { enter(null) }.is_none());
        // SAFETY: NULL is allowed.
        unsafe { free(null) };
    }

    /// A callback that comes back to the value its own call is changing.
    #[test]
    fn a_value_in_exclusive_use_is_refused_to_everybody_else() {
        let (_, handle) = thing();
        // SAFETY: alive.
        let entered = unsafe { enter(handle) }.expect("free");
        // SAFETY: alive.
        assert!(unsafe { enter(handle) }.is_none());
        // SAFETY: alive.
        assert!(unsafe { share(handle) }.is_none());
        drop(entered);
        // SAFETY: alive.
        assert!(unsafe { enter(handle) }.is_some());
        // SAFETY: not used again.
        unsafe { free(handle) };
    }

    #[test]
    fn sharing_nests_and_keeps_writers_out() {
        let (value, handle) = thing();
        // SAFETY: alive.
        let outer = unsafe { share(handle) }.expect("free");
        // SAFETY: alive.
        let inner = unsafe { share(handle) }.expect("shared");
        inner.set(7);
        // SAFETY: alive.
        assert!(unsafe { enter(handle) }.is_none());
        drop(inner);
        assert_eq!(outer.get(), 7);
        drop(outer);
        // SAFETY: not used again.
        unsafe { free(handle) };
        assert_eq!(Rc::strong_count(&value), 1);
    }

    /// A callback that destroys the handle whose call it serves.
    #[test]
    fn a_value_freed_while_in_use_lives_until_the_use_ends() {
        let (value, handle) = thing();
        // SAFETY: alive.
        let mut entered = unsafe { enter(handle) }.expect("free");
        assert!(!Entered::is_freed(&entered));
        // SAFETY: the handle is not used again, other than to see that this is refused.
        unsafe { free(handle) };
        // SAFETY: the slot still exists.
        assert!(unsafe { share(handle) }.is_none());
        assert_eq!(Rc::strong_count(&value), 2);
        assert!(Entered::is_freed(&entered));
        entered.deref_mut().set(1);
        drop(entered);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    /// The callback of a stack freed its writer from within a function that the writer had called,
    /// and the stack freed it once more.
    #[test]
    fn what_is_lent_cannot_be_freed() {
        let value = Rc::new(Cell::new(0));
        let lent = Lent::<Thing>::new(Rc::clone(&value));
        // SAFETY: refused.
        unsafe { free(lent.handle()) };
        // SAFETY: alive.
        let entered = unsafe { enter(lent.handle()) }.expect("free");
        // SAFETY: refused.
        unsafe { free(lent.handle()) };
        assert!(!Entered::is_freed(&entered));
        drop(entered);
        // SAFETY: alive.
        assert!(unsafe { share(lent.handle()) }.is_some());
        assert_eq!(Rc::strong_count(&value), 2);
        drop(lent);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    #[test]
    fn an_array_of_no_elements_may_be_null() {
        // SAFETY: no elements.
        assert!(unsafe { array::<u8>(std::ptr::null_mut(), 0) }.is_some());
        // SAFETY: refused before it is looked at.
        assert!(unsafe { array::<u8>(std::ptr::null_mut(), 1) }.is_none());
        let mut bytes = [1_u8];
        // SAFETY: refused before it is looked at.
        assert!(unsafe { array(bytes.as_mut_ptr(), -1) }.is_none());
    }
}
