//! What power cuts and lying file systems once did to a stack, each in a test of its own.

use crate::crash_support::{
    DIR, LIST, add, files, is_after_commit_point, names, open, stray_files, view_of,
};
use fault_fs::{Action, Fault, FaultFs, Operation, SurvivingBytes, Survivors};
use libc::{EACCES, EDQUOT, EIO, ENOENT, ENOSPC, EROFS, ESTALE, ETIMEDOUT};
use reftable::Stack;
use std::path::{Path, PathBuf};

/// Of the changes of names since the last sync only the removals got to the disk.
fn later_names_only(fs: &FaultFs) -> FaultFs {
    fs.after_power_cut(Survivors {
        names: u64::MAX << 1,
        bytes: SurvivingBytes::All,
    })
}

/// The first sync after the list was replaced fails with `fault`.
fn fail_the_last_sync(fs: &FaultFs, fault: Fault) {
    let mut seen: Vec<Operation> = Vec::new();
    fs.inject(move |operation| {
        seen.push(operation.clone());
        let late = is_after_commit_point(&seen, seen.len());
        (late && operation.action == Action::SyncDir).then_some(fault)
    });
}

/// The replaced tables were removed although the new list might not have reached the disk: after a
/// power cut the old list was back and its tables were gone.
#[test]
fn replaced_tables_stay_if_the_new_list_could_not_be_synced() {
    for full in [false, true] {
        let fs = FaultFs::new(Path::new(DIR));
        let stack = open(&fs).unwrap();
        add(&stack, "refs/a").unwrap();
        if full {
            // A second table that the first is large enough for.
            stack.compact_all(None).unwrap();
        }
        fail_the_last_sync(&fs, Fault::Error(EIO));
        let act = match full {
            false => add(&stack, "refs/b"),
            true => stack.compact_all(Some(Default::default())),
        };
        assert!(act.is_err());
        assert_eq!(stray_files(&fs).len(), 1, "{:?}", files(&fs));
        let fs = later_names_only(&fs);
        assert_eq!(names(&view_of(&fs)), ["refs/a"]);
    }
}

/// A process replaced the list and was killed before it synced the folder. `clean` removed the old
/// tables, and a power cut brought the old list back.
#[test]
fn clean_makes_the_list_durable_before_it_removes_tables() {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = open(&fs).unwrap();
    add(&stack, "refs/a").unwrap();
    fail_the_last_sync(&fs, Fault::Stop);
    assert!(add(&stack, "refs/b").is_err());
    let fs = fs.after_kill();
    open(&fs).unwrap().clean().unwrap();
    assert_eq!(stray_files(&fs).len(), 0);
    let fs = later_names_only(&fs);
    assert_eq!(names(&view_of(&fs)), ["refs/a", "refs/b"]);
}

fn lie_about_the_commit(fs: &FaultFs, then_unreadable: bool) {
    let mut lied = false;
    fs.inject(move |operation| {
        if operation.path != Path::new(LIST) {
            return None;
        }
        let fault = match operation.action {
            Action::Persist => Fault::LateError(EIO),
            Action::Read if lied && then_unreadable => Fault::Error(EIO),
            _ => return None,
        };
        lied = true;
        Some(fault)
    });
}

/// The rename of the list was done and reported as failed, as by a file system on the network
/// whose answer got lost. The new tables were removed, and the list named them.
#[test]
fn commit_that_is_reported_as_failed_and_was_done_counts_as_done() {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = open(&fs).unwrap();
    lie_about_the_commit(&fs, false);
    add(&stack, "refs/a").unwrap();
    assert_eq!(names(&view_of(&fs.after_kill())), ["refs/a"]);
    assert_eq!(stray_files(&fs).len(), 0);
}

#[test]
fn tables_stay_while_nobody_can_say_whether_they_are_listed() {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = open(&fs).unwrap();
    lie_about_the_commit(&fs, true);
    assert!(add(&stack, "refs/a").is_err());
    assert_eq!(names(&view_of(&fs.after_kill())), ["refs/a"]);
}

/// The rename was under way when the file system gave up, and took effect later: the list named
/// tables that had been removed.
#[test]
fn tables_stay_while_the_rename_of_the_list_may_still_take_effect() {
    for code in [EIO, ENOENT, ESTALE, ETIMEDOUT] {
        let fs = FaultFs::new(Path::new(DIR));
        let stack = open(&fs).unwrap();
        add(&stack, "refs/a").unwrap();
        let failed = commit_with_rename_error(&fs, &stack, code);
        assert_eq!(failed.len(), 1, "{code}");
        let name = failed[0].file_name().unwrap().to_str().unwrap();
        let later = fs.after_kill();
        later
            .put(Path::new(LIST), format!("{name}\n").as_bytes())
            .unwrap();
        assert_eq!(names(&view_of(&later)), ["refs/a", "refs/b"], "{code}");

        // It never did: the table goes once the stack is past it.
        add(&stack, "refs/c").unwrap();
        stack.clean().unwrap();
        assert_eq!(stray_files(&fs).len(), 0, "{code}");
        assert_eq!(names(&view_of(&fs)), ["refs/a", "refs/c"], "{code}");
    }
}

#[test]
fn tables_go_when_the_rename_of_the_list_is_refused() {
    for code in [EACCES, EDQUOT, ENOSPC, EROFS] {
        let fs = FaultFs::new(Path::new(DIR));
        let stack = open(&fs).unwrap();
        add(&stack, "refs/a").unwrap();
        let left = commit_with_rename_error(&fs, &stack, code);
        assert_eq!(left.len(), 0, "{code}: {left:?}");
    }
}

/// What is left, besides the list and its tables, of a commit whose last rename failed so.
fn commit_with_rename_error(fs: &FaultFs, stack: &Stack, code: i32) -> Vec<PathBuf> {
    fs.inject(move |operation| {
        let is_commit = operation.action == Action::Persist && operation.path == Path::new(LIST);
        is_commit.then_some(Fault::Error(code))
    });
    assert!(add(stack, "refs/b").is_err(), "{code}");
    fs.clear();
    stray_files(fs).into_iter().collect()
}
