//! Threads of one process at one folder: with a handle each, with one handle, with one view.

use crate::stack_support::{
    assert_tidy, build, has, many_refs, names, object, open, quick, scratch, table,
};
use reftable::{Error, LogExpiry, MergedTable, RefRecord, RefValue, Result, Stack, StackOptions};
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

fn patient() -> StackOptions {
    let mut options = quick();
    options.lock_timeout = None;
    options
}

fn add(stack: &Stack, name: &str) -> Result<u64> {
    let mut addition = stack.begin_reloaded()?;
    let next = addition.next_update_index()?;
    addition.add(|writer| {
        writer.set_limits(next, next);
        writer.add_ref(&object(name.as_bytes(), next))
    })?;
    addition.commit()?;
    Ok(next)
}

/// The refs of a view, counted, each read in full.
fn count(view: &MergedTable) -> (usize, u64) {
    let mut refs = view.refs_from(b"").unwrap();
    let (mut count, mut sum) = (0, 0_u64);
    while let Some(record) = refs.next().unwrap() {
        count += 1;
        if let RefValue::Object(id) = record.value {
            sum += record
                .name
                .iter()
                .chain(id)
                .map(|&byte| u64::from(byte))
                .sum::<u64>();
        }
    }
    (count, sum)
}

/// The first lookups read single blocks, later ones a map that one of the threads makes: all get
/// the same answers.
#[test]
fn view_shared_between_threads_gives_all_the_same() {
    let dir = scratch();
    let stack = open(dir.path());
    stack.add(many_refs(&stack, "a")).unwrap();
    stack.add(many_refs(&stack, "b")).unwrap();
    let expected = count(&open(dir.path()).merged());
    assert_eq!(expected.0, 6000);
    let view = open(dir.path()).merged();
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (view, barrier) = (&view, &barrier);
            scope.spawn(move || {
                barrier.wait();
                if thread % 2 == 0 {
                    assert_eq!(count(view), expected);
                }
                for number in (thread..3000).step_by(31) {
                    let name = format!("b{number:06}");
                    let found = view.read_ref(name.as_bytes(), |record| record.name.to_vec());
                    assert_eq!(found.unwrap().as_deref(), Some(name.as_bytes()));
                }
            });
        }
    });
}

/// A view, and an iterator in the middle of it, go to another thread; the stack is gone by then.
#[test]
fn iterator_goes_on_in_another_thread() {
    let dir = scratch();
    let stack = open(dir.path());
    stack.add(many_refs(&stack, "a")).unwrap();
    let mut refs = stack.merged().refs_from(b"").unwrap();
    for _ in 0..1000 {
        refs.next().unwrap();
    }
    stack.compact_all(Some(LogExpiry::default())).unwrap();
    drop(stack);
    let rest = std::thread::spawn(move || {
        let mut rest = 0;
        while let Some(record) = refs.next().unwrap() {
            assert_eq!(record.name, format!("a{:06}", 1000 + rest).as_bytes());
            rest += 1;
        }
        rest
    });
    assert_eq!(rest.join().unwrap(), 2000);
}

/// Each thread has a handle; some write, one compacts and expires, some read.
#[test]
fn threads_with_a_handle_each_lose_nothing() {
    const WRITERS: usize = 3;
    const EACH: usize = 40;
    let dir = scratch();
    let done = AtomicBool::new(false);
    let (path, done) = (dir.path(), &done);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || watch(path, done));
        }
        scope.spawn(move || compact_until(path, done));
        let writers = (0..WRITERS).map(|writer| {
            scope.spawn(move || {
                let stack = Stack::open(path, patient()).unwrap();
                for number in 0..EACH {
                    let name = format!("w{writer}/{number:02}");
                    add(&stack, &name).unwrap();
                    assert!(has(&stack, &name), "{name}");
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Release);
    });
    let stack = open(dir.path());
    assert_eq!(names(&stack).len(), WRITERS * EACH);
    assert_eq!(
        stack.next_update_index().unwrap(),
        (WRITERS * EACH) as u64 + 1
    );
    assert_tidy(dir.path());
}

fn watch(dir: &Path, done: &AtomicBool) {
    let stack = Stack::open(dir, quick()).unwrap();
    let (mut newest, mut generation) = (0, 0);
    while !done.load(Ordering::Acquire) {
        let changed = stack.reload().unwrap();
        assert!(!changed || stack.generation() > generation);
        generation = stack.generation();
        let seen = count(&stack.merged()).0;
        assert!(seen >= newest, "{seen} after {newest}");
        newest = seen;
    }
}

fn compact_until(dir: &Path, done: &AtomicBool) {
    let stack = Stack::open(dir, patient()).unwrap();
    while !done.load(Ordering::Acquire) {
        stack.reload().unwrap();
        match stack.compact_all(None).and_then(|()| stack.clean()) {
            Ok(()) | Err(Error::Locked { .. } | Error::Outdated { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// One handle for all: commits, reloads, compactions and readers at the same time.
#[test]
fn threads_with_one_handle_lose_nothing() {
    const THREADS: usize = 4;
    const EACH: usize = 25;
    let dir = scratch();
    let stack = &Stack::open(dir.path(), patient()).unwrap();
    let barrier = &Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                barrier.wait();
                for number in 0..EACH {
                    let name = format!("t{thread}/{number:02}");
                    let index = add(stack, &name).unwrap();
                    let found = stack.read_ref(name.as_bytes(), |record| record.update_index);
                    assert_eq!(found.unwrap(), Some(index), "{name}");
                    let compacted = match number % 5 {
                        0 => stack.compact_all(None),
                        1 => stack.auto_compact(),
                        2 => stack.clean(),
                        _ => stack.reload().map(|_| ()),
                    };
                    match compacted {
                        Ok(()) | Err(Error::Locked { .. } | Error::Outdated { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    assert!(stack.stats().failures <= stack.stats().attempts);
                }
            });
        }
    });
    assert_eq!(names(stack).len(), THREADS * EACH);
    stack.clean().unwrap();
    assert_tidy(dir.path());
}

/// Two open transactions of one handle in two threads: one waits for the other, and sees it.
#[test]
fn transactions_of_one_handle_come_one_after_the_other() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    let stack = &Stack::open(dir.path(), patient()).unwrap();
    let mut first = stack.begin().unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(move || {
            let mut second = stack.begin_reloaded().unwrap();
            assert!(has(stack, "b"), "the first one is there");
            let next = second.next_update_index().unwrap();
            second
                .add(|writer| {
                    writer.set_limits(next, next);
                    writer.add_ref(&RefRecord {
                        name: b"c",
                        update_index: next,
                        value: RefValue::Symref(b"b"),
                    })
                })
                .unwrap();
            second.commit().unwrap();
        });
        first
            .add(|writer| {
                writer.set_limits(2, 2);
                writer.add_ref(&object(b"b", 2))
            })
            .unwrap();
        first.commit().unwrap();
        second.join().unwrap();
    });
    assert_eq!(names(stack), ["a", "b", "c"]);
}
