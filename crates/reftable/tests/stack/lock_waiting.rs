//! How long a writer waits for a lock.

use crate::stack_support::{Call, HookFs, build, options, scratch, table};
use reftable::{Edit, Error, Stack, StackOptions, Transaction};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn open(dir: &Path, fs: &HookFs, timeout: Option<Duration>) -> Stack {
    let mut options: StackOptions = options();
    options.fs = Arc::new(fs.clone());
    options.lock_timeout = timeout;
    Stack::open(dir, options).unwrap()
}

fn tries(fs: &HookFs) -> usize {
    let is_try =
        |call: &&Call| matches!(call, Call::Create(path) if path.ends_with("tables.list.lock"));
    fs.take_calls().iter().filter(is_try).count()
}

/// Zero is no time at all, not a default: the program asks again when it likes.
#[test]
fn time_out_of_zero_tries_once_and_does_not_sleep() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open(dir.path(), &fs, Some(Duration::ZERO));
    let patient = open(dir.path(), &fs, Some(Duration::from_secs(9)));
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    stack.reload().unwrap();
    patient.reload().unwrap();
    let held = stack.begin().unwrap();
    let mut update = Transaction::new();
    update.push(Edit::update("refs/new", [1; 20]));
    let zero = Some(Duration::ZERO);
    let by_default = {
        let mut options = StackOptions::default();
        options.fs = Arc::new(fs.clone());
        Stack::open(dir.path(), options).unwrap()
    };
    let ways: [&dyn Fn() -> Result<(), Error>; 7] = [
        &|| stack.begin().map(drop),
        &|| by_default.begin().map(drop),
        &|| stack.begin_reloaded().map(drop),
        &|| patient.begin_within(zero).map(drop),
        &|| update.prepare_stack(&patient, zero).map(drop),
        &|| stack.compact_all(None),
        &|| stack.clean(),
    ];
    fs.take_calls();
    for (number, way) in ways.iter().enumerate() {
        let result = way();
        assert!(
            matches!(result, Err(Error::Locked { .. })),
            "{number}: {result:?}"
        );
        assert_eq!((tries(&fs), fs.slept()), (1, Duration::ZERO), "{number}");
    }
    drop(held);
}
