//! Commits a ref to the stack in `repo/.git/reftable`, and lists all refs.
#![expect(clippy::print_stdout, reason = "a program may print")]

use reftable::{RefRecord, RefValue, Stack, StackOptions};

fn main() -> reftable::Result<()> {
    let stack = Stack::open("repo/.git/reftable", StackOptions::default())?;

    stack.add(|writer| {
        let index = stack.next_update_index()?;
        writer.set_limits(index, index);
        writer.add_ref(&RefRecord {
            name: b"refs/heads/main",
            update_index: index,
            value: RefValue::Object(&[0x11; 20]),
        })
    })?;

    let mut refs = stack.merged().refs_from(b"refs/")?;
    while let Some(record) = refs.next()? {
        let name = String::from_utf8_lossy(record.name);
        println!("{name} {:?}", record.value);
    }
    Ok(())
}
