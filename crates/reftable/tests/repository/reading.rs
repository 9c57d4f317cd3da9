//! Repositories made by git, read by the library: both must say the same.

use reftable::record::{LogValueBuf, RefValueBuf};
use reftable::{Error, Head, Repository, View};
use std::fs;
use std::path::Path;
use test_support::git::Git;

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn discover(path: &Path) -> Repository {
    Repository::discover(path).unwrap()
}

/// What `git for-each-ref --include-root-refs` prints in the default format, without types.
fn listing(view: &View) -> String {
    let mut lines = Vec::new();
    for record in view.refs(b"").unwrap() {
        let record = record.unwrap();
        let id = view.resolve(&record.name).unwrap().id().map(hex);
        let peeled = match &record.value {
            RefValueBuf::Peeled { peeled, .. } => hex(peeled),
            _ => String::new(),
        };
        let target = match &record.value {
            RefValueBuf::Symref(target) => String::from_utf8(target.clone()).unwrap(),
            _ => String::new(),
        };
        let name = String::from_utf8(record.name).unwrap();
        lines.push(format!(
            "{name} {} {target} {peeled}",
            id.unwrap_or_default()
        ));
    }
    lines.join("\n")
}

const FORMAT: &str = "--format=%(refname) %(objectname) %(symref) %(*objectname)";

#[test]
fn refs_of_worktrees_and_both_hashes_are_what_git_lists() {
    let Some(git) = Git::find("repository") else {
        return;
    };
    for hash in ["sha1", "sha256"] {
        let repo = git.init(hash);
        let first = repo.commit("one");
        repo.run(&["tag", "-a", "-m", "annotated", "v1"]);
        repo.run(&["tag", "light"]);
        repo.run(&[
            "symbolic-ref",
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/main",
        ]);
        repo.run(&["update-ref", "refs/remotes/origin/main", &first]);
        repo.run(&["branch", "gone"]);
        repo.run(&["branch", "-D", "-q", "gone"]);
        repo.run(&["update-ref", "refs/heads/\u{e9}t\u{e9}", &first]);
        repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
        repo.run(&["update-ref", "refs/bisect/bad", &first]);
        repo.run(&["update-ref", "refs/heads/later", &first]);
        repo.run(&["-C", "linked", "update-ref", "refs/worktree/mine", &first]);
        repo.run(&["-C", "linked", "update-ref", "refs/bisect/good", &first]);
        let list = ["for-each-ref", "--include-root-refs", FORMAT];
        let sub = repo.path().join("linked/sub");
        fs::create_dir(&sub).unwrap();
        let main = discover(repo.path());
        assert_eq!(listing(&main.view()), repo.run(&list), "{hash}");
        assert!(main.worktree_stack().is_none());
        assert!(!main.is_bare());
        assert_eq!(main.hash().to_string(), hash);
        let linked = discover(&sub);
        let of_git = repo.run(&[&["-C", "linked"][..], &list].concat());
        assert_eq!(listing(&linked.view()), of_git, "{hash} linked");
        assert_eq!(linked.common_dir(), main.git_dir());
        assert_eq!(linked.work_tree(), sub.parent());
        assert_eq!(main.worktrees().unwrap(), ["linked"]);
        let own = main.open_worktree_stack("linked").unwrap();
        assert!(own.view().find(b"refs/worktree/mine").unwrap().is_some());
        // The main worktree's HEAD from the linked one.
        let there = linked.view().find(b"main-worktree/HEAD").unwrap().unwrap();
        assert_eq!(
            there.value,
            RefValueBuf::Symref(b"refs/heads/main".to_vec())
        );
        // The callback and the iterator are one.
        let mut names = Vec::new();
        let _ = linked.view().for_each(b"refs/", |record| {
            names.push(record.name.to_vec());
            std::ops::ControlFlow::<()>::Continue(())
        });
        let refs = linked.view().refs(b"refs/").unwrap();
        let owned: Vec<_> = refs.map(|record| record.unwrap().name).collect();
        assert_eq!(names, owned);
        assert!(owned.contains(&b"refs/worktree/mine".to_vec()));
        assert!(!owned.contains(&b"refs/bisect/bad".to_vec()));
    }
}

#[test]
fn head_is_unborn_then_a_branch_then_detached() {
    let Some(git) = Git::find("head") else {
        return;
    };
    let repo = git.init("sha1");
    let head = || discover(repo.path()).view().head().unwrap();
    let name = b"refs/heads/main".to_vec();
    assert_eq!(head(), Head::Unborn { name: name.clone() });
    let hex_id = repo.commit("one");
    match head() {
        Head::Branch { name: found, id } => assert_eq!((found, hex(&id)), (name, hex_id.clone())),
        other => panic!("{other:?}"),
    }
    repo.run(&["checkout", "-q", "--detach"]);
    match head() {
        Head::Detached { id } => assert_eq!(hex(&id), hex_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn chains_of_symbolic_refs_end_or_are_refused() {
    let Some(git) = Git::find("chains") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    for step in 1..=6 {
        let target = match step {
            1 => "refs/heads/main".to_owned(),
            _ => format!("refs/chain/{}", step - 1),
        };
        repo.run(&["symbolic-ref", &format!("refs/chain/{step}"), &target]);
    }
    repo.run(&["symbolic-ref", "refs/chain/dangling", "refs/heads/nowhere"]);
    let view = discover(repo.path()).view();
    let resolved = view.resolve(b"refs/chain/5").unwrap();
    assert_eq!(resolved.id().map(hex), Some(id));
    assert_eq!(resolved.names.len(), 6);
    assert!(matches!(
        view.resolve(b"refs/chain/6"),
        Err(Error::SymrefChain { limit: 5, .. })
    ));
    let dangling = view.resolve(b"refs/chain/dangling").unwrap();
    assert_eq!(dangling.name(), b"refs/heads/nowhere");
    assert_eq!(dangling.record, None);
}

#[test]
fn reflogs_are_those_of_git_in_both_directions() {
    let Some(git) = Git::find("reflogs") else {
        return;
    };
    let repo = git.init("sha1");
    for message in ["one", "two", "three"] {
        repo.commit(message);
    }
    repo.run(&["reflog", "expire", "--all", "--expire=never"]);
    repo.run(&["update-ref", "--create-reflog", "refs/heads/empty", "HEAD"]);
    repo.run(&["reflog", "delete", "refs/heads/empty@{0}"]);
    let view = discover(repo.path()).view();
    for name in ["HEAD", "refs/heads/main"] {
        let of_git = repo.run(&["log", "-g", "--format=%H %gs", name, "--"]);
        let newest: Vec<_> = view
            .reflog(name.as_bytes())
            .unwrap()
            .map(|r| r.unwrap())
            .collect();
        let lines: Vec<_> = newest
            .iter()
            .map(|record| match &record.value {
                LogValueBuf::Update(entry) => {
                    let message = String::from_utf8_lossy(&entry.message);
                    format!("{} {}", hex(&entry.new_id), message.trim_end())
                }
                LogValueBuf::Deletion => panic!("tombstone"),
            })
            .collect();
        assert_eq!(lines.join("\n"), of_git, "{name}");
        let mut oldest: Vec<_> = view
            .reflog(name.as_bytes())
            .unwrap()
            .oldest_first()
            .unwrap()
            .collect();
        oldest.reverse();
        assert_eq!(oldest, newest);
    }
    // git keeps the log that has no entries any more; its marker is no entry.
    assert!(view.has_reflog(b"refs/heads/empty").unwrap());
    assert_eq!(view.reflog(b"refs/heads/empty").unwrap().count(), 0);
    assert!(!view.has_reflog(b"refs/heads/none").unwrap());
}

/// An object section answers for its own table alone; a reader that believed it would list refs
/// that a newer table has moved.
#[test]
fn refs_by_object_are_those_that_still_have_it() {
    let Some(git) = Git::find("points at") else {
        return;
    };
    let repo = git.init("sha1");
    let old = repo.commit("one");
    repo.run(&["tag", "-a", "-m", "annotated", "v1"]);
    for name in ["a", "b", "c"] {
        repo.run(&["branch", name]);
    }
    let new = repo.commit("two");
    repo.run(&["branch", "-f", "b"]);
    repo.run(&["branch", "-D", "-q", "c"]);
    let view = discover(repo.path()).view();
    for id in [&old, &new] {
        let bytes: Vec<u8> = (0..20)
            .map(|i| u8::from_str_radix(&id[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let found = view.pointing_at(&bytes).unwrap();
        let names: Vec<_> = found
            .into_iter()
            .map(|r| String::from_utf8(r.name).unwrap())
            .collect();
        let of_git = repo.run(&["for-each-ref", "--format=%(refname)", "--points-at", id]);
        assert_eq!(names.join("\n"), of_git);
    }
    assert!(matches!(view.pointing_at(b"short"), Err(Error::Misuse(_))));
}

#[test]
fn the_token_changes_with_the_refs_and_changes_are_listed() {
    let Some(git) = Git::find("token") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    let library = discover(repo.path());
    let before = library.view();
    let token = library.state_on_disk().unwrap();
    assert_eq!(library.state_on_disk().unwrap(), token);
    assert!(!library.reload().unwrap());
    repo.run(&["branch", "new"]);
    assert_ne!(library.state_on_disk().unwrap(), token);
    assert!(library.reload().unwrap());
    let after = library.view();
    let changes = after.changes_since(before.max_update_index()).unwrap();
    let names: Vec<_> = changes.refs.iter().map(|r| r.name.as_slice()).collect();
    assert_eq!(names, [b"refs/heads/new"]);
    assert_eq!(changes.logs.len(), 1);
    assert!(
        after
            .changes_since(after.max_update_index())
            .unwrap()
            .refs
            .is_empty()
    );
    repo.run(&["branch", "-D", "-q", "new"]);
    library.reload().unwrap();
    let diff = library.view().diff(&after, b"").unwrap();
    let diff: Vec<_> = diff.map(|change| change.unwrap()).collect();
    assert_eq!(diff.len(), 1);
    assert_eq!(diff[0].name, b"refs/heads/new");
    assert!(diff[0].old.is_some() && diff[0].new.is_none());
    assert_eq!(library.view().diff(&before, b"").unwrap().count(), 0);
}

#[test]
fn bare_repositories_and_submodules_are_found() {
    let Some(git) = Git::find("bare") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    repo.run(&[
        "clone",
        "-q",
        "--bare",
        "--ref-format=reftable",
        ".",
        "bare.git",
    ]);
    let bare = discover(&repo.path().join("bare.git/objects"));
    assert!(bare.is_bare());
    assert_eq!(bare.work_tree(), None);
    assert!(bare.view().find(b"refs/heads/main").unwrap().is_some());
    repo.run(&[
        "init",
        "-q",
        "--ref-format=reftable",
        "--separate-git-dir=elsewhere",
        "sub",
    ]);
    let sub = Repository::open(repo.path().join("sub")).unwrap();
    assert!(sub.git_dir().ends_with("elsewhere"));
}

#[test]
fn refs_may_be_in_another_place() {
    let Some(git) = Git::find("location") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    let place = repo.path().join("refs elsewhere");
    fs::create_dir(&place).unwrap();
    fs::rename(repo.stack(), place.join("reftable")).unwrap();
    let value = format!("reftable://{}", place.display());
    fs::write(
        repo.path().join(".git/config"),
        format!("[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = \"{value}\"\n"),
    )
    .unwrap();
    let view = discover(repo.path()).view();
    assert_eq!(view.resolve(b"HEAD").unwrap().id().map(hex), Some(id));
}

/// A tool that took every failure for "no refs" deleted the only copy of somebody's work.
#[test]
fn what_is_no_reftable_repository_is_an_error_that_says_why() {
    let Some(git) = Git::find("errors") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Repository::discover(dir.path()),
        Err(Error::NoRepository { .. })
    ));
    assert!(matches!(
        Repository::discover(dir.path().join("none")),
        Err(Error::Io { .. })
    ));
    let repo = git.init("sha1");
    repo.run(&["init", "-q", "--ref-format=files", "plain"]);
    match Repository::discover(repo.path().join("plain")) {
        Err(error @ Error::NotReftable { .. }) => {
            assert!(
                error
                    .to_string()
                    .contains("config: refs are stored as files"),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    let config = repo.path().join(".git/config");
    let good = fs::read_to_string(&config).unwrap();
    for (from, to) in [
        ("repositoryformatversion = 1", "repositoryformatversion = 2"),
        ("repositoryformatversion = 1", "repositoryformatversion = 0"),
        ("[extensions]", "[extensions]\nobjectFormat = sha512"),
        ("[extensions]", "[extensions"),
    ] {
        fs::write(&config, good.replace(from, to)).unwrap();
        let error = Repository::discover(repo.path()).unwrap_err();
        assert!(
            matches!(error, Error::UnsupportedRepository { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(".git/config"), "{error}");
    }
    fs::write(&config, good).unwrap();
    fs::remove_dir_all(repo.stack()).unwrap();
    assert!(matches!(
        Repository::discover(repo.path()),
        Err(Error::Io { .. })
    ));
}
