//! Commands beside others that write.
use crate::tool::{status, tool};
use reftable::{Edit, Stack, StackOptions, Transaction};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn open(dir: &Path) -> Stack {
    let mut options = StackOptions::default();
    options.lock_timeout = Some(Duration::from_secs(60));
    options.durability = reftable::Durability::Unsynced;
    Stack::open(dir, options).unwrap()
}

fn update(stack: &Stack, number: u32) {
    let mut transaction = Transaction::new();
    let id = number.to_be_bytes().repeat(5);
    transaction.push(Edit::update(format!("refs/heads/b{}", number % 7), id));
    let prepared = transaction.prepare_stack(stack, Some(Duration::from_secs(60)));
    prepared.unwrap().commit().unwrap();
}

/// Does something while two threads write and compact without a pause.
fn beside_writers(dir: &Path, act: impl Fn()) {
    fs::create_dir_all(dir).unwrap();
    update(&open(dir), 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let stack = open(dir);
            for number in 1.. {
                update(&stack, number);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        scope.spawn(|| {
            let stack = open(dir);
            while !stop.load(Ordering::Relaxed) {
                // It loses races, which is what this is about.
                let _ = stack.reload().and_then(|_| stack.compact_all(None));
            }
        });
        // Also if it panics.
        let _stop = Stop(&stop);
        act();
    });
}

/// Stops the writers when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn files(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| name(entry.unwrap())).collect()
}

#[test]
fn copies_hold_what_their_list_names_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let stack = dir.path().join("reftable");
    beside_writers(&stack, || {
        for number in 0..40 {
            let copy = format!("copy{number}");
            tool(dir.path(), &["snapshot", &copy, "reftable"]);
            let copy = dir.path().join(copy).join("reftable");
            let list = fs::read_to_string(copy.join("tables.list")).unwrap();
            let mut listed: BTreeSet<String> = list.lines().map(str::to_owned).collect();
            listed.insert("tables.list".to_owned());
            assert_eq!(files(&copy), listed);
        }
    });
}

#[test]
fn verify_takes_busy_writers_for_no_fault_and_compact_gets_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let stack = dir.path().join("reftable");
    beside_writers(&stack, || {
        for _ in 0..25 {
            let (code, text, errors) = status(dir.path(), &["verify", "reftable"]);
            assert_eq!(code, 0, "{text}{errors}");
        }
        for command in [&["compact", "--all"][..], &["compact"], &["clean"]] {
            for _ in 0..8 {
                let (code, text, errors) = status(dir.path(), &[command, &["reftable"]].concat());
                assert_eq!(code, 0, "{command:?}: {text}{errors}");
            }
        }
    });
}

#[test]
fn a_lock_of_a_living_process_is_a_note_and_that_of_a_dead_one_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("reftable")).unwrap();
    let stack = open(&dir.path().join("reftable"));
    update(&stack, 1);
    let held = stack.begin().unwrap();
    let (code, text, _) = status(dir.path(), &["verify", "reftable"]);
    if Path::new("/proc/self/fd").exists() {
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("note: "), "{text}");
    }
    drop(held);
    drop(stack);
    fs::write(dir.path().join("reftable/tables.list.lock"), "").unwrap();
    let (code, text, _) = status(dir.path(), &["verify", "reftable"]);
    assert_eq!(code, 1, "{text}");
}

#[test]
fn clean_tells_what_it_removed_itself() {
    let dir = tempfile::tempdir().unwrap();
    let stack = dir.path().join("reftable");
    let stray = "0x000000000001-0x000000000001-00000001.ref";
    fs::create_dir_all(&stack).unwrap();
    update(&open(&stack), 1);
    let table = fs::read_to_string(stack.join("tables.list")).unwrap();
    fs::copy(stack.join(table.trim()), stack.join(stray)).unwrap();
    assert_eq!(
        tool(dir.path(), &["clean", "reftable"]),
        format!("removed reftable/{stray}\n")
    );
    beside_writers(&stack, || {
        for _ in 0..20 {
            // Locks and tables that are being made come and go, and are none of its business. A
            // table that was just replaced it may remove before the writer does.
            let text = tool(dir.path(), &["clean", "reftable"]);
            assert!(text.lines().all(|line| line.ends_with(".ref")), "{text}");
        }
    });
}

/// A process that reached the folder by another path holds the lock all the same.
#[test]
fn an_owner_is_known_by_its_files_whatever_their_paths() {
    let dir = tempfile::tempdir().unwrap();
    let stack = dir.path().join("reftable");
    fs::create_dir_all(&stack).unwrap();
    update(&open(&stack), 1);
    let lock = stack.join("tables.list.lock");
    let file = fs::File::create(&lock).unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(600);
    file.set_modified(old).unwrap();
    drop(file);
    // The same table by a name outside of the folder.
    let table = fs::read_to_string(stack.join("tables.list")).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::hard_link(stack.join(table.trim()), &elsewhere).unwrap();
    let held = fs::File::open(&elsewhere).unwrap();
    let (code, text, _) = status(dir.path(), &["unlock", "reftable"]);
    assert_eq!(code, 4, "{text}");
    assert!(text.starts_with("kept "), "{text}");
    if Path::new("/proc/self/fd").exists() {
        let own = std::process::id().to_string();
        assert!(
            text.contains(&format!("process {own} has a file")),
            "{text}"
        );
    }
    assert!(lock.exists());
    drop(held);
    tool(dir.path(), &["unlock", "--force", "reftable"]);
    assert!(!lock.exists());
}
