//! What a path leads to, and which repositories are taken or refused: as by git.
use crate::tool::{status, tool};
use std::fs;
use std::path::Path;
use std::process::Command;
use test_support::git::{Git, Repository};

#[test]
fn a_git_file_leads_to_its_repository_and_other_files_are_no_tables() {
    let Some(git) = Git::find("git files") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    repo.run(&[
        "init",
        "-q",
        "--ref-format=reftable",
        "--separate-git-dir=elsewhere",
        "sub",
    ]);
    repo.run(&["-C", "sub", "symbolic-ref", "refs/x/y", "refs/heads/main"]);
    assert_eq!(
        tool(repo.path(), &["show", "--id", "HEAD", "linked/.git"]),
        id + "\n"
    );
    assert!(tool(repo.path(), &["show", "HEAD", "linked/.git"]).contains("refs/heads/side"));
    assert!(tool(repo.path(), &["ls", "sub/.git"]).contains("refs/x/y"));
    for command in ["verify", "stat", "hash", "compact"] {
        for place in ["linked/.git", "sub/.git"] {
            let (code, _, errors) = status(repo.path(), &[command, place]);
            assert_eq!(code, 0, "{command} {place}: {errors}");
        }
    }
    for file in [".git/HEAD", ".git/config", ".git/reftable/tables.list"] {
        for command in ["ls", "verify", "stat", "dump", "hash", "compact"] {
            let (code, _, errors) = status(repo.path(), &[command, file]);
            assert_eq!(code, 2, "{command} {file}: {errors}");
            assert!(errors.contains("is not a table"), "{errors}");
        }
    }
    fs::write(repo.path().join("bad.ref"), "damaged").unwrap();
    let (code, text, _) = status(repo.path(), &["verify", "bad.ref"]);
    assert_eq!(code, 3);
    assert!(text.starts_with("error: bad.ref: "), "{text}");
}

/// Whether git and the tool take the repository at `dir`.
fn taken(repo: &Repository, dir: &str) -> (bool, bool) {
    let path = repo.path().join(dir);
    let git = Command::new("git")
        .current_dir(&path)
        .env("GIT_CEILING_DIRECTORIES", repo.path().parent().unwrap())
        .args(["for-each-ref"])
        .output()
        .unwrap();
    (git.status.success(), status(&path, &["ls"]).0 == 0)
}

#[test]
fn settings_are_refused_exactly_where_git_refuses_them() {
    let Some(git) = Git::find("extensions") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    let config = repo.path().join(".git/config");
    let good = fs::read_to_string(&config).unwrap();
    let version = "repositoryformatversion = 1";
    assert!(good.contains(version));
    let in_extensions = |line: &str| good.replace("[extensions]", &format!("[extensions]\n{line}"));
    for line in [
        "foo = true",
        "foo",
        "noop = x",
        "noop-v1 = x",
        "preciousObjects = true",
        "preciousObjects = maybe",
        "partialClone = origin",
        "partialClone",
        "worktreeConfig = true",
        "worktreeConfig = maybe",
        "objectFormat = sha1",
        "objectFormat = sha512",
        "objectFormat",
        "refStorage = unknown",
        "refStorage",
    ] {
        // Later lines count, so that this one has to come last to be the one that does.
        let text = match line.starts_with("refStorage") {
            true => format!("{good}\n[extensions]\n{line}\n"),
            false => in_extensions(line),
        };
        fs::write(&config, &text).unwrap();
        let (by_git, by_us) = taken(&repo, ".");
        assert_eq!(by_us, by_git, "{line}");
    }
    for (from, to) in [
        (version, "repositoryformatversion = 2"),
        (version, "repositoryformatversion = 0"),
        (version, "repositoryformatversion = x"),
        (version, "repositoryformatversion = 1k"),
        (version, "repositoryformatversion = 0x1"),
        (version, "repositoryformatversion"),
        (version, "repositoryformatversion = -1"),
    ] {
        fs::write(&config, good.replace(from, to)).unwrap();
        let (by_git, by_us) = taken(&repo, ".");
        // Where git would see an empty repository of files, there is nothing to list.
        let is_ours = by_us || !by_git || to.ends_with("-1");
        assert!(
            is_ours && (!by_us || by_git),
            "{to}: git {by_git}, tool {by_us}"
        );
    }
    // In version 0 git takes what it does not know, here without reftables.
    let plain = "[core]\nrepositoryformatversion = 0\n[extensions]\nfoo = true\n";
    fs::write(&config, plain).unwrap();
    let (code, _, errors) = status(repo.path(), &["ls"]);
    assert_eq!(code, 5);
    assert!(errors.contains("refs are stored as files"), "{errors}");
}

#[test]
fn what_git_takes_for_no_git_directory_is_none() {
    let Some(git) = Git::find("git directories") else {
        return;
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&Path));
    let change: &[Change<'_>] = &[
        ("no HEAD", &|dir| fs::remove_file(dir.join("HEAD")).unwrap()),
        ("odd HEAD", &|dir| {
            fs::write(dir.join("HEAD"), "hello\n").unwrap()
        }),
        ("other HEAD", &|dir| {
            fs::write(dir.join("HEAD"), "ref: heads/main\n").unwrap()
        }),
        ("detached HEAD", &|dir| {
            fs::write(dir.join("HEAD"), "1".repeat(40)).unwrap()
        }),
        ("no refs", &|dir| {
            fs::remove_dir_all(dir.join("refs")).unwrap()
        }),
        ("no objects", &|dir| {
            fs::rename(dir.join("objects"), dir.join("away")).unwrap();
        }),
        ("no config", &|dir| {
            fs::remove_file(dir.join("config")).unwrap()
        }),
    ];
    for (what, change) in change {
        let repo = git.init("sha1");
        repo.commit("one");
        change(&repo.path().join(".git"));
        let (by_git, by_us) = taken(&repo, ".");
        // Without configuration git sees files, and no refs.
        assert_eq!(by_us, by_git && *what != "no config", "{what}");
    }
    for text in [
        "gitdir:real",
        "gitdir: real",
        "gitdir: real\n\n",
        "gitdir: none",
        "gitdir: ",
        "x",
    ] {
        let repo = git.init("sha1");
        repo.commit("one");
        fs::rename(repo.path().join(".git"), repo.path().join("real")).unwrap();
        fs::write(repo.path().join(".git"), text).unwrap();
        let (by_git, by_us) = taken(&repo, ".");
        assert_eq!(by_us, by_git, "{text:?}");
    }
}

#[test]
fn pseudo_refs_are_read_from_the_files_of_their_worktree() {
    let Some(git) = Git::find("pseudo refs") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    let other = repo.commit("two");
    repo.run(&["fetch", "-q", ".", "main"]);
    fs::write(
        repo.path().join(".git/worktrees/linked/MERGE_HEAD"),
        format!("{id}\n{other}\n"),
    )
    .unwrap();
    for (dir, name) in [
        (".", "FETCH_HEAD"),
        (".", "@"),
        ("linked", "MERGE_HEAD"),
        ("linked", "@"),
    ] {
        let of_git = repo.run(&["-C", dir, "rev-parse", name]);
        let path = repo.path().join(dir);
        assert_eq!(
            tool(&path, &["show", "--id", name]),
            of_git.clone() + "\n",
            "{dir} {name}"
        );
        let shown = tool(&path, &["show", "--json", name]);
        assert!(shown.contains(&of_git), "{shown}");
    }
    assert_eq!(
        tool(repo.path(), &["show", "FETCH_HEAD"]),
        format!("{other} FETCH_HEAD\n")
    );
    assert_eq!(status(repo.path(), &["show", "MERGE_HEAD"]).0, 1);
    assert_eq!(
        status(&repo.path().join("linked"), &["show", "FETCH_HEAD"]).0,
        1
    );
    let log = tool(repo.path(), &["log", "@", "-n", "1"]);
    assert!(log.contains("@{0}: commit: two"), "{log}");
}

#[test]
fn an_empty_folder_in_a_work_tree_does_not_hide_what_was_looked_at() {
    let Some(git) = Git::find("empty folder") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    fs::create_dir(repo.path().join("empty")).unwrap();
    let (code, _, errors) = status(repo.path(), &["verify", "empty"]);
    assert_eq!(code, 0);
    let stack = fs::canonicalize(repo.stack()).unwrap();
    assert!(
        errors.contains(&format!("looked at {}", stack.display())),
        "{errors}"
    );
}
