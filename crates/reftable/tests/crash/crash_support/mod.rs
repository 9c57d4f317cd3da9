//! Histories of a stack on a file system that can be stopped or disturbed at each operation.

mod scenarios;

pub use scenarios::{Scenario, scenarios};

use fault_fs::{Action, Fault, FaultFs, Operation, SurvivingBytes, Survivors};
use reftable::record::{LogRecordBuf, RefRecordBuf};
use reftable::verify::{Severity, verify_stack};
use reftable::{Error, RefRecord, RefValue, Result, Stack, StackOptions};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const DIR: &str = "/repository/reftable";
pub const LIST: &str = "/repository/reftable/tables.list";
pub const LIST_LOCK: &str = "/repository/reftable/tables.list.lock";

/// Everything that a stack shows.
pub type View = (Vec<RefRecordBuf>, Vec<LogRecordBuf>);

pub fn options(fs: &FaultFs) -> StackOptions {
    let mut options = StackOptions::default();
    options.fs = Arc::new(fs.clone());
    options
}

pub fn open(fs: &FaultFs) -> Result<Stack> {
    Stack::open(DIR, options(fs))
}

pub fn view(stack: &Stack) -> Result<View> {
    let merged = stack.merged();
    let (mut refs, mut logs) = (Vec::new(), Vec::new());
    let mut iter = merged.refs_from(b"")?;
    while let Some(record) = iter.next()? {
        refs.push(record.to_buf());
    }
    let mut iter = merged.logs_from(b"", u64::MAX)?;
    while let Some(record) = iter.next()? {
        logs.push(record.to_buf());
    }
    Ok((refs, logs))
}

/// What another process sees.
pub fn view_of(fs: &FaultFs) -> View {
    view(&open(fs).unwrap()).unwrap()
}

/// How far a history came.
pub struct Outcome {
    pub fs: FaultFs,
    /// The steps that returned without error.
    pub done: usize,
    /// The error of the step after them.
    pub error: Option<Error>,
}

impl Scenario {
    pub fn prepared(&self) -> FaultFs {
        (self.prepare)()
    }

    /// The stack that the steps are done to.
    pub fn open(&self, fs: &FaultFs) -> Result<Stack> {
        let mut options = options(fs);
        options.durability = self.durability;
        Stack::open(DIR, options)
    }

    /// Runs the steps up to the first that fails. All handles are dropped.
    pub fn run(
        &self,
        injector: impl FnMut(&Operation) -> Option<Fault> + Send + 'static,
    ) -> Outcome {
        let fs = self.prepared().after_kill();
        fs.inject(injector);
        let mut outcome = Outcome {
            fs: fs.clone(),
            done: 0,
            error: None,
        };
        let stack = match self.open(&fs) {
            Ok(stack) => stack,
            Err(error) => {
                outcome.error = Some(error);
                return outcome;
            }
        };
        for step in &self.steps {
            if let Err(error) = step(&stack) {
                outcome.error = Some(error);
                break;
            }
            outcome.done += 1;
        }
        outcome
    }

    /// The operations of an undisturbed run, and the views before the first and after each step.
    pub fn record(&self) -> (Vec<Operation>, Vec<View>) {
        let fs = self.prepared();
        let mut views = vec![view_of(&fs)];
        let fs = fs.after_kill();
        let stack = self.open(&fs).unwrap();
        let mut operations = fs.operations();
        for step in &self.steps {
            step(&stack).unwrap_or_else(|error| panic!("{}: {error}", self.name));
            operations = fs.operations();
            views.push(view_of(&fs.after_kill()));
        }
        (operations, views)
    }
}

/// The states that a power cut may leave: with all subsets of the last changes of names where
/// they are few, else with each beginning of them and some random subsets, and with the bytes of
/// unsynced files whole, lost, cut, zeroed and mixed.
pub fn survivors(unsynced: usize) -> Vec<Survivors> {
    let mut names: BTreeSet<u64> = BTreeSet::from([0, u64::MAX]);
    if unsynced <= 4 {
        names.extend((0..1 << unsynced).map(|mask: u64| mask));
    } else {
        names.extend((0..unsynced.min(63)).map(|count| (1 << count) - 1));
        names.extend((1..=8).map(|seed: u64| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7));
    }
    let kinds = |seed: &u64| {
        use SurvivingBytes::{All, Half, Mixed, None, Zeros};
        [All, None, Half, Zeros, Mixed(*seed)]
    };
    let all = names
        .iter()
        .flat_map(|&names| kinds(&names).map(move |bytes| Survivors { names, bytes }));
    all.collect()
}

/// What a crash left is what is recognised as such, and is cured by the documented rule: a person
/// removes the locks of the dead, writers go on, `clean` removes the rest.
pub fn recover(fs: &FaultFs, expected: &[&View], what: &str) {
    let stack = open(fs).unwrap_or_else(|error| panic!("{what}: open: {error}"));
    let found = view(&stack).unwrap_or_else(|error| panic!("{what}: read: {error}"));
    assert!(
        expected.contains(&&found),
        "{what}: a state that never was: {:?}",
        names(&found)
    );
    let findings = verify_stack(DIR, &options(fs));
    let errors: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Error)
        // Some scenarios write targets that only git refuses.
        .filter(|finding| finding.kind.git_id().is_none())
        .map(ToString::to_string)
        .collect();
    assert_eq!(errors, [""; 0], "{what}");
    remove_locks(fs, &stack, what);
    // Left-over tables may have update indexes that the stack has yet to reach.
    let mut names_now: Vec<Vec<u8>> = found.0.iter().map(|record| record.name.clone()).collect();
    for number in 0..3 {
        let name = format!("refs/zz/after{number}");
        add(&stack, &name).unwrap_or_else(|error| panic!("{what}: next writer: {error}"));
        names_now.push(name.into_bytes());
    }
    let (refs, logs) = view_of(fs);
    let names_then: Vec<Vec<u8>> = refs.into_iter().map(|record| record.name).collect();
    assert_eq!(names_then, names_now, "{what}: after the next writer");
    assert_eq!(logs, found.1, "{what}: logs after the next writer");
    stack
        .clean()
        .unwrap_or_else(|error| panic!("{what}: clean: {error}"));
    assert_tidy(fs, what);
}

/// As a person does who knows that the owners are dead. A lock is reported, with its age.
fn remove_locks(fs: &FaultFs, stack: &Stack, what: &str) {
    let locks = files(fs);
    let locks = locks
        .iter()
        .filter(|path| path.to_string_lossy().ends_with(".lock"));
    for lock in locks {
        if lock == Path::new(LIST_LOCK) {
            match stack.begin() {
                Err(Error::Locked { path, age }) => {
                    assert_eq!(path, *lock, "{what}");
                    assert!(age.is_some(), "{what}: a lock without age");
                }
                other => panic!("{what}: not locked: {other:?}"),
            }
        }
        let named = |finding: &reftable::verify::Finding| finding.to_string().contains("lock");
        assert!(verify_stack(DIR, &options(fs)).iter().any(named), "{what}");
        fs.take_away(lock).unwrap();
    }
}

pub fn files(fs: &FaultFs) -> BTreeSet<PathBuf> {
    fs.files().into_keys().collect()
}

/// The files that should not be there: neither the list nor listed.
pub fn stray_files(fs: &FaultFs) -> BTreeSet<PathBuf> {
    let mut files = fs.files();
    let list = files.remove(Path::new(LIST)).unwrap_or_default();
    let list = String::from_utf8(list).unwrap();
    for name in list.lines() {
        assert!(files.remove(&Path::new(DIR).join(name)).is_some(), "{name}");
    }
    files.into_keys().collect()
}

pub fn assert_tidy(fs: &FaultFs, what: &str) {
    assert_eq!(stray_files(fs), BTreeSet::new(), "{what}: left over");
}

pub fn add(stack: &Stack, name: &str) -> Result<()> {
    stack.add(|writer| {
        let next = stack.next_update_index()?;
        writer.set_limits(next, next);
        writer.add_ref(&RefRecord {
            name: name.as_bytes(),
            update_index: next,
            value: RefValue::Object(&[0x33; 20]),
        })
    })
}

pub fn names(view: &View) -> Vec<String> {
    let refs = view
        .0
        .iter()
        .map(|record| String::from_utf8_lossy(&record.name).into_owned());
    let logs = view.1.iter().map(|record| {
        let name = String::from_utf8_lossy(&record.name);
        format!("{name}@{}", record.update_index)
    });
    refs.chain(logs).collect()
}

/// Whether the list had been replaced before an operation of a run.
pub fn is_after_commit_point(operations: &[Operation], number: usize) -> bool {
    let commits = |operation: &Operation| {
        operation.action == Action::Persist && operation.path == Path::new(LIST)
    };
    operations.iter().take(number).any(commits)
}
