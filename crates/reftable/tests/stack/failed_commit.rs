//! What a commit that failed leaves: nothing, unless it may yet take effect.

use crate::crash_support::{DIR, LIST, LIST_LOCK, add, options, stray_files, view_of};
use fault_fs::{Action, Fault, FaultFs};
use reftable::{Durability, Error, Stack};
use std::collections::BTreeSet;
use std::path::Path;

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;

/// Without syncs a table gets its final name before the list names it. If the list could not be
/// replaced, the table stayed for ever: nothing but `clean` would look for it.
#[test]
fn failed_unsynced_commit_leaves_no_table() {
    for (action, path) in [
        (Action::Write, LIST_LOCK),
        (Action::Persist, LIST),
        (Action::Write, "table"),
    ] {
        // An error of the device at the last step does not tell whether the list was replaced.
        let codes = match action {
            Action::Persist => vec![EACCES, ENOSPC],
            _ => vec![EIO, ENOSPC],
        };
        for code in codes {
            let fs = FaultFs::new(Path::new(DIR));
            let mut options = options(&fs);
            options.durability = Durability::Unsynced;
            options.auto_compact = false;
            let stack = Stack::open(DIR, options).unwrap();
            add(&stack, "refs/a").unwrap();
            let before = view_of(&fs);
            fs.inject(move |operation| {
                let is_table = operation.path.extension().is_some_and(|end| end == "ref");
                let meant = operation.path == Path::new(path) || path == "table" && is_table;
                (operation.action == action && meant).then_some(Fault::Error(code))
            });
            let error = add(&stack, "refs/b").unwrap_err();
            assert!(matches!(error, Error::Io { .. }), "{error}");
            fs.clear();
            assert_eq!(stray_files(&fs), BTreeSet::new(), "{action:?} {path}");
            assert_eq!(view_of(&fs), before);
            add(&stack, "refs/b").unwrap();
        }
    }
}
