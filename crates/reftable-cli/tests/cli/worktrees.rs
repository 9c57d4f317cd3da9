//! A repository means the stacks of all its worktrees, whatever their names.
use crate::tool::{command, status, tool};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use test_support::git::{Git, Repository};

fn repository(git: &Git) -> Repository {
    let repo = git.init("sha1");
    let first = repo.commit("one");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    repo.commit("two");
    repo.run(&["-C", "linked", "update-ref", "refs/worktree/mine", &first]);
    repo.run(&["-C", "linked", "update-ref", "refs/bisect/bad", &first]);
    repo
}

#[test]
fn stores_that_differ_in_a_worktree_alone_differ() {
    let Some(git) = Git::find("worktrees") else {
        return;
    };
    let repo = repository(&git);
    tool(repo.path(), &["snapshot", "copy"]);
    let hash = |place: &str| tool(repo.path(), &["hash", "--logs", place]);
    assert_eq!(hash("copy"), hash("."));
    assert_eq!(hash("linked"), hash("."), "from every worktree");
    assert_eq!(
        status(repo.path(), &["diff", "copy", "."]),
        (0, String::new(), {
            "looked at main-worktree/\nlooked at worktrees/linked/\n".to_owned()
        })
    );
    let id = repo.run(&["rev-parse", "HEAD"]);
    repo.run(&[
        "-C",
        "linked",
        "update-ref",
        "refs/worktree/mine",
        "HEAD@{0}",
    ]);
    repo.run(&["-C", "linked", "update-ref", "refs/worktree/new", &id]);
    assert_ne!(hash("copy"), hash("."));
    let (code, text, _) = status(repo.path(), &["diff", "copy", "."]);
    assert_eq!(
        (code, text),
        (1, format!("+ {id} worktrees/linked/refs/worktree/new\n"))
    );
    let (code, text, _) = status(
        repo.path(),
        &["diff", "--stack", "main-worktree", "copy", "."],
    );
    assert_eq!((code, &*text), (0, ""));
    let only = |name| tool(repo.path(), &["hash", "--stack", name]);
    assert_ne!(only("main-worktree"), only("worktrees/linked"));
    let (code, _, errors) = status(repo.path(), &["hash", "--stack", "worktrees/none"]);
    assert_eq!(code, 2, "{errors}");
}

#[test]
fn commands_name_the_stacks_they_looked_at() {
    let Some(git) = Git::find("named stacks") else {
        return;
    };
    let repo = repository(&git);
    tool(repo.path(), &["snapshot", "copy"]);
    for place in [".", "linked", "copy"] {
        for command in ["verify", "stat", "hash", "compact"] {
            let (code, text, errors) = status(repo.path(), &[command, place]);
            assert_eq!(code, 0, "{command} {place}: {errors}");
            let all = text + &errors;
            assert!(
                all.contains("worktrees/linked/reftable"),
                "{command} {place}: {all}"
            );
            let args = [command, "--stack", "main-worktree", place];
            let (_, text, errors) = status(repo.path(), &args);
            assert!(
                !(text + &errors).contains("worktrees/linked"),
                "{command} {place}"
            );
        }
    }
    let list = repo
        .path()
        .join("copy/worktrees/linked/reftable/tables.list");
    let table = fs::read_to_string(list).unwrap().trim().to_owned();
    let table = repo
        .path()
        .join("copy/worktrees/linked/reftable")
        .join(table);
    fs::write(table, "no table").unwrap();
    assert_eq!(status(repo.path(), &["verify", "copy"]).0, 3);
}

#[test]
fn files_are_exported_for_every_worktree_and_can_be_imported() {
    let Some(git) = Git::find("export worktrees") else {
        return;
    };
    let repo = repository(&git);
    tool(repo.path(), &["export", "--format", "files", "-o", "out"]);
    let own = repo.path().join("out/worktrees/linked");
    assert_eq!(
        fs::read_to_string(own.join("HEAD")).unwrap(),
        "ref: refs/heads/side\n"
    );
    assert!(own.join("refs/worktree/mine").is_file());
    assert!(own.join("refs/bisect/bad").is_file());
    assert!(own.join("logs/HEAD").is_file());
    assert!(!own.join("packed-refs").exists(), "git reads none there");
    let (_, _, errors) = status(repo.path(), &["export"]);
    assert!(errors.contains("left out: worktrees/linked/"), "{errors}");
}

#[test]
fn refs_of_other_worktrees_have_names_as_in_git() {
    let Some(git) = Git::find("names of worktrees") else {
        return;
    };
    let repo = repository(&git);
    repo.run(&["worktree", "add", "-q", "-b", "third", "third"]);
    tool(repo.path(), &["snapshot", "copy"]);
    for dir in [".", "linked", "third"] {
        let path = repo.path().join(dir);
        for name in [
            "main-worktree/HEAD",
            "worktrees/linked/HEAD",
            "worktrees/third/HEAD",
            "worktrees/linked/refs/bisect/bad",
            "worktrees/linked/refs/worktree/mine",
            "@",
        ] {
            let of_git = repo.run(&["-C", dir, "rev-parse", name]);
            assert_eq!(
                tool(&path, &["show", "--id", name]),
                of_git + "\n",
                "{dir} {name}"
            );
        }
        for name in ["worktrees/linked/HEAD", "main-worktree/HEAD"] {
            let of_git = repo.run(&[
                "-C",
                dir,
                "-c",
                "core.abbrev=7",
                "reflog",
                "show",
                name,
                "--",
            ]);
            assert_eq!(tool(&path, &["log", name]), of_git + "\n", "{dir} {name}");
        }
        for name in [
            "worktrees/none/HEAD",
            "worktrees/linked/refs/bisect/good",
            "worktrees/linked/refs/heads/main",
            "main-worktree/refs/heads/main",
        ] {
            let (code, _, errors) = status(&path, &["show", name]);
            assert_eq!(code, 1, "{dir} {name}: {errors}");
        }
    }
    let shown = tool(repo.path(), &["show", "worktrees/linked/HEAD"]);
    assert!(
        shown.starts_with("ref: refs/heads/side worktrees/linked/HEAD\n"),
        "{shown}"
    );
    let id = tool(repo.path(), &["show", "--id", "worktrees/linked/HEAD"]);
    let copy = repo.path().join("copy");
    assert_eq!(tool(&copy, &["show", "--id", "worktrees/linked/HEAD"]), id);
}

/// A repository with a linked worktree whose name is no text, and a work tree in `sub` whose git
/// directory is below such a folder; the commit of both, and the name.
fn repository_with_odd_names(git: &Git) -> (Repository, String, &'static OsStr) {
    let repo = git.init("sha1");
    let id = repo.commit("one");
    let name = OsStr::from_bytes(b"w\xff");
    let add = ["worktree", "add", "-q", "--detach"].map(OsStr::new);
    repo.run(&[&add[..], &[name]].concat());
    let odd = OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(repo.path().join(odd)).unwrap();
    let apart = repo.path().join(odd).join("dir.git");
    let mut separate = OsStr::new("--separate-git-dir=").to_owned();
    separate.push(&apart);
    let init = ["init", "-q", "--ref-format=reftable"].map(OsStr::new);
    repo.run(&[&init[..], &[&separate, OsStr::new("sub")]].concat());
    repo.run(&["-C", "sub", "symbolic-ref", "refs/x/y", "refs/heads/main"]);
    (repo, id, name)
}

#[test]
fn paths_and_names_of_worktrees_need_not_be_text() {
    let Some(git) = Git::find("bytes in paths") else {
        return;
    };
    let (repo, id, name) = repository_with_odd_names(&git);
    let linked = repo.path().join(name);
    assert_eq!(tool(&linked, &["show", "--id", "HEAD"]), id + "\n");
    let sub = tool(&repo.path().join("sub"), &["ls"]);
    assert!(sub.contains("refs/x/y"), "{sub}");
    let (code, text, errors) = status(repo.path(), &["verify"]);
    assert_eq!((code, &*text), (0, ""), "{errors}");
    assert!(errors.contains("worktrees/w\\xff/reftable"), "{errors}");
    tool(repo.path(), &["snapshot", "copy"]);
    assert!(
        repo.path()
            .join("copy/worktrees")
            .join(name)
            .join("reftable/tables.list")
            .is_file()
    );
    assert_eq!(
        tool(repo.path(), &["hash", "copy"]),
        tool(repo.path(), &["hash", "."])
    );
    let mut show = command();
    let full = [b"worktrees/", name.as_bytes(), b"/HEAD"].concat();
    let output = show
        .current_dir(repo.path())
        .args([
            OsStr::new("show"),
            OsStr::new("--id"),
            OsStr::from_bytes(&full),
        ])
        .output()
        .unwrap();
    assert!(output.status.success());
    tool(repo.path(), &["export", "--format", "files", "-o", "out"]);
    assert!(
        repo.path()
            .join("out/worktrees")
            .join(name)
            .join("HEAD")
            .is_file()
    );
    let damaged = repo
        .path()
        .join("copy/worktrees")
        .join(name)
        .join("reftable/tables.list");
    fs::remove_file(damaged).unwrap();
    assert_eq!(status(repo.path(), &["verify", "copy"]).0, 3);
}
