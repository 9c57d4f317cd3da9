//! The processes: writers, git as a writer, readers, compactors, an expirer.

use super::arena::{
    Arena, Journal, OBJECTS, SLOTS, Written, counter, message, slot, slot_after, to_hex,
    transaction,
};
use super::check::Shown;
use reftable::{Durability, Error, LogExpiry, MergedTable, Result, Stack, StackOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

pub fn options(synced: bool) -> StackOptions {
    let mut options = StackOptions::default();
    if !synced {
        options.durability = Durability::Unsynced;
    }
    options.lock_timeout = Some(Duration::from_millis(50));
    options
}

/// The documented answers to somebody who comes at a bad moment; everything else is a failure.
fn is_contention(error: &Error) -> bool {
    matches!(error, Error::Locked { .. } | Error::Outdated { .. })
}

/// What became of a transaction that was begun and not acknowledged; whether it is there.
fn resolve(arena: &Arena, stack: &Stack, writer: &str, journal: &mut Journal) -> u64 {
    let written = Written::latest(arena, writer);
    stack.reload().unwrap();
    let n = Shown::read(&stack.merged()).unwrap().transaction(writer);
    assert!(
        n == written.acknowledged || n == written.begun,
        "{writer}: {n} is there, {} begun, {} acknowledged",
        written.begun,
        written.acknowledged
    );
    if n > written.acknowledged {
        journal.line(&format!("ack {n} 0"));
    }
    n
}

pub fn write(arena: &Arena, writer: &str) {
    let stack = Stack::open(&arena.stack, options(writer.ends_with('0'))).unwrap();
    let mut journal = Journal::open(arena, writer);
    let mut n = resolve(arena, &stack, writer, &mut journal) + 1;
    while !arena.is_stopped() {
        journal.line(&format!("try {n}"));
        let result = match n % 4 {
            0 => write_in_two_tables(arena, &stack, writer, n),
            _ => write_in_one_table(arena, &stack, writer, n),
        };
        match result {
            Ok(index) => {
                journal.line(&format!("ack {n} {index}"));
                n += 1;
            }
            Err(error) if is_contention(&error) => {}
            Err(error) => panic!("{writer}: {error}"),
        }
    }
}

fn write_in_one_table(arena: &Arena, stack: &Stack, writer: &str, n: u64) -> Result<u64> {
    let mut index = 0;
    stack.add(|table| {
        index = stack.next_update_index()?;
        table.set_limits(index, index);
        let (refs, log) = transaction(arena, writer, n, index);
        for record in &refs {
            table.add_ref(&record.as_record())?;
        }
        table.add_log(&log.as_record())
    })?;
    Ok(index)
}

/// The slot in a table before that of the counter.
fn write_in_two_tables(arena: &Arena, stack: &Stack, writer: &str, n: u64) -> Result<u64> {
    let mut addition = stack.begin_reloaded()?;
    let index = addition.next_update_index()?;
    let (refs, _) = transaction(arena, writer, n, index);
    addition.add(|table| {
        table.set_limits(index, index);
        table.add_ref(&refs[1].as_record())
    })?;
    let index = addition.next_update_index()?;
    let (refs, log) = transaction(arena, writer, n, index);
    addition.add(|table| {
        table.set_limits(index, index);
        table.add_ref(&refs[0].as_record())?;
        table.add_log(&log.as_record())
    })?;
    addition.commit()?;
    Ok(index)
}

/// Reads all the time. What was acknowledged before a look at the list is in the view, and
/// transactions never come apart or go back.
pub fn read(arena: &Arena, reader: &str, writers: &[String]) {
    let mut journal = Journal::open(arena, reader);
    let stack = Stack::open(&arena.stack, options(false)).unwrap();
    let mut last = vec![0; writers.len()];
    let mut kept: Option<(MergedTable, Vec<u64>)> = None;
    let mut looks = 0_u64;
    while !arena.is_stopped() {
        let acknowledged = writers
            .iter()
            .map(|writer| Written::latest(arena, writer).acknowledged);
        let acknowledged: Vec<u64> = acknowledged.collect();
        stack
            .reload()
            .unwrap_or_else(|error| panic!("{reader}: {error}"));
        let view = stack.merged();
        let shown = Shown::read(&view).unwrap_or_else(|error| panic!("{reader}: {error}"));
        for (position, writer) in writers.iter().enumerate() {
            let n = shown.check_writer(arena, writer);
            assert!(
                n >= last[position],
                "{writer} went back from {} to {n}",
                last[position]
            );
            let least = acknowledged[position];
            assert!(
                n >= least,
                "{reader}: {writer} acknowledged {least}, and {n} is there"
            );
            last[position] = n;
        }
        looks += 1;
        if looks % 16 == 0 {
            // An old view stays what it was, though its files are gone by now.
            if let Some((view, numbers)) = &kept {
                let old = Shown::read(view).unwrap();
                let now = writers.iter().map(|writer| old.transaction(writer));
                assert!(
                    now.eq(numbers.iter().copied()),
                    "{reader}: an old view has changed"
                );
            }
            kept = Some((view, last.clone()));
            journal.line("looks 16");
        }
    }
}

pub fn compact(arena: &Arena, compactor: &str) {
    let mut journal = Journal::open(arena, compactor);
    let stack = Stack::open(&arena.stack, options(true)).unwrap();
    while !arena.is_stopped() {
        stack
            .reload()
            .unwrap_or_else(|error| panic!("{compactor}: {error}"));
        if stack.table_names().len() < 3 {
            std::thread::yield_now();
            continue;
        }
        match stack.compact_all(None) {
            Ok(()) => journal.line("compacted"),
            Err(error) if is_contention(&error) => {}
            Err(error) => panic!("{compactor}: {error}"),
        }
        match stack.auto_compact().and_then(|()| stack.clean()) {
            Err(error) if !is_contention(&error) => panic!("{compactor}: {error}"),
            _ => {}
        }
    }
}

/// Drops log entries that have become old, but never the newest one of a writer: that is what tells
/// the transaction that a view shows.
pub fn expire(arena: &Arena, expirer: &str, writers: &[String]) {
    let mut journal = Journal::open(arena, expirer);
    let stack = Stack::open(&arena.stack, options(false)).unwrap();
    let mut before = 0;
    while !arena.is_stopped() {
        stack
            .reload()
            .unwrap_or_else(|error| panic!("{expirer}: {error}"));
        let shown = Shown::read(&stack.merged()).unwrap();
        let newest = writers.iter().filter_map(|writer| {
            let logs = shown.logs.get(&counter(writer))?;
            Some(logs.first()?.update_index)
        });
        let bound = stack.next_update_index().unwrap().saturating_sub(40);
        let bound = newest.chain([bound]).min().unwrap();
        if bound < before + 10 {
            std::thread::yield_now();
            continue;
        }
        journal.line(&format!("expire {bound}"));
        let expiry = LogExpiry {
            time: 0,
            min_update_index: bound,
        };
        match stack.compact_all(Some(expiry)) {
            Ok(()) => before = bound,
            Err(error) if is_contention(&error) => {}
            Err(error) => panic!("{expirer}: {error}"),
        }
    }
}

pub fn git(arena: &Arena) -> Command {
    let program = std::env::var_os("GIT").unwrap_or_else(|| "git".into());
    let mut command = Command::new(program);
    command
        .current_dir(arena.repository())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", arena.repository())
        .env("LC_ALL", "C")
        .env("GIT_COMMITTER_NAME", "C O Mitter")
        .env("GIT_COMMITTER_EMAIL", "committer@example.com")
        .stdin(Stdio::null());
    command
}

/// The same transactions, made by git.
pub fn write_with_git(arena: &Arena, writer: &str) {
    let stack = Stack::open(&arena.stack, options(false)).unwrap();
    let mut journal = Journal::open(arena, writer);
    let mut n = resolve(arena, &stack, writer, &mut journal) + 1;
    while !arena.is_stopped() {
        journal.line(&format!("try {n}"));
        match update_with_git(arena, writer, n) {
            Ok(()) => {
                journal.line(&format!("ack {n} 0"));
                n += 1;
            }
            Err(reason) => {
                let first = reason.lines().next().unwrap_or_default();
                journal.line(&format!("failed {first}"));
                assert!(is_git_contention(&reason), "{writer}: {reason}");
                n = resolve(arena, &stack, writer, &mut journal) + 1;
            }
        }
    }
}

fn is_git_contention(reason: &str) -> bool {
    ["lock", "outdated"]
        .iter()
        .any(|word| reason.contains(word))
}

fn update_with_git(arena: &Arena, writer: &str, n: u64) -> std::result::Result<(), String> {
    let id = to_hex(arena.id(n));
    let changed = slot(writer, n % SLOTS);
    let exists = slot_after(n % SLOTS, n - 1).is_some();
    let change = match n % 3 {
        0 if exists => format!("delete {changed}\n"),
        0 => String::new(),
        _ => format!("update {changed} {id}\n"),
    };
    let input = format!("start\nupdate {} {id}\n{change}commit\n", counter(writer));
    let mut child = git(arena)
        .args([
            "update-ref",
            "--create-reflog",
            "-m",
            &message(writer, n),
            "--stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have failed before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// git compacts and reads.
pub fn pack_with_git(arena: &Arena, packer: &str) {
    let mut journal = Journal::open(arena, packer);
    let run = |args: &[&str]| git(arena).args(args).output().unwrap();
    while !arena.is_stopped() {
        let packed = run(&["pack-refs", "--all"]);
        let stderr = String::from_utf8_lossy(&packed.stderr).into_owned();
        let stderr = stderr.trim();
        // It fails without a word where a table is locked.
        assert!(
            packed.status.success() || stderr.is_empty() || is_git_contention(stderr),
            "{packer}: {stderr}"
        );
        let listed = run(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let stderr = String::from_utf8_lossy(&listed.stderr);
        assert!(
            listed.status.success() && stderr.is_empty(),
            "{packer}: {stderr}"
        );
        journal.line(if packed.status.success() {
            "packed"
        } else {
            "refused"
        });
    }
}

/// Names that stand for objects: those of blobs if git takes part.
pub fn make_objects(base: &std::path::Path, with_git: bool) {
    let numbers = 0..OBJECTS;
    let ids: Vec<String> = match with_git {
        false => numbers
            .map(|n| format!("{:040x}", n + 0xabc_0000))
            .collect(),
        true => {
            let names: Vec<String> = numbers.map(|n| format!("object{n}")).collect();
            let dir = base.join("repository");
            for name in &names {
                std::fs::write(dir.join(name), name).unwrap();
            }
            let program = std::env::var_os("GIT").unwrap_or_else(|| "git".into());
            let mut command = Command::new(program);
            let output = command
                .current_dir(dir)
                .args(["hash-object", "-w"])
                .args(names);
            let output = output.output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect()
        }
    };
    std::fs::write(base.join("ids"), ids.join("\n")).unwrap();
}
