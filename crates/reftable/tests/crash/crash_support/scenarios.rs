//! The histories: what is on the disk at first, and the steps.

use super::{DIR, LIST, files, is_after_commit_point, open};
use fault_fs::{Action, Fault, FaultFs};
use reftable::{
    Durability, LogExpiry, LogRecord, LogUpdate, LogValue, RefRecord, RefValue, Result, Stack,
    TableWriter, WriteOptions,
};
use std::path::Path;

pub type Step = fn(&Stack) -> Result<()>;

/// A history. Steps are so made that each can be repeated if it failed without effect.
pub struct Scenario {
    pub name: &'static str,
    pub prepare: fn() -> FaultFs,
    pub steps: Vec<Step>,
    pub durability: Durability,
}

fn id(update_index: u64) -> [u8; 20] {
    let mut id = [0x5a; 20];
    id[..8].copy_from_slice(&update_index.to_be_bytes());
    id
}

fn write_ref(writer: &mut TableWriter<'_>, name: &str, at: u64) -> Result<()> {
    let id = id(at);
    let (name, value) = match name.strip_prefix('-') {
        Some(name) => (name, RefValue::Deletion),
        None => (name, RefValue::Object(&id)),
    };
    writer.add_ref(&RefRecord {
        name: name.as_bytes(),
        update_index: at,
        value,
    })
}

fn write_log(writer: &mut TableWriter<'_>, name: &str, at: u64) -> Result<()> {
    writer.add_log(&LogRecord {
        name: name.as_bytes(),
        update_index: at,
        value: LogValue::Update(LogUpdate {
            old_id: &id(at - 1),
            new_id: &id(at),
            name: b"A U Thor",
            email: b"author@example.com",
            time: 1_700_000_000 + at,
            tz_offset: 130,
            message: b"message\n",
        }),
    })
}

/// Writes refs (`-name` deletes) and a log entry for each.
fn write(writer: &mut TableWriter<'_>, names: &[&str], at: u64) -> Result<()> {
    writer.set_limits(at, at);
    for name in names {
        write_ref(writer, name, at)?;
    }
    for name in names {
        write_log(writer, name.trim_start_matches('-'), at)?;
    }
    Ok(())
}

fn add(stack: &Stack, names: &[&str]) -> Result<()> {
    stack.reload()?;
    stack.add(|writer| write(writer, names, stack.next_update_index()?))
}

fn table(names: &[&str], at: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
    write(&mut writer, names, at).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

fn put(fs: &FaultFs, name: &str, bytes: &[u8]) {
    fs.put(&Path::new(DIR).join(name), bytes).unwrap();
}

/// A stack of these tables, which nobody has compacted yet.
fn stack_of(tables: &[Vec<u8>]) -> FaultFs {
    let fs = FaultFs::new(Path::new(DIR));
    let mut list = String::new();
    for (at, table) in (1..).zip(tables) {
        let name = format!("0x{at:012x}-0x{at:012x}-0000000{at:x}.ref");
        put(&fs, &name, table);
        list.push_str(&name);
        list.push('\n');
    }
    fs.put(Path::new(LIST), list.as_bytes()).unwrap();
    fs
}

/// The same, of tables with these names.
fn stack_with(tables: &[&[&str]]) -> FaultFs {
    let tables = (1..).zip(tables).map(|(at, names)| table(names, at));
    stack_of(&tables.collect::<Vec<_>>())
}

fn two_tables() -> FaultFs {
    stack_with(&[&["refs/a", "refs/b", "refs/c"], &["-refs/a", "refs/d"]])
}

/// Symbolic refs of two thousand bytes each: few records make a long table.
fn long_refs(writer: &mut TableWriter<'_>, prefix: &str, count: usize, at: u64) -> Result<()> {
    writer.set_limits(at, at);
    for number in 0..count {
        writer.add_ref(&RefRecord {
            name: format!("{prefix}{number:05}").as_bytes(),
            update_index: at,
            value: RefValue::Symref(&[b't'; 2000]),
        })?;
    }
    Ok(())
}

fn several(stack: &Stack, batches: &[&[&str]]) -> Result<()> {
    stack.reload()?;
    let mut addition = stack.begin()?;
    for names in batches {
        let at = addition.next_update_index()?;
        addition.add(|writer| write(writer, names, at))?;
    }
    addition.commit()
}

fn additions() -> Scenario {
    Scenario {
        name: "additions",
        durability: Durability::Synced,
        prepare: || FaultFs::new(Path::new(DIR)),
        steps: vec![
            |stack| add(stack, &["refs/a", "refs/b"]),
            |stack| add(stack, &["-refs/a", "refs/c"]),
            |stack| add(stack, &["refs/d"]),
            |stack| add(stack, &["refs/b"]),
        ],
    }
}

fn additions_of_several_tables() -> Scenario {
    Scenario {
        name: "additions of several tables",
        durability: Durability::Synced,
        prepare: || stack_with(&[&["refs/a", "refs/b", "refs/c", "refs/d", "refs/e"]]),
        steps: vec![
            |stack| several(stack, &[&["refs/b"], &["-refs/b"], &["refs/b", "refs/f"]]),
            |stack| several(stack, &[&["-refs/a"], &["refs/g"]]),
        ],
    }
}

/// Too long to be held in memory, and to be merged under the lock.
fn long_addition() -> Scenario {
    Scenario {
        name: "long addition and the compaction after it",
        durability: Durability::Synced,
        prepare: || {
            let mut bytes = Vec::new();
            let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
            long_refs(&mut writer, "refs/b", 85, 1).unwrap();
            writer.finish().unwrap();
            drop(writer);
            stack_of(&[bytes])
        },
        steps: vec![|stack| {
            stack.reload()?;
            stack.add(|writer| long_refs(writer, "refs/a", 50, stack.next_update_index()?))
        }],
    }
}

/// The two lower tables call for compaction, the new one does not: it follows after the commit.
fn automatic_compaction() -> Scenario {
    Scenario {
        name: "automatic compaction",
        durability: Durability::Synced,
        prepare: || {
            let all = (0..40).map(|n| format!("refs/heads/n{n:02}-{:08x}", n * n * 7919_u32));
            let all: Vec<String> = all.collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            stack_with(&[&all[..20], &all[10..]])
        },
        steps: vec![
            |stack| add(stack, &["refs/x"]),
            |stack| stack.auto_compact(),
            |stack| add(stack, &["-refs/x", "refs/y"]),
        ],
    }
}

fn full_compaction() -> Scenario {
    Scenario {
        name: "full compaction",
        durability: Durability::Synced,
        prepare: || {
            stack_with(&[
                &["refs/a", "refs/b", "refs/c"],
                &["-refs/a", "refs/d"],
                &["refs/a"],
                &["-refs/d"],
            ])
        },
        steps: vec![|stack| stack.compact_all(None), |stack| {
            add(stack, &["refs/e"])
        }],
    }
}

fn compaction_with_expiry() -> Scenario {
    Scenario {
        name: "compaction with expiry",
        durability: Durability::Synced,
        prepare: two_tables,
        steps: vec![
            |stack| {
                stack.compact_all(Some(LogExpiry {
                    time: 0,
                    min_update_index: 2,
                }))
            },
            |stack| add(stack, &["refs/e"]),
            // The only table is written again.
            |stack| {
                stack.compact_all(Some(LogExpiry {
                    time: 1_700_000_000 + 3,
                    min_update_index: 0,
                }))
            },
        ],
    }
}

/// Nothing is left, and the new list is empty.
fn compaction_to_nothing() -> Scenario {
    Scenario {
        name: "compaction to nothing",
        durability: Durability::Synced,
        prepare: || stack_with(&[&["refs/a", "refs/b"], &["-refs/a", "-refs/b"]]),
        steps: vec![
            |stack| {
                stack.compact_all(Some(LogExpiry {
                    time: u64::MAX,
                    min_update_index: 0,
                }))
            },
            |stack| add(stack, &["refs/e"]),
        ],
    }
}

fn cleaning() -> Scenario {
    Scenario {
        name: "clean and reload",
        durability: Durability::Synced,
        prepare: || {
            let fs = two_tables();
            let one = table(&["refs/x"], 1);
            let two = table(&["refs/y"], 2);
            put(&fs, "0x000000000001-0x000000000001-0badcafe.ref", &one);
            put(&fs, "0x000000000002-0x000000000002-0badcafe.ref", &two);
            let temporary = "0x000000000003-0x000000000003-0badcafe.temp.aB3xYz";
            put(&fs, temporary, b"half of it");
            fs
        },
        steps: vec![
            |stack| stack.clean(),
            |stack| stack.reload().map(|_| ()),
            |stack| add(stack, &["refs/e"]),
            |stack| stack.reload().map(|_| ()),
        ],
    }
}

/// A process was killed when it had replaced the list and not yet synced the folder: for the next
/// process the compaction is done, for the disk it is not.
fn cleaning_after_a_kill() -> Scenario {
    Scenario {
        name: "clean after a kill at the commit point",
        durability: Durability::Synced,
        prepare: || {
            let fs = two_tables();
            let mut seen = Vec::new();
            fs.inject(move |operation| {
                seen.push(operation.clone());
                let late = is_after_commit_point(&seen, seen.len());
                (late && operation.action == Action::SyncDir).then_some(Fault::Stop)
            });
            assert!(open(&fs).unwrap().compact_all(None).is_err());
            assert!(fs.is_stopped());
            let fs = fs.after_kill();
            let locks = files(&fs);
            for lock in locks
                .iter()
                .filter(|path| path.to_string_lossy().ends_with(".lock"))
            {
                fs.take_away(lock).unwrap();
            }
            fs
        },
        steps: vec![|stack| stack.clean(), |stack| add(stack, &["refs/e"])],
    }
}

pub fn scenarios() -> Vec<Scenario> {
    let all = vec![
        additions(),
        additions_of_several_tables(),
        long_addition(),
        automatic_compaction(),
        full_compaction(),
        compaction_with_expiry(),
        compaction_to_nothing(),
        cleaning(),
        cleaning_after_a_kill(),
    ];
    for scenario in &all {
        // They begin with a stack that can be read.
        open(&scenario.prepared()).unwrap();
    }
    all
}
