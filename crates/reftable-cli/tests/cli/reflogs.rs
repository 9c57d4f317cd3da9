//! Reflogs as the tool shows and expires them, compared with git.
use crate::tool::{status, tool};
use std::fs;
use test_support::git::{Git, Repository};

/// A repository in which git has emptied all reflogs, and compacted if told to.
fn emptied(git: &Git, hash: &str, compacted: bool) -> Repository {
    let repo = git.init(hash);
    repo.commit("one");
    repo.run(&["reflog", "expire", "--expire=all", "--all"]);
    if compacted {
        // git gives the mark of an empty reflog the message "\n" here.
        repo.run(&["pack-refs"]);
    }
    repo
}

#[test]
fn a_reflog_that_git_has_emptied_shows_no_entry() {
    let Some(git) = Git::find("emptied reflog") else {
        return;
    };
    for (hash, compacted) in [("sha1", false), ("sha1", true), ("sha256", true)] {
        let repo = emptied(&git, hash, compacted);
        assert_eq!(repo.run(&["reflog"]), "");
        for args in [
            &["log"][..],
            &["log", "--json"],
            &["log", "--raw"],
            &["log", "--oldest-first"],
            &["log", "-n1", "main"],
        ] {
            assert_eq!(tool(repo.path(), args), "", "{hash} {compacted} {args:?}");
        }
        let out = repo.path().join("out");
        let out_text = out.to_str().unwrap();
        tool(
            repo.path(),
            &["export", "--format", "files", "-o", out_text],
        );
        assert_eq!(fs::read(out.join("logs/HEAD")).unwrap(), b"");
        assert_eq!(fs::read(out.join("logs/refs/heads/main")).unwrap(), b"");
    }
}

#[test]
fn the_mark_of_an_empty_reflog_counts_as_a_reflog_and_not_as_an_entry() {
    let Some(git) = Git::find("mark of a reflog") else {
        return;
    };
    let repo = emptied(&git, "sha1", false);
    let before = tool(repo.path(), &["hash", "--logs"]);
    repo.run(&["pack-refs"]);
    assert_eq!(tool(repo.path(), &["hash", "--logs"]), before);
    let (code, out, _) = status(repo.path(), &["log", "refs/heads/main"]);
    assert_eq!((code, &*out), (0, ""), "the reflog exists");
    let (code, _, errors) = status(repo.path(), &["log", "refs/heads/none"]);
    assert_eq!(code, 1, "{errors}");
}
