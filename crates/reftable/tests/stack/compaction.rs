//! Compaction: what it keeps, what it drops, and what it does when others are at work.

use crate::stack_support::{
    Call, HookFs, TableFile, add, assert_tidy, build, files, has, list, log, log_tombstone, logs,
    names, object, open, open_with, options, quick, refs, scratch, table,
};
use reftable::{Error, LogExpiry, Stack};
use std::path::Path;
use std::sync::Arc;

/// Whether a table file has any record of that name, a tombstone included.
fn knows(dir: &Path, table: &str, name: &str) -> bool {
    let table = Arc::new(reftable::Table::open_file(dir.join(table)).unwrap());
    table.read_ref(name.as_bytes(), |_| ()).unwrap().is_some()
}

fn is_list_lock(call: &Call) -> bool {
    matches!(call, Call::Create(path) if path.ends_with("tables.list.lock"))
}

/// Runs `act` right before `stack` takes the list's lock for the second time, as it does at the
/// end of a compaction.
fn before_second_lock(fs: &HookFs, act: impl FnOnce() + Send + 'static) {
    let mut act = Some(act);
    let mut locks = 0;
    fs.set_hook(move |call| {
        locks += u32::from(is_list_lock(call));
        if locks == 2 {
            if let Some(act) = act.take() {
                act();
            }
        }
        Ok(())
    });
}

#[test]
fn all_tables_become_one() {
    let dir = scratch();
    let old = build(
        dir.path(),
        &[
            table(1, &["a", "b"]),
            table(2, &["-a", "c"]),
            table(7, &["b"]),
        ],
    );
    let stack = open(dir.path());
    stack.compact_all(None).unwrap();
    let new = list(dir.path());
    assert_eq!(new.len(), 1);
    assert!(!old.contains(&new[0]));
    assert!(
        new[0].starts_with("0x000000000001-0x000000000007-"),
        "{new:?}"
    );
    assert_eq!(names(&stack), ["b", "c"]);
    let indexes = [b"b", b"c"].map(|name| {
        let index = stack.read_ref(name, |record| record.update_index);
        index.unwrap().unwrap()
    });
    assert_eq!(indexes, [7, 2], "update indexes stay");
    assert_eq!(stack.next_update_index().unwrap(), 8);
    assert!(
        !knows(dir.path(), &new[0], "a"),
        "no tombstone at the bottom"
    );
    assert_tidy(dir.path());

    let stats = stack.stats();
    assert_eq!(
        (stats.attempts, stats.entries_written, stats.failures),
        (1, 2, 0)
    );
    let bytes = |table: TableFile<'_>| table.bytes(options().write).len() as u64 - 68;
    let expected =
        bytes(table(1, &["a", "b"])) + bytes(table(2, &["-a", "c"])) + bytes(table(7, &["b"]));
    assert_eq!(stats.bytes, expected);
}

#[test]
fn nothing_to_do_is_no_work() {
    let dir = scratch();
    let stack = open(dir.path());
    stack.compact_all(None).unwrap();
    stack
        .compact_all(Some(LogExpiry {
            time: 9,
            min_update_index: 9,
        }))
        .unwrap();
    stack.auto_compact().unwrap();
    assert!(files(dir.path()).is_empty());

    add(&stack, &["+a"]);
    let before = files(dir.path());
    stack.compact_all(None).unwrap();
    stack.auto_compact().unwrap();
    assert_eq!(files(dir.path()), before);
    assert_eq!(stack.stats().attempts, 0);
    assert!(!stack.compaction_required());
}

#[test]
fn whether_compaction_is_due_can_be_asked() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    fs.take_calls();
    assert!(stack.compaction_required());
    assert!(fs.take_calls().is_empty());
    stack.auto_compact().unwrap();
    assert!(!stack.compaction_required());
    assert_eq!(list(dir.path()).len(), 1);
}

/// Tombstones were dropped although older tables still had the refs: deleted refs came back.
#[test]
fn tombstones_stay_while_there_is_something_below() {
    let dir = scratch();
    let many: Vec<String> = (0..3000).map(|number| format!("base{number:05}")).collect();
    let mut base: Vec<&str> = many.iter().map(String::as_str).collect();
    base.push("m");
    let old = build(
        dir.path(),
        &[
            TableFile {
                logs: vec![log(b"m", 1, 10), log(b"n", 1, 10)],
                ..table(1, &base)
            },
            TableFile {
                logs: vec![log_tombstone(b"m", 1)],
                ..table(2, &["-m"])
            },
            table(3, &["x"]),
            table(4, &["y"]),
        ],
    );
    let stack = open(dir.path());
    stack.auto_compact().unwrap();
    let new = list(dir.path());
    assert_eq!(new.len(), 2, "{new:?}");
    assert_eq!(new[0], old[0]);
    assert!(!has(&stack, "m"));
    assert_eq!(logs(&stack), [("n".to_owned(), 1)]);
    assert!(knows(dir.path(), &new[1], "m"), "the tombstone is copied");

    stack.compact_all(None).unwrap();
    assert!(!has(&stack, "m"));
    assert_eq!(logs(&stack), [("n".to_owned(), 1)]);
    assert!(!knows(dir.path(), &list(dir.path())[0], "m"));
    assert_eq!(names(&stack).len(), 3002);
}

#[test]
fn result_without_records_leaves_an_empty_list() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["-a"])]);
    let stack = open(dir.path());
    stack.compact_all(None).unwrap();
    assert_eq!(std::fs::read(dir.path().join("tables.list")).unwrap(), b"");
    assert_eq!(files(dir.path()), ["tables.list"]);
    assert!(names(&stack).is_empty());
    assert_eq!(stack.next_update_index().unwrap(), 1);
    add(&stack, &["+b"]);
    assert_eq!(names(&open(dir.path())), ["b"]);
}

#[test]
fn additions_that_cancel_each_other_leave_an_empty_list() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    add(&stack, &["-a", "-b of some length"]);
    assert!(names(&stack).is_empty());
    assert_tidy(dir.path());
    assert!(list(dir.path()).is_empty());
    add(&stack, &["+a"]);
    assert_eq!(names(&stack), ["a"]);
}

/// Runs of equal logarithmic size never merged where sizes alternate: 400 tables, then no
/// descriptors.
#[test]
fn creating_and_deleting_in_turn_stays_bounded() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a", "b", "c", "d", "e", "f"])]);
    let stack = open(dir.path());
    for _ in 0..100 {
        add(&stack, &["+foo"]);
        add(&stack, &["-foo"]);
        assert!(list(dir.path()).len() <= 10);
    }
    assert_eq!(names(&stack).len(), 6);
    assert_tidy(dir.path());
}

/// The new list was made from a stale one: transactions committed meanwhile were lost.
#[test]
fn additions_made_during_a_compaction_survive() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let path = dir.path().to_path_buf();
    before_second_lock(&fs, move || add(&open(&path), &["-a", "+c"]));
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack), ["b", "c"]);
    assert_eq!(names(&open(dir.path())), ["b", "c"]);
    assert_eq!(list(dir.path()).len(), 2);
    assert_tidy(dir.path());
}

#[test]
fn compaction_whose_tables_are_gone_drops_its_result() {
    let dir = scratch();
    let old = build(
        dir.path(),
        &[table(1, &["a"]), table(2, &["b"]), table(3, &["c"])],
    );
    for others in [
        &old[..2],
        &old[1..],
        &[old[1].clone(), old[0].clone(), old[2].clone()],
    ] {
        crate::stack_support::write_list(dir.path(), &old);
        let fs = HookFs::new();
        let stack = open_with(dir.path(), &fs);
        let (path, others) = (dir.path().to_path_buf(), others.to_vec());
        let theirs = others.clone();
        before_second_lock(&fs, move || {
            crate::stack_support::write_list(&path, &theirs)
        });
        let error = stack.compact_all(None).unwrap_err();
        assert!(matches!(error, Error::Outdated { .. }), "{error}");
        assert_eq!(list(dir.path()), others);
        for name in &old {
            assert!(dir.path().join(name).exists());
        }
        assert_eq!(files(dir.path()).len(), 4);
    }
}

/// A result without tombstones is good for the bottom of the stack alone.
#[test]
fn tables_put_below_a_running_compaction_keep_its_tombstones() {
    let dir = scratch();
    let old = build(dir.path(), &[table(2, &["a"]), table(3, &["-b", "c"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let path = dir.path().to_path_buf();
    let restored = [vec!["restored.ref".to_owned()], old].concat();
    let expected = restored.clone();
    before_second_lock(&fs, move || {
        table(1, &["b"]).write(&path, "restored.ref");
        crate::stack_support::write_list(&path, &restored);
    });
    assert!(matches!(
        stack.compact_all(None),
        Err(Error::Outdated { .. })
    ));
    assert_eq!(list(dir.path()), expected);
    assert_eq!(names(&open(dir.path())), ["a", "c"]);
    assert_tidy(dir.path());
}

#[test]
fn outdated_handle_does_not_compact() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let stack = open(dir.path());
    add(&open(dir.path()), &["+c"]);
    let before = files(dir.path());
    for _ in 0..2 {
        assert!(matches!(
            stack.compact_all(None),
            Err(Error::Outdated { .. })
        ));
        assert!(matches!(stack.auto_compact(), Err(Error::Outdated { .. })));
    }
    assert_eq!(stack.stats().failures, 2, "only automatic ones are counted");
    assert_eq!(files(dir.path()), before);
    stack.reload().unwrap();
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack), ["a", "b", "c"]);
    assert_tidy(dir.path());
}

/// An error among the refs was overwritten by the success of the logs: the result, without the
/// refs, replaced all tables.
#[test]
fn first_error_wins_and_nothing_changes() {
    let dir = scratch();
    let old = build(
        dir.path(),
        &[
            TableFile {
                logs: vec![log(b"a", 1, 5)],
                ..table(1, &["a", "b"])
            },
            TableFile {
                logs: vec![log(b"c", 2, 5)],
                ..table(2, &["c"])
            },
        ],
    );
    let damaged = dir.path().join(&old[0]);
    let mut bytes = std::fs::read(&damaged).unwrap();
    // The value type of the first record becomes a reserved one.
    bytes[24 + 4 + 1] |= 7;
    std::fs::write(&damaged, &bytes).unwrap();
    let before = files(dir.path());

    let stack = open(dir.path());
    for error in [stack.compact_all(None), stack.auto_compact()] {
        assert!(matches!(error, Err(Error::Corrupt(_))), "{error:?}");
        assert_eq!(files(dir.path()), before);
        assert_eq!(list(dir.path()), old);
    }
    assert_eq!(std::fs::read(&damaged).unwrap(), bytes);
    assert!(has(&stack, "c"));
    assert_eq!(stack.stats().attempts, 2);
}

/// The rewritten table kept its name: other handles went on with the old contents for ever.
#[test]
fn single_table_is_rewritten_under_a_new_name() {
    let dir = scratch();
    let logs_of_a = vec![log(b"a", 3, 300), log(b"a", 2, 200), log(b"a", 1, 100)];
    let single = TableFile {
        max: 3,
        logs: logs_of_a,
        ..table(1, &["a"])
    };
    let old = build(dir.path(), &[single]);
    let (stack, other) = (open(dir.path()), open(dir.path()));
    stack
        .compact_all(Some(LogExpiry {
            time: 200,
            min_update_index: 0,
        }))
        .unwrap();
    let new = list(dir.path());
    assert_eq!(new.len(), 1);
    assert_ne!(new, old);
    assert_tidy(dir.path());
    assert_eq!(logs(&other).len(), 3, "a snapshot does not change");
    assert!(other.reload().unwrap());
    let expected = [3, 2].map(|index| ("a".to_owned(), index));
    assert_eq!(logs(&other), expected);
    assert_eq!(logs(&stack), expected);
    assert_eq!(stack.next_update_index().unwrap(), 4);
}

#[test]
fn log_entries_on_the_bounds_of_expiry_stay() {
    let left = |expiry: LogExpiry| {
        let dir = scratch();
        build(
            dir.path(),
            &[
                TableFile {
                    max: 3,
                    logs: vec![log(b"a", 3, 300), log(b"a", 2, 200), log(b"a", 1, 100)],
                    ..table(1, &["a"])
                },
                TableFile {
                    min: 4,
                    max: 4,
                    logs: vec![log(b"b", 4, 50)],
                    ..TableFile::default()
                },
            ],
        );
        let stack = open(dir.path());
        stack.compact_all(Some(expiry)).unwrap();
        assert!(has(&stack, "a"));
        let left = logs(&stack);
        left.into_iter().map(|(_, index)| index).collect::<Vec<_>>()
    };
    let expiry = |time, min_update_index| LogExpiry {
        time,
        min_update_index,
    };
    assert_eq!(left(expiry(0, 0)), [3, 2, 1, 4]);
    assert_eq!(left(expiry(200, 0)), [3, 2]);
    assert_eq!(left(expiry(201, 0)), [3]);
    assert_eq!(left(expiry(0, 2)), [3, 2, 4]);
    assert_eq!(left(expiry(100, 3)), [3]);
    assert_eq!(left(expiry(1000, 0)), []);
}

#[test]
fn single_table_can_expire_to_nothing() {
    let dir = scratch();
    let only_logs = TableFile {
        min: 1,
        max: 1,
        logs: vec![log(b"a", 1, 100)],
        ..TableFile::default()
    };
    build(dir.path(), &[only_logs]);
    let stack = open(dir.path());
    stack
        .compact_all(Some(LogExpiry {
            time: 101,
            min_update_index: 0,
        }))
        .unwrap();
    assert_eq!(files(dir.path()), ["tables.list"]);
    assert!(list(dir.path()).is_empty());
}

/// Later tables win by their place in the list, whatever their update indexes say.
#[test]
fn overlapping_ranges_are_compacted_in_order_of_the_list() {
    let dir = scratch();
    let mut older = table(5, &["a", "b"]);
    older.min = 2;
    older.max = 9;
    let mut newer = table(3, &["-a"]);
    newer.min = 1;
    newer.max = 4;
    build(dir.path(), &[older, newer]);
    let stack = open(dir.path());
    assert_eq!(stack.next_update_index().unwrap(), 10);
    stack.compact_all(None).unwrap();
    let listed = list(dir.path());
    assert!(
        listed[0].starts_with("0x000000000001-0x000000000009-"),
        "{listed:?}"
    );
    assert_eq!(names(&stack), ["b"]);
    assert_eq!(stack.next_update_index().unwrap(), 10);
}

fn messages_after_compaction(messages: &[&[u8]], end_messages: bool) -> Vec<Vec<u8>> {
    let dir = scratch();
    let mut options = quick();
    options.quirks.end_messages = end_messages;
    let stack = Stack::open(dir.path(), options).unwrap();
    for message in messages {
        stack
            .add(|writer| {
                let next = stack.next_update_index()?;
                writer.set_limits(next, next);
                let mut record = log(b"a", next, next);
                let reftable::LogValue::Update(update) = &mut record.value else {
                    unreachable!();
                };
                update.message = message;
                writer.add_log(&record)
            })
            .unwrap();
    }
    stack.compact_all(None).unwrap();
    let merged = stack.merged();
    let mut walk = merged.logs_from(b"a", u64::MAX).unwrap();
    let mut found = Vec::new();
    while let Some(record) = walk.next().unwrap() {
        let reftable::record::LogValueBuf::Update(update) = record.to_buf().value else {
            panic!("tombstone");
        };
        found.insert(0, update.message);
    }
    found
}

#[test]
fn log_messages_are_copied_as_they_are() {
    let messages: [&[u8]; 3] = [b"no newline", b"two\nlines\n\n", b""];
    assert_eq!(messages_after_compaction(&messages, false), messages);
}

/// The C library writes them so anew. It fails on messages of several lines, which other programs
/// may have written.
#[test]
fn log_messages_are_ended_by_a_newline_on_demand() {
    let messages: [&[u8]; 4] = [b"no newline", b"two\nlines\n\n", b"", b"one\n"];
    let ended: [&[u8]; 4] = [b"no newline\n", b"two\nlines\n\n", b"\n", b"one\n"];
    assert_eq!(messages_after_compaction(&messages, true), ended);
}

/// Iterators used to point into tables that a compaction had closed.
#[test]
fn iterators_outlive_compaction_and_stack() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a", "b"]), table(2, &["c", "d"])]);
    let stack = open(dir.path());
    let mut walk = stack.merged().refs_from(b"").unwrap();
    assert_eq!(walk.next().unwrap().unwrap().name, b"a");
    stack.compact_all(None).unwrap();
    add(&stack, &["-b", "-c", "-d"]);
    drop(stack);
    let mut rest = Vec::new();
    while let Some(record) = walk.next().unwrap() {
        rest.push(record.name.to_vec());
    }
    assert_eq!(rest, [b"b", b"c", b"d"]);
}

#[test]
fn empty_tables_of_others_vanish() {
    let dir = scratch();
    let mut bytes = Vec::new();
    let mut writer = reftable::TableWriter::new(&mut bytes, options().write).unwrap();
    writer.set_limits(1, 1);
    assert!(matches!(writer.finish(), Err(Error::EmptyTable)));
    drop(writer);
    for name in ["one.ref", "two.ref", "three.ref"] {
        std::fs::write(dir.path().join(name), &bytes).unwrap();
    }
    crate::stack_support::write_list(dir.path(), &["one.ref", "two.ref", "three.ref"]);
    let stack = open(dir.path());
    stack.auto_compact().unwrap();
    assert!(list(dir.path()).is_empty());
    assert_tidy(dir.path());
}

#[test]
fn refs_of_a_long_stack_survive_one_compaction_after_the_other() {
    let dir = scratch();
    let stack = open(dir.path());
    for number in 0..50u32 {
        let name = format!("r{:02}", number % 10);
        stack
            .add(|writer| {
                let next = stack.next_update_index()?;
                writer.set_limits(next, next);
                writer.add_ref(&object(name.as_bytes(), next))?;
                writer.add_log(&log(name.as_bytes(), next, 1))
            })
            .unwrap();
    }
    assert_eq!(names(&stack).len(), 10);
    assert_eq!(logs(&stack).len(), 50);
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack).len(), 10);
    assert_eq!(logs(&stack).len(), 50);
    let newest = stack.read_log(b"r09", |record| record.update_index);
    assert_eq!(newest.unwrap(), Some(50));
    stack.add(refs(&stack, &["+z"])).unwrap();
    assert_tidy(dir.path());
}
