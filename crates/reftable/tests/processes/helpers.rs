//! Several processes at work on one stack.

use crate::stack_support::{assert_tidy, has, names, object, open, quick, scratch};
use reftable::{Error, Stack};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use test_support::helper;

const WRITERS: usize = 4;
const ADDITIONS: usize = 40;

/// Whether the parent has asked the helpers to stop.
fn stopped(dir: &Path) -> bool {
    dir.with_extension("stop").exists()
}

#[test]
#[ignore = "helper process"]
fn helper_writes() {
    let Some(args) = helper::args(helper_writes) else {
        return;
    };
    let stack = open(args["dir"].as_ref());
    for number in 0..ADDITIONS {
        let name = format!("{}/{number:02}", args["writer"]);
        loop {
            let result = stack.add(|writer| {
                let next = stack.next_update_index()?;
                writer.set_limits(next, next);
                writer.add_ref(&object(name.as_bytes(), next))
            });
            match result {
                Ok(()) => break,
                Err(Error::Locked { .. } | Error::Outdated { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{name}: {error}"),
            }
        }
        assert!(has(&stack, &name), "a handle sees its own addition");
    }
}

#[test]
#[ignore = "helper process"]
fn helper_compacts() {
    let Some(args) = helper::args(helper_compacts) else {
        return;
    };
    let stack = open(args["dir"].as_ref());
    while !stopped(stack.dir()) {
        stack.reload().unwrap();
        match stack.compact_all(None) {
            Ok(()) | Err(Error::Locked { .. } | Error::Outdated { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
#[ignore = "helper process"]
fn helper_reads() {
    let Some(args) = helper::args(helper_reads) else {
        return;
    };
    let mut newest = 0;
    let mut looks = 0;
    while !stopped(args["dir"].as_ref()) || looks == 0 {
        let seen = names(&open(args["dir"].as_ref())).len();
        assert!(seen >= newest, "{seen} refs after {newest}");
        newest = seen;
        looks += 1;
    }
}

#[test]
#[ignore = "helper process"]
fn helper_writes_patiently() {
    let Some(args) = helper::args(helper_writes_patiently) else {
        return;
    };
    let mut options = quick();
    options.lock_timeout = None;
    let stack = Stack::open(&args["dir"], options).unwrap();
    let mut addition = stack.begin_reloaded().unwrap();
    let next = addition.next_update_index().unwrap();
    addition
        .add(|writer| {
            writer.set_limits(next, next);
            writer.add_ref(&object(args["writer"].as_bytes(), next))
        })
        .unwrap();
    addition.commit().unwrap();
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn finish(child: Child) {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// Most refs were lost: writers removed each other's locks, and compactions wrote stale lists.
#[test]
fn no_addition_is_lost_while_others_write_compact_and_read() {
    let parent = scratch();
    let dir = parent.path().join("stack");
    std::fs::create_dir(&dir).unwrap();
    let path = dir.to_str().unwrap();
    let writers: Vec<Child> = (0..WRITERS)
        .map(|writer| {
            let writer = writer.to_string();
            spawn(helper::command(
                helper_writes,
                &[("dir", path), ("writer", &writer)],
            ))
        })
        .collect();
    let others = [
        spawn(helper::command(helper_compacts, &[("dir", path)])),
        spawn(helper::command(helper_reads, &[("dir", path)])),
    ];
    writers.into_iter().for_each(finish);
    std::fs::write(dir.with_extension("stop"), "").unwrap();
    others.into_iter().for_each(finish);

    let stack = open(&dir);
    assert_eq!(names(&stack).len(), WRITERS * ADDITIONS);
    let transactions = stack.next_update_index().unwrap() - 1;
    assert_eq!(transactions, (WRITERS * ADDITIONS) as u64);
    assert_tidy(&dir);
}

/// Writers that do not conflict failed because the stack had changed since they opened it.
#[test]
fn writers_that_reload_under_the_lock_all_succeed() {
    let dir = scratch();
    let path = dir.path().to_str().unwrap();
    let writers: Vec<Child> = (0..20)
        .map(|writer| {
            let writer = format!("refs/{writer:02}");
            let args = [("dir", path), ("writer", writer.as_str())];
            spawn(helper::command(helper_writes_patiently, &args))
        })
        .collect();
    writers.into_iter().for_each(finish);
    assert_eq!(names(&open(dir.path())).len(), 20);
    assert_tidy(dir.path());
}
