//! What a stack asks of the system, call by call: nothing twice, nothing for nothing, and an answer
//! that is not understood is passed on.

use crate::crash_support::{DIR, LIST, LIST_LOCK, add, open, options};
use fault_fs::{Action, Fault, FaultFs, Operation};
use reftable::{Durability, Error, HashId, RefRecord, RefValue, Stack, TableWriter};
use std::path::Path;
use std::time::Duration;

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EEXIST: i32 = 17;

fn count(fs: &FaultFs, since: usize, action: Action) -> usize {
    let operations = fs.operations_since(since);
    operations.iter().filter(|o| o.action == action).count()
}

/// If nobody can tell whether a name is free, it is not taken: that could replace another table.
#[test]
fn name_that_may_be_taken_is_not_used() {
    for code in [EIO, EACCES] {
        let fs = FaultFs::new(Path::new(DIR));
        let stack = open(&fs).unwrap();
        let is_table = |path: &Path| path.extension().is_some_and(|end| end == "ref");
        fs.inject(move |operation| {
            let asked = operation.action == Action::Modified && is_table(&operation.path);
            asked.then_some(Fault::Error(code))
        });
        let error = add(&stack, "refs/a").unwrap_err();
        let Error::Io { op, source, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!((*op, source.raw_os_error()), ("look for", Some(code)));
        fs.clear();
        assert!(fs.files().is_empty(), "{:?}", fs.files());
    }
}

/// A table that was small enough to stay in memory until its commit is not read from the disk.
#[test]
fn small_table_is_not_read_back() {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = open(&fs).unwrap();
    for name in ["refs/a", "refs/b", "refs/c"] {
        let since = fs.count();
        add(&stack, name).unwrap();
        assert_eq!(count(&fs, since, Action::Open), 0, "{name}");
    }
}

/// Without syncs a small table is made under its final name, a third of what a small transaction
/// asked of the system. A name that is taken is not used.
#[test]
fn small_table_that_is_not_synced_is_not_renamed() {
    let fs = FaultFs::new(Path::new(DIR));
    let mut options = options(&fs);
    options.durability = Durability::Unsynced;
    let stack = Stack::open(DIR, options).unwrap();
    add(&stack, "refs/a").unwrap();
    let since = fs.count();
    let mut taken = 2;
    fs.inject(move |operation| {
        let is_table = operation.path.extension().is_some_and(|end| end == "ref");
        let refused = operation.action == Action::Create && is_table && taken > 0;
        taken -= u32::from(refused);
        refused.then_some(Fault::Error(EEXIST))
    });
    add(&stack, "refs/b").unwrap();
    assert_eq!(count(&fs, since, Action::Persist), 1, "that of the list");
    assert_eq!(count(&fs, since, Action::Sync), 0);
    assert_eq!(count(&fs, since, Action::Create), 4, "lock and three names");
    fs.clear();
    let since = fs.count();
    add(&stack, "refs/c").unwrap();
    assert_eq!(count(&fs, since, Action::Create), 2);
}

/// Who waits for long asks seldom: a second is the longest pause, and pauses grow to it soon.
#[test]
fn waiting_does_not_ask_all_the_time() {
    let fs = FaultFs::new(Path::new(DIR));
    fs.put(Path::new(LIST_LOCK), b"").unwrap();
    let mut options = options(&fs);
    options.lock_timeout = Some(Duration::from_secs(60));
    let stack = Stack::open(DIR, options).unwrap();
    let since = fs.count();
    assert!(matches!(stack.begin(), Err(Error::Locked { .. })));
    let tries = count(&fs, since, Action::Create);
    assert!((60..100).contains(&tries), "{tries}");
}

/// Cleaning syncs the folder before it removes something, and only then, and only if asked to sync.
#[test]
fn cleaning_syncs_the_folder_if_there_is_something_to_remove() {
    for (durability, stale, synced) in [
        (Durability::Synced, true, 1),
        (Durability::Synced, false, 0),
        (Durability::Unsynced, true, 0),
    ] {
        let fs = FaultFs::new(Path::new(DIR));
        let mut options = options(&fs);
        options.durability = durability;
        let stack = Stack::open(DIR, options).unwrap();
        add(&stack, "refs/a").unwrap();
        let left_over = Path::new(DIR).join("0x000000000001-0x000000000001-00000007.temp.aaaaaa");
        if stale {
            fs.put(&left_over, b"").unwrap();
        }
        let since = fs.count();
        stack.clean().unwrap();
        assert_eq!(count(&fs, since, Action::SyncDir), synced, "{durability:?}");
        assert!(!fs.files().contains_key(&left_over));
    }
}

/// Tables of one transaction that are due for compaction among themselves are compacted before the
/// list is replaced, not in a second turn.
#[test]
fn tables_of_the_first_transaction_take_one_turn() {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = open(&fs).unwrap();
    let mut addition = stack.begin().unwrap();
    for index in 1..=2 {
        let write = |writer: &mut TableWriter<'_>| {
            writer.set_limits(index, index);
            writer.add_ref(&RefRecord {
                name: format!("refs/{index}").as_bytes(),
                update_index: index,
                value: RefValue::Object(&[1; 20]),
            })
        };
        addition.add(write).unwrap();
    }
    addition.commit().unwrap();
    let list = Path::new(LIST);
    let operations = fs.operations();
    let replaced = |o: &&Operation| o.action == Action::Persist && o.path == list;
    assert_eq!(operations.iter().filter(replaced).count(), 1);
    assert_eq!(stack.table_names().len(), 1);
}

/// The hash is the stack's. A handle with other options would else write tables that nobody can
/// read together with the old ones.
#[test]
fn handle_with_other_options_keeps_the_hash() {
    let fs = FaultFs::new(Path::new(DIR));
    let mut sha256 = options(&fs);
    sha256.write.hash = HashId::Sha256;
    let stack = Stack::open(DIR, sha256.clone()).unwrap();
    let other = stack.with_options(options(&fs));
    let write = |writer: &mut TableWriter<'_>| {
        writer.set_limits(1, 1);
        writer.add_ref(&RefRecord {
            name: b"refs/a",
            update_index: 1,
            value: RefValue::Object(&[1; 32]),
        })
    };
    other.add(write).unwrap();
    assert!(!stack.reload().unwrap(), "they share the view");
    let found = stack.read_ref(b"refs/a", |record| record.update_index);
    assert_eq!(found.unwrap(), Some(1));
    assert!(Stack::open(DIR, sha256).is_ok());
}
