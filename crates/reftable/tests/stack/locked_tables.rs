//! Tables that somebody else has locked for a compaction, when a commit would merge them.

use crate::crash_support::{self, DIR};
use crate::stack_support::{add, build, files, has, list, names, open, scratch, table};
use fault_fs::{Action, Fault, FaultFs};
use std::fs::{File, remove_file};
use std::path::Path;

/// A commit merges its table with those above a locked one. What it deletes may be in the locked
/// table or below: without the tombstone the ref came back.
#[test]
fn deleted_ref_stays_deleted_when_the_commit_merges_above_a_locked_table() {
    for locked in 0..2 {
        let dir = scratch();
        let tables = [
            table(1, &["a", "gone"]),
            table(2, &["gone"]),
            table(3, &["c"]),
        ];
        let old = build(dir.path(), &tables);
        let lock = dir.path().join(format!("{}.lock", old[locked]));
        File::create_new(&lock).unwrap();
        let stack = open(dir.path());
        add(&stack, &["+d", "-gone"]);

        let new = list(dir.path());
        assert_eq!(new[..=locked], old[..=locked], "the locked table stays");
        assert_eq!(new.len(), locked + 2, "{new:?}: those above it are merged");
        assert_eq!(names(&open(dir.path())), ["a", "c", "d"]);
        assert!(lock.exists(), "it is somebody else's");

        // When the lock is gone the bottom takes part, and the tombstone may go.
        remove_file(&lock).unwrap();
        stack.compact_all(None).unwrap();
        assert_eq!(names(&open(dir.path())), ["a", "c", "d"]);
        assert_eq!(files(dir.path()).len(), 2);
        assert!(!has(&stack, "gone"));
    }
}

/// If nobody can tell whether a table is locked, it may be: another process may be merging it, and
/// would find it gone at the end.
#[test]
fn table_whose_lock_cannot_be_looked_for_counts_as_locked() {
    for code in [5, 13, 116] {
        let fs = FaultFs::new(Path::new(DIR));
        let stack = crash_support::open(&fs).unwrap();
        crash_support::add(&stack, "refs/a").unwrap();
        let old = stack.table_names();
        let lock = Path::new(DIR).join(format!("{}.lock", old[0]));
        fs.put(&lock, b"").unwrap();
        fs.inject(move |operation| {
            let is_lock = operation.path.extension().is_some_and(|end| end == "lock");
            (operation.action == Action::Modified && is_lock).then_some(Fault::Error(code))
        });
        crash_support::add(&stack, "refs/b").unwrap();
        let new = stack.table_names();
        assert_eq!((new.len(), &new[0]), (2, &old[0]), "error {code}");
        fs.clear();
        fs.take_away(&lock).unwrap();
        crash_support::add(&stack, "refs/c").unwrap();
        assert_eq!(stack.table_names().len(), 1, "all are merged now");
    }
}
