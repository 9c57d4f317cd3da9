//! Refs that git would not take: names that forge lines, values that lead nowhere.
use crate::tool::{status, tool};
use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::{HashId, Stack, StackOptions};
use std::path::Path;
use test_support::records;

/// A stack in `dir` with these refs and one entry in the log of each, whatever their names.
fn stack(dir: &Path, refs: &[(&[u8], RefValueBuf)]) {
    std::fs::create_dir_all(dir).unwrap();
    let mut options = StackOptions::default();
    options.check_names = false;
    let stack = Stack::open(dir, options).unwrap();
    let mut refs = refs.to_vec();
    refs.sort_by(|a, b| a.0.cmp(b.0));
    let add = |writer: &mut reftable::TableWriter<'_>| {
        writer.set_limits(1, 1);
        for (name, value) in &refs {
            let record = RefRecordBuf {
                name: name.to_vec(),
                update_index: 1,
                value: value.clone(),
            };
            writer.add_ref(&record.as_record())?;
        }
        for (name, _) in &refs {
            let entry = LogUpdateBuf {
                old_id: vec![0; 20],
                new_id: vec![1; 20],
                name: b"A\nU".to_vec(),
                message: b"one\x1b[31m\n".to_vec(),
                ..LogUpdateBuf::default()
            };
            let record = LogRecordBuf {
                name: name.to_vec(),
                update_index: 1,
                value: LogValueBuf::Update(entry),
            };
            writer.add_log(&record.as_record())?;
        }
        Ok(())
    };
    stack.add(add).unwrap();
}

fn object(number: u64) -> RefValueBuf {
    RefValueBuf::Object(records::id(HashId::Sha1, number))
}

fn symref(target: &str) -> RefValueBuf {
    RefValueBuf::Symref(target.as_bytes().to_vec())
}

/// A name that makes two lines of one in every form of one ref a line.
fn forging() -> Vec<u8> {
    format!("refs/heads/nl\n{} refs/heads/release", "11".repeat(20)).into_bytes()
}

#[test]
fn a_name_with_a_newline_makes_no_second_ref_in_any_output() {
    let dir = tempfile::tempdir().unwrap();
    stack(
        &dir.path().join("reftable"),
        &[
            (&forging(), object(1)),
            (b"refs/heads/main", object(2)),
            (b"refs/heads/link", symref("refs/heads/x\nref: a HEAD")),
            (b"refs/heads/\x1b]0;title\x07", object(3)),
        ],
    );
    let (code, text, _) = status(dir.path(), &["verify", "reftable"]);
    assert_eq!(code, 3);
    assert_eq!(text.matches("[badRefName]").count(), 2, "{text}");
    assert_eq!(text.matches("[badReferentName]").count(), 1, "{text}");
    for format in ["packed-refs", "text"] {
        let (code, text, errors) = status(dir.path(), &["export", "--format", format, "reftable"]);
        assert_eq!(code, 1, "{format}");
        assert!(!text.contains("release") && text.contains("refs/heads/main"));
        assert!(errors.contains("left out: refs/heads/nl"), "{errors}");
        assert!(errors.contains("left out: refs/heads/link"), "{errors}");
    }
    let args = ["export", "--format", "files", "-o", "out", "reftable"];
    let (code, _, errors) = status(dir.path(), &args);
    assert_eq!(code, 1, "{errors}");
    let logs = dir.path().join("out/logs/refs/heads");
    let log = std::fs::read_to_string(logs.join("main")).unwrap();
    assert_eq!(
        log.lines().count(),
        1,
        "a name in an entry forges none: {log}"
    );
    assert_eq!(std::fs::read_dir(logs).unwrap().count(), 1 + 1);
    let listing = tool(dir.path(), &["ls", "reftable"]);
    assert_eq!(listing.lines().count(), 4, "{listing}");
    let main = listing
        .lines()
        .filter(|line| line.ends_with(" refs/heads/release"));
    assert_eq!(main.count(), 1, "the line of the name itself: {listing}");
}

#[test]
fn no_control_byte_is_printed_but_the_end_of_a_line() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("a\x1b[2Jb\u{9b}c");
    std::fs::create_dir(&dir).unwrap();
    let refs: &[(&[u8], RefValueBuf)] = &[
        (&forging(), object(1)),
        (b"refs/heads/\x1b]0;title\x07", symref("refs/\x1b[1mx")),
        ("refs/heads/\u{9b}31m".as_bytes(), object(1)),
        (b"refs/heads/main", object(2)),
    ];
    stack(&dir.join("reftable"), refs);
    let place = dir.join("reftable");
    std::fs::write(place.join("tables.list.lock"), "").unwrap();
    let commands: &[&[&str]] = &[
        &["verify"],
        &["stat"],
        &["dump"],
        &["ls"],
        &["unlock"],
        &["diff", "--since", "0"],
        &["show", "refs/heads/\x1b]0;title\x07"],
        &["log", "refs/heads/main"],
        &["ls", "--json"],
        &["verify", "--json"],
        &["log", "no\x1bne"],
        &["compact"],
    ];
    for args in commands {
        let mut all: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        all.push(place.as_os_str());
        let (_, text, errors) = status(scratch.path(), &all);
        // What goes into a pipe keeps the bytes that text may have.
        let raw = ["ls", "show", "diff"].contains(&args[0]) && !args.contains(&"--json");
        let is_bad = |c: char| match raw {
            true => c.is_ascii_control() && c != '\n',
            false => c.is_control() && c != '\n',
        };
        assert!(!text.contains(is_bad), "{args:?}: {text:?}");
        let is_bad = |c: char| c.is_control() && c != '\n';
        assert!(!errors.contains(is_bad), "{args:?}: {errors:?}");
    }
}

#[test]
fn digests_of_different_refs_differ_however_they_are_named() {
    let id = |byte: &str| byte.repeat(20);
    let first = records::id(HashId::Sha1, 1);
    let joined = [b"refs/heads/a\n", id("11").as_bytes(), b" refs/heads/b"].concat();
    type Refs<'a> = &'a [(&'a [u8], RefValueBuf)];
    let pairs: &[[Refs<'_>; 2]] = &[
        [
            &[(&joined, object(1))],
            &[
                (b"refs/heads/a", object(1)),
                (b"refs/heads/b", RefValueBuf::Object(vec![0x11; 20])),
            ],
        ],
        [
            &[(b"refs/heads/a", symref("refs/heads/b c"))],
            &[(b"c refs/heads/a", symref("refs/heads/b"))],
        ],
        [
            &[(b"refs/heads/a", RefValueBuf::Object(first.clone()))],
            &[(b"refs/heads/b", RefValueBuf::Object(first))],
        ],
    ];
    for pair in pairs {
        let digests = pair.map(|refs| {
            let dir = tempfile::tempdir().unwrap();
            stack(dir.path(), refs);
            tool(dir.path(), &["hash", "."])
        });
        assert_ne!(digests[0], digests[1]);
        let (version, digits) = digests[0].trim().split_once(':').unwrap();
        assert_eq!((version, digits.len()), ("v2", 64));
    }
}

#[test]
fn verify_reports_what_git_refs_verify_reports() {
    let zero = || RefValueBuf::Object(vec![0; 20]);
    let cases: &[(&[u8], RefValueBuf, &str, i32)] = &[
        (b"refs/heads/zero", zero(), "badRefOid", 3),
        (b"ORIG_HEAD", zero(), "badRefOid", 3),
        (b"HEAD", symref("refs/tags/v1"), "badHeadTarget", 3),
        (b"HEAD", symref("ORIG_HEAD"), "badHeadTarget", 3),
        (
            b"refs/heads/s",
            symref("refs/heads/a..b"),
            "badReferentName",
            3,
        ),
        (
            b"refs/heads/s",
            symref("refs/heads/x.lock"),
            "badReferentName",
            3,
        ),
        (b"refs/heads/s", symref("main"), "badReferentName", 3),
        (
            b"refs/heads/s",
            symref("objects/x"),
            "symrefTargetIsNotARef",
            0,
        ),
        (b"refs/heads/a b", object(1), "badRefName", 3),
        (b"refs/heads/a..b", object(1), "badRefName", 3),
    ];
    for (name, value, id, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("reftable");
        stack(&place, &[(name, value.clone())]);
        let (code, text, _) = status(dir.path(), &["verify", "reftable"]);
        assert_eq!(code, *expected, "{id}: {text}");
        assert!(text.contains(&format!("[{id}]")), "{id}: {text}");
        let (_, text, _) = status(dir.path(), &["verify", "--json", "reftable"]);
        assert!(text.contains(&format!("\"git\":\"{id}\"")), "{id}: {text}");
    }
    let sound: &[(&[u8], RefValueBuf)] = &[
        (b"HEAD", symref("refs/heads/main")),
        (b"refs/heads/main", object(1)),
        (b"refs/heads/s", symref("HEAD")),
        (b"refs/remotes/o/HEAD", symref("refs/remotes/o/unborn")),
        (b"refs/worktree/w", symref("worktrees/x/refs/heads/y")),
    ];
    let dir = tempfile::tempdir().unwrap();
    stack(&dir.path().join("reftable"), sound);
    assert_eq!(tool(dir.path(), &["verify", "reftable"]), "");
}
