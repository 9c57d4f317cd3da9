//! The Rust library and git's own, in one program, take turns at one stack.

use reftable::{RefRecord, RefValue, Stack, StackOptions};
use std::error::Error;
use std::ffi::{CString, c_char, c_int};

unsafe extern "C" {
    fn git_adds(dir: *const c_char, name: *const c_char) -> c_int;
    fn git_finds(dir: *const c_char, name: *const c_char, byte: c_int) -> c_int;
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: beside-git FOLDER")?;
    let stack = Stack::open(&dir, StackOptions::default())?;
    stack.add(|writer| {
        let next = stack.next_update_index()?;
        writer.set_limits(next, next);
        writer.add_ref(&RefRecord {
            name: b"refs/heads/ours",
            update_index: next,
            value: RefValue::Object(&[0x11; 20]),
        })
    })?;

    let path = CString::new(dir)?;
    let (ours, gits, none) = (c"refs/heads/ours", c"refs/heads/gits", c"refs/heads/none");
    // SAFETY: strings that end in NUL, which git only reads.
    let found = unsafe { git_finds(path.as_ptr(), ours.as_ptr(), 0x11) };
    assert_eq!(found, 0, "git reads what the Rust library has written");
    // SAFETY: as before.
    let found = unsafe { git_finds(path.as_ptr(), none.as_ptr(), 0x11) };
    assert_eq!(found, 1, "and finds nothing where there is nothing");
    // SAFETY: as before.
    let added = unsafe { git_adds(path.as_ptr(), gits.as_ptr()) };
    assert_eq!(added, 0, "git writes");

    stack.reload()?;
    let value = |name: &[u8]| stack.read_ref(name, |record| record.value == RefValue::Object(&[0x22; 20]));
    assert_eq!(value(b"refs/heads/gits")?, Some(true), "the Rust library reads what git has written");
    assert_eq!(value(b"refs/heads/ours")?, Some(false));
    println!("beside-git: both libraries wrote and read one stack");
    Ok(())
}
