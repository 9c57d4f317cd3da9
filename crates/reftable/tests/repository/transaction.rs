//! Transactions over several refs, and what git makes of them.

use reftable::transaction::{Committer, Expected};
use reftable::{Edit, Error, Repository, Stack, StackOptions, Transaction};
use std::fs;
use std::path::Path;
use std::time::Duration;
use test_support::git::Git;

const ONE: [u8; 20] = [0x11; 20];
const TWO: [u8; 20] = [0x22; 20];
const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

fn committer() -> Committer {
    Committer::new("C O Mitter", "committer@example.com", 1_700_000_000, 230)
}

fn transaction(edits: impl IntoIterator<Item = Edit>) -> Transaction {
    let mut transaction = Transaction::new();
    edits.into_iter().for_each(|edit| transaction.push(edit));
    transaction
}

fn open(dir: &Path) -> Stack {
    Stack::open(dir, StackOptions::default()).unwrap()
}

fn commit(stack: &Stack, edits: impl IntoIterator<Item = Edit>) -> Result<(), Error> {
    transaction(edits).prepare_stack(stack, NO_WAIT)?.commit()
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_changes_unless_every_ref_is_as_expected() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    commit(
        &stack,
        [
            Edit::create("refs/heads/a", ONE),
            Edit::symref("HEAD", "refs/heads/a"),
        ],
    )
    .unwrap();
    let before = files(dir.path());
    let wrong = [
        ("refs/heads/a", Expected::Absent),
        ("refs/heads/a", Expected::Object(TWO.to_vec())),
        ("refs/heads/a", Expected::Symref(b"refs/heads/b".to_vec())),
        ("refs/heads/b", Expected::Present),
        ("refs/heads/b", Expected::Object(ONE.to_vec())),
        ("HEAD", Expected::Absent),
        ("HEAD", Expected::Symref(b"refs/heads/b".to_vec())),
        ("HEAD", Expected::Object(ONE.to_vec())),
    ];
    for (name, expected) in wrong {
        let edits = [
            Edit::update("refs/heads/new", TWO),
            Edit::verify(name, expected.clone()),
        ];
        let error = commit(&stack, edits).unwrap_err();
        assert!(
            matches!(error, Error::Unexpected { .. }),
            "{name} {expected:?}: {error}"
        );
        assert_eq!(files(dir.path()), before);
    }
    let edits = [
        Edit::update("refs/heads/new", TWO),
        Edit::verify("refs/heads/a", Expected::Object(ONE.to_vec())),
        Edit::verify("refs/heads/b", Expected::Absent),
        Edit::verify("HEAD", Expected::Symref(b"refs/heads/a".to_vec())),
    ];
    commit(&stack, edits).unwrap();
    assert!(stack.view().find(b"refs/heads/new").unwrap().is_some());
}

#[test]
fn a_prepared_transaction_locks_others_out_until_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (stack, other) = (open(dir.path()), open(dir.path()));
    let prepared = transaction([Edit::create("refs/heads/a", ONE)])
        .prepare_stack(&stack, NO_WAIT)
        .unwrap();
    match commit(&other, [Edit::create("refs/heads/b", ONE)]) {
        Err(Error::Locked { path, age }) => {
            assert!(path.ends_with("tables.list.lock"));
            assert!(age.is_some());
        }
        result => panic!("{result:?}"),
    }
    // It can be finished by another thread.
    std::thread::spawn(move || prepared.abort()).join().unwrap();
    assert!(files(dir.path()).is_empty());
    commit(&other, [Edit::create("refs/heads/b", ONE)]).unwrap();
    // The view of the first handle is outdated, and no obstacle.
    commit(&stack, [Edit::create("refs/heads/a", ONE)]).unwrap();
    assert_eq!(stack.view().refs(b"").unwrap().count(), 2);
}

#[test]
fn a_time_out_waits_for_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let held = transaction([Edit::create("refs/heads/a", ONE)])
        .prepare_stack(&stack, NO_WAIT)
        .unwrap();
    let path = dir.path().to_path_buf();
    let (ready, started) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let stack = open(&path);
        ready.send(()).unwrap();
        transaction([Edit::create("refs/heads/b", ONE)])
            .prepare_stack(&stack, None)?
            .commit()
    });
    started.recv().unwrap();
    held.commit().unwrap();
    waiting.join().unwrap().unwrap();
    stack.reload().unwrap();
    assert_eq!(stack.view().refs(b"").unwrap().count(), 2);
}

#[test]
fn names_that_exclude_each_other_are_refused_unless_one_of_them_goes() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    commit(&stack, [Edit::create("refs/heads/a", ONE)]).unwrap();
    match commit(&stack, [Edit::create("refs/heads/a/b", ONE)]) {
        Err(Error::NameConflict { name, existing }) => {
            assert_eq!(name, b"refs/heads/a/b");
            assert_eq!(existing, b"refs/heads/a");
        }
        result => panic!("{result:?}"),
    }
    let edits = [
        Edit::create("refs/heads/a/b", ONE),
        Edit::delete("refs/heads/a"),
    ];
    commit(&stack, edits).unwrap();
    for bad in [
        "refs/heads/a..b",
        "refs/heads/.a",
        "main",
        "refs/heads/a.lock",
        "refs/a b",
        "",
    ] {
        let result = commit(&stack, [Edit::update(bad, ONE)]);
        assert!(matches!(result, Err(Error::InvalidName { .. })), "{bad}");
    }
    let twice = [Edit::update("refs/x", ONE), Edit::delete("refs/x")];
    assert!(matches!(
        commit(&stack, twice),
        Err(Error::DuplicateEdit { .. })
    ));
    assert_eq!(stack.view().refs(b"").unwrap().count(), 1);
}

#[test]
fn deleting_takes_the_reflog_along_and_a_missing_ref_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    for id in [ONE, TWO] {
        let edit = Edit::update("refs/heads/a", id).logging(committer(), "moved");
        commit(&stack, [edit]).unwrap();
    }
    assert_eq!(stack.view().reflog(b"refs/heads/a").unwrap().count(), 2);
    let expected = Expected::Object(TWO.to_vec());
    commit(&stack, [Edit::delete("refs/heads/a").expecting(expected)]).unwrap();
    assert!(!stack.view().has_reflog(b"refs/heads/a").unwrap());
    let before = stack.table_names();
    commit(&stack, [Edit::delete("refs/heads/a")]).unwrap();
    assert_eq!(stack.table_names(), before, "nothing was written");
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// What shows how git sees refs and reflogs.
const LOOKS: [&[&str]; 5] = [
    &["for-each-ref", "--include-root-refs"],
    &[
        "log",
        "-g",
        "--format=%H %gn %ge %gd %gs",
        "--date=raw",
        "HEAD",
        "--",
    ],
    &[
        "log",
        "-g",
        "--format=%H %gn %ge %gd %gs",
        "--date=raw",
        "main",
        "--",
    ],
    &[
        "log",
        "-g",
        "--format=%H %gn %ge %gd %gs",
        "--date=raw",
        "side",
        "--",
    ],
    &["refs", "verify"],
];

#[test]
fn git_reads_what_was_committed_and_logs_are_as_git_writes_them() {
    let Some(git) = Git::find("transaction") else {
        return;
    };
    for hash in ["sha1", "sha256"] {
        let (ours, theirs) = (git.init(hash), git.init(hash));
        let mut ids = Vec::new();
        for repo in [&ours, &theirs] {
            ids = vec![repo.commit("one"), repo.commit("two")];
        }
        let library = Repository::discover(ours.path()).unwrap();
        let (one, two) = (bytes(&ids[0]), bytes(&ids[1]));
        let edits = [
            Edit::update("HEAD", one.clone())
                .following()
                .expecting(Expected::Object(two.clone()))
                .logging(committer(), "back"),
            Edit::create("refs/heads/side", two.clone()).logging(committer(), "side"),
            Edit::symref("refs/heads/link", "refs/heads/side"),
        ];
        let prepared = transaction(edits).prepare(&library, NO_WAIT).unwrap();
        prepared.commit().unwrap();
        theirs.run(&["update-ref", "-m", "back", "HEAD", &ids[0], &ids[1]]);
        theirs.run(&["update-ref", "-m", "side", "refs/heads/side", &ids[1]]);
        theirs.run(&["symbolic-ref", "refs/heads/link", "refs/heads/side"]);
        // The branch that HEAD names, by its own name.
        let edit = Edit::update("refs/heads/main", two).logging(committer(), "forth\n");
        let prepared = transaction([edit]).prepare(&library, NO_WAIT).unwrap();
        prepared.commit().unwrap();
        theirs.run(&["update-ref", "-m", "forth", "refs/heads/main", &ids[1]]);
        for look in LOOKS {
            assert_eq!(ours.run(look), theirs.run(look), "{hash} {look:?}");
        }
    }
}

#[test]
fn a_linked_worktree_writes_its_own_refs_to_its_own_stack() {
    let Some(git) = Git::find("worktree transaction") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    let library = Repository::discover(repo.path().join("linked")).unwrap();
    let bytes = library
        .view()
        .resolve(b"HEAD")
        .unwrap()
        .id()
        .unwrap()
        .to_vec();
    let edits = [
        Edit::create("refs/worktree/mine", bytes.clone()),
        Edit::create("refs/heads/shared", bytes.clone()),
        Edit::symref("HEAD", "refs/heads/shared").logging(committer(), "switch"),
    ];
    let prepared = transaction(edits).prepare(&library, NO_WAIT).unwrap();
    // Both stacks are locked.
    assert!(library.stack().dir().join("tables.list.lock").exists());
    assert!(
        library
            .worktree_stack()
            .unwrap()
            .dir()
            .join("tables.list.lock")
            .exists()
    );
    prepared.commit().unwrap();
    assert_eq!(
        repo.run(&["-C", "linked", "symbolic-ref", "HEAD"]),
        "refs/heads/shared"
    );
    assert_eq!(repo.run(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    assert_eq!(
        repo.run(&["-C", "linked", "rev-parse", "refs/worktree/mine"]),
        id
    );
    assert_eq!(repo.run(&["rev-parse", "refs/heads/shared"]), id);
    let listed = repo.run(&["for-each-ref", "--format=%(refname)"]);
    assert!(!listed.contains("refs/worktree/mine"), "{listed}");
}
