//! Copies of a stack that others go on changing.

use crate::stack_support::{
    Call, HookFs, add, assert_tidy, build, files, list, log, names, open, open_with, scratch, table,
};
use reftable::record::LogValue;
use reftable::{Error, Stack, TableWriter};
use std::io;
use std::path::Path;

/// Bytes that deflate does not make smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A table of more than two of the pieces that are copied at once.
fn add_long_table(stack: &Stack) {
    let message = noise((2 << 20) + 5);
    let next = stack.next_update_index().unwrap();
    let mut record = log(b"refs/long", next, 1);
    if let LogValue::Update(update) = &mut record.value {
        update.message = &message;
    }
    let write = |writer: &mut TableWriter<'_>| {
        writer.set_limits(next, next);
        writer.add_log(&record)
    };
    stack.add(write).unwrap();
}

#[test]
fn copy_has_every_byte_and_nothing_else() {
    let (dir, copy) = (scratch(), scratch());
    let stack = open(dir.path());
    add_long_table(&stack);
    add(&stack, &["+a", "+b"]);
    std::fs::write(dir.path().join("unlisted.ref"), "").unwrap();
    stack.copy_to(copy.path()).unwrap();
    assert_eq!(list(copy.path()), list(dir.path()));
    assert_eq!(list(dir.path()).len(), 2);
    for name in list(dir.path()) {
        let read = |dir: &Path| std::fs::read(dir.join(&name)).unwrap();
        assert_eq!(read(copy.path()), read(dir.path()), "{name}");
    }
    assert_tidy(copy.path());
    add(&open(copy.path()), &["+c"]);
    assert_eq!(names(&open(copy.path())), ["a", "b", "c"]);
    assert_eq!(names(&open(dir.path())), ["a", "b"]);
}

/// The list comes last, and everything is on disk before it; then its own name is.
#[test]
fn copy_is_on_disk_before_its_list_is_there() {
    let (dir, copy) = (scratch(), scratch());
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    fs.take_calls();
    stack.copy_to(copy.path()).unwrap();
    let changes: Vec<Call> = fs.take_calls();
    let changes: Vec<_> = changes.into_iter().filter(Call::is_change).collect();
    let kinds: String = changes
        .iter()
        .map(|call| match call {
            Call::Create(_) => 'c',
            Call::Write(_) => 'w',
            Call::Sync(_) => 's',
            Call::Persist(_, to) if to.ends_with("tables.list") => 'L',
            Call::Persist(..) => 'p',
            Call::SyncDir => 'D',
            _ => '?',
        })
        .collect();
    assert_eq!(kinds, "cwspcwspDcwsLD");
}

/// A stack that is there is never mixed with another one.
#[test]
fn copy_into_a_stack_is_refused() {
    let (dir, copy) = (scratch(), scratch());
    add(&open(dir.path()), &["+a"]);
    add(&open(copy.path()), &["+other"]);
    let before = files(copy.path());
    let error = open(dir.path()).copy_to(copy.path()).unwrap_err();
    let Error::Io { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(files(copy.path()), before);
    // Nor if nobody can tell whether there is one.
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    fs.set_hook(|call| match call {
        Call::Modified(_) => Err(io::Error::from_raw_os_error(13)),
        _ => Ok(()),
    });
    let empty = scratch();
    let error = stack.copy_to(empty.path()).unwrap_err();
    assert!(matches!(error, Error::Io { op: "find", .. }), "{error}");
    assert!(files(empty.path()).is_empty());
}

/// A table is compacted away between the look at the list and the copying: the list of then names
/// it, and the copy begins anew. What it has copied already it does not copy again.
#[test]
fn copy_begins_anew_if_a_table_goes_away() {
    let (dir, copy) = (scratch(), scratch());
    let tables = build(
        dir.path(),
        &[table(1, &["a"]), table(2, &["b"]), table(3, &["c"])],
    );
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let (path, gone) = (dir.path().to_path_buf(), tables[1].clone());
    let (first, second) = (tables[0].clone(), tables[1].clone());
    fs.once(
        move |call| matches!(call, Call::Open(path) if path.ends_with(&gone)),
        move || {
            // As a compaction of the two upper tables leaves it.
            table(3, &["b", "c"]).write(&path, "new.ref");
            crate::stack_support::write_list(&path, &[&*first, "new.ref"]);
            std::fs::remove_file(path.join(&second)).unwrap();
        },
    );
    stack.copy_to(copy.path()).unwrap();
    fs.clear_hook();
    let opened = |name: &str| {
        let calls = fs.take_calls();
        let is_it = |call: &&Call| matches!(call, Call::Create(path) if path.ends_with(name));
        calls.iter().filter(is_it).count()
    };
    assert_eq!(opened(&format!("{}.copy", tables[0])), 1);
    assert_eq!(list(copy.path()), [&*tables[0], "new.ref"]);
    assert_eq!(names(&open(copy.path())), ["a", "b", "c"]);
    assert_tidy(copy.path());
}

/// A table that is gone for good is an error, and so is a stack that never comes to rest; a list
/// that names what is not there is not made.
#[test]
fn copy_without_all_tables_has_no_list() {
    let (dir, copy) = (scratch(), scratch());
    let tables = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let stack = open(dir.path());
    std::fs::remove_file(dir.path().join(&tables[1])).unwrap();
    let error = stack.copy_to(copy.path()).unwrap_err();
    assert!(matches!(&error, Error::NotFound { path } if path.ends_with(&tables[1])));
    assert!(
        files(copy.path()).is_empty(),
        "what was copied is gone again"
    );

    let copy = scratch();
    let fs = HookFs::new();
    let other = scratch();
    build(other.path(), &[table(1, &["a"])]);
    let stack = open_with(other.path(), &fs);
    let path = other.path().to_path_buf();
    let mut number = 0;
    fs.set_hook(move |call| {
        if matches!(call, Call::Read(_)) {
            number += 1;
            crate::stack_support::write_list(&path, &[format!("{number}.ref")]);
        }
        Ok(())
    });
    let error = stack.copy_to(copy.path()).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(files(copy.path()).is_empty());
    let reads = fs.take_calls();
    let reads = reads.iter().filter(|call| matches!(call, Call::Read(_)));
    assert!((100..250).contains(&reads.count()));
}
