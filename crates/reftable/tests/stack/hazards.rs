//! What folders, systems and other writers do to a stack, where no other file has the test.

use crate::crash_support::DIR;
use crate::stack_support::{
    TableFile, add, assert_tidy, build, files, has, log, logs, many_refs, many_refs_at, names,
    object, open, quick, refs, scratch, table,
};
use fault_fs::{Action, Fault, FaultFs};
use reftable::{Error, LogExpiry, Stack};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_support::helper;
use test_support::skip::skip;

/// Through a link and directly it is one stack: one lock, one list, and the link stays a link.
#[test]
fn folder_behind_a_symbolic_link_is_the_same_stack() {
    let parent = scratch();
    let real = parent.path().join("real");
    let link = parent.path().join("link");
    std::fs::create_dir(&real).unwrap();
    symlink("real", &link).unwrap();
    let (direct, linked) = (open(&real), open(&link));
    add(&direct, &["+a"]);
    assert!(matches!(linked.begin(), Err(Error::Outdated { .. })));
    linked.reload().unwrap();
    let addition = linked.begin().unwrap();
    assert!(matches!(direct.begin(), Err(Error::Locked { .. })));
    drop(addition);
    add(&linked, &["+b"]);
    linked.compact_all(None).unwrap();
    direct.reload().unwrap();
    assert_eq!(names(&direct), ["a", "b"]);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_tidy(&real);
}

#[test]
fn folder_of_any_name_holds_a_stack() {
    let parent = scratch();
    for name in [
        &b"with space"[..],
        b"new\nline",
        b"\xff\xfe no text",
        b"-dash",
    ] {
        let dir = parent.path().join(OsStr::from_bytes(name));
        std::fs::create_dir(&dir).unwrap();
        let stack = open(&dir);
        add(&stack, &["+a"]);
        add(&stack, &["+b"]);
        stack.clean().unwrap();
        assert_eq!(names(&open(&dir)), ["a", "b"]);
        assert_tidy(&dir);
    }
}

/// What was loaded stays readable, nothing is made elsewhere, and when the folder is back the
/// handle goes on.
#[test]
fn folder_that_is_removed_is_an_empty_stack_that_cannot_be_written() {
    let parent = scratch();
    let dir = parent.path().join("stack");
    std::fs::create_dir(&dir).unwrap();
    let stack = open(&dir);
    stack.add(many_refs(&stack, "r")).unwrap();
    let view = stack.merged();
    std::fs::remove_dir_all(&dir).unwrap();

    let error = stack.add(refs(&stack, &["+b"])).unwrap_err();
    let Error::Io {
        op: "create",
        path,
        source,
    } = &error
    else {
        panic!("{error}");
    };
    assert!(path.starts_with(&dir), "{error}");
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    assert!(view.read_ref(b"r002999", |_| ()).unwrap().is_some());
    assert!(stack.reload().unwrap());
    assert!(names(&stack).is_empty());
    assert!(matches!(stack.clean(), Err(Error::Io { .. })));

    std::fs::create_dir(&dir).unwrap();
    add(&stack, &["+b"]);
    assert_eq!(names(&open(&dir)), ["b"]);
}

/// A transaction whose folder goes away, lock and all, fails; it does not write into the folder
/// that came in its place.
#[test]
fn folder_replaced_during_a_transaction_is_not_written_to() {
    let parent = scratch();
    let dir = parent.path().join("stack");
    std::fs::create_dir(&dir).unwrap();
    let stack = open(&dir);
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+a"])).unwrap();
    std::fs::rename(&dir, parent.path().join("away")).unwrap();
    std::fs::create_dir(&dir).unwrap();
    add(&open(&dir), &["+other"]);
    assert!(addition.commit().is_err());
    drop(addition);
    assert_eq!(names(&open(&dir)), ["other"]);
    assert_tidy(&dir);
}

/// Reading works; every change is refused with the reason, and names the file.
#[test]
fn folder_that_cannot_be_written_is_still_read() {
    const EROFS: i32 = 30;
    const EACCES: i32 = 13;
    for code in [EROFS, EACCES] {
        let fs = FaultFs::new(Path::new(DIR));
        let stack = crate::crash_support::open(&fs).unwrap();
        crate::crash_support::add(&stack, "refs/a").unwrap();
        let before = fs.files();
        fs.inject(move |operation| operation.action.is_change().then_some(Fault::Error(code)));
        let stack = crate::crash_support::open(&fs).unwrap();
        assert!(has(&stack, "refs/a"));
        let attempts = [
            crate::crash_support::add(&stack, "refs/b"),
            stack.begin().map(|_| ()),
            stack.compact_all(Some(LogExpiry::default())),
            stack.clean(),
        ];
        for attempt in attempts {
            let error = attempt.unwrap_err();
            let Error::Io {
                op: "create",
                path,
                source,
            } = &error
            else {
                panic!("{error}");
            };
            assert_eq!(source.raw_os_error(), Some(code));
            assert_eq!(path, Path::new(crate::crash_support::LIST_LOCK));
        }
        assert_eq!(fs.files(), before);
    }
}

/// The same on a real file system, where the user has no rights that overrule it.
#[test]
fn folder_without_write_permission_is_still_read() {
    let dir = scratch();
    let stack = open(dir.path());
    add(&stack, &["+a"]);
    let mode = |bits| std::fs::Permissions::from_mode(bits);
    std::fs::set_permissions(dir.path(), mode(0o555)).unwrap();
    if std::fs::write(dir.path().join("probe"), "").is_ok() {
        skip("this user may write everywhere");
        return;
    }
    assert!(matches!(stack.begin(), Err(Error::Io { op: "create", .. })));
    assert_eq!(names(&open(dir.path())), ["a"]);
    std::fs::set_permissions(dir.path(), mode(0o755)).unwrap();
    add(&stack, &["+b"]);
    assert_tidy(dir.path());
}

#[test]
#[ignore = "helper process"]
fn helper_with_few_descriptors() {
    let Some(args) = helper::args(helper_with_few_descriptors) else {
        return;
    };
    let dir = PathBuf::from(&args["dir"]);
    let opened = Stack::open(&dir, quick());
    match args["tables"].as_str() {
        "small" => {
            let stack = opened.unwrap();
            assert_eq!(names(&stack).len(), 1000);
            // Every table is locked at the same time.
            stack.compact_all(None).unwrap();
            assert_eq!(stack.table_names().len(), 1);
            add(&stack, &["+new"]);
            assert_eq!(names(&open(&dir)).len(), 1001);
            assert_tidy(&dir);
        }
        _ => {
            let error = opened.unwrap_err();
            let Error::Io {
                op: "open",
                path,
                source,
            } = &error
            else {
                panic!("{error}");
            };
            const EMFILE: i32 = 24;
            assert_eq!(source.raw_os_error(), Some(EMFILE), "{error}");
            assert!(path.starts_with(&dir), "{error}");
            // Everything was given back.
            let files: Vec<_> = (0..20)
                .map(|_| std::fs::File::open(&dir).unwrap())
                .collect();
            assert_eq!(files.len(), 20);
        }
    }
}

fn run_with_descriptors(limit: u32, dir: &Path, tables: &str) {
    let args = [("dir", dir.to_str().unwrap()), ("tables", tables)];
    let helper = helper::command(helper_with_few_descriptors, &args);
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {limit} && exec \"$@\"");
    command
        .args(["-c", &script, "sh"])
        .arg(helper.get_program());
    command.args(helper.get_args());
    command.envs(
        helper
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// One descriptor per table: a stack that nobody compacted could not be opened any more, and so
/// not be compacted either.
#[test]
fn thousand_small_tables_need_no_thousand_descriptors() {
    let dir = scratch();
    let all: Vec<String> = (1..=1000)
        .map(|number| format!("refs/{number:04}"))
        .collect();
    let tables: Vec<TableFile<'_>> = (1..)
        .zip(&all)
        .map(|(at, name)| table(at, &[name.as_str()]))
        .collect();
    build(dir.path(), &tables);
    run_with_descriptors(40, dir.path(), "small");
}

/// Long tables do need them. Then it is said which file, and nothing stays open.
#[test]
fn running_out_of_descriptors_is_a_precise_error() {
    let dir = scratch();
    let mut bytes = Vec::new();
    let mut writer =
        reftable::TableWriter::new(&mut bytes, reftable::WriteOptions::default()).unwrap();
    many_refs_at(1, "r")(&mut writer).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let all: Vec<String> = (0..60).map(|number| format!("t{number}.ref")).collect();
    for name in &all {
        std::fs::write(dir.path().join(name), &bytes).unwrap();
    }
    crate::stack_support::write_list(dir.path(), &all);
    run_with_descriptors(40, dir.path(), "long");
    assert!(has(&open(dir.path()), "r000000"));
}

/// Tables that are read block by block stay readable after they were compacted away.
#[test]
fn view_of_long_tables_survives_their_removal() {
    let dir = scratch();
    let stack = open(dir.path());
    stack.add(many_refs(&stack, "a")).unwrap();
    stack.add(many_refs(&stack, "b")).unwrap();
    let view = open(dir.path()).merged();
    stack.compact_all(Some(LogExpiry::default())).unwrap();
    for number in (0..3000).step_by(7) {
        for prefix in ["a", "b"] {
            let name = format!("{prefix}{number:06}");
            assert!(view.read_ref(name.as_bytes(), |_| ()).unwrap().is_some());
        }
    }
    assert_eq!(files(dir.path()).len(), 2);
}

/// A clock that went backwards makes newer entries look older. Each is judged by its own time.
#[test]
fn expiry_judges_each_entry_by_its_own_time() {
    let dir = scratch();
    let entries = [(1, 300), (2, 100), (3, 200)];
    let tables = entries.map(|(at, time)| TableFile {
        min: at,
        max: at,
        refs: vec![object(b"a", at)],
        logs: vec![log(b"a", at, time)],
    });
    build(dir.path(), &tables);
    let stack = open(dir.path());
    let expiry = LogExpiry {
        time: 150,
        min_update_index: 0,
    };
    stack.compact_all(Some(expiry)).unwrap();
    assert_eq!(logs(&stack), [("a".to_owned(), 3), ("a".to_owned(), 1)]);
}

/// Names are bytes: those that are no text are stored, found, and compacted like all others.
#[test]
fn names_that_are_no_text_live_in_a_stack() {
    let dir = scratch();
    let stack = open(dir.path());
    let all: [&[u8]; 5] = [
        b"refs/heads/\x80",
        b"refs/heads/\xc3\x28",
        b"refs/heads/\xed\xa0\x80",
        b"refs/heads/\xef\xbf\xbf",
        b"refs/heads/\xff\xfe",
    ];
    for name in all {
        stack
            .add(|writer| {
                let next = stack.next_update_index()?;
                writer.set_limits(next, next);
                writer.add_ref(&object(name, next))?;
                writer.add_log(&log(name, next, next))
            })
            .unwrap();
    }
    stack.compact_all(None).unwrap();
    let mut iter = stack.merged().refs_from(b"").unwrap();
    for name in all {
        assert_eq!(iter.next().unwrap().unwrap().name, name);
        assert!(stack.read_ref(name, |_| ()).unwrap().is_some());
        assert!(stack.read_log(name, |_| ()).unwrap().is_some());
    }
    assert!(iter.next().unwrap().is_none());
    let conflict = stack.add(|writer| {
        let next = stack.next_update_index()?;
        writer.set_limits(next, next);
        writer.add_ref(&object(b"refs/heads/\xff\xfe/x", next))
    });
    assert!(matches!(conflict, Err(Error::NameConflict { .. })));
}

/// Update indexes at both ends of 64 bits survive compaction, each with its record.
#[test]
fn first_and_last_update_index_survive_compaction() {
    let dir = scratch();
    let ends = [(0, "a"), (u64::MAX - 1, "b"), (u64::MAX, "c")];
    let tables = ends.map(|(at, name)| TableFile {
        min: at,
        max: at,
        refs: vec![object(name.as_bytes(), at)],
        logs: vec![log(b"z", at, 7)],
    });
    build(dir.path(), &tables);
    let stack = open(dir.path());
    stack.compact_all(None).unwrap();
    assert_eq!(stack.table_names().len(), 1);
    for (at, name) in ends {
        let found = stack.read_ref(name.as_bytes(), |record| record.update_index);
        assert_eq!(found.unwrap(), Some(at));
    }
    let indexes: Vec<u64> = logs(&stack).into_iter().map(|entry| entry.1).collect();
    assert_eq!(indexes, [u64::MAX, u64::MAX - 1, 0]);
    assert!(matches!(stack.next_update_index(), Err(Error::Misuse(_))));
}

/// An error that passes is not remembered: what could not be read a moment ago is read now.
#[test]
fn transient_error_is_not_remembered() {
    for action in [Action::Read, Action::Open] {
        let fs = FaultFs::new(Path::new(DIR));
        let writer = crate::crash_support::open(&fs).unwrap();
        let reader = crate::crash_support::open(&fs).unwrap();
        crate::crash_support::add(&writer, "refs/a").unwrap();
        let mut failed = false;
        fs.inject(move |operation| {
            let first = operation.action == action && !failed;
            failed |= first;
            first.then_some(Fault::Error(5))
        });
        assert!(matches!(reader.reload(), Err(Error::Io { .. })));
        assert!(!has(&reader, "refs/a"), "the old view stays");
        assert!(reader.reload().unwrap());
        assert!(has(&reader, "refs/a"));
    }
}
