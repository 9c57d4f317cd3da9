//! The order of steps on disk, and what an error at any of them leaves.

use crate::stack_support::{
    Call, HookFs, add, assert_tidy, build, fail_change, list, many_refs, many_refs_at, names, open,
    open_with, options, refs, scratch, table,
};
use reftable::{Durability, Error, Stack};
use std::sync::Arc;
use test_support::helper;

/// What `act` does to the folder, in short.
fn changes(fs: &HookFs, act: impl FnOnce()) -> Vec<String> {
    fs.take_calls();
    act();
    let calls = fs.take_calls();
    calls
        .iter()
        .filter(|call| call.is_change())
        .map(Call::describe)
        .collect()
}

/// Nothing was synced: after a power cut the list could name tables without contents.
#[test]
fn bytes_are_on_disk_before_a_name_leads_to_them() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let published = [
        "create temp",
        "write temp",
        "sync temp",
        "rename temp to table",
        "write tables.list.lock",
        "sync tables.list.lock",
        "sync folder",
        "rename tables.list.lock to tables.list",
        "sync folder",
    ];

    let calls = changes(&fs, || add(&stack, &["+a"]));
    let begun = ["create tables.list.lock"];
    assert_eq!(calls, [&begun[..], &published].concat());

    // The second addition takes the first one along.
    let calls = changes(&fs, || add(&stack, &["+b"]));
    let expected = [&begun[..], &published, &["remove table"]].concat();
    assert_eq!(calls, expected);

    // A long one is on disk before it is complete.
    let calls = changes(&fs, || stack.add(many_refs(&stack, "c")).unwrap());
    let written = ["create temp", "write temp", "write temp"];
    let expected = [
        &begun[..],
        &written,
        &written,
        &published[2..],
        &["remove table"],
    ]
    .concat();
    assert_eq!(calls, expected);

    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let stack = open_with(dir.path(), &fs);
    let calls = changes(&fs, || stack.compact_all(None).unwrap());
    let locked = [
        "create tables.list.lock",
        "create table.lock",
        "create table.lock",
        "create tables.list.lock",
    ];
    let removed = ["remove table", "remove table"];
    assert_eq!(calls, [&locked[..], &published, &removed].concat());
    assert_tidy(dir.path());
}

#[test]
fn nothing_is_synced_if_nobody_asks() {
    let dir = scratch();
    let fs = HookFs::new();
    let mut options = options();
    options.durability = Durability::Unsynced;
    options.fs = Arc::new(fs.clone());
    let stack = Stack::open(dir.path(), options).unwrap();
    add(&stack, &["+a"]);
    add(&stack, &["+b"]);
    stack.compact_all(None).unwrap();
    let calls = fs.take_calls();
    assert!(calls.iter().any(|call| matches!(call, Call::Persist(..))));
    let synced = |call: &Call| matches!(call, Call::Sync(_) | Call::SyncDir);
    assert!(!calls.iter().any(synced), "{calls:?}");
}

/// Fails `act` at its n-th change for every n, and hands each outcome to `check`.
fn fail_everywhere(
    prepare: impl Fn(&std::path::Path),
    act: impl Fn(&Stack) -> Result<(), Error>,
    check: impl Fn(&Stack, bool),
) -> usize {
    for number in 0.. {
        let dir = scratch();
        prepare(dir.path());
        let before = list(dir.path());
        let fs = HookFs::new();
        let stack = open_with(dir.path(), &fs);
        let failed = fail_change(&fs, number);
        let result = act(&stack);
        fs.clear_hook();
        if !*failed.lock().unwrap() {
            result.unwrap();
            return number;
        }
        let after = open(dir.path());
        assert!(
            !dir.path().join("tables.list.lock").exists(),
            "change {number}"
        );
        let unlisted = crate::stack_support::files(dir.path()).len() - list(dir.path()).len() - 1;
        // What may stay is a table that could not be removed, or those that the list of before
        // the change named, if the list of after it may not be on disk.
        let replaced = before
            .iter()
            .filter(|name| !list(dir.path()).contains(name));
        assert!(
            unlisted <= replaced.count(),
            "change {number}: {:?}",
            crate::stack_support::files(dir.path())
        );
        check(&after, result.is_ok());
        stack.reload().unwrap();
        check(&stack, result.is_ok());
        stack.add(refs(&stack, &["+zz"])).unwrap();
        after.reload().unwrap();
        after.clean().unwrap();
        assert_tidy(dir.path());
    }
    unreachable!()
}

#[test]
fn error_at_any_step_of_an_addition_leaves_the_stack_before_or_after_it() {
    let old = ["a".to_owned(), "b".to_owned()];
    let new = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let steps = fail_everywhere(
        |dir| {
            build(dir, &[table(1, &["a", "b"])]);
        },
        |stack| stack.add(refs(stack, &["+c"])),
        |stack, ok| {
            let names = names(stack);
            let names: Vec<String> = names.into_iter().filter(|name| name != "zz").collect();
            assert!(names == new || (!ok && names == old), "{ok}: {names:?}");
        },
    );
    assert_eq!(steps, 11);
}

#[test]
fn error_at_any_step_of_a_long_addition_leaves_the_stack_before_or_after_it() {
    let steps = fail_everywhere(
        |dir| {
            build(dir, &[table(1, &["a", "b"])]);
        },
        |stack| {
            let mut addition = stack.begin()?;
            addition.add(many_refs_at(2, "c"))?;
            addition.add(many_refs_at(3, "d"))?;
            addition.commit()
        },
        |stack, ok| {
            let names = names(stack);
            let count = names.into_iter().filter(|name| name != "zz").count();
            assert!(count == 6002 || (!ok && count == 2), "{ok}: {count}");
        },
    );
    assert!(steps > 15, "{steps}");
}

#[test]
fn error_at_any_step_of_a_compaction_leaves_the_stack_as_it_was() {
    let steps = fail_everywhere(
        |dir| {
            build(
                dir,
                &[table(1, &["a", "b"]), table(2, &["-a"]), table(3, &["c"])],
            );
        },
        |stack| stack.compact_all(None),
        |stack, _| {
            let names = names(stack);
            let names: Vec<String> = names.into_iter().filter(|name| name != "zz").collect();
            assert_eq!(names, ["b", "c"]);
        },
    );
    assert_eq!(steps, 17);
}

/// A failure of the last sync comes after the change took effect.
#[test]
fn failed_sync_after_the_commit_point_is_reported_and_the_commit_stays() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    fail_second_sync_of_the_folder(&fs);
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    assert!(matches!(
        addition.commit(),
        Err(Error::Io { op: "sync", .. })
    ));
    assert_eq!(names(&stack), ["a"]);
    addition.commit().unwrap();
    assert_eq!(list(dir.path()).len(), 1);
    assert_tidy(dir.path());
}

/// Fails the last sync of a publication: the one that makes the new list stay.
fn fail_second_sync_of_the_folder(fs: &HookFs) {
    let mut syncs = 0;
    fs.set_hook(move |call| {
        syncs += u32::from(*call == Call::SyncDir);
        match call {
            Call::SyncDir if syncs == 2 => Err(std::io::Error::other("injected")),
            _ => Ok(()),
        }
    });
}

/// They were removed although a power cut could bring back the list that names them: then the
/// stack could not be opened any more.
#[test]
fn replaced_tables_stay_if_the_new_list_may_not() {
    type Act = fn(&Stack) -> Result<(), Error>;
    let acts: [Act; 2] = [
        |stack| stack.add(refs(stack, &["+c"])),
        |stack| stack.compact_all(None),
    ];
    for act in acts {
        let dir = scratch();
        let old = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
        let fs = HookFs::new();
        let stack = open_with(dir.path(), &fs);
        fail_second_sync_of_the_folder(&fs);
        let error = act(&stack).unwrap_err();
        assert!(matches!(error, Error::Io { op: "sync", .. }), "{error}");
        assert_eq!(list(dir.path()).len(), 1, "the change is visible");
        let removed = |call: &Call| matches!(call, Call::Remove(_));
        assert!(!fs.take_calls().iter().any(removed));
        for name in &old {
            assert!(dir.path().join(name).exists(), "{name}");
        }
        fs.clear_hook();
        stack.clean().unwrap();
        assert_tidy(dir.path());
    }
}

/// What a caller must know is that the change may not stay, not that it could not be loaded.
#[test]
fn failed_last_sync_is_reported_before_a_failed_reload() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    for compacting in [false, true] {
        let fs = HookFs::new();
        let stack = open_with(dir.path(), &fs);
        let mut syncs = 0;
        fs.set_hook(move |call| {
            syncs += u32::from(*call == Call::SyncDir);
            match call {
                Call::SyncDir | Call::Read(_) if syncs == 2 => {
                    Err(std::io::Error::other("injected"))
                }
                _ => Ok(()),
            }
        });
        let result = match compacting {
            false => stack.add(refs(&stack, &["+c"])),
            true => stack.compact_all(None),
        };
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Io { op: "sync", .. }), "{error}");
        add(&open(dir.path()), &["+d"]);
    }
}

#[test]
fn commit_that_failed_cannot_be_repeated() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    fail_change(&fs, 0);
    assert!(matches!(addition.commit(), Err(Error::Io { .. })));
    assert!(crate::stack_support::files(dir.path()).is_empty());
    assert!(matches!(addition.commit(), Err(Error::Misuse(_))));
    let error = addition.add(refs(&stack, &["+a"])).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)));
    add(&stack, &["+b"]);
    assert_eq!(names(&stack), ["b"]);
}

#[test]
#[ignore = "helper process"]
fn helper_tells_the_durability() {
    if helper::args(helper_tells_the_durability).is_some() {
        let synced = Durability::from_env() == Durability::Synced;
        std::process::exit(if synced { 10 } else { 20 });
    }
}

#[test]
fn environment_can_turn_syncing_off() {
    for (value, code) in [(None, 10), (Some("1"), 10), (Some(""), 10), (Some("0"), 20)] {
        let mut command = helper::command(helper_tells_the_durability, &[]);
        match value {
            Some(value) => command.env("REFTABLE_FSYNC", value),
            None => command.env_remove("REFTABLE_FSYNC"),
        };
        assert_eq!(
            command.output().unwrap().status.code(),
            Some(code),
            "{value:?}"
        );
    }
}
