//! Stacks that have gone, or go away while they are watched.
use crate::tool::{command, status, tool};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use test_support::git::{Git, Repository};

fn empty(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[test]
fn a_repository_without_its_list_is_damaged_and_no_command_takes_it_for_empty() {
    let Some(git) = Git::find("gone") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    empty(&repo.stack());
    for place in [".", ".git", ".git/reftable"] {
        for command in [
            "verify", "compact", "hash", "ls", "stat", "dump", "clean", "export", "watch", "log",
        ] {
            let (code, text, errors) = match command {
                "log" => status(repo.path(), &["log", "HEAD", place]),
                _ => status(repo.path(), &[command, place]),
            };
            assert_eq!(code, 3, "{command} {place}: {text}{errors}");
            assert!(
                (text + &errors).contains("tables.list"),
                "{command} {place}"
            );
        }
        let (code, _, errors) = status(repo.path(), &["snapshot", "copy", place]);
        assert_eq!(code, 3, "{place}: {errors}");
        assert!(!repo.path().join("copy").exists());
    }
    let (code, _, errors) = status(repo.path(), &["diff", ".", "."]);
    assert_eq!(code, 3, "{errors}");
    fs::remove_dir(repo.stack()).unwrap();
    for command in ["verify", "compact", "hash", "ls"] {
        let (code, _, errors) = status(repo.path(), &[command, "."]);
        assert!(code >= 3, "{command}: {errors}");
    }
}

#[test]
fn a_worktree_without_its_list_is_damage_of_the_repository() {
    let Some(git) = Git::find("gone worktree") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    tool(repo.path(), &["snapshot", "copy"]);
    let below = "worktrees/linked/reftable";
    empty(&repo.path().join(".git").join(below));
    empty(&repo.path().join("copy").join(below));
    for place in [".", "copy"] {
        let (code, text, _) = status(repo.path(), &["verify", place]);
        assert_eq!(code, 3, "{place}: {text}");
        assert!(
            text.contains("worktrees/linked/reftable/tables.list"),
            "{text}"
        );
        let (code, _, errors) = status(repo.path(), &["hash", place]);
        assert_eq!(code, 3, "{place}: {errors}");
    }
    assert_eq!(
        status(repo.path(), &["verify", "--stack", "main-worktree"]).0,
        0
    );
}

#[test]
fn an_empty_folder_alone_is_a_stack_without_refs() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("reftable")).unwrap();
    assert_eq!(tool(dir.path(), &["verify", "reftable"]), "");
    assert_eq!(tool(dir.path(), &["ls", "reftable"]), "");
}

/// A watch that has printed its first change, so that it looks again and again.
fn watching(repo: &Repository, options: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command()
        .current_dir(repo.path())
        .args(["watch", "--interval", "5"])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let mut number = 0;
    // The watch may begin after any of these.
    while line.is_empty() {
        repo.run(&["update-ref", &format!("refs/heads/n{number}"), "HEAD"]);
        number += 1;
        if number > 3 {
            out.read_line(&mut line).unwrap();
        }
    }
    (child, out)
}

fn ended(mut child: Child, mut out: BufReader<std::process::ChildStdout>) -> (i32, String, String) {
    let (mut text, mut errors) = (String::new(), String::new());
    out.read_to_string(&mut text).unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    (child.wait().unwrap().code().unwrap(), text, errors)
}

#[test]
fn watch_ends_as_ls_does_when_the_stack_goes_away() {
    let Some(git) = Git::find("watch gone") else {
        return;
    };
    let removed: &dyn Fn(&Repository) =
        &|repo| fs::rename(repo.path().join(".git"), repo.path().join("away")).unwrap();
    let list_gone: &dyn Fn(&Repository) =
        &|repo| fs::rename(repo.stack().join("tables.list"), repo.path().join("away")).unwrap();
    let other_format: &dyn Fn(&Repository) = &|repo| {
        repo.run(&["config", "extensions.refStorage", "files"]);
    };
    let emptied: &dyn Fn(&Repository) = &|repo| empty(&repo.stack());
    let changes = [removed, list_gone, other_format, emptied];
    for (number, change) in changes.into_iter().enumerate() {
        let repo = git.init("sha1");
        repo.commit("one");
        let (child, out) = watching(&repo, &[]);
        change(&repo);
        let (code, text, errors) = ended(child, out);
        assert!(!text.contains("- "), "{number}: {text}");
        let of_ls = status(repo.path(), &["ls"]);
        assert_eq!((code, errors), (of_ls.0, of_ls.2), "{number}");
        assert_ne!(code, 0);
    }
}

#[test]
fn watch_waits_for_the_stack_to_come_back_if_asked_to() {
    let Some(git) = Git::find("watch waits") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    let (mut child, mut out) = watching(&repo, &["--wait"]);
    let (list, away) = (repo.stack().join("tables.list"), repo.path().join("away"));
    fs::rename(&list, &away).unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(
        line.contains("waiting: ") && line.contains("tables.list"),
        "{line}"
    );
    fs::rename(&away, &list).unwrap();
    repo.run(&["update-ref", "refs/heads/later", "HEAD"]);
    let mut text = String::new();
    while !text.contains("refs/heads/later") {
        text.clear();
        assert_ne!(out.read_line(&mut text).unwrap(), 0);
        assert!(!text.starts_with("- "), "{text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
