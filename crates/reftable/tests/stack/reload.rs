//! Loading the list: what is read, what is refused, and what stays when it fails.

use crate::stack_support::{
    Call, HookFs, Steps, TableFile, add, build, has, list, names, open, open_with, options, quick,
    scratch, table, write_list,
};
use reftable::{Defect, Error, HashId, Stack};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn open_error(dir: &Path) -> Error {
    Stack::open(dir, quick()).unwrap_err()
}

fn put_list(dir: &Path, bytes: &[u8]) {
    std::fs::write(dir.join("tables.list"), bytes).unwrap();
}

#[test]
fn missing_folder_missing_list_and_empty_list_are_empty_stacks() {
    let dir = scratch();
    for path in [dir.path().join("missing"), dir.path().to_path_buf()] {
        let stack = open(&path);
        assert!(names(&stack).is_empty());
        assert_eq!(stack.next_update_index().unwrap(), 1);
        assert_eq!(stack.generation(), 0);
        assert_eq!(stack.dir(), path);
    }
    put_list(dir.path(), b"");
    assert!(names(&open(dir.path())).is_empty());
    put_list(dir.path(), b"\n\n");
    assert!(names(&open(dir.path())).is_empty());
    assert!(!dir.path().join("missing").exists());
}

#[test]
fn list_with_blank_lines_or_without_last_newline_is_read() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    put_list(
        dir.path(),
        format!("\n{}\n\n\n{}", tables[0], tables[1]).as_bytes(),
    );
    let stack = open(dir.path());
    assert_eq!(names(&stack), ["a", "b"]);
    // It is written as it should be.
    add(&stack, &["+c"]);
    assert!(!list(dir.path()).is_empty());
    assert_eq!(names(&open(dir.path())), ["a", "b", "c"]);
}

#[test]
fn malformed_lists_are_refused() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"])]);
    std::fs::write(dir.path().join("sub"), "").unwrap();
    let outside = format!(
        "../{}/{}\n",
        dir.path().file_name().unwrap().display(),
        tables[0]
    );
    let absolute = format!("{}\n", dir.path().join(&tables[0]).display());
    let twice = format!("{0}\n{0}\n", tables[0]);
    let nul = format!("{}\0\n", tables[0]);
    let huge = "x".repeat(2 << 20);
    for bad in [
        &outside, &absolute, &twice, &nul, &huge, ".\n", "..\n", "a\\b\n",
    ] {
        put_list(dir.path(), bad.as_bytes());
        let error = open_error(dir.path());
        assert_eq!(error.defect(), Some(Defect::BadTablesList), "{error}");
    }
    put_list(dir.path(), format!("{}\r\n", tables[0]).as_bytes());
    assert!(matches!(open_error(dir.path()), Error::NotFound { .. }));
}

#[test]
fn list_that_is_a_folder_is_an_error_of_the_system() {
    let dir = scratch();
    std::fs::create_dir(dir.path().join("tables.list")).unwrap();
    assert!(matches!(open_error(dir.path()), Error::Io { .. }));
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(open_error(&file), Error::Io { .. }));
}

#[test]
fn long_stacks_are_read() {
    let dir = scratch();
    let mut tables = Vec::new();
    for number in 1..=3000u64 {
        let name = format!("{number}.ref");
        table(number, &[&format!("r{number:04}")]).write(dir.path(), &name);
        tables.push(name);
    }
    write_list(dir.path(), &tables);
    let stack = open(dir.path());
    assert_eq!(names(&stack).len(), 3000);
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack).len(), 3000);
    crate::stack_support::assert_tidy(dir.path());
}

#[test]
fn missing_table_is_named() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let path = dir.path().join(&tables[1]);
    std::fs::remove_file(&path).unwrap();
    let error = open_error(dir.path());
    assert!(
        matches!(&error, Error::NotFound { path: found } if *found == path),
        "{error}"
    );
}

#[test]
fn damaged_and_empty_files_are_named() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let path = dir.path().join(&tables[1]);
    let bytes = std::fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (bad, defect) in [(Vec::new(), Defect::TooShort), (flipped, Defect::FooterCrc)] {
        std::fs::write(&path, bad).unwrap();
        let Error::Corrupt(corruption) = open_error(dir.path()) else {
            panic!("no corruption");
        };
        assert_eq!(corruption.file, tables[1]);
        assert_eq!(corruption.defect, defect);
    }
}

#[test]
fn table_with_another_hash_is_refused() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"])]);
    let mut sha256 = options();
    sha256.write.hash = HashId::Sha256;
    let error = Stack::open(dir.path(), sha256).unwrap_err();
    let Error::HashMismatch {
        table,
        expected,
        found,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(table, tables[0]);
    assert_eq!((expected, found), (HashId::Sha256, HashId::Sha1));
}

#[test]
fn overlapping_ranges_are_refused_on_demand() {
    for newer in [1, 2] {
        let dir = scratch();
        let mut older = table(2, &["a"]);
        older.max = 2;
        older.write(dir.path(), "older.ref");
        table(newer, &["b"]).write(dir.path(), "newer.ref");
        write_list(dir.path(), &["older.ref", "newer.ref"]);
        assert_eq!(names(&open(dir.path())), ["a", "b"]);
        let mut strict = quick();
        strict.quirks.ascending_ranges = true;
        let error = Stack::open(dir.path(), strict).unwrap_err();
        assert!(
            matches!(&error, Error::RangeOverlap { table } if table == "newer.ref"),
            "{error}"
        );
    }
}

/// The C library of git 2.52 and later takes the missing newline as a sign that the rest of the list
/// is missing too.
#[test]
fn a_list_that_was_cut_short_is_refused_on_demand() {
    let dir = scratch();
    table(1, &["a"]).write(dir.path(), "a.ref");
    let list = dir.path().join("tables.list");
    let mut strict = quick();
    strict.quirks.whole_lists = true;
    for (text, whole) in [
        ("", true),
        ("\n", true),
        ("a.ref\n", true),
        ("a.ref", false),
    ] {
        std::fs::write(&list, text).unwrap();
        assert!(Stack::open(dir.path(), quick()).is_ok(), "{text:?}");
        let refused = Stack::open(dir.path(), strict.clone()).map_err(|error| error.defect());
        let expected = Err(Some(Defect::BadTablesList));
        assert_eq!(refused.is_ok(), whole, "{text:?}");
        assert!(whole || refused.map(drop) == expected, "{text:?}");
    }
}

#[test]
fn unlisted_files_are_ignored() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    table(9, &["ghost"]).write(dir.path(), "0x000000000009-0x000000000009-12345678.ref");
    std::fs::write(dir.path().join("x.temp.abcdef"), "junk").unwrap();
    std::fs::write(dir.path().join(".nfs0001"), "").unwrap();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let stack = open(dir.path());
    assert_eq!(names(&stack), ["a"]);
    assert_eq!(stack.next_update_index().unwrap(), 2);
    add(&stack, &["+b"]);
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack), ["a", "b"]);
    assert!(dir.path().join(".nfs0001").exists());
}

#[test]
fn unchanged_list_is_read_and_nothing_else() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    assert_eq!(stack.generation(), 1);
    fs.take_calls();
    assert!(!stack.reload().unwrap());
    assert_eq!(
        fs.take_calls(),
        [Call::Read(dir.path().join("tables.list"))]
    );
    assert_eq!(stack.generation(), 1);
}

#[test]
fn tables_that_stay_are_not_opened_again() {
    let dir = scratch();
    let mut tables = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    table(3, &["c"]).write(dir.path(), "three.ref");
    tables.remove(0);
    tables.push("three.ref".to_owned());
    write_list(dir.path(), &tables);
    fs.take_calls();
    assert!(stack.reload().unwrap());
    let opened = fs
        .take_calls()
        .into_iter()
        .filter(|call| matches!(call, Call::Open(_)));
    let expected = [Call::Open(dir.path().join("three.ref"))];
    assert_eq!(opened.collect::<Vec<_>>(), expected);
    assert_eq!(names(&stack), ["b", "c"]);
    assert_eq!(stack.generation(), 2);
}

#[test]
fn snapshot_does_not_see_later_changes() {
    let dir = scratch();
    let (reader, writer) = (open(dir.path()), open(dir.path()));
    add(&writer, &["+a"]);
    assert!(!has(&reader, "a"), "reads do not look at the list");
    assert_eq!(reader.next_update_index().unwrap(), 1);
    assert!(reader.reload().unwrap());
    let snapshot = reader.merged();
    add(&writer, &["-a", "+b"]);
    writer.compact_all(None).unwrap();
    assert!(reader.reload().unwrap());
    assert_eq!(names(&reader), ["b"]);
    assert!(snapshot.read_ref(b"a", |_| ()).unwrap().is_some());
    assert!(snapshot.read_ref(b"b", |_| ()).unwrap().is_none());
}

/// A reload that failed closed tables that the old view still used.
#[test]
fn failed_reload_leaves_the_old_view() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"]), table(2, &["b"])]);
    let stack = open(dir.path());
    let generation = stack.generation();
    let bad_lists = [
        format!("{}\nmissing.ref\n", tables[0]),
        format!("{0}\n{0}\n", tables[0]),
        "missing.ref\n".to_owned(),
    ];
    for bad in bad_lists {
        put_list(dir.path(), bad.as_bytes());
        stack.reload().unwrap_err();
        assert_eq!(names(&stack), ["a", "b"]);
        assert_eq!(stack.next_update_index().unwrap(), 3);
        assert_eq!(stack.generation(), generation);
    }
    write_list(dir.path(), &tables);
    assert!(!stack.reload().unwrap());
}

/// A table vanishes between the look at the list and its opening: once is a reason to look again.
#[test]
fn list_that_changes_while_it_is_loaded_is_loaded_again() {
    for changes in [1, 2, 10] {
        let dir = scratch();
        build(dir.path(), &[table(1, &["a"])]);
        let fs = HookFs::new();
        let stack = open_with(dir.path(), &fs);
        write_list(dir.path(), &["gone0.ref"]);
        let path = dir.path().to_path_buf();
        let mut seen = 0;
        fs.set_hook(move |call| {
            if matches!(call, Call::Open(opened) if !opened.exists()) {
                seen += 1;
                if seen == changes {
                    table(7, &["new"]).write(&path, "new.ref");
                    write_list(&path, &["new.ref"]);
                } else {
                    write_list(&path, &[format!("gone{seen}.ref")]);
                }
            }
            Ok(())
        });
        assert!(stack.reload().unwrap());
        assert_eq!(names(&stack), ["new"]);
        assert!(fs.slept() >= Duration::from_millis(changes));
    }
}

/// While the list changed for ever, the reload gave up with success and no tables at all.
#[test]
fn list_that_never_comes_to_rest_is_an_error() {
    let dir = scratch();
    let tables = build(dir.path(), &[table(1, &["a"])]);
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    write_list(dir.path(), &["gone0.ref"]);
    let path = dir.path().to_path_buf();
    let mut seen = 0;
    fs.set_hook(move |call| {
        if matches!(call, Call::Open(_)) {
            seen += 1;
            write_list(&path, &[format!("gone{seen}.ref")]);
        }
        Ok(())
    });
    let error = stack.reload().unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(fs.slept() >= Duration::from_secs(3) - Duration::from_millis(500));
    assert!(fs.slept() < Duration::from_secs(10));
    assert_eq!(names(&stack), ["a"], "the old view stays");

    let mut options = options();
    options.fs = Arc::new(fs.clone());
    let error = Stack::open(dir.path(), options).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");

    fs.clear_hook();
    write_list(dir.path(), &tables);
    assert!(!stack.reload().unwrap());
}

/// Readers failed with closed files while another thread compacted.
#[test]
fn readers_never_fail_while_others_write_and_compact() {
    let dir = scratch();
    let writer = open(dir.path());
    add(&writer, &["+fixed"]);
    let shared = open(dir.path());
    let done = std::sync::atomic::AtomicBool::new(false);
    let (done, shared, path) = (&done, &shared, dir.path());
    std::thread::scope(|scope| {
        for reader in 0..4 {
            scope.spawn(move || {
                let own = open(path);
                let stack = if reader % 2 == 0 { shared } else { &own };
                let mut newest = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    stack.reload().unwrap();
                    assert!(has(stack, "fixed"));
                    let seen = names(stack).len();
                    assert!(reader % 2 == 0 || seen >= newest, "{seen} after {newest}");
                    newest = seen;
                }
            });
        }
        scope.spawn(move || {
            for number in 0..150 {
                add(&writer, &[&format!("+r{number:03}")]);
                if number % 10 == 9 {
                    writer.compact_all(None).unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
    shared.reload().unwrap();
    assert_eq!(names(shared).len(), 151);
}

/// Threads that share a handle each see their own commits at once, however their reloads overtake
/// each other.
#[test]
fn threads_that_share_a_handle_see_their_own_commits() {
    let dir = scratch();
    let mut options = quick();
    options.lock_timeout = None;
    let stack = &Stack::open(dir.path(), options).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for number in 0..25 {
                    let name = format!("t{thread}/{number}");
                    let mut addition = stack.begin_reloaded().unwrap();
                    let next = addition.next_update_index().unwrap();
                    addition
                        .add(|writer| {
                            writer.set_limits(next, next);
                            writer.add_ref(&crate::stack_support::object(name.as_bytes(), next))
                        })
                        .unwrap();
                    addition.commit().unwrap();
                    assert!(has(stack, &name), "{name}");
                }
            });
        }
    });
    assert_eq!(names(stack).len(), 100);
    crate::stack_support::assert_tidy(dir.path());
}

#[test]
fn table_replaced_by_hand_is_seen_by_its_new_name() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    let stack = open(dir.path());
    TableFile {
        max: 3,
        ..table(2, &["b"])
    }
    .write(dir.path(), "any name.log");
    write_list(dir.path(), &["any name.log"]);
    assert!(stack.reload().unwrap());
    assert_eq!(names(&stack), ["b"]);
    assert_eq!(stack.next_update_index().unwrap(), 4);
}

/// Of two threads that reload one handle, the one that had read the older list could be the last
/// to install it: the view went back to it, and the next update index with it, even while a
/// transaction of the handle had the list locked.
#[test]
fn threads_that_share_a_handle_never_take_its_view_back() {
    let dir = scratch();
    let mut listed = build(dir.path(), &[table(1, &["a"])]);
    let fs = HookFs::new();
    let stack = Arc::new(open_with(dir.path(), &fs));
    let publish = |listed: &mut Vec<String>, name: &str| {
        let update_index = listed.len() as u64 + 1;
        listed.push(format!("{update_index}.ref"));
        table(update_index, &[name]).write(dir.path(), listed.last().unwrap());
        write_list(dir.path(), listed);
    };
    publish(&mut listed, "b");

    let steps = Steps::default();
    let at = steps.clone();
    fs.set_gate(move |call| match (std::thread::current().name(), call) {
        (Some("new"), Call::Read(_)) if at.now() < 3 => {
            at.reach(1);
            at.wait_for(3);
        }
        (Some("old"), Call::Open(_)) if at.now() < 4 => {
            at.reach(2);
            at.wait_for(4);
        }
        _ => {}
    });
    let spawn = |name: &str| {
        let stack = Arc::clone(&stack);
        let reload = move || stack.reload().unwrap();
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(reload).unwrap()
    };
    let new = spawn("new");
    steps.wait_for(1);
    // Begins later, but reads the list before it changes again.
    let old = spawn("old");
    steps.wait_for(2);
    publish(&mut listed, "c");
    steps.reach(3);
    new.join().unwrap();
    assert_eq!(names(&stack), ["a", "b", "c"]);
    let generation = stack.generation();
    steps.reach(4);
    old.join().unwrap();
    assert_eq!(names(&stack), ["a", "b", "c"]);
    assert_eq!(stack.next_update_index().unwrap(), 4);
    assert_eq!(stack.generation(), generation);
}

/// The same if the list goes back to what it was, as an empty one can.
#[test]
fn view_that_was_found_right_again_is_not_replaced_by_what_was_read_before() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = Arc::new(open_with(dir.path(), &fs));
    let listed = build(dir.path(), &[table(1, &["a"])]);
    let steps = Steps::default();
    let at = steps.clone();
    fs.set_gate(move |call| {
        if matches!(call, Call::Open(_)) && at.now() < 2 {
            at.reach(1);
            at.wait_for(2);
        }
    });
    let old = {
        let stack = Arc::clone(&stack);
        std::thread::spawn(move || stack.reload().unwrap())
    };
    steps.wait_for(1);
    write_list::<&str>(dir.path(), &[]);
    assert!(!stack.reload().unwrap(), "nothing changed");
    steps.reach(2);
    old.join().unwrap();
    assert!(names(&stack).is_empty());
    write_list(dir.path(), &listed);
    assert!(stack.reload().unwrap());
}

/// Opening a FIFO waits until somebody writes to it: one in place of a table or of the list hung
/// every reader, for ever.
#[test]
fn fifo_in_place_of_a_file_is_refused_and_does_not_hang() {
    for name in ["tables.list", "a.ref"] {
        let dir = scratch();
        if name != "tables.list" {
            write_list(dir.path(), &[name]);
        }
        let made = std::process::Command::new("mkfifo")
            .arg(dir.path().join(name))
            .status();
        assert!(made.unwrap().success());
        let (done, outcome) = std::sync::mpsc::channel();
        let path = dir.path().to_path_buf();
        std::thread::spawn(move || done.send(Stack::open(path, options()).map(|_| ())));
        let patience = std::time::Duration::from_secs(60);
        let outcome = outcome.recv_timeout(patience).expect("opening hangs");
        let Err(Error::Io { path, .. }) = outcome else {
            panic!("{name}: {outcome:?}");
        };
        assert_eq!(path, dir.path().join(name));
    }
}

/// A reload that only looks at the list's number, not into it, must not be fooled: the new list
/// has the length of the old one, and a file system gives the number of a removed file to the next.
#[test]
fn every_replaced_list_is_noticed() {
    let dir = scratch();
    let tables: Vec<_> = (1..=9).map(|index| table(index, &["refs/a"])).collect();
    let files = build(dir.path(), &tables);
    write_list(dir.path(), &files[..1]);
    let stack = open(dir.path());
    for round in 0..50 {
        let file = &files[round % files.len()];
        let new = dir.path().join("new");
        std::fs::write(&new, format!("{file}\n")).unwrap();
        std::fs::rename(&new, dir.path().join("tables.list")).unwrap();
        assert_eq!(stack.reload().unwrap(), round != 0, "{round}");
        assert_eq!(stack.table_names(), [file.as_str()]);
        assert!(!stack.reload().unwrap());
    }
}

/// Nobody should edit the list where it lies, but a person may, to mend a stack.
#[test]
fn a_list_edited_in_place_is_noticed() {
    let dir = scratch();
    build(dir.path(), &[table(1, &["refs/a"])]);
    let stack = open(dir.path());
    put_list(dir.path(), b"");
    assert!(stack.reload().unwrap());
    assert!(names(&stack).is_empty());
}
