//! Power cuts, kills and errors at every operation of additions, compactions and cleaning, on a
//! file system in memory. What has been acknowledged stays, what has not is there as a whole or
//! not at all, and the next writer goes on. The steps are those of `docs/durability.md`.

use crate::crash_support::{
    Outcome, Scenario, View, add, assert_tidy, files, is_after_commit_point, names, open, recover,
    scenarios, stray_files, survivors, view, view_of,
};
use fault_fs::{Action, Fault, Operation};
use reftable::{Durability, Error};
use std::path::PathBuf;

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn stop_at(number: usize) -> impl FnMut(&Operation) -> Option<Fault> + Send + 'static {
    move |operation| (operation.number == number).then_some(Fault::Stop)
}

/// The states that a run which came so far may have left: that of the last step that returned,
/// and that of the step under way.
fn expected<'v>(views: &'v [View], outcome: &Outcome) -> Vec<&'v View> {
    let under_way = usize::from(outcome.error.is_some());
    views[outcome.done..=outcome.done + under_way]
        .iter()
        .collect()
}

/// Looks at everything that the stop may have left.
fn check_stop(outcome: &Outcome, views: &[View], what: &str) -> usize {
    let expected = expected(views, outcome);
    recover(
        &outcome.fs.after_kill(),
        &expected,
        &format!("{what}, killed"),
    );
    let all = survivors(outcome.fs.unsynced());
    for survivors in &all {
        let fs = outcome.fs.after_power_cut(*survivors);
        recover(&fs, &expected, &format!("{what}, power cut, {survivors:?}"));
    }
    all.len() + 1
}

#[test]
fn power_cut_or_kill_at_every_operation_leaves_the_state_before_or_after_it() {
    let mut combinations = 0;
    for scenario in scenarios() {
        let (operations, views) = scenario.record();
        let changes = operations
            .iter()
            .filter(|operation| operation.action.is_change());
        let mut cuts: Vec<usize> = changes.map(|operation| operation.number).collect();
        // Also when all is done.
        cuts.push(operations.len());
        let before = combinations;
        for &number in &cuts {
            let outcome = scenario.run(stop_at(number));
            let what = format!("{}: stop at operation {number}", scenario.name);
            combinations += check_stop(&outcome, &views, &what);
        }
        println!(
            "{}: {} stops, {} states",
            scenario.name,
            cuts.len(),
            combinations - before
        );
    }
    println!("power cuts and kills: {combinations} combinations of operation and state");
    assert!(combinations > 4000, "{combinations}");
}

/// Scenarios of a stack that nothing is synced for, whose small tables have their final names from
/// the start.
fn unsynced_scenarios() -> Vec<Scenario> {
    let mut scenarios = scenarios();
    for scenario in &mut scenarios {
        scenario.durability = Durability::Unsynced;
    }
    scenarios
}

#[test]
fn kill_at_every_operation_without_syncs_leaves_the_state_before_or_after_it() {
    let (mut combinations, mut named) = (0, 0);
    for scenario in unsynced_scenarios() {
        let (operations, views) = scenario.record();
        let is_table = |o: &&Operation| o.path.extension() == Some("ref".as_ref());
        let made = |o: &&Operation| o.action == Action::Create;
        named += operations.iter().filter(made).filter(is_table).count();
        for number in 0..=operations.len() {
            let outcome = scenario.run(stop_at(number));
            let what = format!("{}: unsynced, stop at {number}", scenario.name);
            let expected = expected(&views, &outcome);
            recover(&outcome.fs.after_kill(), &expected, &what);
            combinations += 1;
        }
    }
    assert!(combinations > 250, "{combinations}");
    assert!(named > 8, "{named}");
}

/// A process that is killed while it writes a table leaves its beginning, under the final name. It
/// goes once the stack has got past its update index, as every table that no list names.
#[test]
fn half_a_table_of_a_killed_process_is_in_nobodys_way() {
    let mut cut = 0;
    for scenario in unsynced_scenarios() {
        let (operations, views) = scenario.record();
        let writes = operations.iter().filter(|o| o.action == Action::Write);
        for written in writes.map(|operation| operation.number) {
            let outcome = scenario.run(move |operation| match operation.number {
                number if number == written => Some(Fault::ShortWrite(ENOSPC)),
                number if number > written => Some(Fault::Stop),
                _ => None,
            });
            let fs = outcome.fs.after_kill();
            let is_cut = |path: &PathBuf| {
                let bytes = &fs.files()[path];
                path.extension() == Some("ref".as_ref())
                    && *path == operations[written].path
                    && !bytes.is_empty()
            };
            cut += stray_files(&fs).iter().filter(|path| is_cut(path)).count();
            let what = format!("{}: half of write {written}", scenario.name);
            recover(&fs, &expected(&views, &outcome), &what);
        }
    }
    assert!(cut > 5, "{cut}");
}

/// The error of a step is the one that was injected, with the file and what was being done.
fn assert_injected(error: &Error, operation: &Operation, code: i32, what: &str) {
    match error {
        // A lock that could not be removed is in the way of the next one.
        Error::Locked { path, .. } => {
            assert_eq!(*path, operation.path, "{what}: {error}");
            assert_eq!(operation.action, Action::Remove, "{what}: {error}");
        }
        Error::Io { source, path, .. } => {
            assert_eq!(source.raw_os_error(), Some(code), "{what}: {error}");
            assert!(
                path.starts_with(crate::crash_support::DIR),
                "{what}: {error}"
            );
        }
        _ => panic!("{what}: another error: {error}"),
    }
}

/// Runs the history with one fault, and goes on with the same handle after it.
fn check_fault(
    scenario: &Scenario,
    record: &(Vec<Operation>, Vec<View>),
    number: usize,
    fault: Fault,
) {
    let (operations, views) = record;
    let operation = &operations[number];
    let what = format!("{}: {fault:?} at {operation:?}", scenario.name);
    let (Fault::Error(code) | Fault::ShortWrite(code) | Fault::LateError(code)) = fault else {
        panic!("{what}");
    };
    let fs = scenario.prepared().after_kill();
    fs.inject(move |operation| (operation.number == number).then_some(fault));
    let stack = match scenario.open(&fs) {
        Ok(stack) => stack,
        Err(error) => {
            assert_injected(&error, operation, code, &what);
            scenario.open(&fs).unwrap()
        }
    };
    for (position, step) in scenario.steps.iter().enumerate() {
        let result = step(&stack);
        let committed = is_after_commit_point(&fs.operations(), number);
        let now = view_of(&fs.after_kill());
        match &result {
            Ok(()) => assert_eq!(names(&now), names(&views[position + 1]), "{what}"),
            Err(error) => {
                assert_injected(error, operation, code, &what);
                assert!(
                    now == views[position] || (committed && now == views[position + 1]),
                    "{what}: a mixture: {:?}",
                    names(&now)
                );
            }
        }
        assert_left(&fs, scenario, operation, fault, &what);
        if fs.count() > number {
            // The fault is over.
            let what = format!("{what}: the handle and another process");
            stack
                .reload()
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(view(&stack).unwrap(), now, "{what}");
        }
        if result.is_err() && now != views[position + 1] {
            step(&stack).unwrap_or_else(|error| panic!("{what}: once more: {error}"));
        }
        let now = view_of(&fs.after_kill());
        assert_eq!(now, views[position + 1], "{what}: after step {position}");
    }
    add(&stack, "refs/zz/next").unwrap();
    add(&stack, "refs/zz/other").unwrap();
    stack.clean().unwrap();
    assert_tidy(&fs, &what);
}

/// Neither locks nor temporary files stay; but a file whose removal failed cannot go.
fn assert_left(
    fs: &fault_fs::FaultFs,
    scenario: &Scenario,
    operation: &Operation,
    fault: Fault,
    what: &str,
) {
    let known = files(&scenario.prepared());
    for path in stray_files(fs) {
        let name = path.to_string_lossy().into_owned();
        let is_own = operation.action == Action::Remove && path == operation.path;
        if is_own && matches!(fault, Fault::Error(_) | Fault::ShortWrite(_)) {
            // Nothing else can be done, and the lock's owner is gone.
            fs.take_away(&path).unwrap();
            continue;
        }
        let is_old_table = name.ends_with(".ref");
        assert!(
            known.contains(&path) || is_old_table,
            "{what}: {name} is left"
        );
    }
}

#[test]
fn error_at_every_operation_leaves_the_state_before_or_after_it() {
    let faults = [
        Fault::Error(EIO),
        Fault::Error(ENOSPC),
        Fault::Error(EINTR),
        Fault::ShortWrite(ENOSPC),
        Fault::LateError(EIO),
    ];
    let mut combinations = 0;
    for scenario in scenarios().into_iter().chain(unsynced_scenarios()) {
        let record = scenario.record();
        for operation in &record.0 {
            for fault in faults {
                let applies = match fault {
                    Fault::ShortWrite(_) => operation.action == Action::Write,
                    // A lock that was taken although its creation failed is a lock of nobody.
                    Fault::LateError(_) => {
                        operation.action.is_change() && operation.action != Action::Create
                    }
                    _ => true,
                };
                if applies {
                    check_fault(&scenario, &record, operation.number, fault);
                    combinations += 1;
                }
            }
        }
    }
    println!("errors: {combinations} combinations of operation and fault");
    assert!(combinations > 2000, "{combinations}");
}

/// The syncs and removals that follow an error count as well: what it leaves undone must not let
/// a later power cut take away more than the step that failed.
#[test]
fn power_cut_after_an_error_leaves_the_state_before_or_after_it() {
    let mut combinations = 0;
    for scenario in scenarios() {
        let (operations, views) = scenario.record();
        for operation in operations
            .iter()
            .filter(|operation| operation.action.is_change())
        {
            let failing = operation.number;
            for late in [false, true] {
                if late && operation.action == Action::Create {
                    continue;
                }
                let fault = if late {
                    Fault::LateError(EIO)
                } else {
                    Fault::Error(EIO)
                };
                let undisturbed =
                    scenario.run(move |operation| (operation.number == failing).then_some(fault));
                let end = undisturbed.fs.count();
                for number in failing + 1..=end {
                    let outcome = scenario.run(move |operation| match operation.number {
                        n if n == failing => Some(fault),
                        n if n == number => Some(Fault::Stop),
                        _ => None,
                    });
                    let what = format!(
                        "{}: {fault:?} at {operation:?}, stop at {number}",
                        scenario.name
                    );
                    combinations += check_some_states(&outcome, &views, &what);
                }
            }
        }
    }
    println!("errors followed by power cuts: {combinations} combinations");
    assert!(combinations > 5000, "{combinations}");
}

/// With pairs of faults there are too many states for all of them.
fn check_some_states(outcome: &Outcome, views: &[View], what: &str) -> usize {
    let expected = expected(views, outcome);
    let unsynced = outcome.fs.unsynced().min(20);
    let mut states = survivors(0);
    states.truncate(3);
    // Names that come late without those before them are what hurts most.
    for first in 0..unsynced {
        states.push(fault_fs::Survivors {
            names: u64::MAX << first,
            bytes: fault_fs::SurvivingBytes::None,
        });
    }
    for survivors in &states {
        let fs = outcome.fs.after_power_cut(*survivors);
        let stack = open(&fs).unwrap_or_else(|error| panic!("{what}, {survivors:?}: {error}"));
        let found = view(&stack).unwrap_or_else(|error| panic!("{what}, {survivors:?}: {error}"));
        assert!(
            expected.contains(&&found),
            "{what}, {survivors:?}: a state that never was: {:?}",
            names(&found)
        );
    }
    states.len()
}

/// A disk that is full, or broken, from some moment on until somebody has made room.
#[test]
fn lasting_error_leaves_the_state_before_or_after_it() {
    let mut combinations = 0;
    for scenario in scenarios() {
        let (operations, views) = scenario.record();
        for first in 0..operations.len() {
            for code in [ENOSPC, EIO] {
                let outcome = scenario.run(move |operation| {
                    use Action::{Create, Sync, SyncDir, Write};
                    let hit =
                        code == EIO || matches!(operation.action, Create | Write | Sync | SyncDir);
                    (operation.number >= first && hit).then_some(Fault::Error(code))
                });
                let what = format!("{}: {code} from operation {first} on", scenario.name);
                let fs = outcome.fs.after_kill();
                if code == ENOSPC {
                    let locks = stray_files(&fs).into_iter();
                    let locks = locks.filter(|path| path.extension() != Some("ref".as_ref()));
                    let known = files(&scenario.prepared());
                    let left: Vec<_> = locks.filter(|path| !known.contains(path)).collect();
                    assert!(left.is_empty(), "{what}: {left:?}");
                }
                recover(&fs, &expected(&views, &outcome), &what);
                combinations += 1;
            }
        }
    }
    println!("lasting errors: {combinations} combinations");
    assert!(combinations > 300, "{combinations}");
}
