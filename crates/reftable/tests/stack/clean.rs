//! Removing what crashes left behind.

use crate::stack_support::{
    Call, HookFs, add, assert_tidy, build, files, names, open, open_with, scratch, table,
    write_list,
};
use reftable::Error;

const ORPHAN: &str = "0x000000000001-0x000000000002-0000abcd.ref";
const NEWER: &str = "0x000000000063-0x000000000063-0000abcd.ref";
const TEMPORARY: &str = "0x000000000001-0x000000000002-0000abcd.temp.aB3xYz";
const OLD_TEMPORARY: &str = "0x000000000001-0x000000000002.temp.aB3xYz";
const OTHERS_TEMPORARY: &str = "000000000001-000000000002-0000abcd_77.ref";

/// Fills a folder with what may lie around in it.
fn litter(dir: &std::path::Path) -> Vec<String> {
    let tables = build(dir, &[table(1, &["a"]), table(2, &["b"])]);
    for name in [ORPHAN, OTHERS_TEMPORARY, "orphan.ref"] {
        table(2, &["ghost"]).write(dir, name);
    }
    table(99, &["ghost"]).write(dir, NEWER);
    table(1, &["ghost"]).write(dir, "000000000001-000000000001-12345678.log");
    std::fs::write(dir.join("unreadable.ref"), "junk").unwrap();
    for name in [
        TEMPORARY,
        OLD_TEMPORARY,
        "notes.temp.aB3xYz",
        ".nfs0001",
        "x.txt",
    ] {
        std::fs::write(dir.join(name), "junk").unwrap();
    }
    std::fs::create_dir(dir.join("folder")).unwrap();
    std::fs::create_dir(dir.join("folder.ref")).unwrap();
    tables
}

/// What `clean` removed, sorted.
fn cleaned(dir: &std::path::Path) -> Vec<String> {
    let before = files(dir);
    let stack = open(dir);
    stack.clean().unwrap();
    assert_eq!(names(&stack), ["a", "b"]);
    let after = files(dir);
    assert!(
        after.iter().all(|name| before.contains(name)),
        "nothing new: {after:?}"
    );
    before
        .into_iter()
        .filter(|name| !after.contains(name))
        .collect()
}

#[test]
fn old_tables_and_temporary_files_are_removed_and_nothing_else() {
    let dir = scratch();
    litter(dir.path());
    let mut expected = [
        ORPHAN,
        OTHERS_TEMPORARY,
        "orphan.ref",
        TEMPORARY,
        OLD_TEMPORARY,
    ];
    expected.sort_unstable();
    assert_eq!(cleaned(dir.path()), expected);
    assert!(cleaned(dir.path()).is_empty());
}

/// With the list unlocked, a compaction may be writing its temporary file; its lock tells.
#[test]
fn files_that_a_compaction_may_be_writing_stay() {
    let dir = scratch();
    let tables = litter(dir.path());
    let lock = dir.path().join(format!("{}.lock", tables[0]));
    std::fs::write(&lock, "").unwrap();
    assert_eq!(cleaned(dir.path()), [ORPHAN]);
    assert!(lock.exists());
}

/// What a killed writer left of a table goes, and what only looks like that stays: a damaged table,
/// one of a version to come, one that the stack has yet to reach, and one that a compaction may be
/// writing.
#[test]
fn beginnings_of_tables_are_removed_and_damaged_tables_are_not() {
    let dir = scratch();
    let tables = litter(dir.path());
    let whole = std::fs::read(dir.path().join(ORPHAN)).unwrap();
    let cut = |bytes: &[u8], name: &str| std::fs::write(dir.path().join(name), bytes).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    cut(&damaged, "0x000000000001-0x000000000002-0000000d.ref");
    let mut later = whole.clone();
    later[4] = 3;
    later.push(0);
    cut(&later, "0x000000000001-0x000000000002-0000000f.ref");
    cut(&whole[..40], "0x000000000003-0x000000000003-0000000e.ref");
    let beginnings = [
        ("0x000000000001-0x000000000002-0000000a.ref", 0),
        ("0x000000000001-0x000000000002-0000000b.ref", 40),
        (
            "0x000000000001-0x000000000002-0000000c.ref",
            whole.len() - 1,
        ),
    ];
    for (name, len) in beginnings {
        cut(&whole[..len], name);
    }
    let lock = dir.path().join(format!("{}.lock", tables[0]));
    std::fs::write(&lock, "").unwrap();
    assert_eq!(cleaned(dir.path()), [ORPHAN]);
    std::fs::remove_file(lock).unwrap();
    let gone = cleaned(dir.path());
    for (name, _) in beginnings {
        assert!(gone.iter().any(|file| file == name), "{name}");
    }
    assert_eq!(gone.len(), beginnings.len() + 4, "{gone:?}");
}

#[test]
fn locked_list_is_left_alone() {
    let dir = scratch();
    litter(dir.path());
    std::fs::write(dir.path().join("tables.list.lock"), "").unwrap();
    let before = files(dir.path());
    assert!(matches!(
        open(dir.path()).clean(),
        Err(Error::Locked { .. })
    ));
    assert_eq!(files(dir.path()), before);
}

#[test]
fn list_of_now_decides_and_not_the_loaded_one() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    let stack = open(dir.path());
    let other = open(dir.path());
    for name in ["+b", "+c", "+d"] {
        add(&other, &[name]);
    }
    stack.clean().unwrap();
    assert_eq!(names(&stack), ["a", "b", "c", "d"]);
    assert_tidy(dir.path());
}

#[test]
fn damaged_list_is_no_reason_to_remove_tables() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    let stack = open(dir.path());
    write_list(dir.path(), &["missing.ref"]);
    let before = files(dir.path());
    assert!(matches!(stack.clean(), Err(Error::NotFound { .. })));
    assert_eq!(files(dir.path()), before);
}

#[test]
fn empty_and_missing_folders() {
    let dir = scratch();
    let stack = open(dir.path());
    stack.clean().unwrap();
    assert!(files(dir.path()).is_empty());
    let missing = open(&dir.path().join("missing"));
    assert!(matches!(missing.clean(), Err(Error::Io { .. })));
}

/// A compaction of another process that removed its tables at the same time made cleaning fail
/// half-way.
#[test]
fn file_that_somebody_else_removes_is_gone_and_no_error() {
    let dir = scratch();
    litter(dir.path());
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    fs.set_hook(|call| match call {
        Call::Remove(path) => std::fs::remove_file(path),
        _ => Ok(()),
    });
    stack.clean().unwrap();
    fs.clear_hook();
    assert!(cleaned(dir.path()).is_empty());

    // Other errors are reported.
    table(2, &["ghost"]).write(dir.path(), ORPHAN);
    fs.set_hook(|call| match call {
        Call::Remove(_) => Err(std::io::Error::other("injected")),
        _ => Ok(()),
    });
    let error = stack.clean().unwrap_err();
    assert!(matches!(error, Error::Io { op: "remove", .. }), "{error}");
}
