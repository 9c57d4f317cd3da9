//! What a process leaves that was killed: its locks are reported, with their age, and nobody but a
//! person removes them, since nothing in a lock tells whether its owner lives. Everything else it
//! left goes with `clean`.

use crate::crash_support::{DIR, LIST_LOCK, files};
use crate::stack_support::{add, assert_tidy, many_refs, names, open, quick, refs, scratch};
use fault_fs::{Action, Fault, FaultFs};
use reftable::verify::{Kind, Severity, verify_stack};
use reftable::{Error, Stack};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use test_support::helper;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
#[ignore = "helper process"]
fn helper_waits_to_be_killed() {
    let Some(args) = helper::args(helper_waits_to_be_killed) else {
        return;
    };
    let stack = Stack::open(&args["dir"], quick()).unwrap();
    let mut addition = stack.begin().unwrap();
    addition.add(many_refs(&stack, "staged")).unwrap();
    let mut out = std::io::stdout();
    out.write_all(b"\nstaged\n").unwrap();
    out.flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// A killed process cannot remove its lock, and the next writer cannot know that it was killed.
#[test]
fn lock_of_a_killed_process_is_reported_and_left_to_a_person() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    let arg = ("dir", dir.path().to_str().unwrap());
    let mut command = helper::command(helper_waits_to_be_killed, &[arg]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "staged"));
    child.kill().unwrap();
    child.wait().unwrap();

    let lock = dir.path().join("tables.list.lock");
    for _ in 0..2 {
        let error = stack.add(refs(&stack, &["+b"])).unwrap_err();
        assert!(matches!(&error, Error::Locked { path, age: Some(_) } if *path == lock));
        assert!(matches!(stack.clean(), Err(Error::Locked { .. })));
        assert!(lock.exists());
    }
    assert_eq!(names(&open(dir.path())), ["a"], "readers go on");
    std::fs::remove_file(&lock).unwrap();
    add(&stack, &["+b"]);
    stack.clean().unwrap();
    assert_tidy(dir.path());
}

fn locked_stack(lock: &str) -> (FaultFs, Stack) {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = crate::crash_support::open(&fs).unwrap();
    crate::crash_support::add(&stack, "refs/a").unwrap();
    let lock = lock.replace("TABLE", &stack.table_names()[0]);
    fs.put(&Path::new(DIR).join(lock), b"").unwrap();
    (fs, stack)
}

/// Age is no proof: a machine may sleep, and a clock be set.
#[test]
fn lock_is_not_removed_however_old_it_is() {
    let (fs, stack) = locked_stack("tables.list.lock");
    let lock = Path::new(LIST_LOCK);
    let made = SystemTime::now() - 1000 * HOUR;
    fs.set_modified(lock, made).unwrap();
    let error = crate::crash_support::add(&stack, "refs/b").unwrap_err();
    let Error::Locked {
        path,
        age: Some(age),
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(path, lock);
    assert!((1000 * HOUR..1001 * HOUR).contains(age), "{age:?}");
    let told = error.to_string();
    assert!(told.contains(LIST_LOCK), "{told}");
    assert!(stack.compact_all(Some(Default::default())).is_err());
    assert!(stack.clean().is_err());
    assert!(files(&fs).contains(lock));
}

/// The clock was set back after the lock was made: its age is unknown, and that is no error.
#[test]
fn lock_from_the_future_has_no_age() {
    let (fs, stack) = locked_stack("tables.list.lock");
    let made = SystemTime::now() + 1000 * HOUR;
    fs.set_modified(Path::new(LIST_LOCK), made).unwrap();
    let error = crate::crash_support::add(&stack, "refs/b").unwrap_err();
    assert!(matches!(error, Error::Locked { age: None, .. }), "{error}");
    let findings = verify_stack(DIR, &crate::crash_support::options(&fs));
    assert!(findings.iter().any(|found| found.kind == Kind::Lock));
}

#[test]
fn deep_check_names_every_lock() {
    for lock in ["tables.list.lock", "TABLE.lock"] {
        let (fs, _) = locked_stack(lock);
        let findings = verify_stack(DIR, &crate::crash_support::options(&fs));
        let locks = findings.iter().filter(|found| found.kind == Kind::Lock);
        let locks: Vec<_> = locks.collect();
        assert_eq!(locks.len(), 1, "{lock}: {findings:?}");
        assert_eq!(locks[0].severity, Severity::Warning);
        assert!(locks[0].file.ends_with(".lock"), "{}", locks[0]);
    }
}

/// The lock of a table is in nobody's way but that of compactions of this table.
#[test]
fn table_lock_of_a_dead_process_does_not_stop_writers() {
    let (fs, stack) = locked_stack("TABLE.lock");
    for number in 0..10 {
        crate::crash_support::add(&stack, &format!("refs/b{number}")).unwrap();
    }
    let error = stack.compact_all(None).unwrap_err();
    assert!(
        matches!(error, Error::Locked { age: Some(_), .. }),
        "{error}"
    );
    let locks = files(&fs);
    let locks = locks
        .iter()
        .filter(|path| path.extension() == Some("lock".as_ref()));
    let locks: Vec<_> = locks.collect();
    assert_eq!(locks.len(), 1);
    fs.take_away(locks[0]).unwrap();
    stack.compact_all(None).unwrap();
    assert_eq!(stack.table_names().len(), 1);
}

/// Whoever was killed during a compaction leaves its result under a temporary name, and `clean`
/// takes that for the work of a living process as long as the tables are locked.
#[test]
fn temporary_file_goes_when_the_locks_of_its_compaction_are_gone() {
    let fs = FaultFs::new(Path::new(DIR));
    let stack = crate::crash_support::open(&fs).unwrap();
    for _ in 0..2 {
        crate::crash_support::add(&stack, "refs/a").unwrap();
    }
    fs.inject(|operation| {
        let is_table = operation.path.to_string_lossy().contains(".temp.");
        (is_table && operation.action == Action::Sync).then_some(Fault::Stop)
    });
    assert!(stack.compact_all(Some(Default::default())).is_err());
    let fs = fs.after_kill();
    let left: Vec<_> = crate::crash_support::stray_files(&fs).into_iter().collect();
    let is_temporary = |path: &&std::path::PathBuf| path.to_string_lossy().contains(".temp.");
    assert_eq!(left.iter().filter(is_temporary).count(), 1, "{left:?}");
    assert_eq!(left.len(), 3, "{left:?}");

    fs.take_away(Path::new(LIST_LOCK)).unwrap();
    let stack = crate::crash_support::open(&fs).unwrap();
    stack.clean().unwrap();
    assert_eq!(
        crate::crash_support::stray_files(&fs).len(),
        2,
        "still locked"
    );
    let lock = left
        .iter()
        .find(|path| path.to_string_lossy().ends_with(".ref.lock"));
    fs.take_away(lock.unwrap()).unwrap();
    stack.clean().unwrap();
    crate::crash_support::assert_tidy(&fs, "unlocked");
}
