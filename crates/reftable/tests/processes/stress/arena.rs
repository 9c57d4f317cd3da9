//! What the processes of the stress program agree on: the transactions, and the journals that say
//! which of them were begun and which were acknowledged.
//!
//! Transaction `n` of a writer is the same whenever it is made: it sets the writer's counter to an
//! object that stands for `n`, with a log entry that says `n`, and sets or deletes one of a few
//! other refs. So a state that shows transaction `n` of a writer must show all refs of the writer
//! as they were after `n`.

use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How many objects there are; `n` stands for the object `n` modulo this.
pub const OBJECTS: u64 = 61;
/// Refs of a writer besides its counter.
pub const SLOTS: u64 = 5;

/// The folder of the whole run.
#[derive(Clone, Debug)]
pub struct Arena {
    pub base: PathBuf,
    pub stack: PathBuf,
    pub ids: Vec<Vec<u8>>,
}

impl Arena {
    /// The arena at `base`, where there is a repository if git takes part.
    pub fn open(base: &Path) -> Arena {
        let repository = base.join("repository/.git/reftable");
        let stack = match repository.exists() {
            true => repository,
            false => base.join("stack"),
        };
        let ids = std::fs::read_to_string(base.join("ids")).unwrap();
        Arena {
            base: base.to_path_buf(),
            stack,
            ids: ids.lines().map(from_hex).collect(),
        }
    }

    pub fn has_git(&self) -> bool {
        self.base.join("repository").exists()
    }

    pub fn repository(&self) -> PathBuf {
        self.base.join("repository")
    }

    pub fn is_stopped(&self) -> bool {
        self.base.join("stop").exists()
    }

    pub fn id(&self, n: u64) -> &[u8] {
        &self.ids[(n % OBJECTS) as usize]
    }
}

pub fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn counter(writer: &str) -> String {
    format!("refs/stress/{writer}/counter")
}

pub fn slot(writer: &str, slot: u64) -> String {
    format!("refs/stress/{writer}/slot{slot}")
}

/// Which transaction set a slot last, up to `n`; `None` if the slot is deleted, or was never set.
pub fn slot_after(slot: u64, n: u64) -> Option<u64> {
    let last = (1..=n)
        .rev()
        .take(SLOTS as usize)
        .find(|m| m % SLOTS == slot)?;
    (last % 3 != 0).then_some(last)
}

pub fn message(writer: &str, n: u64) -> String {
    format!("{writer} {n}")
}

/// The refs and the log entry of transaction `n`.
pub fn transaction(
    arena: &Arena,
    writer: &str,
    n: u64,
    update_index: u64,
) -> (Vec<RefRecordBuf>, LogRecordBuf) {
    let record = |name: String, value| RefRecordBuf {
        name: name.into_bytes(),
        update_index,
        value,
    };
    let id = arena.id(n).to_vec();
    let changed = match n % 3 {
        0 => RefValueBuf::Deletion,
        _ => RefValueBuf::Object(id.clone()),
    };
    let refs = vec![
        record(counter(writer), RefValueBuf::Object(id.clone())),
        record(slot(writer, n % SLOTS), changed),
    ];
    let log = LogRecordBuf {
        name: counter(writer).into_bytes(),
        update_index,
        value: LogValueBuf::Update(LogUpdateBuf {
            old_id: arena.id(n - 1).to_vec(),
            new_id: id,
            name: b"A U Thor".to_vec(),
            email: b"author@example.com".to_vec(),
            time: 1_700_000_000 + n,
            tz_offset: 0,
            message: format!("{}\n", message(writer, n)).into_bytes(),
        }),
    };
    (refs, log)
}

/// A journal of one process and those that follow after it is killed. What is written to it stays
/// when the process is killed.
pub struct Journal(File);

impl Journal {
    pub fn open(arena: &Arena, who: &str) -> Journal {
        let path = journal_path(arena, who);
        let mut file = OpenOptions::new();
        let mut file = file.append(true).create(true).open(path).unwrap();
        // Whoever was killed may have left half a line.
        file.write_all(b"\n").unwrap();
        Journal(file)
    }

    pub fn line(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

fn journal_path(arena: &Arena, who: &str) -> PathBuf {
    arena.base.join(format!("journal-{who}"))
}

/// What the journal of a writer says.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The last transaction that was begun.
    pub begun: u64,
    /// The last one that was acknowledged.
    pub acknowledged: u64,
    /// Those acknowledged, with their update indexes where the writer knows them.
    pub indexes: Vec<(u64, u64)>,
}

impl Written {
    pub fn read(arena: &Arena, writer: &str) -> Written {
        Written::parse(&journal(arena, writer, u64::MAX))
    }

    /// The same, of the last transactions alone.
    pub fn latest(arena: &Arena, writer: &str) -> Written {
        Written::parse(&journal(arena, writer, 4096))
    }

    fn parse(journal: &str) -> Written {
        let mut written = Written::default();
        for line in journal.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["try", n] => written.begun = n.parse().unwrap(),
                ["ack", n, index] => {
                    written.acknowledged = n.parse().unwrap();
                    let index = index.parse().unwrap();
                    written.indexes.push((written.acknowledged, index));
                }
                _ => {}
            }
        }
        written
    }
}

/// The bound below which log entries may be gone.
pub fn expiry_bound(arena: &Arena) -> u64 {
    let journal = journal(arena, "expirer", u64::MAX);
    let bounds = journal
        .lines()
        .filter_map(|line| line.strip_prefix("expire "));
    bounds
        .map(|bound| bound.parse().unwrap())
        .max()
        .unwrap_or(0)
}

/// The whole lines among the last bytes of a journal.
pub fn journal(arena: &Arena, who: &str, bytes: u64) -> String {
    let Ok(mut file) = File::open(journal_path(arena, who)) else {
        return String::new();
    };
    let len = file.metadata().unwrap().len();
    let mut text = String::new();
    file.seek(SeekFrom::Start(len.saturating_sub(bytes)))
        .unwrap();
    file.read_to_string(&mut text).unwrap();
    let start = match bytes < len {
        true => text.find('\n').map_or(text.len(), |end| end + 1),
        false => 0,
    };
    let end = text.rfind('\n').map_or(start, |end| end + 1);
    text[start..end.max(start)].to_owned()
}
