//! The stacks: those of the test data, which several programs wrote, and ones of our own with a
//! history of commits and compactions.

use crate::folder::{DIR, Files, LIST, Scene, files, options};
use fault_fs::FaultFs;
use reftable::{
    Durability, HashId, LogRecord, LogUpdate, LogValue, RefRecord, RefValue, Result, Stack,
    StackOptions, TableWriter,
};
use std::collections::BTreeMap;
use std::path::Path;
use test_support::corpus;
use test_support::rng::Rng;

/// The stacks of the test data that have a table.
pub fn foreign() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for entry in corpus::stacks() {
        let mut found = Files::new();
        for file in std::fs::read_dir(entry.path.join("reftable")).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == LIST || name.ends_with(".ref") || name.ends_with(".log") {
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
        let first = crate::folder::listed(&found).into_iter().next();
        let Some(first) = first else { continue };
        let hash = crate::folder::open_table(&found[&first], &first)
            .unwrap()
            .hash();
        scenes.push(Scene {
            name: entry.name,
            hash,
            history: vec![found],
        });
    }
    assert!(scenes.len() > 10);
    scenes
}

/// A stack with random refs and reflogs, and the states that it went through.
pub fn own(rng: &mut Rng) -> Scene {
    let hash = match rng.one_in(5) {
        true => HashId::Sha256,
        false => HashId::Sha1,
    };
    let fs = FaultFs::new(Path::new(DIR));
    let mut writing = options(&fs, hash);
    writing.durability = Durability::Unsynced;
    writing.write.block_size = *rng.pick(&[256, 512, 1024, 4096]);
    writing.write.padded = !rng.one_in(4);
    writing.write.restart_interval = *rng.pick(&[2, 16, 16, 64]);
    writing.write.object_index = !rng.one_in(4);
    writing.auto_compact = rng.one_in(3);
    let what = format!(
        "{hash}, blocks of {}, padded {}, interval {}, objects {}, compacting {}",
        writing.write.block_size,
        writing.write.padded,
        writing.write.restart_interval,
        writing.write.object_index,
        writing.auto_compact
    );
    let stack = Stack::open(DIR, writing).unwrap();
    let mut known: Vec<String> = Vec::new();
    let mut history = Vec::new();
    let commits = 3 + rng.below(6);
    for number in 0..commits {
        let many = if number == 0 {
            20 + rng.below(200)
        } else {
            1 + rng.below(30)
        };
        commit(&stack, rng, &mut known, many, hash).unwrap();
        history.push(files(&fs));
        if rng.one_in(8) {
            stack.compact_all(None).unwrap();
            history.push(files(&fs));
        }
    }
    Scene {
        name: format!("own ({what}, {commits} commits)"),
        hash,
        history,
    }
}

/// Ids of transactions that were committed; those that were not have another last byte.
pub fn id(hash: HashId, index: u64, n: u64, is_committed: bool) -> Vec<u8> {
    let mut rng = Rng::new(index * 1000 + n);
    let mut id = rng.bytes(hash.len());
    *id.last_mut().unwrap() = if is_committed { 0xcc } else { 0xee };
    id
}

fn commit(
    stack: &Stack,
    rng: &mut Rng,
    known: &mut Vec<String>,
    many: usize,
    hash: HashId,
) -> Result<()> {
    let index = stack.next_update_index()?;
    let mut edits: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..many {
        let name = match !known.is_empty() && rng.one_in(2) {
            true => rng.pick(known).clone(),
            false => format!(
                "refs/{}/n{:04}",
                rng.pick(&["heads", "tags", "x"]),
                rng.below(2000)
            ),
        };
        edits.insert(name, rng.next() % 10);
    }
    known.extend(edits.keys().cloned());
    stack.add(|writer| write(writer, &edits, index, hash, true))
}

/// Writes refs of all kinds, and a reflog entry for most.
pub fn write(
    writer: &mut TableWriter<'_>,
    edits: &BTreeMap<String, u64>,
    index: u64,
    hash: HashId,
    is_committed: bool,
) -> Result<()> {
    writer.set_limits(index, index);
    for (n, (name, kind)) in (0..).zip(edits) {
        let (one, two) = (
            id(hash, index, n, is_committed),
            id(hash, index, n + 500, is_committed),
        );
        let value = match kind {
            0 | 1 => RefValue::Deletion,
            2 => RefValue::Symref(b"refs/heads/main"),
            3 => RefValue::Peeled {
                id: &one,
                peeled: &two,
            },
            _ => RefValue::Object(&one),
        };
        writer.add_ref(&RefRecord {
            name: name.as_bytes(),
            update_index: index,
            value,
        })?;
    }
    for (n, (name, kind)) in (0..).zip(edits) {
        if *kind == 2 {
            continue;
        }
        let (old, new) = (
            id(hash, index, n + 900, true),
            id(hash, index, n, is_committed),
        );
        writer.add_log(&LogRecord {
            name: name.as_bytes(),
            update_index: index,
            value: LogValue::Update(LogUpdate {
                old_id: &old,
                new_id: &new,
                name: b"A U Thor",
                email: b"author@example.com",
                time: 1_700_000_000 + index,
                tz_offset: 130,
                message: format!("change {name} in {index}\n").as_bytes(),
            }),
        })?;
    }
    Ok(())
}

/// The bytes of a table.
pub fn table(hash: HashId, build: impl FnOnce(&mut TableWriter<'_>) -> Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut options = StackOptions::default().write;
    options.hash = hash;
    let mut writer = TableWriter::new(&mut bytes, options).unwrap();
    build(&mut writer).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}
