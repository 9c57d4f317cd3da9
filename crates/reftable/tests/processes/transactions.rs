//! Several processes at one stack: the test binary starts itself again in the roles of writers and
//! of a reader.

use reftable::record::{LogValueBuf, RefValueBuf};
use reftable::verify::{Severity, verify_stack};
use reftable::{Durability, Error, HashId, Stack, StackOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use test_support::{helper, read, records};

const WRITERS: usize = 4;
/// How many transactions each of them must get through.
const COMMITS: u64 = 150;
fn options() -> StackOptions {
    let mut options = StackOptions::default();
    options.durability = Durability::Unsynced;
    options
}

fn counter_ref(writer: usize) -> Vec<u8> {
    format!("refs/heads/writer{writer}").into_bytes()
}

/// An id that begins with a number.
fn counting_id(number: u64) -> Vec<u8> {
    let mut id = number.to_be_bytes().to_vec();
    id.resize(HashId::Sha1.len(), 0x5a);
    id
}

fn number_in(id: &[u8]) -> u64 {
    u64::from_be_bytes(id[..8].try_into().unwrap())
}

/// Starts a process in the role given.
fn start(role: &str, dir: &Path, number: usize) -> Child {
    let number = number.to_string();
    let args = [
        ("role", role),
        ("dir", dir.to_str().unwrap()),
        ("number", &number),
    ];
    helper::command(helper_plays_a_role, &args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What is reported by a process that ended well.
fn output(child: Child, what: &str) -> Vec<String> {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{what}: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_once("report ").map(|(_, rest)| rest.to_owned()))
        .collect()
}

/// Commits until enough transactions went through; reports each of them: number, update index.
fn write(dir: &Path, writer: usize) {
    let stack = Stack::open(dir, options()).unwrap();
    let mut lost = 0;
    let mut number = 0;
    while number < COMMITS {
        let mut index = 0;
        let result = stack.add(|table| {
            index = stack.next_update_index()?;
            table.set_limits(index, index);
            let name = counter_ref(writer);
            let value = RefValueBuf::Object(counting_id(number + 1));
            table.add_ref(&records::ref_record(&name, index, value).as_record())?;
            let message = format!("{writer} {}\n", number + 1);
            table.add_log(&records::log(&name, index, HashId::Sha1, message).as_record())
        });
        match result {
            Ok(()) => {
                number += 1;
                println!("report {number} {index}");
            }
            Err(Error::Locked { .. } | Error::Outdated { .. }) => lost += 1,
            Err(error) => panic!("writer {writer}: {error}"),
        }
        assert!(lost < 10_000_000, "writer {writer} never gets the lock");
        std::thread::yield_now();
    }
}

/// Becomes true when the input ends: when the parent waits for this process, or is no more.
fn input_ended() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        told.store(true, Ordering::SeqCst);
    });
    ended
}

/// Merges all tables into one, again and again until its input ends. Writers add meanwhile.
fn compact(dir: &Path) {
    let stack = Stack::open(dir, options()).unwrap();
    let ended = input_ended();
    let mut done = 0_u64;
    while !ended.load(Ordering::SeqCst) {
        stack.reload().unwrap_or_else(|e| panic!("reload: {e}"));
        match stack.compact_all(None) {
            Ok(()) => done += 1,
            Err(Error::Locked { .. } | Error::Outdated { .. }) => {}
            Err(error) => panic!("compaction: {error}"),
        }
    }
    println!("report {done}");
}

/// Reads all the time until its input ends; no counter may ever go back.
fn watch(dir: &Path) {
    let ended = input_ended();
    let stack = Stack::open(dir, options()).unwrap();
    let mut seen: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let (mut views, mut changes) = (0_u64, 0_u64);
    loop {
        let last = ended.load(Ordering::SeqCst);
        changes += u64::from(stack.reload().unwrap_or_else(|e| panic!("reload: {e}")));
        let view = stack.merged();
        let refs = read::merged_refs(&view).unwrap_or_else(|e| panic!("refs: {e}"));
        let logs = read::merged_logs(&view).unwrap_or_else(|e| panic!("logs: {e}"));
        assert!(refs.len() >= seen.len(), "refs are gone");
        for record in &refs {
            let number = number_in(read::ids(record)[0]);
            let before = seen.insert(record.name.clone(), number).unwrap_or(0);
            assert!(
                number >= before,
                "{:?} went back from {before} to {number}",
                record.name
            );
            let entries = logs.iter().filter(|log| log.name == record.name).count() as u64;
            assert_eq!(entries, number, "log and ref of one transaction");
            let found = stack.read_ref(&record.name, |r| r.to_buf()).unwrap();
            assert_eq!(found.as_ref(), Some(record));
        }
        views += 1;
        if last {
            break;
        }
    }
    println!("report {views} {changes}");
}

#[test]
#[ignore = "helper process"]
fn helper_plays_a_role() {
    let Some(args) = helper::args(helper_plays_a_role) else {
        return;
    };
    let dir = Path::new(&args["dir"]);
    match args["role"].as_str() {
        "write" => write(dir, args["number"].parse().unwrap()),
        "compact" => compact(dir),
        "watch" => watch(dir),
        other => panic!("role {other}"),
    }
}

/// What writers said they committed: writer and number by update index.
fn collect(writers: Vec<Child>) -> BTreeMap<u64, (usize, u64)> {
    let mut acknowledged = BTreeMap::new();
    for (writer, child) in writers.into_iter().enumerate() {
        let lines = output(child, &format!("writer {writer}"));
        assert_eq!(lines.len() as u64, COMMITS, "writer {writer}");
        for line in lines {
            let (number, index) = line.split_once(' ').unwrap();
            let (number, index) = (number.parse().unwrap(), index.parse().unwrap());
            let before = acknowledged.insert(index, (writer, number));
            assert_eq!(before, None, "update index {index} was given twice");
        }
    }
    acknowledged
}

/// What the reflogs say was committed.
fn stored(stack: &Stack) -> BTreeMap<u64, (usize, u64)> {
    let logs = read::merged_logs(&stack.merged()).unwrap();
    let entries = logs.iter().map(|log| {
        let LogValueBuf::Update(update) = &log.value else {
            panic!("a tombstone is shown");
        };
        let message = String::from_utf8(update.message.clone()).unwrap();
        let (writer, number) = message.trim_end().split_once(' ').unwrap();
        let entry = (writer.parse().unwrap(), number.parse().unwrap());
        (log.update_index, entry)
    });
    entries.collect()
}

/// Writers that lost a race for a lock took the winner's lock away, compaction forgot what was added
/// meanwhile: of 160 transactions 152 were gone.
#[test]
fn transactions_of_four_processes_are_all_there_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let watcher = start("watch", dir, 0);
    let compactor = start("compact", dir, 0);
    let writers = (0..WRITERS).map(|n| start("write", dir, n));
    let acknowledged = collect(writers.collect());
    // Waiting for it closes its input.
    for (process, what) in [(compactor, "the compactor"), (watcher, "the reader")] {
        let report = output(process, what);
        assert_eq!(report.len(), 1, "{what} came to its end");
    }

    let stack = Stack::open(dir, options()).unwrap();
    assert_eq!(
        stored(&stack),
        acknowledged,
        "what was acknowledged and what is there"
    );
    for writer in 0..WRITERS {
        let own = acknowledged.values().filter(|(w, _)| *w == writer);
        let numbers: Vec<u64> = own.map(|(_, n)| *n).collect();
        let in_order: Vec<u64> = (1..=COMMITS).collect();
        assert_eq!(numbers, in_order, "order of writer {writer}");
        let found = stack.read_ref(&counter_ref(writer), |r| r.to_buf());
        let found = found.unwrap().unwrap();
        assert_eq!(number_in(read::ids(&found)[0]), COMMITS);
    }
    let mut findings = verify_stack(dir, &options());
    findings.retain(|finding| finding.severity > Severity::Note);
    assert_eq!(findings, [], "what is left in the folder");
}
