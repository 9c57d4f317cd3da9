//! Transactions: what they check, what they leave behind, and what their closures may do.

use crate::stack_support::{
    Call, HookFs, TableFile, add, assert_tidy, build, files, has, list, log, logs, many_refs,
    many_refs_at, names, object, open, open_with, options, quick, refs, scratch, symref, table,
};
use reftable::{Durability, Error, Stack};
use std::sync::Arc;
use test_support::helper;

#[test]
fn transaction_without_records_leaves_nothing() {
    let dir = scratch();
    let stack = open(dir.path());
    stack.add(|_| Ok(())).unwrap();
    stack.begin().unwrap().commit().unwrap();
    let mut addition = stack.begin().unwrap();
    addition
        .add(|writer| {
            writer.set_limits(1, 1);
            Ok(())
        })
        .unwrap();
    addition.commit().unwrap();
    assert!(files(dir.path()).is_empty());
    assert_eq!(stack.generation(), 0);
}

/// An aborted transaction left its table under its final name.
#[test]
fn aborted_transaction_leaves_nothing() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    let before = files(dir.path());
    let mut addition = stack.begin().unwrap();
    addition.add(many_refs(&stack, "b")).unwrap();
    assert_eq!(files(dir.path()).len(), before.len() + 2);
    drop(addition);
    assert_eq!(files(dir.path()), before);
    assert!(!has(&stack, "b000000"));
    add(&stack, &["+b"]);
}

#[test]
fn error_of_a_closure_comes_back_and_the_addition_goes_on() {
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    let error = addition
        .add(|writer| {
            many_refs(&stack, "a")(writer)?;
            assert_eq!(files(dir.path()).len(), 2);
            Err(Error::Callback(-42))
        })
        .unwrap_err();
    assert!(matches!(error, Error::Callback(-42)));
    let error = addition.add(|_| Err(Error::EmptyTable)).unwrap_err();
    assert!(matches!(error, Error::EmptyTable));
    assert_eq!(files(dir.path()), ["tables.list.lock"]);
    addition.add(refs(&stack, &["+b"])).unwrap();
    addition.commit().unwrap();
    assert_eq!(names(&stack), ["b"]);

    // A caller may commit after a failure: with nothing staged, that only unlocks.
    let mut addition = stack.begin().unwrap();
    addition.add(|_| Err(Error::Callback(1))).unwrap_err();
    addition.commit().unwrap();
    assert_tidy(dir.path());
}

#[test]
fn panic_in_a_closure_leaves_nothing() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    let attempt = std::panic::AssertUnwindSafe(|| {
        stack.add(|writer| {
            many_refs(&stack, "b")(writer)?;
            panic!("in the closure")
        })
    });
    assert!(std::panic::catch_unwind(attempt).is_err());
    assert_tidy(dir.path());
    add(&stack, &["+b"]);
    assert_eq!(names(&stack), ["a", "b"]);
}

/// Two tables of one transaction with the same update index overwrote each other, and the list
/// named one file twice: the stack could not be opened any more.
#[test]
fn tables_of_one_transaction_need_ascending_update_indexes() {
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    let error = addition.add(refs(&stack, &["+b"])).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)), "{error}");
    assert_eq!(addition.next_update_index().unwrap(), 2);
    let write = |min, max, name: &'static [u8]| {
        move |writer: &mut reftable::TableWriter<'_>| {
            writer.set_limits(min, max);
            writer.add_ref(&object(name, min))
        }
    };
    addition.add(write(2, 9, b"c")).unwrap();
    let error = addition.add(write(9, 9, b"d")).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)), "{error}");
    addition.add(write(20, 20, b"e")).unwrap();
    addition.commit().unwrap();
    assert_eq!(names(&stack), ["a", "c", "e"]);
    assert_eq!(stack.next_update_index().unwrap(), 21);
    assert_eq!(names(&open(dir.path())), ["a", "c", "e"]);
    assert_tidy(dir.path());
}

/// Additions were not checked against the stack's update indexes.
#[test]
fn update_indexes_of_the_past_are_refused() {
    let dir = scratch();
    build(
        dir.path(),
        &[TableFile {
            max: 5,
            ..table(1, &["a"])
        }],
    );
    let stack = open(dir.path());
    let before = files(dir.path());
    for (min, max) in [(1, 1), (5, 5), (5, 9), (0, 0)] {
        let error = stack
            .add(|writer| {
                writer.set_limits(min, max);
                writer.add_ref(&object(b"b", min))
            })
            .unwrap_err();
        assert!(matches!(error, Error::Misuse(_)), "{min}: {error}");
    }
    let error = stack
        .add(|writer| writer.add_ref(&object(b"b", 0)))
        .unwrap_err();
    assert!(matches!(error, Error::Misuse(_)), "unset limits: {error}");
    assert_eq!(files(dir.path()), before);
    assert_eq!(names(&stack), ["a"]);
}

#[test]
fn update_indexes_end_at_64_bits() {
    let dir = scratch();
    build(
        dir.path(),
        &[TableFile {
            max: u64::MAX,
            ..table(1, &["a"])
        }],
    );
    let stack = open(dir.path());
    assert!(matches!(stack.next_update_index(), Err(Error::Misuse(_))));
    assert!(matches!(stack.begin(), Err(Error::Misuse(_))));
    assert!(matches!(stack.add(|_| Ok(())), Err(Error::Misuse(_))));
    assert_tidy(dir.path());
}

#[test]
fn last_update_index_can_be_used_once() {
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    let write = |name: &'static [u8]| {
        move |writer: &mut reftable::TableWriter<'_>| {
            writer.set_limits(u64::MAX, u64::MAX);
            writer.add_ref(&object(name, u64::MAX))
        }
    };
    addition.add(write(b"a")).unwrap();
    assert!(matches!(addition.add(write(b"b")), Err(Error::Misuse(_))));
    addition.commit().unwrap();
    assert_eq!(names(&stack), ["a"]);
}

/// git calls back into the same stack while it writes a table.
#[test]
fn closure_may_use_the_stack() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a", "+b"]);
    let merged = stack.merged();
    let mut walk = merged.refs_from(b"").unwrap();
    assert_eq!(walk.next().unwrap().unwrap().name, b"a");
    stack
        .add(|writer| {
            let next = stack.next_update_index()?;
            assert_eq!(next, 2);
            assert!(has(&stack, "a"));
            assert!(!stack.reload()?);
            assert_eq!(names(&stack), ["a", "b"]);
            assert!(matches!(stack.begin(), Err(Error::Locked { .. })));
            assert!(matches!(stack.auto_compact(), Ok(())));
            let read = stack.read_ref(b"a", |record| {
                // Even a lookup's closure may look up.
                has(&stack, "b") && record.name == b"a"
            })?;
            assert_eq!(read, Some(true));
            writer.set_limits(next, next);
            writer.add_ref(&object(b"c", next))
        })
        .unwrap();
    assert_eq!(names(&stack), ["a", "b", "c"]);
    // An iteration begun before goes on as if nothing had happened.
    assert_eq!(walk.next().unwrap().unwrap().name, b"b");
    assert!(walk.next().unwrap().is_none());
}

#[test]
fn several_log_entries_of_one_ref_take_several_update_indexes() {
    let dir = scratch();
    let stack = open(dir.path());
    stack
        .add(|writer| {
            writer.set_limits(1, 3);
            writer.add_ref(&object(b"a", 3))?;
            for index in [3, 2, 1] {
                writer.add_log(&log(b"a", index, 100 + index))?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(stack.next_update_index().unwrap(), 4);
    let expected = [3, 2, 1].map(|index| ("a".to_owned(), index));
    assert_eq!(logs(&stack), expected);
    let newest = stack.read_log(b"a", |record| record.update_index).unwrap();
    assert_eq!(newest, Some(3));
}

#[test]
fn commit_can_be_repeated_and_ends_the_addition() {
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    addition.commit().unwrap();
    let after = files(dir.path());
    addition.commit().unwrap();
    let error = addition.add(refs(&stack, &["+b"])).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)));
    addition.commit().unwrap();
    drop(addition);
    assert_eq!(files(dir.path()), after);
    assert_tidy(dir.path());
}

#[test]
fn handle_sees_its_own_commit() {
    let dir = scratch();
    let stack = open(dir.path());
    for (number, name) in ["+a", "+b", "+c"].into_iter().enumerate() {
        add(&stack, &[name]);
        assert_eq!(stack.generation(), number as u64 + 1);
        assert_eq!(stack.next_update_index().unwrap(), number as u64 + 2);
        assert!(!stack.reload().unwrap());
    }
    assert_eq!(stack.table_names(), list(dir.path()));
}

#[test]
fn addition_outlives_its_stack() {
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    drop(stack);
    addition
        .add(|writer| {
            writer.set_limits(1, 1);
            writer.add_ref(&object(b"a", 1))
        })
        .unwrap();
    let commit = std::thread::spawn(move || addition.commit());
    commit.join().unwrap().unwrap();
    assert_eq!(names(&open(dir.path())), ["a"]);
}

/// A commit used to replace the list and the automatic compaction after it once more.
#[test]
fn commit_of_small_tables_replaces_the_list_once() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    for number in 0..40 {
        let name = format!("+{number:02}");
        fs.take_calls();
        add(&stack, &[&name]);
        let calls = fs.take_calls();
        let lists = calls
            .iter()
            .filter(|call| matches!(call, Call::Persist(_, to) if to.ends_with("tables.list")));
        assert_eq!(lists.count(), 1, "{calls:?}");
        assert!(!stack.compaction_required());
        assert_tidy(dir.path());
    }
    assert_eq!(names(&stack).len(), 40);
    assert_eq!(names(&open(dir.path())).len(), 40);
    assert!(stack.stats().attempts > 10);
    assert_eq!(stack.next_update_index().unwrap(), 41);
}

/// The number of tables stays logarithmic, and so does the number of times a record is rewritten.
#[test]
fn hundred_additions_stay_within_the_bounds_of_compaction() {
    let dir = scratch();
    let stack = open(dir.path());
    for number in 1..=100u32 {
        let name = format!("branch{number:04}");
        stack
            .add(|writer| {
                let next = stack.next_update_index()?;
                writer.set_limits(next, next);
                writer.add_ref(&symref(name.as_bytes(), next, b"master"))
            })
            .unwrap();
        let tables = list(dir.path()).len() as u32;
        assert!(
            number < 3 || tables < 2 * number.ilog2(),
            "{number}: {tables}"
        );
    }
    let stats = stack.stats();
    assert!(stats.entries_written < 600, "{stats:?}");
    assert!(stats.attempts >= 20 && stats.attempts <= 100, "{stats:?}");
    assert_eq!(stats.failures, 0);
}

/// Transactions of a kind that never compacted made stacks of thousands of tables; later ones
/// compacted twice.
#[test]
fn commit_tries_one_compaction_at_most() {
    let dir = scratch();
    let stack = open(dir.path());
    for number in 0..60u64 {
        let before = stack.stats().attempts;
        let mut addition = stack.begin().unwrap();
        addition
            .add(refs(&stack, &[["+a", "+b", "+c"][number as usize % 3]]))
            .unwrap();
        addition.commit().unwrap();
        assert!(stack.stats().attempts <= before + 1);
    }
    assert!(list(dir.path()).len() < 12);
}

/// Each table was opened again for the check of the names of every later one: descriptors and time
/// grew with the square of their number.
#[test]
fn tables_of_a_transaction_are_opened_once() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let mut addition = stack.begin().unwrap();
    for update_index in 1..5 {
        let prefix = format!("{update_index}/");
        addition.add(many_refs_at(update_index, &prefix)).unwrap();
    }
    let opened = |call: &&Call| matches!(call, Call::Open(_));
    assert_eq!(fs.take_calls().iter().filter(opened).count(), 4);
    let error = addition.add(many_refs_at(5, "3/000000/")).unwrap_err();
    assert!(matches!(error, Error::NameConflict { .. }), "{error}");
}

#[test]
fn large_tables_are_compacted_after_the_commit() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let fill = |prefix: &str| {
        let mut addition = stack.begin().unwrap();
        for part in ["x", "y", "z"] {
            let prefix = format!("{prefix}{part}");
            let next = addition.next_update_index().unwrap();
            addition.add(many_refs_at(next, &prefix)).unwrap();
        }
        addition.commit().unwrap();
    };
    fill("a");
    fs.take_calls();
    fill("b");
    let locked_tables = fs.take_calls().iter().any(
        |call| matches!(call, Call::Create(path) if path.to_str().unwrap().ends_with(".ref.lock")),
    );
    assert!(locked_tables, "merged while the list was free");
    assert_eq!(list(dir.path()).len(), 1);
    assert_eq!(names(&stack).len(), 18000);
    assert_tidy(dir.path());
}

/// A commit whose compaction met a damaged table was reported as failed though it had taken
/// effect, and a caller that tried again wrote it twice.
#[test]
fn damaged_neighbour_does_not_make_a_commit_look_failed() {
    let dir = scratch();
    let old = build(dir.path(), &[table(1, &["a", "b"])]);
    let path = dir.path().join(&old[0]);
    let mut bytes = std::fs::read(&path).unwrap();
    // The value type of the first record becomes a reserved one.
    bytes[24 + 4 + 1] |= 7;
    std::fs::write(&path, &bytes).unwrap();

    let stack = open(dir.path());
    stack.add(refs(&stack, &["+c"])).unwrap();
    assert_eq!(stack.stats().failures, 1, "the failure is not hidden");
    assert!(has(&stack, "c"), "the transaction itself is there");
    assert_eq!(list(dir.path())[0], old[0]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(list(dir.path()).len(), 2);
    assert_tidy(dir.path());

    // Who asks for the compaction is told.
    for error in [stack.auto_compact(), stack.compact_all(None)] {
        assert!(matches!(error, Err(Error::Corrupt(_))), "{error:?}");
    }
    assert_eq!(stack.stats().failures, 2, "only automatic ones are counted");
}

/// The same for a compaction that follows the commit, since its tables are long.
#[test]
fn failing_compaction_after_a_commit_is_counted_and_not_reported() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let fill = |prefix: &str| {
        let mut addition = stack.begin().unwrap();
        for part in ["x", "y", "z"] {
            let next = addition.next_update_index().unwrap();
            let prefix = format!("{prefix}{part}");
            addition.add(many_refs_at(next, &prefix)).unwrap();
        }
        addition.commit()
    };
    fill("a").unwrap();
    fs.set_hook(|call| match call {
        Call::Create(path) if path.to_str().unwrap().ends_with(".ref.lock") => {
            Err(std::io::Error::other("injected"))
        }
        _ => Ok(()),
    });
    fill("b").unwrap();
    let failures = stack.stats().failures;
    assert!(failures > 0, "no compaction was tried");
    assert_eq!(names(&stack).len(), 18000);
    assert!(matches!(stack.auto_compact(), Err(Error::Io { .. })));
    assert_eq!(stack.stats().failures, failures + 1);
    fs.clear_hook();
    assert_tidy(dir.path());
}

#[test]
#[ignore = "helper process"]
fn helper_adds_in_another_folder() {
    let Some(args) = helper::args(helper_adds_in_another_folder) else {
        return;
    };
    std::env::set_current_dir(&args["parent"]).unwrap();
    std::fs::create_dir("stack").unwrap();
    let stack = Stack::open("stack", quick()).unwrap();
    std::fs::create_dir_all("other/stack").unwrap();
    std::env::set_current_dir("other").unwrap();
    add(&stack, &["+a"]);
}

/// A relative folder was looked up anew by every call, wherever the process had gone.
#[test]
fn relative_folder_is_that_of_the_time_of_opening() {
    let dir = scratch();
    let arg = ("parent", dir.path().to_str().unwrap());
    let output = helper::command(helper_adds_in_another_folder, &[arg])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(&open(&dir.path().join("stack"))), ["a"]);
    assert!(files(&dir.path().join("other/stack")).is_empty());
}

#[test]
#[ignore = "helper process"]
fn helper_adds_one_ref() {
    let Some(args) = helper::args(helper_adds_one_ref) else {
        return;
    };
    add(&open(args["dir"].as_ref()), &["+a"]);
}

/// The random part came from a generator that always began with the same number.
#[test]
fn names_of_tables_differ_between_processes() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        let dir = scratch();
        let arg = ("dir", dir.path().to_str().unwrap());
        assert!(
            helper::command(helper_adds_one_ref, &[arg])
                .status()
                .unwrap()
                .success()
        );
        seen.insert(list(dir.path()).remove(0));
    }
    assert_eq!(seen.len(), 3);
    for name in seen {
        assert!(name.starts_with("0x000000000001-0x000000000001-"), "{name}");
        assert_eq!(name.len(), 42, "{name}");
    }
}

/// A name that is taken is never overwritten, even if the random numbers repeat.
#[test]
fn existing_files_are_never_overwritten() {
    let dir = scratch();
    let mut options = options();
    options.durability = Durability::Unsynced;
    let fs = Arc::new(stubborn::StubbornFs::default());
    options.fs = fs.clone();
    let stack = Stack::open(dir.path(), options).unwrap();
    let taken = dir
        .path()
        .join("0x000000000001-0x000000000001-00000000.ref");
    let temporary = dir
        .path()
        .join("0x000000000001-0x000000000001-00000000.temp.000000");
    std::fs::write(&taken, "precious").unwrap();
    std::fs::write(&temporary, "precious").unwrap();
    add(&stack, &["+a"]);
    assert_eq!(std::fs::read(&taken).unwrap(), b"precious");
    assert_eq!(std::fs::read(&temporary).unwrap(), b"precious");
    assert_eq!(list(dir.path()).len(), 1);
    assert_eq!(names(&stack), ["a"]);
}

mod stubborn {
    use reftable::fs::{Fs, Mode, OsFs, PendingFile};
    use reftable::table::BlockSource;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, SystemTime};
    use std::{ffi::OsString, io};

    /// Draws each number many times.
    #[derive(Debug, Default)]
    pub(super) struct StubbornFs(AtomicU32);

    impl Fs for StubbornFs {
        fn random(&self) -> u32 {
            self.0.fetch_add(1, Ordering::Relaxed) / 8
        }

        fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
            OsFs.read(path, limit)
        }

        fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockSource>> {
            OsFs.open(path)
        }

        fn create(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>> {
            OsFs.create(path, mode)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            OsFs.remove(path)
        }

        fn entries(&self, dir: &Path) -> io::Result<Vec<OsString>> {
            OsFs.entries(dir)
        }

        fn modified(&self, path: &Path) -> io::Result<SystemTime> {
            OsFs.modified(path)
        }

        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            OsFs.sync_dir(dir)
        }

        fn now(&self) -> Duration {
            OsFs.now()
        }

        fn sleep(&self, time: Duration) {
            OsFs.sleep(time);
        }
    }
}
