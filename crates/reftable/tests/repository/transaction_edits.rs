//! Edits of one transaction that concern one ref, and what they leave in reflogs.

use reftable::transaction::{Committer, Expected};
use reftable::{Edit, Error, Stack, StackOptions, Transaction};
use std::path::Path;
use std::time::Duration;

const ONE: [u8; 20] = [0x11; 20];
const TWO: [u8; 20] = [0x22; 20];

fn committer() -> Committer {
    Committer::new("C O Mitter", "committer@example.com", 1_700_000_000, 230)
}

fn commit(stack: &Stack, edits: &[Edit]) -> Result<(), Error> {
    let mut transaction = Transaction::new();
    for edit in edits {
        transaction.push(edit.clone());
    }
    let prepared = transaction.prepare_stack(stack, Some(Duration::ZERO))?;
    prepared.commit()
}

/// `HEAD` names `refs/heads/main`, which has a reflog of one entry.
fn stack(dir: &Path) -> Stack {
    let stack = Stack::open(dir, StackOptions::default()).unwrap();
    let edits = [
        Edit::symref("HEAD", "refs/heads/main"),
        Edit::create("refs/heads/main", ONE).logging(committer(), "created"),
    ];
    commit(&stack, &edits).unwrap();
    stack
}

/// The messages of a reflog, newest first.
fn messages(stack: &Stack, name: &str) -> Vec<String> {
    let mut logs = stack.merged().logs_from(name.as_bytes(), u64::MAX).unwrap();
    let mut messages = Vec::new();
    while let Some(record) = logs.next().unwrap() {
        if record.name != name.as_bytes() {
            break;
        }
        let record = record.to_buf();
        let reftable::record::LogValueBuf::Update(update) = record.value else {
            panic!("a tombstone is shown");
        };
        messages.push(String::from_utf8(update.message).unwrap());
    }
    messages
}

/// A ref takes its reflog along. An entry of the deletion itself would be a reflog without a ref,
/// and the beginning of the next ref of that name.
#[test]
fn deleted_ref_gets_no_reflog_entry() {
    let deletions = [
        Edit::delete("refs/heads/main"),
        Edit::delete("HEAD").following(),
        Edit::delete("refs/heads/main").expecting(Expected::Object(ONE.to_vec())),
    ];
    for deletion in deletions {
        let dir = tempfile::tempdir().unwrap();
        let stack = stack(dir.path());
        let deletion = deletion.logging(committer(), "deleted");
        commit(&stack, &[deletion]).unwrap();
        assert!(!stack.view().has_reflog(b"refs/heads/main").unwrap());
        assert_eq!(messages(&stack, "refs/heads/main"), [""; 0]);
        assert_eq!(messages(&stack, "HEAD")[0], "deleted\n");
        let again = Edit::create("refs/heads/main", TWO).logging(committer(), "again");
        commit(&stack, &[again]).unwrap();
        assert_eq!(messages(&stack, "refs/heads/main"), ["again\n"]);
    }
}

/// Each ref may be edited once, by whatever name. The later edit won, and what the first one expected
/// or wrote was gone without a word.
#[test]
fn second_edit_of_a_ref_is_refused_by_whatever_name() {
    let edits = |name: &'static str| {
        [
            Edit::update(name, TWO),
            Edit::update(name, ONE),
            Edit::delete(name),
            Edit::symref(name, "refs/heads/other"),
            Edit::verify(name, Expected::Present),
        ]
    };
    let through_head = [
        Edit::update("HEAD", TWO).following(),
        Edit::delete("HEAD").following(),
        Edit::verify("HEAD", Expected::Present).following(),
    ];
    let of_main: Vec<Edit> = edits("refs/heads/main")
        .into_iter()
        .chain(through_head)
        .collect();
    let of_head = [edits("HEAD"), edits("main-worktree/HEAD")].concat();
    let dir = tempfile::tempdir().unwrap();
    let stack = stack(dir.path());
    let before = stack.table_names();
    for same in [of_main, of_head] {
        for first in &same {
            for second in &same {
                let result = commit(&stack, &[first.clone(), second.clone()]);
                assert!(
                    matches!(result, Err(Error::DuplicateEdit { .. })),
                    "{first:?}, then {second:?}: {result:?}"
                );
            }
        }
    }
    stack.reload().unwrap();
    assert_eq!(stack.table_names(), before);
    assert!(!dir.path().join("tables.list.lock").exists());
}
