//! A whole folder: a list, and tables and other files of any contents.

use crate::read;
use fault_fs::FaultFs;
use reftable::verify::verify_stack;
use reftable::{Error, RefRecord, RefValue, Result, Stack, StackOptions};
use std::path::Path;
use std::sync::Arc;

pub const DIR: &str = "/r";
/// Names that the input can choose from.
pub const NAMES: [&str; 8] = [
    "tables.list",
    "0x000000000001-0x000000000001-00000001.ref",
    "0x000000000002-0x000000000002-00000002.ref",
    "0x000000000003-0x000000000003-00000003.ref",
    "t.ref",
    "tables.list.lock",
    "0x000000000001-0x000000000001-00000001.ref.lock",
    "0x000000000001-0x000000000001-00000001.temp.aB3xYz",
];

pub fn options(fs: &FaultFs) -> StackOptions {
    let mut options = StackOptions::default();
    options.fs = Arc::new(fs.clone());
    options
}

pub fn open(fs: &FaultFs) -> Result<Stack> {
    Stack::open(DIR, options(fs))
}

pub fn put(fs: &FaultFs, name: &str, bytes: &[u8]) {
    fs.put(&Path::new(DIR).join(name), bytes).unwrap();
}

pub fn add(stack: &Stack, name: &[u8]) -> Result<()> {
    stack.add(|writer| {
        let next = stack.next_update_index()?;
        writer.set_limits(next, next);
        writer.add_ref(&RefRecord {
            name,
            update_index: next,
            value: RefValue::Object(&[0x22; 20]),
        })
    })
}

/// The input is a row of files: number of the name, length in two bytes, bytes.
pub fn encode(files: &[(u8, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    for (name, bytes) in files {
        data.push(*name);
        data.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        data.extend_from_slice(bytes);
    }
    data
}

fn unpack(mut data: &[u8]) -> FaultFs {
    let fs = FaultFs::new(Path::new(DIR));
    while let [name, low, high, rest @ ..] = data {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (bytes, rest) = rest.split_at(len);
        put(&fs, NAMES[usize::from(name % 8)], bytes);
        data = rest;
    }
    fs
}

pub fn check(data: &[u8]) {
    let fs = unpack(data);
    let before = fs.files();
    let sound = read::is_sound(&verify_stack(DIR, &options(&fs)));
    assert_eq!(fs.files(), before, "a check changes nothing");
    let stack = match open(&fs) {
        Ok(stack) => stack,
        Err(error) => {
            assert!(!sound, "the deep check missed {error}");
            return;
        }
    };
    let Ok(old) = read::view(&stack.merged()) else {
        assert!(!sound, "the deep check missed an error");
        let _ = stack.compact_all(None);
        let _ = add(&stack, b"refs/heads/new");
        return;
    };
    let compacted = stack.compact_all(None);
    let new = read::view(&open(&fs).unwrap().merged()).unwrap();
    if sound {
        assert_eq!(old, new, "compaction keeps the view: {compacted:?}");
        // Locks and names of files may be against it, the tables are not.
        if let Err(error) = compacted {
            let excused = matches!(error, Error::Locked { .. } | Error::TooLarge { .. });
            assert!(excused || matches!(error, Error::Misuse(_)), "{error}");
        }
    }
    let added = add(&stack, b"refs/heads/new");
    let cleaned = stack.clean();
    let (refs, _) = read::view(&open(&fs).unwrap().merged()).unwrap();
    if added.is_ok() {
        assert!(
            refs.iter().any(|record| record.name == b"refs/heads/new"),
            "{cleaned:?}"
        );
    }
}
