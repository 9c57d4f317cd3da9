//! git and this crate at the same stacks, taking turns. Needs git 2.45 or later: `git` in the path, or
//! `$GIT`.

use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::verify::{Severity, verify_stack};
use reftable::{HashId, Stack, StackOptions};
use std::io::Write;
use test_support::git::{Git, Repository};
use test_support::records;
use test_support::tsv::{hex, to_hex};

const HASHES: [(&str, HashId); 2] = [("sha1", HashId::Sha1), ("sha256", HashId::Sha256)];

fn options(hash: HashId) -> StackOptions {
    let mut options = StackOptions::default();
    options.write.hash = hash;
    options
}

fn open(repository: &Repository, hash: HashId) -> Stack {
    Stack::open(repository.stack(), options(hash)).unwrap()
}

/// One transaction of this crate.
fn add(stack: &Stack, refs: &[RefRecordBuf], logs: &[LogRecordBuf]) {
    stack.reload().unwrap();
    let next = stack.next_update_index().unwrap();
    let at = |record: &RefRecordBuf| RefRecordBuf {
        update_index: next,
        ..record.clone()
    };
    let mut refs: Vec<_> = refs.iter().map(at).collect();
    refs.sort_by(|a, b| a.name.cmp(&b.name));
    let mut logs = logs.to_vec();
    for log in &mut logs {
        log.update_index += next;
    }
    records::sort_logs(&mut logs);
    let last = logs
        .iter()
        .map(|log| log.update_index)
        .max()
        .unwrap_or(next);
    stack
        .add(|writer| {
            writer.set_limits(next, last.max(next));
            records::add_all(writer, &refs, &logs)
        })
        .unwrap();
}

/// An entry as git writes it; `after` is added to the next update index.
fn entry(name: &str, after: u64, old: &str, new: &str, message: &str) -> LogRecordBuf {
    LogRecordBuf {
        name: name.as_bytes().to_vec(),
        update_index: after,
        value: LogValueBuf::Update(LogUpdateBuf {
            old_id: hex(old),
            new_id: hex(new),
            name: b"R E Ftable".to_vec(),
            email: b"reftable@example.com".to_vec(),
            time: 1_700_000_100 + after,
            tz_offset: -130,
            message: format!("{message}\n").into_bytes(),
        }),
    }
}

/// All refs below `refs/` as git lists them: name, id, peeled id, target.
fn refs_of_git(repository: &Repository) -> Vec<String> {
    let format = "--format=%(refname) %(objectname) %(*objectname) %(symref)";
    let text = repository.run(&["for-each-ref", format]);
    text.lines().map(str::to_owned).collect()
}

/// The same from the stack.
fn refs_of_stack(stack: &Stack) -> Vec<String> {
    stack.reload().unwrap();
    let refs = test_support::read::merged_refs(&stack.merged()).unwrap();
    let listed = refs.iter().filter(|r| r.name.starts_with(b"refs/"));
    listed.filter_map(|record| line_of(stack, record)).collect()
}

/// git leaves out what leads nowhere.
fn line_of(stack: &Stack, record: &RefRecordBuf) -> Option<String> {
    let target = match &record.value {
        RefValueBuf::Symref(target) => String::from_utf8(target.clone()).unwrap(),
        _ => String::new(),
    };
    let mut value = record.value.clone();
    while let RefValueBuf::Symref(target) = value {
        value = stack.read_ref(&target, |r| r.to_buf().value).unwrap()?;
    }
    let (id, peeled) = match value {
        RefValueBuf::Object(id) => (id, Vec::new()),
        RefValueBuf::Peeled { id, peeled } => (id, peeled),
        other => panic!("{other:?}"),
    };
    let name = String::from_utf8(record.name.clone()).unwrap();
    Some(format!(
        "{name} {} {} {target}",
        to_hex(&id),
        to_hex(&peeled)
    ))
}

/// A reflog as git shows it, newest first: new id, who, message.
fn log_of_git(repository: &Repository, name: &str) -> Vec<String> {
    let text = repository.run(&["log", "-g", "--format=%H %gn <%ge> %gs", name, "--"]);
    text.lines().map(str::to_owned).collect()
}

/// git shows no entries without a new id, as a rename leaves one.
fn log_of_stack(stack: &Stack, name: &str) -> Vec<String> {
    stack.reload().unwrap();
    let logs =
        test_support::read::merged_logs_from(&stack.merged(), name.as_bytes(), u64::MAX).unwrap();
    let own = logs.iter().filter(|log| log.name == name.as_bytes());
    own.filter_map(|log| match &log.value {
        LogValueBuf::Update(update) => update.new_id.iter().any(|byte| *byte != 0).then(|| {
            format!(
                "{} {} <{}> {}",
                to_hex(&update.new_id),
                String::from_utf8_lossy(&update.name),
                String::from_utf8_lossy(&update.email),
                String::from_utf8_lossy(&update.message).trim_end()
            )
        }),
        LogValueBuf::Deletion => panic!("a tombstone is shown"),
    })
    .collect()
}

/// git and the stack say the same about refs and these reflogs, and the stack is sound.
fn assert_agree(repository: &Repository, stack: &Stack, logs: &[&str]) {
    assert_eq!(refs_of_stack(stack), refs_of_git(repository));
    for name in logs {
        assert_eq!(
            log_of_stack(stack, name),
            log_of_git(repository, name),
            "{name}"
        );
    }
    let mut findings = verify_stack(repository.stack(), stack.options());
    findings.retain(|finding| finding.severity > Severity::Note);
    assert_eq!(findings, []);
}

/// A repository with two commits and an annotated tag; the commits and the tag.
fn repository(git: &Git, hash: &str) -> (Repository, [String; 3]) {
    let repository = git.init(hash);
    let first = repository.commit("first");
    let second = repository.commit("second");
    repository.run(&["tag", "-a", "-m", "annotated", "v1", &first]);
    let tag = repository.run(&["rev-parse", "refs/tags/v1"]);
    (repository, [first, second, tag])
}

#[test]
fn git_reads_what_this_crate_writes() {
    let Some(git) = Git::find("git_reads_what_this_crate_writes") else {
        return;
    };
    for (format, hash) in HASHES {
        let (repository, [first, second, tag]) = repository(&git, format);
        let stack = open(&repository, hash);
        let zero = "0".repeat(first.len());
        add(
            &stack,
            &[
                records::object_ref("refs/heads/topic", 0, hex(&second)),
                records::peeled("refs/tags/ours", 0, hex(&tag), hex(&first)),
                records::symref("refs/heads/sym", 0, "refs/heads/topic"),
                records::symref("refs/heads/dangling", 0, "refs/heads/nowhere"),
            ],
            &[
                entry("refs/heads/topic", 0, &zero, &first, "branch: created"),
                entry("refs/heads/topic", 1, &first, &second, "commit: moved on"),
            ],
        );
        assert_agree(
            &repository,
            &stack,
            &["HEAD", "refs/heads/main", "refs/heads/topic"],
        );
        assert_eq!(repository.run(&["rev-parse", "refs/heads/sym"]), second);
        assert_eq!(repository.run(&["rev-parse", "topic@{1}"]), first);
        assert_eq!(repository.run(&["rev-parse", "ours^{}"]), first);
        assert_eq!(
            repository.run(&["symbolic-ref", "refs/heads/sym"]),
            "refs/heads/topic"
        );
    }
}

/// Looks up every name through git, one by one, in one process.
fn ids_by_git(repository: &Repository, names: &[String]) -> Vec<String> {
    let mut input = tempfile::tempfile().unwrap();
    for name in names {
        writeln!(input, "{name}").unwrap();
    }
    std::io::Seek::rewind(&mut input).unwrap();
    let text = repository.run_with(&["cat-file", "--batch-check=%(objectname)"], input);
    text.lines().map(str::to_owned).collect()
}

/// Small blocks and many refs: indexes of several levels, object sections, log indexes.
#[test]
fn git_finds_every_ref_and_log_entry_in_large_tables_of_this_crate() {
    let Some(git) = Git::find("git_finds_every_ref_and_log_entry") else {
        return;
    };
    for ((format, hash), (block_size, padded)) in HASHES
        .into_iter()
        .flat_map(|h| [(h, (256, true)), (h, (4096, true)), (h, (512, false))])
    {
        let (repository, [first, second, _]) = repository(&git, format);
        let mut options = options(hash);
        (options.write.block_size, options.write.padded) = (block_size, padded);
        let stack = Stack::open(repository.stack(), options).unwrap();
        let names: Vec<String> = (0..1500).map(|n| format!("refs/heads/b{n:05}")).collect();
        let id = |n: usize| if n % 2 == 0 { &first } else { &second };
        let refs: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(n, name)| records::object_ref(name, 0, hex(id(n))))
            .collect();
        let logs: Vec<_> = (0..300)
            .map(|n| {
                entry(
                    "refs/heads/b00000",
                    n,
                    &first,
                    id(n as usize),
                    &format!("entry {n}"),
                )
            })
            .chain(
                (1..300).map(|n| entry(&names[n], 0, &first, id(n), &format!("only entry of {n}"))),
            )
            .collect();
        add(&stack, &refs, &logs);
        assert_agree(
            &repository,
            &stack,
            &[
                "refs/heads/b00000",
                "refs/heads/b00007",
                "refs/heads/b00299",
            ],
        );
        let wanted: Vec<_> = (0..names.len()).map(|n| id(n).clone()).collect();
        assert_eq!(
            ids_by_git(&repository, &names),
            wanted,
            "block size {block_size}"
        );
    }
}

#[test]
fn this_crate_reads_what_git_writes() {
    let Some(git) = Git::find("this_crate_reads_what_git_writes") else {
        return;
    };
    for (format, hash) in HASHES {
        let (repository, [first, second, _]) = repository(&git, format);
        let stack = open(&repository, hash);
        repository.run(&["branch", "topic", &first]);
        repository.run(&["branch", "gone", &first]);
        repository.run(&["update-ref", "-m", "moved", "refs/heads/topic", &second]);
        repository.run(&["symbolic-ref", "refs/heads/sym", "refs/heads/topic"]);
        repository.run(&["branch", "-D", "gone"]);
        repository.run(&["branch", "-m", "topic", "renamed"]);
        repository.run(&["branch", "topic", &first]);
        repository.run(&["checkout", "-q", "renamed"]);
        repository.commit("third");
        assert_agree(
            &repository,
            &stack,
            &[
                "HEAD",
                "refs/heads/main",
                "refs/heads/renamed",
                "refs/heads/topic",
            ],
        );
        let head = stack.read_ref(b"HEAD", |r| r.to_buf().value).unwrap();
        assert_eq!(
            head,
            Some(RefValueBuf::Symref(b"refs/heads/renamed".to_vec()))
        );
        assert_eq!(stack.read_ref(b"refs/heads/gone", |_| ()).unwrap(), None);
        repository.run(&["reflog", "delete", "--rewrite", "renamed@{1}"]);
        assert_agree(&repository, &stack, &["refs/heads/renamed"]);
        repository.run(&["reflog", "expire", "--expire=all", "refs/heads/renamed"]);
        stack.reload().unwrap();
        // What is left says that the reflog exists: an entry without ids.
        let logs =
            test_support::read::merged_logs_from(&stack.merged(), b"refs/heads/renamed", u64::MAX);
        let marker = logs.unwrap().remove(0);
        let LogValueBuf::Update(update) = marker.value else {
            panic!("a tombstone is shown");
        };
        assert_eq!(update.new_id, vec![0; hash.len()]);
        assert_eq!(update.old_id, vec![0; hash.len()]);
    }
}

#[test]
fn git_and_this_crate_take_turns_at_one_stack() {
    let Some(git) = Git::find("git_and_this_crate_take_turns") else {
        return;
    };
    for (format, hash) in HASHES {
        let (repository, [first, second, _]) = repository(&git, format);
        let stack = open(&repository, hash);
        let mut last = second.clone();
        for round in 0..12_u64 {
            let ours = format!("refs/heads/ours{}", round % 4);
            let theirs = format!("refs/heads/theirs{}", round % 3);
            let now = if round % 2 == 0 { &first } else { &second };
            add(
                &stack,
                &[
                    records::object_ref(&ours, 0, hex(now)),
                    records::tombstone(format!("refs/heads/theirs{}", (round + 1) % 3), 0),
                ],
                &[entry(
                    "refs/heads/main",
                    0,
                    &last,
                    &last,
                    &format!("ours {round}"),
                )],
            );
            repository.run(&["update-ref", "-m", &format!("theirs {round}"), &theirs, now]);
            repository.run(&[
                "update-ref",
                "-d",
                &format!("refs/heads/ours{}", (round + 2) % 4),
            ]);
            last = repository.commit(&format!("round {round}"));
            match round % 4 {
                1 => drop(repository.run(&["pack-refs", "--all"])),
                3 => {
                    stack.reload().unwrap();
                    stack.compact_all(None).unwrap();
                }
                _ => {}
            }
            assert_agree(&repository, &stack, &["HEAD", "refs/heads/main", &theirs]);
        }
        repository.run(&["fsck", "--connectivity-only"]);
    }
}

/// Deleted refs must not come back when either of both compacts.
#[test]
fn compaction_by_either_side_keeps_the_view() {
    let Some(git) = Git::find("compaction_by_either_side_keeps_the_view") else {
        return;
    };
    for (format, hash) in HASHES {
        let (repository, [first, second, _]) = repository(&git, format);
        let stack = open(&repository, hash);
        for n in 0..20 {
            let name = format!("refs/heads/b{n}");
            add(&stack, &[records::object_ref(&name, 0, hex(&first))], &[]);
            if n % 3 == 0 {
                repository.run(&["update-ref", "-d", &name]);
            }
        }
        let before = refs_of_git(&repository);
        assert_eq!(before.len(), 1 + 1 + 13);
        repository.run(&["pack-refs"]);
        assert_eq!(refs_of_stack(&stack), before);
        repository.run(&["update-ref", "refs/heads/b1", &second]);
        repository.run(&["update-ref", "-d", "refs/heads/b2"]);
        stack.reload().unwrap();
        stack.compact_all(None).unwrap();
        assert_eq!(refs_of_git(&repository).len(), before.len() - 1);
        assert_agree(&repository, &stack, &["HEAD"]);
        assert_eq!(stack.merged().tables().len(), 1);
    }
}
