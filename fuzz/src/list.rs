//! The bytes of `tables.list`.

use crate::folder::{DIR, add, open, put};
use crate::read;
use fault_fs::FaultFs;
use reftable::{RefRecord, RefValue, TableWriter, WriteOptions};
use std::path::Path;

fn one_ref(name: &[u8], at: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
    writer.set_limits(at, at);
    let record = RefRecord {
        name,
        update_index: at,
        value: RefValue::Object(&[0x11; 20]),
    };
    writer.add_ref(&record).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

/// A list leads to nothing outside of the folder, and what can be opened can be written to.
pub fn check(data: &[u8]) {
    let fs = FaultFs::new(Path::new(DIR));
    for (name, at) in [
        ("a.ref", 1),
        ("b.ref", 2),
        ("0x000000000003-0x000000000003-00000001.ref", 3),
    ] {
        put(&fs, name, &one_ref(b"refs/heads/a", at));
    }
    put(&fs, "tables.list", data);
    for operation in open(&fs)
        .map(|_| fs.operations())
        .unwrap_or_else(|_| fs.operations())
    {
        assert_eq!(
            operation.path.parent(),
            Some(Path::new(DIR)),
            "{operation:?}"
        );
    }
    let Ok(stack) = open(&fs) else {
        return;
    };
    let names = stack.table_names();
    let lines = data
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    assert!(lines.eq(names.iter().map(String::as_bytes)));
    add(&stack, b"refs/heads/b").unwrap();
    let again = open(&fs).unwrap();
    let (refs, _) = read::view(&again.merged()).unwrap();
    let expected = 1 + usize::from(!names.is_empty());
    assert_eq!(refs.len(), expected);
}
