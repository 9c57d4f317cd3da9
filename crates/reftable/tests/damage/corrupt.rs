//! Tables and stacks with one defect each: the deep check names it, and whatever is done with them
//! ends in an error or in records, with bounded work and memory.

use reftable::record::RefRecordBuf;
use reftable::{Error, Result, Stack, StackOptions};
use test_support::damaged::{class, defects, read_by_all_means};
use test_support::{alloc, corpus, read};

/// Defects that no scan meets: all records are there, but an index or the object section lies.
fn lies_beside_the_records(name: &str) -> bool {
    name.starts_with("index-") || name.starts_with("obj-key") || name.starts_with("obj-position")
}

#[test]
fn deep_check_names_the_defect_of_every_corrupt_table() {
    for entry in corpus::corrupt_tables() {
        let findings = defects(&entry.name, &entry.bytes());
        let first = findings
            .first()
            .unwrap_or_else(|| panic!("{}: nothing found", entry.name));
        let classes = &entry.columns[0];
        assert!(
            classes.split('|').any(|class| class == first.kind.name()),
            "{}: {findings:#?}, not {classes}",
            entry.name
        );
        assert_eq!(first.file, "table.ref", "{}", entry.name);
    }
}

#[test]
fn deep_check_finds_nothing_wrong_with_sound_tables() {
    for entry in corpus::tables() {
        let findings = defects(&entry.name, &entry.bytes());
        match entry.columns[1].as_str() {
            "ok" => assert!(findings.is_empty(), "{}: {findings:#?}", entry.name),
            class => {
                let names: Vec<_> = findings.iter().map(|f| f.kind.name()).collect();
                assert!(
                    names.contains(&class),
                    "{}: {findings:#?}, not {class}",
                    entry.name
                );
            }
        }
    }
}

#[test]
fn reading_a_corrupt_table_gives_the_error_of_its_defect() {
    for entry in corpus::corrupt_tables() {
        let outcome = read_by_all_means(&entry.name, &entry.bytes());
        let classes: Vec<&str> = entry.columns[0].split('|').collect();
        let error = match &outcome {
            Err(error) => Some(error),
            Ok(outcome) => outcome.errors().first().copied(),
        };
        if lies_beside_the_records(&entry.name) {
            let outcome = outcome.unwrap_or_else(|e| panic!("{}: {e}", entry.name));
            assert!(
                outcome.refs.is_ok() && outcome.logs.is_ok(),
                "{}: {outcome:?}",
                entry.name
            );
            continue;
        }
        let error = error.unwrap_or_else(|| panic!("{}: read without error", entry.name));
        assert!(
            classes.contains(&class(error)),
            "{}: {error}, not {classes:?}",
            entry.name
        );
    }
}

/// What no single lookup can see is a block that the index leaves out, or an id that the object
/// section leaves out.
#[test]
fn lookups_through_a_lying_index_find_the_record_or_fail() {
    for entry in corpus::corrupt_tables() {
        let Ok(outcome) = read_by_all_means(&entry.name, &entry.bytes()) else {
            continue;
        };
        if !matches!(
            entry.name.as_str(),
            "index-missing-block.ref" | "obj-key-unknown.ref"
        ) {
            assert_eq!(outcome.missed, Vec::<Vec<u8>>::new(), "{}", entry.name);
        }
    }
}

/// The refs of a stack, read by all means.
fn read_stack(entry: &corpus::Entry) -> Result<Vec<RefRecordBuf>> {
    let stack = Stack::open(&entry.path, StackOptions::default())?;
    let view = stack.merged();
    let refs = read::merged_refs(&view)?;
    read::merged_logs(&view)?;
    for record in &refs {
        let found = stack.read_ref(&record.name, |r| r.to_buf())?;
        assert_eq!(found.as_ref(), Some(record), "{}", entry.name);
        stack.read_log(&record.name, |_| ())?;
    }
    Ok(refs)
}

#[test]
fn corrupt_stack_gives_its_error_or_its_refs() {
    for entry in corpus::corrupt_stacks() {
        let (peak, result) = alloc::peak(|| read_stack(&entry));
        assert!(peak < 4 << 20, "{}: {peak} bytes allocated", entry.name);
        let classes: Vec<&str> = entry.columns[0].split('|').collect();
        match result {
            Ok(refs) if classes.contains(&"ok-empty") => assert_eq!(refs, [], "{}", entry.name),
            Ok(refs) => {
                assert!(
                    classes.iter().any(|c| c.starts_with("ok")),
                    "{}: no error",
                    entry.name
                );
                let names: Vec<_> = refs
                    .iter()
                    .map(|r| String::from_utf8_lossy(&r.name))
                    .collect();
                assert!(!names.is_empty(), "{}", entry.name);
            }
            Err(error) => {
                assert!(
                    classes.contains(&class(&error)),
                    "{}: {error}, not {classes:?}",
                    entry.name
                );
                names_the_file(&entry.name, &error);
            }
        }
    }
}

fn names_the_file(stack: &str, error: &Error) {
    let text = error.to_string();
    let named = match stack {
        "missing-table" | "one-table-corrupt" => "0x000000000002-0x000000000002-00000002.ref",
        "crlf" => "0x000000000001-0x000000000001-00000001.ref",
        _ => "tables.list",
    };
    assert!(text.contains(named), "{stack}: {text}");
}

#[test]
fn unlisted_tables_and_files_do_not_count() {
    let refs_of = |name: &str| {
        let entry = corpus::corrupt_stacks()
            .into_iter()
            .find(|e| e.name == name)
            .unwrap();
        let refs = read_stack(&entry).unwrap();
        refs.into_iter()
            .map(|r| String::from_utf8(r.name).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(refs_of("good"), ["HEAD", "refs/heads/b"]);
    assert_eq!(refs_of("blank-lines"), ["HEAD", "refs/heads/b"]);
    assert_eq!(refs_of("no-final-newline"), ["HEAD", "refs/heads/b"]);
    assert!(refs_of("orphan-newer").contains(&"refs/heads/a".to_owned()));
}
