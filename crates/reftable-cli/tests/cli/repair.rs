//! Damaged stacks, and what comes of repairing them.

use crate::tool::{copy_of, data, status, tool};
use reftable::repair::{LossKind, Outcome, RepairOptions, RepairReport, repair_stack};
use reftable::{Durability, Error, Stack, StackOptions};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use test_support::git::{Git, Repository};
use test_support::rng::Rng;

pub(crate) fn options() -> StackOptions {
    let mut options = StackOptions::default();
    options.durability = Durability::Unsynced;
    options
}

pub(crate) fn repair(dir: &Path) -> RepairReport {
    repair_stack(dir, &options(), RepairOptions::default()).unwrap()
}

fn dry_run() -> RepairOptions {
    let mut wishes = RepairOptions::default();
    wishes.dry_run = true;
    wishes
}

pub(crate) fn lines(dir: &Path) -> BTreeSet<String> {
    let text = tool(dir, &["ls", "."]);
    text.lines().map(str::to_owned).collect()
}

/// A repository with a stack of some tables, none of which git has merged yet.
fn repository(git: &Git) -> Repository {
    let repo = git.init("sha1");
    repo.run(&["config", "reftable.geometricFactor", "2"]);
    let id = repo.commit("one");
    let updates: String = (0..500)
        .map(|n| format!("create refs/tags/t{n:03} {id}\n"))
        .collect();
    let path = repo.path().join("updates");
    fs::write(&path, updates).unwrap();
    repo.run_with(&["update-ref", "--stdin"], fs::File::open(&path).unwrap());
    repo.run(&["pack-refs"]);
    repo.run(&["branch", "newest"]);
    repo
}

pub(crate) fn tables(dir: &Path) -> Vec<PathBuf> {
    let list = fs::read_to_string(dir.join("tables.list")).unwrap();
    list.lines().map(|name| dir.join(name)).collect()
}

/// The refs of a sound table whose records end before an offset.
fn complete_before(table: &Path, len: u64) -> BTreeSet<String> {
    let text = tool(
        Path::new("."),
        &["dump".as_ref(), "--json".as_ref(), table.as_os_str()],
    );
    let parts = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let records: Vec<_> = parts
        .filter(|part| part["record"]["name"].is_string() && part["record"]["old"].is_null())
        .collect();
    // A record ends where the next one begins.
    let ends = records
        .iter()
        .skip(1)
        .map(|next| next["offset"].as_u64().unwrap())
        .chain([u64::MAX]);
    let ended = records.iter().zip(ends).filter(|(_, end)| *end <= len);
    let name = |record: &serde_json::Value| record["record"]["name"].as_str().unwrap().to_owned();
    ended.map(|(record, _)| name(record)).collect()
}

fn table_names(table: &Path) -> BTreeSet<String> {
    complete_before(table, u64::MAX)
}

#[test]
fn a_sound_stack_is_left_alone() {
    for stack in [
        "git2.47.3-basic-many-tables",
        "jgit-updates",
        "git-v16-basic",
    ] {
        let (scratch, dir) = copy_of(&data(&format!("stacks/{stack}/reftable")));
        let before = fs::read(dir.join("tables.list")).unwrap();
        let report = repair(&dir);
        assert!(report.is_sound(), "{stack}: {report:?}");
        assert_eq!(fs::read(dir.join("tables.list")).unwrap(), before);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        assert!(!dir.join("tables.list.lock").exists());
    }
}

/// What git lists, as "ID NAME".
pub(crate) fn git_lines(repo: &Repository) -> BTreeSet<String> {
    let text = repo.run(&["for-each-ref", "--format=%(objectname) %(refname)"]);
    text.lines().map(str::to_owned).collect()
}

/// The three things that are said to happen to repositories, all at once.
#[test]
fn a_missing_table_a_truncated_table_and_a_stale_lock_are_repaired_for_git() {
    let Some(git) = Git::find("repair") else {
        return;
    };
    let repo = repository(&git);
    let stack = repo.stack();
    let all = lines(&stack);
    let git_before = git_lines(&repo);
    let found = tables(&stack);
    assert!(found.len() >= 2, "{found:?}");
    let mut whole = complete_before(&found[0], 6000);
    for between in &found[1..found.len() - 1] {
        whole.extend(table_names(between));
    }
    let newest = table_names(found.last().unwrap());
    fs::remove_file(found.last().unwrap()).unwrap();
    let big = &found[0];
    let bytes = fs::read(big).unwrap();
    // Amid the second ref block.
    fs::write(big, &bytes[..6000]).unwrap();
    fs::write(stack.join("tables.list.lock"), "").unwrap();
    assert_eq!(status(repo.path(), &["verify"]).0, 3);
    let (code, text, errors) = status(repo.path(), &["repair"]);
    assert_eq!(code, 4, "the lock is young: {text}");
    assert!(errors.contains("tables.list.lock, made "), "{errors}");
    let (code, text, _) = status(repo.path(), &["repair", "--force", "--dry-run"]);
    assert_eq!(code, 3);
    assert!(text.contains("not changed"), "{text}");
    let (code, text, _) = status(repo.path(), &["repair", "--force"]);
    assert_eq!(code, 3, "something is lost: {text}");
    assert!(text.contains(": missing"), "{text}");
    assert!(text.contains("refs: any name: lost or older"), "{text}");
    assert!(
        text.contains("refs and 0 log entries could be read"),
        "{text}"
    );
    assert_eq!(status(repo.path(), &["verify"]).0, 0);
    let left = lines(&stack);
    assert!(left.is_subset(&all));
    assert_eq!(
        repo.run(&["for-each-ref"]).lines().count(),
        left.iter().filter(|l| !l.starts_with("ref: ")).count()
    );
    // Every ref whose bytes were there is back, with its value; nothing else is gone.
    assert!(whole.len() > 200, "{}", whole.len());
    let git_after = git_lines(&repo);
    assert!(git_after.is_subset(&git_before), "no other value");
    let names = git_after.iter().map(|line| line.split(' ').nth(1).unwrap());
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    whole.retain(|name| name.starts_with("refs/"));
    let lost: BTreeSet<_> = whole.difference(&names).cloned().collect();
    assert!(lost.is_subset(&newest), "{lost:?}");
    assert!(names.is_subset(&whole), "nothing was made up");
    assert_eq!(repo.run(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    repo.run(&["branch", "after"]);
    let kept = kept_aside(&stack);
    let name = big.file_name().unwrap().to_str().unwrap();
    let aside = kept.iter().find(|kept| kept.contains(name));
    let aside = stack.join(aside.expect("the damaged table is kept"));
    assert_eq!(fs::read(aside).unwrap(), bytes[..6000]);
    assert!(kept.iter().any(|kept| kept.starts_with("tables.list")));
}

/// The files of a folder that repair has kept.
fn kept_aside(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".damaged-")).collect()
}

/// What is before the cut is there again: every length of a table is tried.
#[test]
fn a_truncated_table_gives_all_records_before_the_cut() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-compacted/reftable"));
    let table = tables(&dir).remove(0);
    let bytes = fs::read(&table).unwrap();
    let whole = Stack::open(&dir, options()).unwrap().view();
    let refs = whole.refs(b"").unwrap().count();
    let mut last = 0;
    for len in (0..bytes.len()).step_by(7) {
        fs::write(&table, &bytes[..len]).unwrap();
        let report = repair_stack(&dir, &options(), dry_run()).unwrap();
        let found = match &report.tables[0].outcome {
            Outcome::Salvaged { refs, logs, .. } => (refs + logs) as usize,
            Outcome::Unusable(_) => 0,
            other => panic!("{len}: {other:?}"),
        };
        assert!(
            found >= last,
            "{len} bytes give {found} records, fewer gave {last}"
        );
        last = found;
    }
    assert!(last > refs, "the logs are among them");
    // The footer alone is gone: nothing is lost.
    fs::write(&table, &bytes[..bytes.len() - 68]).unwrap();
    repair(&dir);
    let view = Stack::open(&dir, options()).unwrap().view();
    assert_eq!(view.diff(&whole, b"").unwrap().count(), 0);
    for name in [b"HEAD".as_slice(), b"refs/heads/main"] {
        let log = |view: &reftable::View| -> Vec<_> {
            view.reflog(name)
                .unwrap()
                .map(|record| record.unwrap())
                .collect()
        };
        assert_eq!(log(&view), log(&whole));
    }
}

/// A flipped byte costs the records around it and no others.
#[test]
fn damage_inside_a_block_costs_little() {
    let Some(git) = Git::find("damage") else {
        return;
    };
    let repo = repository(&git);
    let stack = repo.stack();
    let all = lines(&stack);
    let table = tables(&stack).remove(0);
    let mut bytes = fs::read(&table).unwrap();
    // A reserved value type in a record of the first block.
    let at = bytes
        .windows(3)
        .skip(2000)
        .position(|window| window[0] > 8 && window[1] == 0x11)
        .map(|at| at + 2001);
    let at = at.expect("a record with a suffix of two bytes");
    bytes[at] = 0x17;
    fs::write(&table, &bytes).unwrap();
    assert_eq!(status(repo.path(), &["verify"]).0, 3);
    let report = repair(&stack);
    assert!(!report.is_sound());
    let left = lines(&stack);
    assert!(left.is_subset(&all));
    // At most those up to the next restart.
    let lost = all.len() - left.len();
    assert!((1..=16).contains(&lost), "{lost} lost");
    assert_eq!(status(repo.path(), &["verify"]).0, 0);
}

#[test]
fn a_lost_list_is_made_anew() {
    let source = data("stacks/git2.47.3-basic-many-tables/reftable");
    for contents in [None, Some(""), Some("../../etc/passwd\n")] {
        let (_scratch, dir) = copy_of(&source);
        let all = lines(&dir);
        let list = dir.join("tables.list");
        match contents {
            None => fs::remove_file(&list).unwrap(),
            Some(text) => fs::write(&list, text).unwrap(),
        }
        let report = repair(&dir);
        assert!(report.list_rebuilt);
        assert!(
            report
                .tables
                .iter()
                .all(|table| table.outcome == Outcome::Adopted(Vec::new()))
        );
        assert_eq!(lines(&dir), all, "{contents:?}");
    }
}

/// A crash between the new list and the removal of what was compacted leaves both; with the list
/// gone as well, the older tables must not come back beside the new one.
#[test]
fn what_a_compaction_replaced_does_not_come_back() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let all = lines(&dir);
    let old: Vec<_> = tables(&dir)
        .iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    tool(&dir, &["compact", "--all", "."]);
    let compacted = tables(&dir);
    for (path, bytes) in old {
        fs::write(path, bytes).unwrap();
    }
    fs::remove_file(dir.join("tables.list")).unwrap();
    repair(&dir);
    assert_eq!(tables(&dir), compacted);
    assert_eq!(lines(&dir), all);
}

/// A writer that was killed left the beginning of what it had merged under the name of a table. It
/// has the update indexes of all that it was to replace, and took their place when the list was lost.
#[test]
fn a_half_written_merger_does_not_replace_what_it_merged() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let all = lines(&dir);
    let listed = tables(&dir);
    let (_other, merged) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    tool(&merged, &["compact", "--all", "."]);
    let whole = tables(&merged).remove(0);
    let bytes = fs::read(&whole).unwrap();
    let remnant = dir.join(whole.file_name().unwrap());
    fs::write(&remnant, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(dir.join("tables.list"), "").unwrap();
    let report = repair(&dir);
    assert_eq!(lines(&dir), all);
    assert_eq!(tables(&dir), listed);
    let name = remnant.file_name().unwrap().to_str().unwrap();
    let told = report.tables.iter().find(|table| table.name == name);
    let outcome = &told.expect("the report has it").outcome;
    assert!(matches!(outcome, Outcome::NotTaken(_)), "{outcome:?}");
}

/// A table with the range of a missing one and another name may be one that was never committed.
#[test]
fn an_unlisted_table_of_the_same_update_indexes_is_taken_on_request() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let all = lines(&dir);
    // Somebody renamed a listed table.
    let victim = tables(&dir).remove(1);
    let name = victim.file_name().unwrap().to_str().unwrap().to_owned();
    let renamed = format!("{}-deadbeef.ref", &name[..name.len() - 13]);
    fs::rename(&victim, dir.join(&renamed)).unwrap();
    let (code, text, _) = status(&dir, &["repair", "--dry-run", "."]);
    assert_eq!(code, 3);
    assert!(text.contains(&format!("{renamed}: not taken")), "{text}");
    let mut wishes = RepairOptions::default();
    wishes.take_unlisted = true;
    let report = repair_stack(&dir, &options(), wishes).unwrap();
    assert_eq!(report.worst_loss(), None, "{report:?}");
    assert_eq!(lines(&dir), all);
}

/// Of two such tables nobody can tell which one it was.
#[test]
fn of_two_tables_for_one_place_neither_is_taken() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let victim = tables(&dir).remove(1);
    let name = victim.file_name().unwrap().to_str().unwrap().to_owned();
    let renamed = |end: &str| dir.join(format!("{}-{end}.ref", &name[..name.len() - 13]));
    fs::copy(&victim, renamed("deadbeef")).unwrap();
    fs::rename(&victim, renamed("0badcafe")).unwrap();
    let mut wishes = RepairOptions::default();
    wishes.take_unlisted = true;
    let report = repair_stack(&dir, &options(), wishes).unwrap();
    assert_eq!(report.worst_loss(), Some(LossKind::Lost));
    let refused = report.tables.iter();
    let refused = refused.filter(|table| matches!(table.outcome, Outcome::NotTaken(_)));
    assert_eq!(refused.count(), 2, "{report:?}");
}

#[test]
fn a_lock_is_respected_and_nothing_is_left_behind() {
    let (scratch, dir) = copy_of(&data("corrupt/stacks/missing-table"));
    let stack = Stack::open(scratch.path().join("other"), options());
    drop(stack);
    fs::write(dir.join("tables.list.lock"), "").unwrap();
    let error = repair_stack(&dir, &options(), RepairOptions::default()).unwrap_err();
    assert!(
        matches!(error, Error::Locked { age: Some(_), .. }),
        "{error}"
    );
    fs::remove_file(dir.join("tables.list.lock")).unwrap();
    let dry = repair_stack(&dir, &options(), dry_run()).unwrap();
    assert!(
        dry.tables
            .iter()
            .any(|table| table.outcome == Outcome::Missing)
    );
    let report = repair(&dir);
    assert!(!report.kept_aside.is_empty());
    assert!(!dir.join("tables.list.lock").exists());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    assert!(repair(&dir).is_sound());
}

/// Proof takes the right to look at all processes; without it the lock stays.
#[test]
fn an_old_lock_that_nobody_has_open_is_removed() {
    let (_scratch, dir) = copy_of(&data("corrupt/stacks/one-table-corrupt"));
    let lock = dir.join("tables.list.lock");
    let file = fs::File::create(&lock).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(600);
    file.set_modified(old).unwrap();
    // This very process has it open.
    let (code, text, errors) = status(&dir, &["repair", "."]);
    assert_eq!(code, 4, "{text}");
    assert!(errors.contains("made 60"), "{errors}");
    assert!(lock.exists());
    drop(file);
    let (code, text, _) = status(&dir, &["repair", "."]);
    if text.contains("cannot see what processes have open") {
        assert_eq!(code, 4);
        return;
    }
    assert!(
        text.contains("no process has a file of the folder open"),
        "{text}"
    );
    assert_eq!(code, 0, "{text}");
    assert!(!dir.join("tables.list.lock").exists());
}

/// The tables of a SHA-256 stack do not tell their hash when their headers are gone.
#[test]
fn the_hash_of_a_damaged_stack_is_that_of_its_repository() {
    let Some(git) = Git::find("hash") else {
        return;
    };
    let repo = git.init("sha256");
    repo.commit("one");
    repo.run(&["pack-refs"]);
    let (stack, all) = (repo.stack(), lines(&repo.stack()));
    let table = tables(&stack).remove(0);
    let mut bytes = fs::read(&table).unwrap();
    bytes[..28].fill(0xff);
    let len = bytes.len();
    bytes.truncate(len - 72);
    fs::write(&table, bytes).unwrap();
    assert_eq!(status(&stack, &["verify", "."]).0, 3);
    // Nobody can tell that no block came after the last one.
    assert_eq!(status(&stack, &["repair", "."]).0, 3);
    assert_eq!(lines(&stack), all);
    assert_eq!(repo.run(&["symbolic-ref", "HEAD"]), "refs/heads/main");
}

/// Whatever is wrong with a table, repair ends with a stack that can be read.
#[test]
fn every_damaged_table_of_the_test_data_can_be_dealt_with() {
    let corrupt = data("corrupt");
    let mut tried = 0;
    for entry in fs::read_dir(&corrupt).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "ref") {
            continue;
        }
        tried += 1;
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("reftable");
        fs::create_dir(&dir).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        fs::copy(&path, dir.join(name)).unwrap();
        fs::write(dir.join("tables.list"), format!("{name}\n")).unwrap();
        repair(&dir);
        let stack = Stack::open(&dir, options()).unwrap();
        let view = stack.view();
        assert!(
            view.refs(b"").unwrap().all(|record| record.is_ok()),
            "{name}"
        );
        let findings = reftable::verify::verify_stack(&dir, &options());
        let worst = findings.iter().map(|finding| finding.severity).max();
        assert!(
            worst < Some(reftable::verify::Severity::Error),
            "{name}: {findings:?}"
        );
    }
    assert!(tried > 50);
}

/// Random damage, with fixed seeds: the result is sound, and has no ref that was not there.
#[test]
fn any_damage_ends_in_a_sound_stack_without_invented_refs() {
    let mut rng = Rng::new(20);
    let mut random = |below: usize| rng.below(below);
    for stack in [
        "git2.47.3-basic-compacted",
        "git2.47.3-reflogs-bs1024",
        "jgit-updates",
    ] {
        let source = data(&format!("stacks/{stack}/reftable"));
        let whole = Stack::open(&source, options()).unwrap().view();
        let names: BTreeSet<_> = whole
            .refs(b"")
            .unwrap()
            .map(|record| record.unwrap().name)
            .collect();
        for round in 0..60 {
            let (_scratch, dir) = copy_of(&source);
            let tables = tables(&dir);
            let victim = &tables[random(tables.len())];
            let mut bytes = fs::read(victim).unwrap();
            match round % 3 {
                0 => bytes.truncate(random(bytes.len())),
                // A sector that was never written.
                1 => {
                    let start = random(bytes.len());
                    let end = (start + 512).min(bytes.len());
                    bytes[start..end].fill(0);
                }
                _ => {
                    for _ in 0..4 {
                        let at = random(bytes.len());
                        bytes[at] ^= 1 << random(8);
                    }
                }
            }
            fs::write(victim, bytes).unwrap();
            repair(&dir);
            let findings = reftable::verify::verify_stack(&dir, &options());
            // What bytes without a checksum say, nobody can mend.
            let findings = findings
                .iter()
                .filter(|finding| finding.kind.git_id().is_none());
            let worst = findings.clone().map(|finding| finding.severity).max();
            assert!(
                worst < Some(reftable::verify::Severity::Error),
                "{stack} {round}: {:?}",
                findings.collect::<Vec<_>>()
            );
            // Flipped bits of a name make another name; nothing else does.
            if round % 3 < 2 {
                let view = Stack::open(&dir, options()).unwrap().view();
                for record in view.refs(b"").unwrap() {
                    let name = record.unwrap().name;
                    let known = names.contains(&name) || was_deleted(&source, &name);
                    assert!(known, "{stack} {round}: {}", String::from_utf8_lossy(&name));
                }
            }
        }
    }
}

/// Whether some table has the ref: it comes back when the table with its tombstone is lost.
fn was_deleted(stack: &Path, name: &[u8]) -> bool {
    let tables = tables(stack).into_iter();
    tables
        .map(|path| reftable::Table::open_file(path).unwrap())
        .any(|table| table.read_ref(name, |_| ()).unwrap().is_some())
}
