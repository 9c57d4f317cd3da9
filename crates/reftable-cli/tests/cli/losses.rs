//! What a repair brings back, and what it tells of the rest.

use crate::repair::{git_lines, lines, options, repair, tables};
use crate::tool::{copy_of, data, status};
use reftable::Stack;
use std::fs;
use std::path::{Path, PathBuf};
use test_support::git::Git;

/// A backup that copied the list before a compaction and the tables after it.
#[test]
fn a_list_from_before_a_compaction_gets_the_tables_from_after_it() {
    let Some(git) = Git::find("backup") else {
        return;
    };
    let repo = git.init("sha1");
    repo.run(&["config", "reftable.geometricFactor", "0"]);
    repo.commit("one");
    repo.run(&["pack-refs"]);
    for name in ["b1", "b2", "b3"] {
        // A locked table is not compacted.
        for table in tables(&repo.stack()) {
            fs::write(format!("{}.lock", table.display()), "").unwrap();
        }
        repo.run(&["branch", name]);
        for entry in fs::read_dir(repo.stack()).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "lock")
            {
                fs::remove_file(path).unwrap();
            }
        }
    }
    let stack = repo.stack();
    let old = fs::read(stack.join("tables.list")).unwrap();
    assert!(tables(&stack).len() > 2);
    let before = git_lines(&repo);
    repo.run(&["pack-refs"]);
    assert_eq!(tables(&stack).len(), 1);
    fs::write(stack.join("tables.list"), old).unwrap();
    let (code, text, _) = status(repo.path(), &["repair"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("taken in, has what was in"), "{text}");
    assert!(!text.contains("lost"), "{text}");
    assert_eq!(git_lines(&repo), before);
    assert_eq!(status(repo.path(), &["verify"]).0, 0);
}

/// What is lost is told by text, by JSON and by the status.
#[test]
fn what_is_lost_is_told_by_name_and_by_status() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    fs::remove_file(&tables(&dir)[3]).unwrap();
    let (code, text, _) = status(&dir, &["repair", "--json", "."]);
    assert_eq!(code, 3, "{text}");
    let lines = text.lines();
    let values: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lost: Vec<_> = values
        .iter()
        .filter(|value| value["loss"] == "lost")
        .collect();
    assert_eq!(lost.len(), 2, "{text}");
    for (loss, part) in lost.iter().zip(["refs", "reflogs"]) {
        assert_eq!(loss["part"], part);
        assert_eq!(loss["update_indexes"], serde_json::json!([4, 4]));
        assert!(loss["after"].is_null() && loss["before"].is_null());
    }
    let last = values.last().unwrap();
    assert_eq!(last["changed"], true);
    assert!(last["kept_aside"].is_array());
    let (code, text, _) = status(&dir, &["repair", "."]);
    assert_eq!(code, 0, "nothing is lost any more: {text}");
}

/// One table of many blocks, aligned and with an index.
fn many_refs() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("reftable");
    fs::create_dir(&dir).unwrap();
    let stack = Stack::open(&dir, options()).unwrap();
    let add = |writer: &mut reftable::TableWriter<'_>| {
        writer.set_limits(1, 1);
        let names: Vec<String> = (0..1000).map(|n| format!("refs/heads/n{n:04}")).collect();
        for name in &names {
            writer.add_ref(&reftable::RefRecord {
                name: name.as_bytes(),
                update_index: 1,
                value: reftable::RefValue::Object(&[7; 20]),
            })?;
        }
        for name in &names {
            writer.add_log(&reftable::LogRecord {
                name: name.as_bytes(),
                update_index: 1,
                value: reftable::LogValue::Update(reftable::LogUpdate {
                    old_id: &[0; 20],
                    new_id: &[7; 20],
                    name: b"A U Thor",
                    email: b"author@example.com",
                    time: 1_700_000_000,
                    tz_offset: 0,
                    message: b"made\n",
                }),
            })?;
        }
        Ok(())
    };
    stack.add(add).unwrap();
    (scratch, dir)
}

fn log_count(dir: &Path) -> usize {
    let merged = Stack::open(dir, options()).unwrap().merged();
    let mut logs = merged.logs_from(b"", u64::MAX).unwrap();
    let mut count = 0;
    while logs.next().unwrap().is_some() {
        count += 1;
    }
    count
}

/// A flipped bit in the length of a block hides neither the blocks after it nor its own records.
#[test]
fn a_flipped_bit_in_the_length_of_a_block_costs_nothing() {
    for (at, bit) in [
        (4097, 0x01),
        (4098, 0x10),
        (4099, 0x80),
        (4096, 0x02),
        (25, 0x04),
    ] {
        let (_scratch, dir) = many_refs();
        let (refs, logs) = (lines(&dir), log_count(&dir));
        let table = tables(&dir).remove(0);
        let mut bytes = fs::read(&table).unwrap();
        bytes[at] ^= bit;
        fs::write(&table, bytes).unwrap();
        assert_eq!(status(&dir, &["verify", "."]).0, 3, "{at}");
        let (code, text, _) = status(&dir, &["repair", "."]);
        assert_eq!(code, 0, "{at}: {text}");
        assert_eq!(lines(&dir), refs, "{at}");
        assert_eq!(log_count(&dir), logs, "{at}");
    }
}

/// Without index, footer or alignment the next block is known by its looks.
#[test]
fn a_wiped_block_costs_its_own_records_only() {
    let (_scratch, dir) = many_refs();
    let all = lines(&dir);
    let table = tables(&dir).remove(0);
    let mut bytes = fs::read(&table).unwrap();
    let len = bytes.len();
    bytes[2 * 4096..3 * 4096].fill(0xa5);
    bytes.truncate(len - 68);
    fs::write(&table, bytes).unwrap();
    let (code, text, _) = status(&dir, &["repair", "."]);
    assert_eq!(code, 3, "{text}");
    let lost: Vec<String> = all.difference(&lines(&dir)).cloned().collect();
    assert!((50..200).contains(&lost.len()), "{}", lost.len());
    let named = |line: &String| line.split_whitespace().last().unwrap().to_owned();
    let (first, last) = (named(&lost[0]), named(lost.last().unwrap()));
    let told = text
        .lines()
        .find(|line| line.starts_with("refs: names between "))
        .unwrap();
    let mut ends = told["refs: names between ".len()..].split([' ', ':']);
    let (after, before) = (ends.next().unwrap(), ends.nth(1).unwrap());
    assert!(*after < *first && *last < *before, "{told}");
}

/// Every cut of the last line, and every flipped bit of a name, leaves the tables where they are.
#[test]
fn a_damaged_line_stands_for_the_table_that_is_closest() {
    let source = data("stacks/git2.47.3-basic-many-tables/reftable");
    let (_scratch, dir) = copy_of(&source);
    let all = lines(&dir);
    let list = fs::read(dir.join("tables.list")).unwrap();
    let start = list[..list.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    let mut damaged: Vec<Vec<u8>> = (start + 1..list.len())
        .map(|len| list[..len].to_vec())
        .collect();
    for at in 0..list.len() {
        for bit in 0..8 {
            let mut list = list.clone();
            list[at] ^= 1 << bit;
            damaged.push(list);
        }
    }
    for bytes in damaged.iter().step_by(41).chain(&damaged[..45]) {
        let (_scratch, dir) = copy_of(&source);
        fs::write(dir.join("tables.list"), bytes).unwrap();
        let findings = reftable::verify::verify_stack(&dir, &options());
        let worst = findings.iter().map(|finding| finding.severity).max();
        assert_eq!(worst, Some(reftable::verify::Severity::Error));
        let report = repair(&dir);
        assert_eq!(
            report.worst_loss(),
            None,
            "{}: {report:?}",
            bytes.escape_ascii()
        );
        let view = Stack::open(&dir, options()).unwrap().view();
        assert_eq!(view.refs(b"").unwrap().count(), all.len());
        assert_eq!(fs::read(dir.join("tables.list")).unwrap(), list);
    }
}

/// A list that only lacks its last newline is one that git 2.55 reads as empty.
#[test]
fn a_list_without_its_last_newline_is_an_error_and_is_mended() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let list = fs::read(dir.join("tables.list")).unwrap();
    fs::write(dir.join("tables.list"), &list[..list.len() - 1]).unwrap();
    assert_eq!(status(&dir, &["verify", "."]).0, 3);
    let (code, text, _) = status(&dir, &["repair", "."]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(fs::read(dir.join("tables.list")).unwrap(), list);
    assert_eq!(status(&dir, &["verify", "."]).0, 0);
}

/// A table above the stack may be that of a writer that was killed before it replaced the list.
#[test]
fn a_table_that_was_never_committed_does_not_come_back_unasked() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let all = lines(&dir);
    let list = fs::read_to_string(dir.join("tables.list")).unwrap();
    let (kept, last) = list.trim_end().rsplit_once('\n').unwrap();
    fs::write(dir.join("tables.list"), format!("{kept}\n")).unwrap();
    let before = lines(&dir);
    let (code, text, _) = status(&dir, &["repair", "."]);
    assert_eq!(code, 1, "something is in doubt: {text}");
    assert!(text.contains(&format!("{last}: not taken")), "{text}");
    assert_eq!(lines(&dir), before);
    let (code, text, _) = status(&dir, &["repair", "--take-unlisted", "."]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(lines(&dir), all);
}

/// A snapshot that fails leaves nothing that is in the way of the next one.
#[test]
fn a_failed_snapshot_can_be_tried_again() {
    let (scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let victim = tables(&dir).remove(2);
    let bytes = fs::read(&victim).unwrap();
    fs::remove_file(&victim).unwrap();
    let (code, _, _) = status(&dir, &["snapshot", "../copy"]);
    assert_eq!(code, 3);
    assert!(!scratch.path().join("copy").exists());
    fs::write(&victim, bytes).unwrap();
    assert_eq!(status(&dir, &["snapshot", "../copy"]).0, 0);
    assert_eq!(lines(&scratch.path().join("copy/reftable")), lines(&dir));
}
