//! What must hold after a repair.

use crate::damage::Damaged;
use crate::folder::{DIR, Scene, Shown, disk, listed, open_table, options, shown};
use fault_fs::FaultFs;
use reftable::inspect::{BlockKind, Content, Part as Piece, walk};
use reftable::repair::{Keys, Loss, LossKind, Part, RepairOptions, RepairReport, repair_stack};
use reftable::table::MemorySource;
use reftable::verify::{Severity, verify_stack, verify_table};
use std::sync::Arc;

/// Errors that the deep check finds.
pub fn errors(fs: &FaultFs, hash: reftable::HashId) -> Vec<String> {
    let findings = verify_stack(DIR, &options(fs, hash));
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        // Ids and targets that only git refuses were there before the damage.
        .filter(|finding| finding.kind.git_id().is_none());
    errors.map(ToString::to_string).collect()
}

/// Whether a table is gone without a trace: the list is sound and does not name it.
pub fn is_traceless(scene: &Scene, damaged: &Damaged) -> bool {
    let fs = disk(&damaged.files);
    let is_gone = |name: &String| {
        let bytes = &scene.now()[name];
        !damaged.files.values().any(|other| other == bytes)
    };
    let list = listed(&damaged.files);
    let is_named = |name: &String| list.contains(name);
    let is_other_list = scene.history.iter().any(|state| listed(state) == list);
    listed(scene.now()).iter().any(|name| {
        is_gone(name) && !is_named(name) && (is_other_list || errors(&fs, scene.hash).is_empty())
    })
}

/// Whether a damage inside of a table cannot be told: with it alone the table is sound.
pub fn is_hidden(damaged: &Damaged) -> bool {
    damaged.alone.iter().any(|(name, bytes)| {
        let source = Arc::new(MemorySource::new(bytes.clone()));
        let findings = verify_table(source, name);
        findings
            .iter()
            .all(|finding| finding.severity < Severity::Error)
    })
}

fn covers(loss: &Loss, part: Part, name: &[u8]) -> bool {
    loss.part == part
        && match &loss.keys {
            Keys::Name(named) => named == name,
            Keys::Between { after, before } => {
                // Of the reflogs at both ends entries may be missing.
                let inner = part == Part::Refs;
                let is_after = |end: &Vec<u8>| {
                    if inner {
                        end.as_slice() < name
                    } else {
                        end.as_slice() <= name
                    }
                };
                let is_before = |end: &Vec<u8>| {
                    if inner {
                        end.as_slice() > name
                    } else {
                        end.as_slice() >= name
                    }
                };
                after.as_ref().is_none_or(is_after) && before.as_ref().is_none_or(is_before)
            }
        }
}

fn is_told(report: &RepairReport, part: Part, name: &[u8]) -> bool {
    report.losses.iter().any(|loss| covers(loss, part, name))
}

/// The report, for messages.
fn told(report: &RepairReport) -> String {
    let mut lines = vec![format!("list: {:?}", report.list_flaws)];
    for table in &report.tables {
        lines.push(format!("{}: {:?}", table.name, table.outcome));
    }
    for loss in &report.losses {
        let keys = match &loss.keys {
            Keys::Name(name) => text(name),
            Keys::Between { after, before } => {
                let end = |end: &Option<Vec<u8>>| end.as_deref().map(text);
                format!("{:?} to {:?}", end(after), end(before))
            }
        };
        lines.push(format!(
            "{:?} {:?} {keys} ({})",
            loss.kind, loss.part, loss.table
        ));
    }
    lines.join("\n")
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Repairs a damaged stack, and checks everything about the result that can be told without git.
pub fn check(scene: &Scene, damaged: &Damaged, what: &str) -> FaultFs {
    let hash = scene.hash;
    let oracle = shown(&disk(scene.now()), hash).unwrap();
    let fs = disk(&damaged.files);
    let report = repair_stack(DIR, &options(&fs, hash), RepairOptions::default())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(
        errors(&fs, hash),
        [""; 0],
        "{what}: not sound\n{}",
        told(&report)
    );
    let result = shown(&fs, hash).unwrap_or_else(|error| panic!("{what}: {error}"));
    let again = repair_stack(DIR, &options(&fs, hash), RepairOptions::default()).unwrap();
    assert!(
        again.is_sound(),
        "{what}: a second repair finds\n{}",
        told(&again)
    );
    // With two changes in one table the second may take away what shows the first.
    let is_twice = damaged.alone.len() > 1;
    check_refs(&oracle, &result, &report, is_twice, what);
    check_logs(&oracle, &result, &report, what);
    check_sound_blocks(scene, damaged, &result, &report, what);
    if !damaged.is_list_changed {
        check_harmless(scene, damaged, &report, what);
    }
    fs
}

/// Each ref that is not as it was is told; and so is each that should not be there.
fn check_refs(oracle: &Shown, result: &Shown, report: &RepairReport, is_twice: bool, what: &str) {
    let names = oracle.refs.keys().chain(result.refs.keys());
    for name in names {
        let (was, is) = (oracle.refs.get(name), result.refs.get(name));
        let index = |record: Option<&reftable::record::RefRecordBuf>| Some(record?.update_index);
        if is_twice && was.is_some() && index(was) == index(is) {
            continue;
        }
        assert!(
            was.map(|r| &r.value) == is.map(|r| &r.value) || is_told(report, Part::Refs, name),
            "{what}: nobody tells of {}: {was:?}, now {is:?}\n{}",
            text(name),
            told(report)
        );
        if let Some(record) = is {
            let bytes = format!("{:?}", record.value);
            let is_uncommitted = bytes.contains(", 238]");
            let is_named = report.losses.iter().any(|loss| {
                loss.kind == LossKind::Uncertain && loss.keys == Keys::Name(name.clone())
            });
            assert!(
                !is_uncommitted || is_named,
                "{what}: {} was never committed\n{}",
                text(name),
                told(report)
            );
        }
    }
}

fn check_logs(oracle: &Shown, result: &Shown, report: &RepairReport, what: &str) {
    let keys = oracle.logs.keys().chain(result.logs.keys());
    for key in keys {
        let (was, is) = (oracle.logs.get(key), result.logs.get(key));
        assert!(
            was == is || is_told(report, Part::Logs, &key.0),
            "{what}: nobody tells of the reflog of {}@{}: {was:?}, now {is:?}\n{}",
            text(&key.0),
            key.1,
            told(report)
        );
    }
}

/// Each record of a block that was not touched, in a table that the list names, is there, or a newer
/// one.
fn check_sound_blocks(
    scene: &Scene,
    damaged: &Damaged,
    result: &Shown,
    report: &RepairReport,
    what: &str,
) {
    let list = listed(&damaged.files);
    let before = listed(scene.now());
    // What a later table hides or deletes is not shown.
    let oracle = shown(&disk(scene.now()), scene.hash).unwrap();
    for name in before.iter().filter(|name| list.contains(name)) {
        let (Some(now), Some(was)) = (damaged.files.get(name), scene.now().get(name)) else {
            continue;
        };
        let touched = damaged.touched.get(name).copied();
        if damaged.replaced.contains(name) {
            continue;
        }
        if now != was && touched.is_none() {
            continue;
        }
        let table = open_table(was, name).unwrap();
        let mut is_sound = true;
        let mut missing: Vec<String> = Vec::new();
        let mut last_end = 0;
        walk(&table, |piece| match piece {
            Piece::Block(block) => {
                let (start, end) = (
                    block.position as usize,
                    (block.position + block.stored_len) as usize,
                );
                is_sound = touched.is_none_or(|(first, last)| last < start || first >= end);
                last_end = end;
            }
            Piece::Record(record) if is_sound => match record.content {
                Content::Ref(record) => {
                    let shown = oracle.refs.get(record.name);
                    let there = result.refs.get(record.name);
                    if shown.is_some_and(|shown| shown.update_index == record.update_index)
                        && there.is_none_or(|there| there.update_index < record.update_index)
                    {
                        missing.push(text(record.name));
                    }
                }
                Content::Log(record) => {
                    let key = (record.name.to_vec(), record.update_index);
                    if oracle.logs.contains_key(&key) && !result.logs.contains_key(&key) {
                        missing.push(format!("{}@{}", text(record.name), record.update_index));
                    }
                }
                _ => {}
            },
            Piece::Record(_) => {}
        })
        .unwrap();
        assert!(
            missing.is_empty(),
            "{what}: {name}: sound blocks had {missing:?}\n{}",
            told(report)
        );
    }
}

/// Damage to a footer, an index, an object section or padding loses nothing.
fn check_harmless(scene: &Scene, damaged: &Damaged, report: &RepairReport, what: &str) {
    for (name, (first, last)) in &damaged.touched {
        let Some(was) = scene.now().get(name) else {
            continue;
        };
        let same_len = damaged
            .files
            .get(name)
            .is_some_and(|now| now.len() == was.len());
        // Without most of the footer nobody can tell that no block came after the last one.
        let is_short = last - first < 8;
        if !same_len || !is_short || !listed(scene.now()).contains(name) {
            continue;
        }
        let table = open_table(was, name).unwrap();
        let mut hits_records = false;
        walk(&table, |piece| {
            if let Piece::Block(block) = piece {
                let (start, end) = (
                    block.position as usize,
                    (block.position + block.stored_len) as usize,
                );
                let holds_records = matches!(block.kind, BlockKind::Refs | BlockKind::Logs);
                hits_records |= holds_records && *last >= start && *first < end;
            }
        })
        .unwrap();
        let lost = report.losses.iter();
        let lost = lost.filter(|loss| loss.table == *name && loss.kind == LossKind::Lost);
        if !hits_records {
            assert_eq!(
                lost.count(),
                0,
                "{what}: nothing of {name} is lost\n{}",
                told(report)
            );
        }
    }
}
