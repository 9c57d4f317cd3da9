//! Reflogs in a stack: many entries in one transaction, single entries edited and deleted, expiry.

use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf};
use reftable::{Durability, Error, HashId, LogExpiry, Stack, StackOptions};
use test_support::{read, records};

const SHA1: HashId = HashId::Sha1;

fn stack(dir: &tempfile::TempDir) -> Stack {
    let mut options = StackOptions::default();
    options.durability = Durability::Unsynced;
    Stack::open(dir.path(), options).unwrap()
}

/// A transaction of log records that takes the indexes from `min` to `max`.
fn add_logs(stack: &Stack, (min, max): (u64, u64), mut logs: Vec<LogRecordBuf>) {
    records::sort_logs(&mut logs);
    let mut addition = stack.begin().unwrap();
    addition
        .add(|writer| {
            writer.set_limits(min, max);
            records::add_all(writer, &[], &logs)
        })
        .unwrap();
    addition.commit().unwrap();
}

fn indexes(stack: &Stack, name: &str) -> Vec<u64> {
    let logs = read::merged_logs_from(&stack.merged(), name.as_bytes(), u64::MAX).unwrap();
    let own = logs.iter().filter(|log| log.name == name.as_bytes());
    own.map(|log| log.update_index).collect()
}

fn entry(index: u64) -> LogRecordBuf {
    records::log("refs/stash", index, SHA1, format!("entry {index}\n"))
}

#[test]
fn entries_of_one_transaction_are_all_there_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(&dir);
    add_logs(&stack, (1, 3), vec![entry(1), entry(2), entry(3)]);
    assert_eq!(stack.next_update_index().unwrap(), 4);
    assert_eq!(indexes(&stack, "refs/stash"), [3, 2, 1]);
    let newest = stack.read_log(b"refs/stash", |log| log.to_buf()).unwrap();
    assert_eq!(newest, Some(entry(3)));
}

/// As when one of several stashes is dropped: a tombstone with an index far below the new table's.
#[test]
fn entry_deleted_by_a_tombstone_stays_deleted_through_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(&dir);
    add_logs(&stack, (1, 5), (1..=5).map(entry).collect());
    add_logs(
        &stack,
        (6, 6),
        vec![records::log_tombstone("refs/stash", 3)],
    );
    assert_eq!(indexes(&stack, "refs/stash"), [5, 4, 2, 1]);
    add_logs(
        &stack,
        (7, 7),
        vec![records::log_tombstone("refs/stash", 5)],
    );
    assert_eq!(
        stack
            .read_log(b"refs/stash", |log| log.update_index)
            .unwrap(),
        Some(4)
    );
    stack.compact_all(None).unwrap();
    assert_eq!(indexes(&stack, "refs/stash"), [4, 2, 1]);
    let table = &stack.merged().tables()[0].clone();
    assert_eq!(
        read::logs(table).unwrap().len(),
        3,
        "tombstones are dropped at the bottom"
    );
}

/// Editing an entry writes it again under its old index.
#[test]
fn entry_written_again_replaces_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(&dir);
    add_logs(&stack, (1, 2), vec![entry(1), entry(2)]);
    let edited = records::log("refs/stash", 1, SHA1, "edited\n");
    add_logs(&stack, (3, 3), vec![edited.clone()]);
    for _ in 0..2 {
        assert_eq!(
            read::merged_logs(&stack.merged()).unwrap(),
            [entry(2), edited.clone()]
        );
        stack.compact_all(None).unwrap();
    }
}

/// git marks a reflog that exists and is empty by an entry without ids.
#[test]
fn marker_of_an_empty_reflog_survives_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(&dir);
    let marker = LogRecordBuf {
        name: b"refs/heads/empty".to_vec(),
        update_index: 1,
        value: LogValueBuf::Update(LogUpdateBuf {
            old_id: vec![0; 20],
            new_id: vec![0; 20],
            ..LogUpdateBuf::default()
        }),
    };
    add_logs(&stack, (1, 1), vec![marker.clone()]);
    add_logs(&stack, (2, 2), vec![entry(2)]);
    stack.compact_all(None).unwrap();
    assert_eq!(
        read::merged_logs(&stack.merged()).unwrap(),
        [marker, entry(2)]
    );
}

#[test]
fn expiry_drops_what_is_older_and_keeps_the_boundaries() {
    let time = |index: u64| 1_700_000_000 + index;
    let kept = |expiry: LogExpiry| {
        let dir = tempfile::tempdir().unwrap();
        let stack = stack(&dir);
        add_logs(&stack, (1, 3), (1..=3).map(entry).collect());
        add_logs(&stack, (4, 6), (4..=6).map(entry).collect());
        stack.compact_all(Some(expiry)).unwrap();
        indexes(&stack, "refs/stash")
    };
    assert_eq!(kept(LogExpiry::default()), [6, 5, 4, 3, 2, 1]);
    assert_eq!(
        kept(LogExpiry {
            time: time(4),
            min_update_index: 0
        }),
        [6, 5, 4]
    );
    assert_eq!(
        kept(LogExpiry {
            time: 0,
            min_update_index: 2
        }),
        [6, 5, 4, 3, 2]
    );
    assert_eq!(
        kept(LogExpiry {
            time: time(3),
            min_update_index: 5
        }),
        [6, 5]
    );
    assert_eq!(
        kept(LogExpiry {
            time: u64::MAX,
            min_update_index: 0
        }),
        []
    );
}

/// The table that expiry rewrote kept its name, and open handles went on with the old one.
#[test]
fn expiry_in_a_stack_of_one_table_is_seen_by_other_handles() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (stack(&dir), stack(&dir));
    add_logs(&first, (1, 3), (1..=3).map(entry).collect());
    second.reload().unwrap();
    first
        .compact_all(Some(LogExpiry {
            time: 0,
            min_update_index: 3,
        }))
        .unwrap();
    assert_eq!(indexes(&second, "refs/stash"), [3, 2, 1]);
    assert!(second.reload().unwrap());
    assert_eq!(indexes(&second, "refs/stash"), [3]);
}

/// A compaction that left nothing wrote a table without blocks.
#[test]
fn compaction_that_leaves_nothing_leaves_no_table() {
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(&dir);
    add_logs(&stack, (1, 2), vec![entry(1), entry(2)]);
    stack
        .compact_all(Some(LogExpiry {
            time: u64::MAX,
            min_update_index: 0,
        }))
        .unwrap();
    assert!(stack.merged().tables().is_empty());
    assert_eq!(std::fs::read(dir.path().join("tables.list")).unwrap(), b"");
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "the list alone");
    assert_eq!(stack.next_update_index().unwrap(), 1);
}

/// 2^31 and more between the entries: the difference was cut to 32 bits in the merge.
#[test]
fn entries_far_apart_stay_in_order_through_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(&dir);
    let far = [1, (1 << 31) + 2, 1 << 40, u64::MAX - 1];
    for index in far {
        add_logs(&stack, (index, index), vec![entry(index)]);
    }
    let newest_first: Vec<_> = far.into_iter().rev().collect();
    assert_eq!(indexes(&stack, "refs/stash"), newest_first);
    stack.compact_all(None).unwrap();
    assert_eq!(indexes(&stack, "refs/stash"), newest_first);
    add_logs(&stack, (u64::MAX, u64::MAX), vec![entry(u64::MAX)]);
    assert!(
        stack.next_update_index().is_err(),
        "there is none after the last"
    );
    let misuse = stack.add(|_| Ok(()));
    assert!(matches!(misuse, Err(Error::Misuse(_))), "{misuse:?}");
    assert!(!dir.path().join("tables.list.lock").exists());
}
