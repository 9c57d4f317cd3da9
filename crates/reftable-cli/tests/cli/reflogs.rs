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

/// Entries of a reflog, as git counts them.
fn count(repo: &Repository, name: &str) -> usize {
    repo.run(&["log", "-g", "--format=%H", name, "--"])
        .lines()
        .count()
}

#[test]
fn expiry_keeps_what_git_gc_keeps() {
    let Some(git) = Git::find("expiry") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    fs::write(repo.path().join("file"), "1").unwrap();
    repo.run(&["add", "file"]);
    repo.commit("two");
    fs::write(repo.path().join("file"), "2").unwrap();
    repo.run(&["stash", "-q"]);
    for name in ["release/1", "release/2", "keep", "old"] {
        repo.run(&["update-ref", &format!("refs/heads/{name}"), "HEAD"]);
        repo.run(&["update-ref", &format!("refs/heads/{name}"), "HEAD~"]);
    }
    repo.run(&["config", "gc.refs/heads/release/*.reflogExpire", "never"]);
    repo.run(&["config", "gc.refs/heads/old.reflogExpire", "90 days ago"]);
    repo.run(&[
        "config",
        "gc.refs/heads/n?ver.reflogExpireUnreachable",
        "now",
    ]);
    repo.run(&["update-ref", "refs/heads/never", "HEAD"]);
    // Everything is older than this.
    let before = "1900000000";
    let text = tool(
        repo.path(),
        &[
            "compact",
            "--all",
            "--expire-before",
            before,
            "--except",
            "refs/heads/k*",
        ],
    );
    assert!(text.contains("-> 1 tables"), "{text}");
    assert_eq!(repo.run(&["stash", "list"]).lines().count(), 1);
    for (name, expected) in [
        ("refs/heads/release/1", 2),
        ("refs/heads/release/2", 2),
        ("refs/heads/keep", 2),
        ("refs/heads/never", 1),
        ("refs/heads/old", 0),
        ("refs/heads/main", 0),
        ("HEAD", 0),
    ] {
        assert_eq!(count(&repo, name), expected, "{name}");
        // It exists all the same, as after `git reflog expire`.
        repo.run(&["reflog", "exists", name]);
    }
    assert_eq!(tool(repo.path(), &["log", "main"]), "");
    // In a bare repository git logs only where there is a reflog.
    repo.run(&["config", "core.bare", "true"]);
    let git_dir = repo.path().join(".git");
    let id = repo.run(&["rev-parse", "HEAD"]);
    repo.run(&[
        "--git-dir",
        git_dir.to_str().unwrap(),
        "update-ref",
        "refs/heads/main",
        &id,
        &id,
    ]);
    let other = repo.run(&["rev-parse", "HEAD~"]);
    repo.run(&[
        "--git-dir",
        git_dir.to_str().unwrap(),
        "update-ref",
        "refs/heads/main",
        &other,
    ]);
    assert_eq!(count(&repo, "refs/heads/main"), 1);
}

#[test]
fn marks_of_empty_reflogs_outlast_any_expiry() {
    let Some(git) = Git::find("marks") else {
        return;
    };
    let repo = emptied(&git, "sha256", false);
    for args in [
        &["compact", "--all", "--expire-before", "1900000000"][..],
        &["compact", "--all", "--expire-below", "1000"],
        &["compact", "--all"],
    ] {
        tool(repo.path(), args);
        repo.run(&["reflog", "exists", "HEAD"]);
        repo.run(&["reflog", "exists", "refs/heads/main"]);
    }
}

#[test]
fn a_time_that_cannot_be_read_expires_nothing() {
    let Some(git) = Git::find("bad time") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    repo.run(&["config", "gc.refs/heads/*.reflogExpire", "when pigs fly"]);
    let (code, _, errors) = status(
        repo.path(),
        &["compact", "--all", "--expire-before", "1900000000"],
    );
    assert_eq!(code, 5);
    assert!(errors.contains("gc.refs/heads/*.reflogexpire"), "{errors}");
    assert_eq!(count(&repo, "main"), 1);
    // Nothing else asks for it.
    tool(repo.path(), &["ls"]);
    tool(repo.path(), &["compact", "--all"]);
}
