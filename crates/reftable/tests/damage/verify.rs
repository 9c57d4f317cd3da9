//! The deep check of a stack's folder. What it finds in single tables is tested with corrupt tables.

use reftable::verify::{Finding, Severity, verify_stack, verify_table};
use reftable::{Durability, HashId, Stack, StackOptions, Table};
use std::path::Path;
use test_support::source::CountingSource;
use test_support::{corpus, records};

const SHA1: HashId = HashId::Sha1;

fn options() -> StackOptions {
    let mut options = StackOptions::default();
    options.durability = Durability::Unsynced;
    options
}

fn found(dir: &Path) -> Vec<(String, &'static str, Severity)> {
    let findings = verify_stack(dir, &options());
    findings
        .into_iter()
        .map(|f| (f.file.clone(), f.kind.name(), f.severity))
        .collect()
}

/// A stack of one table with one ref.
fn small_stack() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let stack = Stack::open(dir.path(), options()).unwrap();
    stack
        .add(|writer| {
            writer.set_limits(1, 1);
            writer
                .add_ref(&records::object_ref("refs/heads/a", 1, records::id(SHA1, 1)).as_record())
        })
        .unwrap();
    dir
}

/// Writes a table of one ref and appends it to the list.
fn append_table(dir: &Path, name: &str, limits: (u64, u64), hash: HashId) {
    let mut write = options().write;
    write.hash = hash;
    let refs = [records::object_ref(
        "refs/heads/b",
        limits.0,
        records::id(hash, 2),
    )];
    std::fs::write(
        dir.join(name),
        records::table(write, limits, &refs, &[]).unwrap(),
    )
    .unwrap();
    let mut list = std::fs::read_to_string(dir.join("tables.list")).unwrap();
    list.push_str(name);
    list.push('\n');
    std::fs::write(dir.join("tables.list"), list).unwrap();
}

#[test]
fn sound_stacks_of_every_writer_have_no_errors() {
    for entry in corpus::stacks() {
        let mut options = StackOptions::default();
        if entry.name.contains("sha256") {
            options.write.hash = HashId::Sha256;
        }
        let mut findings = verify_stack(entry.path.join("reftable"), &options);
        findings.retain(|f| f.severity == Severity::Error);
        let kinds: Vec<_> = findings.iter().map(|finding| finding.kind.name()).collect();
        match &*entry.name {
            // That writer leaves out the last newline, and git 2.55 reads nothing then. One of its
            // refs has an id of zeros.
            "go-stack" => assert_eq!(kinds, ["NoFinalNewline", "BadRefOid"]),
            name => assert_eq!(kinds, [""; 0], "{name}: {findings:?}"),
        }
    }
}

#[test]
fn corrupt_stacks_are_found_out() {
    for entry in corpus::corrupt_stacks() {
        let findings = found(&entry.path);
        let errors = findings
            .iter()
            .filter(|(_, _, severity)| *severity == Severity::Error);
        let errors: Vec<_> = errors.map(|(_, kind, _)| *kind).collect();
        let classes: Vec<&str> = entry.columns[0].split('|').collect();
        if entry.name == "no-final-newline" {
            assert_eq!(errors, ["NoFinalNewline"]);
        } else if classes.iter().any(|class| class.starts_with("ok")) {
            assert_eq!(errors, [""; 0], "{}", entry.name);
        } else {
            assert!(classes.contains(&errors[0]), "{}: {findings:?}", entry.name);
        }
    }
}

#[test]
fn folder_that_is_missing_or_empty_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(found(dir.path()), []);
    assert_eq!(found(&dir.path().join("missing")), []);
}

#[test]
fn names_in_the_list_that_leave_the_folder_are_errors() {
    for name in [
        "../victim.ref",
        "/tmp/victim.ref",
        "a\\b.ref",
        "a\0b.ref",
        ".",
        "..",
    ] {
        let dir = small_stack();
        let list = format!(
            "{}{name}\n",
            std::fs::read_to_string(dir.path().join("tables.list")).unwrap()
        );
        std::fs::write(dir.path().join("tables.list"), list).unwrap();
        let wanted = [("tables.list".to_owned(), "BadTablesList", Severity::Error)];
        assert_eq!(found(dir.path()), wanted, "{name:?}");
        let error = Stack::open(dir.path(), options()).unwrap_err();
        assert_eq!(
            error.defect().map(|d| d.name()),
            Some("BadTablesList"),
            "{name:?}"
        );
    }
}

#[test]
fn name_twice_in_the_list_is_an_error() {
    let dir = small_stack();
    let list = std::fs::read_to_string(dir.path().join("tables.list")).unwrap();
    std::fs::write(dir.path().join("tables.list"), list.repeat(2)).unwrap();
    assert_eq!(
        found(dir.path()),
        [("tables.list".to_owned(), "BadTablesList", Severity::Error)]
    );
    assert!(Stack::open(dir.path(), options()).is_err());
}

#[test]
fn list_beyond_all_size_is_an_error_and_is_not_read_into_memory() {
    let dir = tempfile::tempdir().unwrap();
    let list = std::fs::File::create(dir.path().join("tables.list")).unwrap();
    list.set_len(1 << 40).unwrap();
    assert_eq!(
        found(dir.path()),
        [("tables.list".to_owned(), "BadTablesList", Severity::Error)]
    );
    let error = Stack::open(dir.path(), options()).unwrap_err();
    assert_eq!(error.defect().map(|d| d.name()), Some("BadTablesList"));
}

#[test]
fn empty_file_in_place_of_a_table_is_named() {
    let dir = small_stack();
    let name = "0x000000000002-0x000000000002-00000001.ref";
    append_table(dir.path(), name, (2, 2), SHA1);
    std::fs::write(dir.path().join(name), "").unwrap();
    assert_eq!(
        found(dir.path()),
        [(name.to_owned(), "TooShort", Severity::Error)]
    );
    let error = Stack::open(dir.path(), options()).unwrap_err();
    assert!(error.to_string().contains(name), "{error}");
    assert_eq!(error.defect().map(|d| d.name()), Some("TooShort"));
}

#[test]
fn table_of_another_hash_is_an_error() {
    let dir = small_stack();
    let name = "0x000000000002-0x000000000002-00000001.ref";
    append_table(dir.path(), name, (2, 2), HashId::Sha256);
    assert_eq!(
        found(dir.path()),
        [(name.to_owned(), "HashMismatch", Severity::Error)]
    );
    let error = Stack::open(dir.path(), options()).unwrap_err();
    assert!(
        matches!(error, reftable::Error::HashMismatch { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(name), "{error}");
}

/// Other programs write such stacks, and reading them works: the later table wins.
#[test]
fn ranges_that_overlap_or_descend_are_warnings() {
    for (limits, overlaps) in [
        ((1, 1), true),
        ((1, 5), true),
        ((2, 2), false),
        ((9, 9), false),
    ] {
        let dir = small_stack();
        let (min, max) = limits;
        let name = &*format!("0x{min:012x}-0x{max:012x}-0000000a.ref");
        append_table(dir.path(), name, limits, SHA1);
        let wanted = [(name.to_owned(), "UpdateIndexRange", Severity::Warning)];
        assert_eq!(
            found(dir.path()),
            wanted[..usize::from(overlaps)],
            "{limits:?}"
        );
        Stack::open(dir.path(), options()).unwrap();
        let mut strict = options();
        strict.quirks.ascending_ranges = true;
        let refused = Stack::open(dir.path(), strict);
        assert_eq!(refused.is_err(), overlaps, "{refused:?}");
    }
}

#[test]
fn left_overs_are_warnings_and_files_of_others_are_not_mentioned() {
    let dir = small_stack();
    let listed = std::fs::read_to_string(dir.path().join("tables.list")).unwrap();
    let lock = format!("{}.lock", listed.trim());
    let temporary = "0x000000000002-0x000000000002-00000001.temp.aB3xYz";
    let stray = "0x000000000002-0x000000000002-00000001.ref";
    for name in [
        &lock,
        "tables.list.lock",
        temporary,
        stray,
        "x.txt",
        ".nfs0001",
        "notes.lock",
    ] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    let wanted = [
        (lock.as_str(), "Lock"),
        (stray, "StrayTable"),
        (temporary, "StrayFile"),
        ("tables.list.lock", "Lock"),
    ];
    let wanted = wanted.map(|(name, kind)| (name.to_owned(), kind, Severity::Warning));
    assert_eq!(found(dir.path()), wanted);
}

#[test]
fn table_of_any_plain_name_is_read_and_noted() {
    let dir = small_stack();
    append_table(dir.path(), "foo.ref", (2, 2), SHA1);
    assert_eq!(
        found(dir.path()),
        [("foo.ref".to_owned(), "TableName", Severity::Note)]
    );
    let stack = Stack::open(dir.path(), options()).unwrap();
    assert!(stack.read_ref(b"refs/heads/b", |_| ()).unwrap().is_some());
}

#[test]
fn findings_say_where_and_what() {
    let bytes = corpus::tables()
        .into_iter()
        .find(|t| t.name == "ex5-index-and-objects.ref")
        .unwrap()
        .bytes();
    let mut damaged = bytes.clone();
    // The second byte of the name in the record behind the first one of the block at 384.
    damaged[0x1b0 + 2] = b'0';
    let findings = verify_table(CountingSource::new(damaged), "x.ref");
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(
        lines[0].starts_with("x.ref: offset 432: keys out of order"),
        "{lines:?}"
    );
}

/// Errors of the source are findings too, whatever read fails.
#[test]
fn table_that_cannot_be_read_is_a_finding() {
    let bytes = corpus::tables()
        .into_iter()
        .find(|t| t.name == "multilevel-c.ref")
        .unwrap()
        .bytes();
    let source = CountingSource::new(bytes.clone());
    assert_eq!(verify_table(source.clone(), "x.ref"), []);
    for fail_at in 1..=source.reads() {
        let findings = verify_table(CountingSource::failing(bytes.clone(), fail_at), "x.ref");
        let last = findings
            .last()
            .unwrap_or_else(|| panic!("read {fail_at} failed unnoticed"));
        assert_eq!(last.kind.name(), "IoError", "{findings:?}");
    }
}

#[test]
fn check_changes_nothing() {
    let dir = small_stack();
    let name = std::fs::read_to_string(dir.path().join("tables.list")).unwrap();
    let path = dir.path().join(name.trim());
    let before = std::fs::read(&path).unwrap();
    assert_eq!(found(dir.path()), []);
    assert_eq!(
        std::fs::read(&path).unwrap(),
        before,
        "a check changes nothing"
    );
    assert_eq!(
        Table::open_file(&path).unwrap().file_len(),
        before.len() as u64
    );
}

/// A program that checks no names may write a ref that git calls broken, or one that can never be
/// kept as a file beside another.
#[test]
fn names_that_git_refuses_and_names_in_each_other_are_told_with_their_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut unchecked = options();
    unchecked.check_names = false;
    unchecked.auto_compact = false;
    let stack = Stack::open(dir.path(), unchecked).unwrap();
    let add = |names: &[&str], deleted: bool| {
        stack
            .add(|writer| {
                let index = stack.next_update_index()?;
                writer.set_limits(index, index);
                for name in names {
                    let mut record = records::object_ref(name, index, records::id(SHA1, 1));
                    if deleted {
                        record.value = reftable::record::RefValueBuf::Deletion;
                    }
                    writer.add_ref(&record.as_record())?;
                }
                Ok(())
            })
            .unwrap();
    };
    add(
        &["refs/heads/a", "refs/heads/a-b", "refs/heads/gone"],
        false,
    );
    add(
        &["refs/heads/a..b", "refs/heads/a/b/c", "refs/heads/gone/x"],
        false,
    );
    add(&["refs/heads//x"], false);
    let gone = "refs/heads/gone";
    assert_eq!(found(dir.path()).len(), 4, "{:?}", found(dir.path()));
    add(&[gone], true);
    let tables = stack.table_names();
    let mut expected = [
        (tables[2].clone(), "RefName", Severity::Error),
        (tables[1].clone(), "RefName", Severity::Error),
        (tables[1].clone(), "NameConflict", Severity::Warning),
    ];
    let mut findings = found(dir.path());
    findings.sort();
    expected.sort();
    assert_eq!(findings, expected);
    let text = verify_stack(dir.path(), &options());
    let text: Vec<_> = text.iter().map(ToString::to_string).collect();
    let conflict = "ref below the name of another one (refs/heads/a/b/c below refs/heads/a)";
    assert!(text.iter().any(|line| line.ends_with(conflict)), "{text:?}");
}

/// Programs that go from block to block by the block size in the header read 9 refs of 200 then.
#[test]
fn block_size_that_does_not_fit_the_blocks_is_an_error() {
    for (name, wrong) in [
        ("git2.47.3-manyrefs-bs256", 128_u32),
        ("git2.47.3-manyrefs-bs256", 512),
        ("git2.47.3-manyrefs-bs256", 65535),
    ] {
        let stacks = corpus::stacks();
        let entry = stacks.iter().find(|entry| entry.name == name).unwrap();
        let folder = entry.path.join("reftable");
        let list = std::fs::read_to_string(folder.join("tables.list")).unwrap();
        let table = list.lines().next().unwrap();
        let mut bytes = std::fs::read(folder.join(table)).unwrap();
        let footer = bytes.len() - 68;
        for at in [5, footer + 5] {
            bytes[at..at + 3].copy_from_slice(&wrong.to_be_bytes()[1..]);
        }
        let sum = crc32fast::hash(&bytes[footer..footer + 64]);
        bytes[footer + 64..].copy_from_slice(&sum.to_be_bytes());
        let source = std::sync::Arc::new(reftable::table::MemorySource::new(bytes));
        let findings = reftable::verify::verify_table(source, table);
        let fits = |finding: &Finding| finding.severity < Severity::Error;
        assert!(!findings.iter().all(fits), "{name} with {wrong}");
    }
}
