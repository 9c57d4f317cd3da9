//! Locks: who may take them, who waits, and who removes them.

use crate::stack_support::{
    Call, HookFs, TableFile, add, assert_tidy, build, files, has, list, many_refs, names, open,
    open_with, options, quick, refs, scratch, table,
};
use reftable::fs::{Fs, Mode, OsFs, remove_pending_files};
use reftable::{Error, Stack};
use std::io;
use std::path::Path;
use std::time::Duration;
use test_support::helper;

const LOCK: &str = "tables.list.lock";

fn identity(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).unwrap();
    (metadata.ino(), metadata.len())
}

fn is_lock(call: &Call) -> bool {
    matches!(call, Call::Create(path) if path.ends_with(LOCK))
}

/// Failing to get the lock used to remove it, so that the next writer and the owner wrote at the
/// same time: most refs of four busy processes were lost.
#[test]
fn lock_of_another_process_survives_a_failed_add() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    let lock = dir.path().join(LOCK);
    std::fs::write(&lock, "foreign").unwrap();
    let before = identity(&lock);

    for _ in 0..3 {
        let error = stack.add(refs(&stack, &["+b"])).unwrap_err();
        let Error::Locked { path, age } = error else {
            panic!("{error}");
        };
        assert_eq!(path, lock);
        assert!(age.is_some());
        assert!(matches!(stack.begin(), Err(Error::Locked { .. })));
        assert!(matches!(stack.clean(), Err(Error::Locked { .. })));
    }

    assert_eq!(identity(&lock), before);
    std::fs::remove_file(&lock).unwrap();
    add(&stack, &["+b"]);
    assert_eq!(names(&stack), ["a", "b"]);
    assert_tidy(dir.path());
}

/// After a successful commit the path of the lock was unlinked once more, and hit the lock of the
/// next writer.
#[test]
fn lock_taken_by_another_right_after_a_commit_survives() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let lock = dir.path().join(LOCK);
    let next_lock = lock.clone();
    let mut syncs = 0;
    fs.set_hook(move |call| {
        syncs += u32::from(*call == Call::SyncDir);
        // The second sync of the folder follows the commit point.
        if syncs == 2 && *call == Call::SyncDir {
            std::fs::write(&next_lock, "foreign").unwrap();
        }
        Ok(())
    });
    stack.add(refs(&stack, &["+a"])).unwrap();
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), "foreign");
    assert!(has(&stack, "a"));
}

/// A person removes a lock that looks abandoned, another process takes it, and then the first
/// owner wakes up: it must neither publish the other's file nor remove it.
#[test]
fn lock_that_changed_hands_is_neither_published_nor_removed() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    let before = list(dir.path());
    let lock = dir.path().join(LOCK);

    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+b"])).unwrap();
    std::fs::remove_file(&lock).unwrap();
    std::fs::write(&lock, "foreign").unwrap();
    assert!(matches!(addition.commit(), Err(Error::Io { .. })));
    drop(addition);

    assert_eq!(std::fs::read_to_string(&lock).unwrap(), "foreign");
    std::fs::remove_file(&lock).unwrap();
    assert_eq!(list(dir.path()), before);
    assert_tidy(dir.path());
}

/// An off-by-one made an outdated handle look successful.
#[test]
fn outdated_handle_writes_nothing_and_can_try_again() {
    let dir = scratch();
    let (first, second) = (open(dir.path()), open(dir.path()));
    add(&first, &["+a"]);
    let before = files(dir.path());

    assert!(matches!(second.begin(), Err(Error::Outdated { .. })));
    assert!(!has(&second, "a"), "begin does not reload");
    let error = second.add(refs(&second, &["+b"])).unwrap_err();
    assert!(matches!(error, Error::Outdated { .. }), "{error}");
    assert_eq!(files(dir.path()), before);

    assert!(has(&second, "a"), "a failed add reloads");
    add(&second, &["+b"]);
    assert_eq!(names(&second), ["a", "b"]);
}

#[test]
fn transaction_can_begin_on_the_newest_view() {
    let dir = scratch();
    let (first, second) = (open(dir.path()), open(dir.path()));
    add(&first, &["+a"]);
    let mut addition = second.begin_reloaded().unwrap();
    assert!(has(&second, "a"));
    assert_eq!(addition.next_update_index().unwrap(), 2);
    addition.add(refs(&second, &["+b"])).unwrap();
    addition.commit().unwrap();
    assert_eq!(names(&second), ["a", "b"]);
}

/// How long a stack with this timeout waits for a lock that somebody holds for `held`.
fn wait(timeout: Option<Duration>, held: Duration) -> (Result<(), Error>, Duration) {
    let dir = scratch();
    let fs = HookFs::new();
    let mut options = options();
    options.fs = std::sync::Arc::new(fs.clone());
    options.lock_timeout = timeout;
    let stack = Stack::open(dir.path(), options).unwrap();
    let lock = dir.path().join(LOCK);
    std::fs::write(&lock, "").unwrap();
    let watched = fs.clone();
    fs.set_hook(move |call| {
        if is_lock(call) && watched.slept() >= held && lock.exists() {
            std::fs::remove_file(&lock).unwrap();
        }
        Ok(())
    });
    (stack.add(refs(&stack, &["+a"])), fs.slept())
}

#[test]
fn waiting_for_the_lock_follows_the_timeout() {
    let ms = Duration::from_millis;
    let (result, slept) = wait(Some(ms(0)), ms(50));
    assert!(matches!(result, Err(Error::Locked { .. })));
    assert_eq!(slept, ms(0));

    let (result, slept) = wait(Some(ms(100)), ms(50));
    assert!(result.is_ok());
    assert!(slept >= ms(50) && slept <= ms(100), "{slept:?}");

    let (result, slept) = wait(Some(ms(100)), ms(500));
    assert!(matches!(result, Err(Error::Locked { .. })));
    assert!(slept >= ms(90) && slept <= ms(100), "{slept:?}");

    let (result, slept) = wait(None, ms(60_000));
    assert!(result.is_ok());
    assert!(slept >= ms(60_000) && slept < ms(63_000), "{slept:?}");
}

#[test]
fn tables_are_not_waited_for() {
    let dir = scratch();
    let names = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    std::fs::write(dir.path().join(format!("{}.lock", names[0])), "").unwrap();
    let fs = HookFs::new();
    let mut options = options();
    options.fs = std::sync::Arc::new(fs.clone());
    options.lock_timeout = None;
    let stack = Stack::open(dir.path(), options).unwrap();
    assert!(matches!(stack.compact_all(None), Err(Error::Locked { .. })));
    assert_eq!(fs.slept(), Duration::ZERO);
}

#[test]
fn second_transaction_of_a_handle_finds_it_locked() {
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    assert!(matches!(stack.begin(), Err(Error::Locked { .. })));
    let error = stack.add(refs(&stack, &["+b"])).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    addition.commit().unwrap();
    add(&stack, &["+b"]);
    assert_eq!(names(&stack), ["a", "b"]);
    assert_tidy(dir.path());
}

/// A locked table made every update look failed, or its lock was removed by the update.
#[test]
fn additions_go_on_above_a_locked_table() {
    let dir = scratch();
    let old = build(dir.path(), &[table(1, &["base"])]);
    let lock = dir.path().join(format!("{}.lock", old[0]));
    std::fs::write(&lock, "").unwrap();
    let before = identity(&lock);
    let stack = open(dir.path());
    for name in ["+0", "+1", "+2", "+3", "+4", "+5", "+6", "+7", "+8", "+9"] {
        add(&stack, &[name]);
    }
    let listed = list(dir.path());
    assert_eq!(listed[0], old[0], "the locked table stays");
    assert!(listed.len() < 6, "the others are compacted: {listed:?}");
    assert_eq!(names(&stack).len(), 11);

    let error = stack.compact_all(None).unwrap_err();
    assert!(
        matches!(&error, Error::Locked { path, .. } if *path == lock),
        "{error}"
    );
    assert_eq!(identity(&lock), before);
    std::fs::remove_file(&lock).unwrap();
    assert_tidy(dir.path());
    stack.compact_all(None).unwrap();
    assert_eq!(list(dir.path()).len(), 1);
}

#[test]
fn automatic_compaction_gives_up_below_two_free_tables() {
    for locked in [1, 2] {
        let dir = scratch();
        let old = build(
            dir.path(),
            &[table(1, &["a"]), table(2, &["b"]), table(3, &["c"])],
        );
        let lock = dir.path().join(format!("{}.lock", old[locked]));
        std::fs::write(&lock, "").unwrap();
        let stack = open(dir.path());
        assert!(matches!(stack.auto_compact(), Err(Error::Locked { .. })));
        assert_eq!(stack.stats().failures, 1);
        assert_eq!(list(dir.path()), old);
        std::fs::remove_file(lock).unwrap();
        assert_tidy(dir.path());
    }
}

#[test]
fn automatic_compaction_takes_what_lies_above_a_locked_table() {
    let dir = scratch();
    let old = build(
        dir.path(),
        &[table(1, &["a"]), table(2, &["b"]), table(3, &["-b", "c"])],
    );
    std::fs::write(dir.path().join(format!("{}.lock", old[0])), "").unwrap();
    let stack = open(dir.path());
    stack.auto_compact().unwrap();
    assert_eq!(list(dir.path()).len(), 2);
    assert_eq!(list(dir.path())[0], old[0]);
    assert_eq!(stack.stats().failures, 0);
    assert_eq!(names(&stack), ["a", "c"]);
}

/// The temporary table stayed when the list was locked again at the end of a compaction.
#[test]
fn compaction_that_loses_the_second_lock_leaves_nothing() {
    let dir = scratch();
    let old = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let lock = dir.path().join(LOCK);
    let foreign = lock.clone();
    let mut locks = 0;
    fs.set_hook(move |call| {
        locks += u32::from(is_lock(call));
        if locks == 2 && is_lock(call) {
            std::fs::write(&foreign, "foreign").unwrap();
        }
        Ok(())
    });
    assert!(matches!(stack.compact_all(None), Err(Error::Locked { .. })));
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), "foreign");
    std::fs::remove_file(&lock).unwrap();
    assert_eq!(list(dir.path()), old);
    assert_tidy(dir.path());
}

#[test]
fn lock_that_cannot_be_made_is_an_error_of_the_system() {
    let dir = scratch();
    let stack = open(&dir.path().join("missing"));
    let error = stack.add(refs(&stack, &["+a"])).unwrap_err();
    let Error::Io { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), io::ErrorKind::NotFound);
    assert!(files(dir.path()).is_empty());
}

#[test]
#[ignore = "helper process"]
fn helper_exits_in_transaction() {
    let Some(args) = helper::args(helper_exits_in_transaction) else {
        return;
    };
    let stack = Stack::open(&args["dir"], quick()).unwrap();
    let mut addition = stack.begin().unwrap();
    addition.add(many_refs(&stack, "staged")).unwrap();
    let _ = addition.add(|writer| {
        many_refs(&stack, "half")(writer)?;
        assert_eq!(files(stack.dir()).len(), 5);
        remove_pending_files();
        std::process::exit(7)
    });
}

/// A process that ended inside a transaction left its lock, and nobody could write any more.
#[test]
fn exit_within_a_transaction_leaves_nothing() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    let arg = ("dir", dir.path().to_str().unwrap());
    let output = helper::command(helper_exits_in_transaction, &[arg])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_tidy(dir.path());
    assert_eq!(list(dir.path()).len(), 1);
}

/// Children of a fork that end must leave the transaction to their parent.
#[test]
#[expect(unsafe_code, reason = "a hook in the forked child is unsafe to set")]
fn forked_child_does_not_remove_the_files_of_its_parent() {
    use std::os::unix::process::CommandExt;
    let dir = scratch();
    let stack = open(dir.path());
    let mut addition = stack.begin().unwrap();
    addition.add(many_refs(&stack, "a")).unwrap();
    let before = files(dir.path());
    assert_eq!(before.len(), 2, "{before:?}");

    let mut child = std::process::Command::new("true");
    // SAFETY: the function makes system calls and takes a free lock, but allocates nothing.
    unsafe {
        child.pre_exec(|| {
            remove_pending_files();
            Ok(())
        });
    }
    assert!(child.status().unwrap().success());

    assert_eq!(files(dir.path()), before);
    addition.commit().unwrap();
    assert!(has(&stack, "a000000"));
    assert_tidy(dir.path());
}

#[test]
#[ignore = "helper process"]
#[expect(unsafe_code, reason = "closes a descriptor that is not ours")]
fn helper_without_standard_input() {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let Some(args) = helper::args(helper_without_standard_input) else {
        return;
    };
    // SAFETY: nobody in this process reads from standard input.
    drop(unsafe { OwnedFd::from_raw_fd(0) });
    let stack = Stack::open(&args["dir"], quick()).unwrap();
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    addition.commit().unwrap();
    drop((addition, stack));
    let probe = std::fs::File::open(".").unwrap();
    std::process::exit(probe.as_raw_fd());
}

/// The lock got descriptor 0, which was taken for none and never closed.
#[test]
fn descriptor_zero_is_used_and_closed_like_any_other() {
    let dir = scratch();
    let arg = ("dir", dir.path().to_str().unwrap());
    let mut command = helper::command(helper_without_standard_input, &[arg]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(has(&open(dir.path()), "a"));
    assert_tidy(dir.path());
}

#[test]
fn pending_file_belongs_to_its_creator() {
    let dir = scratch();
    let path = dir.path().join("file");
    let mode = Mode {
        extra: 0,
        bits: 0o666,
        exact: false,
    };
    let mut file = OsFs.create(&path, mode).unwrap();
    assert_eq!(
        OsFs.create(&path, mode).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    file.write_all(b"data").unwrap();
    drop(file);
    assert!(!path.exists());

    let mut file = OsFs.create(&path, mode).unwrap();
    file.write_all(b"data").unwrap();
    let missing = dir.path().join("no/where");
    assert!(file.persist(&missing).is_err());
    assert_eq!(file.path(), path);
    let to = dir.path().join("final");
    file.persist(&to).unwrap();
    assert_eq!(file.path(), to);
    assert!(file.persist(&path).is_err());
    drop(file);
    assert_eq!(std::fs::read(&to).unwrap(), b"data");
    assert_eq!(files(dir.path()), ["final"]);
}

#[test]
fn small_files_are_read_up_to_the_limit() {
    let dir = scratch();
    let path = dir.path().join("file");
    std::fs::write(&path, b"12345").unwrap();
    assert_eq!(OsFs.read(&path, 5).unwrap(), b"12345");
    let error = OsFs.read(&path, 4).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert!(OsFs.read(dir.path(), 1 << 20).is_err());
}

#[test]
fn stack_with_a_table_of_unset_limits_is_possible() {
    // Other writers number from 0 where they know no better.
    let dir = scratch();
    let zero = TableFile {
        refs: table(0, &["a"]).refs,
        ..TableFile::default()
    };
    build(dir.path(), &[zero]);
    let stack = open(dir.path());
    assert_eq!(stack.next_update_index().unwrap(), 1);
    add(&stack, &["+b"]);
    assert_eq!(names(&stack), ["a", "b"]);
}
