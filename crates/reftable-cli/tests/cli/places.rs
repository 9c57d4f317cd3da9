//! Every command on everything that it may be pointed at.

use crate::tool::{status, tool};
use std::fs;
use std::path::{Path, PathBuf};
use test_support::git::{Git, Repository};

/// A repository with a linked worktree, a bare copy, and one with its git directory elsewhere.
fn repository(git: &Git, hash: &str) -> Repository {
    let repo = git.init(hash);
    let id = repo.commit("one");
    repo.run(&["tag", "-a", "-m", "annotated", "v1"]);
    repo.run(&["branch", "gone"]);
    repo.run(&["branch", "-D", "-q", "gone"]);
    repo.run(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/heads/main",
    ]);
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    repo.run(&["-C", "linked", "update-ref", "refs/worktree/mine", &id]);
    repo.run(&["-C", "linked", "update-ref", "refs/bisect/bad", &id]);
    repo.run(&[
        "clone",
        "-q",
        "--bare",
        "--ref-format=reftable",
        ".",
        "bare.git",
    ]);
    let clone = [
        "clone",
        "-q",
        "--ref-format=reftable",
        "--separate-git-dir=apart.git",
    ];
    repo.run(&[&clone[..], &[".", "apart"]].concat());
    fs::create_dir_all(repo.path().join("deep/er")).unwrap();
    repo
}

/// Places in a repository, and where git is to be asked about the same refs.
const PLACES: [(&str, &str); 9] = [
    (".", "."),
    ("deep/er", "."),
    (".git", "."),
    (".git/reftable", "."),
    ("linked", "linked"),
    (".git/worktrees/linked", "linked"),
    ("bare.git", "bare.git"),
    ("apart", "apart"),
    ("apart.git", "apart"),
];

const FORMAT: &str =
    "--format=%(if)%(symref)%(then)ref: %(symref)%(else)%(objectname)%(end) %(refname)";

#[test]
fn every_reading_command_works_everywhere() {
    let Some(git) = Git::find("places") else {
        return;
    };
    let outside = Path::new("/");
    for hash in ["sha1", "sha256"] {
        let repo = repository(&git, hash);
        for (place, dir) in PLACES {
            let path = repo.path().join(place);
            let run = |args: &[&str]| -> String {
                let mut all: Vec<_> = args.iter().map(AsRef::as_ref).collect();
                all.push(path.as_os_str());
                tool(outside, &all)
            };
            let expected = repo.run(&["-C", dir, "for-each-ref", "--include-root-refs", FORMAT]);
            assert_eq!(run(&["ls"]), expected + "\n", "{hash} {place}");
            let tags = repo.run(&["-C", dir, "show-ref", "--tags", "-d"]);
            let peeled = run(&["ls", "--peel", "--prefix", "refs/tags/"]);
            assert_eq!(peeled, tags.clone() + "\n", "{hash} {place}");
            let head = repo.run(&["-C", dir, "rev-parse", "HEAD"]);
            assert_eq!(
                run(&["show", "--id", "HEAD"]),
                head.clone() + "\n",
                "{place}"
            );
            assert!(
                run(&["ls", "--points-at", &head]).contains("refs/heads/"),
                "{place}"
            );
            let table = run(&["stat"]);
            assert!(
                table.contains("compaction of all tables saves"),
                "{place}: {table}"
            );
            assert!(
                run(&["dump", "--blocks"]).contains("\nblock 0 (ref)"),
                "{place}"
            );
            assert_eq!(run(&["verify"]), "", "{place}");
            assert_eq!(run(&["hash"]).len(), "v2:".len() + 65, "{place}");
            assert!(
                run(&["export", "--format", "text"]).contains("refs/tags/v1^{}"),
                "{place}"
            );
            let reflog = repo.run(&["-C", dir, "-c", "core.abbrev=7", "reflog", "HEAD", "--"]);
            let log = status(
                outside,
                &["log".as_ref(), "HEAD".as_ref(), path.as_os_str()],
            );
            // An entry without message ends in a blank, or not.
            assert_eq!(log.1.trim_end(), reflog.trim_end(), "{place}");
        }
    }
}

#[test]
fn every_writing_command_works_everywhere_and_git_goes_on() {
    let Some(git) = Git::find("writing places") else {
        return;
    };
    for (number, (place, dir)) in PLACES.iter().enumerate() {
        let repo = repository(&git, "sha256");
        let path = repo.path().join(place);
        let listing = || repo.run(&["-C", dir, "for-each-ref", "--include-root-refs", FORMAT]);
        let before = listing();
        let run = |args: &[&str]| -> String {
            let mut all: Vec<_> = args.iter().map(AsRef::as_ref).collect();
            all.push(path.as_os_str());
            tool(repo.path(), &all)
        };
        let copy = format!("copy{number}");
        assert!(run(&["snapshot", &copy]).contains(&copy));
        let compacted = run(&["compact", "--all"]);
        assert!(compacted.contains("-> 1 tables"), "{place}: {compacted}");
        assert_eq!(run(&["clean"]), "", "{place}");
        assert_eq!(run(&["unlock", "--force"]), "", "{place}");
        assert!(run(&["repair"]).contains("nothing to repair"), "{place}");
        assert_eq!(listing(), before, "{place}");
        repo.run(&["-C", dir, "update-ref", "refs/heads/after", "HEAD"]);
        assert!(run(&["ls"]).contains("refs/heads/after"), "{place}");
    }
}

/// A table alone is a place too, for whatever needs no stack.
#[test]
fn a_single_table_can_be_read_but_not_written() {
    let table: PathBuf = crate::tool::data("tables/ex5-index-and-objects.ref");
    let before = fs::read(&table).unwrap();
    for command in ["ls", "stat", "dump", "verify", "hash", "export"] {
        let (code, text, errors) = status(Path::new("/"), &[command.as_ref(), table.as_os_str()]);
        assert!(code <= 1, "{command}: {errors}");
        assert_eq!(text.is_empty(), command == "verify", "{command}");
    }
    for command in ["compact", "clean", "unlock", "repair"] {
        let (code, _, errors) = status(Path::new("/"), &[command.as_ref(), table.as_os_str()]);
        assert_eq!(code, 5, "{command}");
        assert!(
            errors.contains("is a table, not a stack of tables"),
            "{command}: {errors}"
        );
    }
    assert_eq!(fs::read(&table).unwrap(), before);
}
