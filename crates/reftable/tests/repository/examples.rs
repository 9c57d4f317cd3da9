//! The examples, run on repositories made by git.

#[path = "../../examples/list_refs.rs"]
mod list_refs;
#[path = "../../examples/transaction.rs"]
mod transaction;
#[path = "../../examples/watch.rs"]
mod watch;

use test_support::git::Git;

#[test]
fn list_refs_marks_the_branch_that_is_checked_out() {
    let Some(git) = Git::find("list_refs") else {
        return;
    };
    let repo = git.init("sha1");
    let list = || {
        let mut out = Vec::new();
        list_refs::run(repo.path().to_str().unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(list(), "* refs/heads/main (no commits)\n");
    let id = repo.commit("one");
    repo.run(&["branch", "side"]);
    let id = &id[..8];
    assert_eq!(
        list(),
        format!("* refs/heads/main {id}\n  refs/heads/side {id}\n")
    );
    repo.run(&["checkout", "-q", "--detach"]);
    assert!(list().starts_with(&format!("* (detached at {id})\n")));
}

#[test]
fn transaction_moves_a_branch_once_and_watch_tells() {
    let Some(git) = Git::find("transaction and watch") else {
        return;
    };
    let repo = git.init("sha1");
    let (old, new) = (repo.commit("one"), repo.commit("two"));
    repo.run(&["branch", "b", &old]);
    let path = repo.path().to_str().unwrap();
    let mut watch = watch::Watch::new(path).unwrap();
    let mut look = || {
        let mut out = Vec::new();
        watch.look(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(look(), "");
    transaction::run(path, "refs/heads/b", &old, &new, "refs/tags/t").unwrap();
    assert_eq!(look(), "changed refs/heads/b\ncreated refs/tags/t\n");
    assert_eq!(repo.run(&["rev-parse", "b", "t"]), format!("{new}\n{new}"));
    // The branch is no longer where it is expected to be.
    assert!(transaction::run(path, "refs/heads/b", &old, &new, "refs/tags/u").is_err());
    assert_eq!(look(), "");
    repo.run(&["branch", "-D", "-q", "b"]);
    assert_eq!(look(), "deleted refs/heads/b\n");
}
