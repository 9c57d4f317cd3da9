//! Power cuts, kills and errors at every operation of a repair. At every moment the list is the old
//! one, with all its tables, or the new one; a repair that was stopped is followed by one that
//! ends as the first would have. The steps are those of `docs/durability.md`.

use crate::crash_support::{DIR, LIST, LIST_LOCK, View, open, options, survivors, view_of};
use fault_fs::{Action, Fault, FaultFs, Operation};
use reftable::repair::{RepairOptions, RepairReport, repair_stack};
use reftable::verify::{Severity, verify_stack};
use reftable::{Durability, RefRecord, RefValue, Result, Stack};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A stack that is damaged in some way.
struct Scenario {
    name: &'static str,
    damaged: FaultFs,
}

fn add(stack: &Stack, names: &[&str]) -> Result<()> {
    let next = stack.next_update_index()?;
    stack.add(|writer| {
        writer.set_limits(next, next);
        for name in names {
            writer.add_ref(&RefRecord {
                name: name.as_bytes(),
                update_index: next,
                value: RefValue::Object(&[next as u8; 20]),
            })?;
        }
        Ok(())
    })
}

/// A stack of four tables, and the names of these.
fn whole() -> (FaultFs, Vec<String>) {
    let fs = FaultFs::new(Path::new(DIR));
    let mut options = options(&fs);
    options.auto_compact = false;
    let stack = Stack::open(DIR, options).unwrap();
    for names in [
        &["refs/a", "refs/b", "refs/c"][..],
        &["refs/b", "refs/d"],
        &["refs/e"],
        &["refs/a", "refs/f"],
    ] {
        add(&stack, names).unwrap();
    }
    let names = stack.table_names();
    (fs.after_kill(), names)
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    let mut scenario = |name, damage: fn(&FaultFs, &[String])| {
        let (damaged, names) = whole();
        damage(&damaged, &names);
        // All of it is on the disk.
        let synced = FaultFs::new(Path::new(DIR));
        for (path, bytes) in damaged.files() {
            synced.put(&path, &bytes).unwrap();
        }
        let damaged = synced;
        scenarios.push(Scenario { name, damaged });
    };
    scenario("a missing table", |fs, names| {
        fs.take_away(&path(&names[1])).unwrap();
    });
    scenario("a damaged table", |fs, names| {
        let mut bytes = fs.files()[&path(&names[0])].clone();
        bytes[60] ^= 0x80;
        let cut = bytes.len() - 9;
        fs.put(&path(&names[0]), &bytes[..cut]).unwrap();
    });
    scenario("a list without its last newline", |fs, _| {
        let list = fs.files()[Path::new(LIST)].clone();
        fs.put(Path::new(LIST), &list[..list.len() - 1]).unwrap();
    });
    scenario("no list", |fs, _| fs.take_away(Path::new(LIST)).unwrap());
    scenario("the list of before a compaction", |fs, _| {
        let list = fs.files()[Path::new(LIST)].clone();
        open(fs).unwrap().compact_all(None).unwrap();
        fs.put(Path::new(LIST), &list).unwrap();
    });
    scenario("a table under the name of a temporary file", |fs, names| {
        let before = fs.after_kill();
        open(&before).unwrap().compact_all(None).unwrap();
        let old = fs.files();
        let (_, merged) = before
            .files()
            .into_iter()
            .find(|(path, _)| !old.contains_key(path))
            .unwrap();
        let name = "0x000000000001-0x000000000004-0badcafe.temp.aB3xYz";
        fs.put(&path(name), &merged).unwrap();
        fs.take_away(&path(&names[2])).unwrap();
    });
    scenarios
}

fn repair(fs: &FaultFs) -> Result<RepairReport> {
    let mut options = options(fs);
    options.durability = Durability::Synced;
    repair_stack(DIR, &options, RepairOptions::default())
}

/// What an undisturbed repair does, the list it makes, and what the stack shows after it.
fn record(scenario: &Scenario) -> (Vec<Operation>, Vec<u8>, View) {
    let fs = scenario.damaged.after_kill();
    assert!(repair(&fs).unwrap().is_changed, "{}", scenario.name);
    let operations = fs.operations();
    (
        operations,
        fs.files()[Path::new(LIST)].clone(),
        view_of(&fs),
    )
}

/// What a stop left is the old state or the new one, and another repair ends the matter.
fn check(fs: &FaultFs, old: &Files, new_list: &[u8], expected: &View, what: &str) {
    let files = fs.files();
    let list = files.get(Path::new(LIST)).map(Vec::as_slice);
    let old_list = old.get(Path::new(LIST)).map(Vec::as_slice);
    assert!(
        list == old_list || list == Some(new_list),
        "{what}: another list"
    );
    if list == old_list {
        for (path, bytes) in old {
            assert_eq!(files.get(path), Some(bytes), "{what}: {}", path.display());
        }
    }
    if files.contains_key(Path::new(LIST_LOCK)) {
        // As a person does who knows that its owner is dead.
        fs.take_away(Path::new(LIST_LOCK)).unwrap();
    }
    repair(fs).unwrap_or_else(|error| panic!("{what}: another repair: {error}"));
    assert_eq!(view_of(fs), *expected, "{what}: after another repair");
    let findings = verify_stack(DIR, &options(fs));
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0], "{what}");
    assert!(repair(fs).unwrap().is_sound(), "{what}: a third repair");
    // Nothing of the old state is gone but what is in the new one.
    let kept: Vec<Vec<u8>> = fs.files().into_values().collect();
    for (path, bytes) in old {
        let is_temporary = path.to_string_lossy().contains(".temp.");
        assert!(
            is_temporary || kept.contains(bytes),
            "{what}: {} is gone",
            path.display()
        );
    }
    add(&open(fs).unwrap(), &["refs/zz/next"]).unwrap();
}

#[test]
fn power_cut_or_kill_at_every_operation_of_a_repair_leaves_the_state_before_or_after_it() {
    let mut combinations = 0;
    for scenario in scenarios() {
        let old = scenario.damaged.files();
        let (operations, list, expected) = record(&scenario);
        for number in 0..=operations.len() {
            let fs = scenario.damaged.after_kill();
            fs.inject(move |operation| (operation.number == number).then_some(Fault::Stop));
            let _ = repair(&fs);
            let what = format!("{}: stop at operation {number}", scenario.name);
            check(
                &fs.after_kill(),
                &old,
                &list,
                &expected,
                &format!("{what}, killed"),
            );
            combinations += 1;
            for survivors in survivors(fs.unsynced()) {
                let what = format!("{what}, power cut, {survivors:?}");
                check(
                    &fs.after_power_cut(survivors),
                    &old,
                    &list,
                    &expected,
                    &what,
                );
                combinations += 1;
            }
        }
    }
    println!("repair: power cuts and kills: {combinations} combinations of operation and state");
    assert!(combinations > 1000, "{combinations}");
}

#[test]
fn error_at_every_operation_of_a_repair_leaves_the_state_before_or_after_it() {
    let mut combinations = 0;
    for scenario in scenarios() {
        let old = scenario.damaged.files();
        let (operations, list, expected) = record(&scenario);
        for operation in &operations {
            for fault in [
                Fault::Error(EIO),
                Fault::Error(ENOSPC),
                Fault::ShortWrite(ENOSPC),
                Fault::LateError(EIO),
            ] {
                let late = matches!(fault, Fault::LateError(_));
                if late && (!operation.action.is_change() || operation.action == Action::Create) {
                    continue;
                }
                let number = operation.number;
                let fs = scenario.damaged.after_kill();
                fs.inject(move |operation| (operation.number == number).then_some(fault));
                let result = repair(&fs);
                let what = format!("{}: {fault:?} at {operation:?}", scenario.name);
                let fs = fs.after_kill();
                let is_lock = operation.path == Path::new(LIST_LOCK);
                let left = fs.files().contains_key(Path::new(LIST_LOCK));
                assert!(
                    !left || (is_lock && operation.action == Action::Remove),
                    "{what}: the lock"
                );
                if result.is_err() {
                    let list_now = fs.files().get(Path::new(LIST)).cloned();
                    let stays = list_now == old.get(Path::new(LIST)).cloned();
                    let extra: Vec<_> = fs
                        .files()
                        .into_keys()
                        .filter(|path| !old.contains_key(path))
                        .collect();
                    let is_removal = operation.action == Action::Remove;
                    // Whether the list was replaced is unclear then, and so both states stay.
                    let is_unclear =
                        operation.action == Action::Persist && operation.path == Path::new(LIST);
                    assert!(
                        !stays || extra.is_empty() || is_removal || is_unclear,
                        "{what}: left {extra:?}"
                    );
                }
                check(&fs, &old, &list, &expected, &what);
                combinations += 1;
            }
        }
    }
    println!("repair: errors: {combinations} combinations of operation and fault");
    assert!(combinations > 200, "{combinations}");
}
