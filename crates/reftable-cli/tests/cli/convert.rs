//! Between files and reftables, compared with git's own migration.

use crate::tool::{data, status, tool};
use std::fs;
use std::path::Path;
use test_support::git::{Git, Repository};

/// A repository whose refs are files: loose, packed, both, symbolic, tags, logs of all kinds.
fn files_repository(git: &Git, hash: &str) -> Repository {
    // The outer repository only gives a folder and an environment.
    let repo = git.init(hash);
    fs::remove_dir_all(repo.path().join(".git")).unwrap();
    let format = format!("--object-format={hash}");
    repo.run(&[
        "init",
        "-q",
        "-b",
        "main",
        "--ref-format=files",
        &format,
        ".",
    ]);
    let first = repo.commit("one");
    repo.run(&["tag", "-a", "-m", "annotated", "packed-tag"]);
    repo.run(&["tag", "-a", "-m", "of a tag", "tag-of-tag", "packed-tag"]);
    for name in [
        "a",
        "a-b",
        "a.b",
        "deep/er/name",
        "\u{e9}t\u{e9}",
        "moved",
        "gone",
    ] {
        repo.run(&["branch", name]);
    }
    repo.run(&["pack-refs", "--all"]);
    let second = repo.commit("two");
    repo.run(&["branch", "-f", "moved"]);
    repo.run(&["branch", "-D", "-q", "gone"]);
    repo.run(&["tag", "-a", "-m", "loose", "loose-tag"]);
    repo.run(&["tag", "light"]);
    repo.run(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
    repo.run(&["update-ref", "refs/remotes/origin/main", &first]);
    repo.run(&["update-ref", "ORIG_HEAD", &second]);
    repo.run(&[
        "update-ref",
        "--create-reflog",
        "-m",
        "stash",
        "refs/stash",
        &first,
    ]);
    repo.run(&["update-ref", "--create-reflog", "refs/heads/empty", &first]);
    repo.run(&["reflog", "delete", "refs/heads/empty@{0}"]);
    repo
}

const LISTING: [&str; 3] = [
    "for-each-ref",
    "--include-root-refs",
    "--format=%(refname) %(objectname) %(symref) %(*objectname)",
];

fn reflogs(repo: &Repository) -> Vec<String> {
    let names = repo.run(&["reflog", "list"]);
    let log = |name: &str| {
        let format = "--format=%H %gn %ge %gd %gs";
        let log = repo.run(&["log", "-g", "--date=raw", format, name, "--"]);
        format!("{name}\n{log}")
    };
    // A log without entries cannot be shown by `git log`.
    let names = names.lines().filter(|name| *name != "refs/heads/empty");
    names.map(log).collect()
}

/// Puts the imported stack in the place of the files.
fn adopt(repo: &Repository, imported: &Path) {
    let git_dir = repo.path().join(".git");
    fs::remove_dir_all(git_dir.join("refs")).unwrap();
    fs::remove_dir_all(git_dir.join("logs")).unwrap();
    fs::remove_file(git_dir.join("packed-refs")).unwrap();
    fs::remove_file(git_dir.join("ORIG_HEAD")).unwrap();
    fs::create_dir(git_dir.join("refs")).unwrap();
    fs::write(git_dir.join("refs/heads"), "reftable\n").unwrap();
    fs::write(git_dir.join("HEAD"), "ref: refs/heads/.invalid\n").unwrap();
    fs::rename(imported.join("reftable"), git_dir.join("reftable")).unwrap();
    let config = git_dir.join("config");
    let config = config.to_str().unwrap();
    repo.run(&["config", "-f", config, "core.repositoryformatversion", "1"]);
    repo.run(&["config", "-f", config, "extensions.refStorage", "reftable"]);
}

/// git's own migration, which took no reflogs along before git 2.48.
fn migrate(repo: &Repository) {
    fs::remove_dir_all(repo.path().join(".git/logs")).unwrap();
    repo.run(&["refs", "migrate", "--ref-format=reftable"]);
}

#[test]
fn import_is_what_git_migrates() {
    let Some(git) = Git::find("import") else {
        return;
    };
    for hash in ["sha1", "sha256"] {
        let (ours, theirs) = (files_repository(&git, hash), files_repository(&git, hash));
        let before = ours.run(&LISTING);
        let logs_before = reflogs(&ours);
        let text = tool(ours.path(), &["import", "-q", ".", "imported"]);
        assert!(text.contains("imported/reftable: "), "{text}");
        adopt(&ours, &ours.path().join("imported"));
        migrate(&theirs);
        assert_eq!(ours.run(&LISTING), before, "{hash}");
        assert_eq!(ours.run(&LISTING), theirs.run(&LISTING), "{hash}");
        assert_eq!(reflogs(&ours), logs_before, "{hash}");
        assert!(logs_before.iter().any(|log| log.starts_with("refs/stash")));
        assert!(ours.run(&["reflog", "list"]).contains("refs/heads/empty"));
        // Record for record, peeled tags included.
        let theirs_ls = tool(theirs.path(), &["ls", "--peel"]);
        assert_eq!(tool(ours.path(), &["ls", "--peel"]), theirs_ls, "{hash}");
        assert_eq!(status(ours.path(), &["verify"]).0, 0);
        ours.run(&["refs", "verify"]);
        ours.run(&["fsck", "--connectivity-only"]);
        ours.commit("three");
    }
}

/// Adds many packed refs, tags and symbolic refs, and reflogs as files.
fn grow(repo: &Repository, count: usize) {
    repo.run(&["pack-refs", "--all"]);
    let git_dir = repo.path().join(".git");
    let path = git_dir.join("packed-refs");
    let packed = fs::read_to_string(&path).unwrap();
    let (header, lines) = packed.split_once('\n').unwrap();
    // A line that begins with '^' belongs to the one before.
    let lines = lines.trim_end().replace("\n^", "^");
    let mut lines: Vec<_> = lines.split('\n').map(str::to_owned).collect();
    let (id, old) = (
        repo.run(&["rev-parse", "main"]),
        repo.run(&["rev-parse", "main~"]),
    );
    let tag = repo.run(&["rev-parse", "packed-tag"]);
    let peeled = repo.run(&["rev-parse", "packed-tag^{}"]);
    lines.extend((0..count).map(|n| format!("{id} refs/heads/many/b{n}")));
    lines.extend((0..count / 4).map(|n| format!("{tag} refs/tags/n{n}^{peeled}")));
    lines.sort_by(|a, b| {
        let name = |line: &str| line[41..].split('^').next().unwrap().to_owned();
        name(a).cmp(&name(b))
    });
    let text = lines.join("\n").replace('^', "\n^");
    fs::write(&path, format!("{header}\n{text}\n")).unwrap();
    let (logs, heads) = (
        git_dir.join("logs/refs/heads/many"),
        git_dir.join("refs/heads/sym"),
    );
    fs::create_dir_all(&logs).unwrap();
    fs::create_dir_all(&heads).unwrap();
    let who = "C O Mitter <committer@example.com>";
    for n in (0..count).step_by(10) {
        let time = 1_600_000_000 + n;
        let log = format!(
            "{old} {old} {who} {time} -0330\tentry one of {n}\n{old} {id} {who} {time} +1400\t\n"
        );
        fs::write(logs.join(format!("b{n}")), log).unwrap();
    }
    for n in (0..count).step_by(40) {
        let target = format!("ref: refs/heads/many/b{n}\n");
        fs::write(heads.join(format!("s{n}")), target).unwrap();
    }
}

/// Every entry of every reflog, as git shows them.
fn all_entries(repo: &Repository) -> String {
    let format = "--format=%gd %H %gn %ge %gs";
    repo.run(&["log", "-g", "--all", "--date=raw", format])
}

#[test]
fn a_big_files_repository_is_imported_as_git_migrates_it() {
    let Some(git) = Git::find("big import") else {
        return;
    };
    let (ours, theirs) = (
        files_repository(&git, "sha1"),
        files_repository(&git, "sha1"),
    );
    grow(&ours, 16_000);
    grow(&theirs, 16_000);
    let (refs, entries) = (ours.run(&LISTING), all_entries(&ours));
    assert!(refs.lines().count() > 20_000);
    assert!(entries.lines().count() > 3_200);
    tool(ours.path(), &["import", "-q", ".", "imported"]);
    adopt(&ours, &ours.path().join("imported"));
    migrate(&theirs);
    // Refs as in git's own migration, peeled tags included; reflogs, which that leaves out before
    // git 2.48, as before.
    assert_eq!(
        tool(ours.path(), &["export", "--format", "text", "."]),
        tool(theirs.path(), &["export", "--format", "text", "."])
    );
    assert_eq!(tool(ours.path(), &["hash"]), tool(theirs.path(), &["hash"]));
    assert_eq!(ours.run(&LISTING), refs);
    assert_eq!(all_entries(&ours), entries);
    assert_eq!(status(ours.path(), &["verify"]).0, 0);
    ours.run(&["refs", "verify"]);
}

/// The steps that the help of `import` tells.
#[test]
fn what_was_imported_is_adopted_by_copying_and_two_settings() {
    let Some(git) = Git::find("adopting") else {
        return;
    };
    let repo = files_repository(&git, "sha1");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    let id = repo.run(&["rev-parse", "main"]);
    repo.run(&["-C", "linked", "update-ref", "refs/worktree/mine", &id]);
    let listing = |dir: &str| repo.run(&[&["-C", dir][..], &LISTING[..]].concat());
    let before = (listing("."), listing("linked"), reflogs(&repo));
    tool(repo.path(), &["import", "-q", ".", "new"]);
    let copied = std::process::Command::new("cp")
        .args(["-R", "new/.", ".git/"])
        .current_dir(repo.path())
        .status();
    assert!(copied.unwrap().success());
    repo.run(&["config", "core.repositoryFormatVersion", "1"]);
    repo.run(&["config", "extensions.refStorage", "reftable"]);
    assert_eq!(repo.run(&["rev-parse", "--show-ref-format"]), "reftable");
    assert_eq!((listing("."), listing("linked"), reflogs(&repo)), before);
    repo.commit("three");
    repo.run(&["-C", "linked", "checkout", "-q", "-b", "other"]);
    repo.run(&["fsck", "--connectivity-only"]);
    let shared = tool(repo.path(), &["ls"]);
    assert!(shared.contains("refs/heads/other"), "{shared}");
    assert_eq!(status(repo.path(), &["verify"]).0, 0);
}

#[test]
fn worktrees_get_stacks_of_their_own() {
    let Some(git) = Git::find("worktree import") else {
        return;
    };
    let repo = files_repository(&git, "sha1");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    let id = repo.run(&["rev-parse", "main"]);
    repo.run(&["-C", "linked", "update-ref", "refs/worktree/mine", &id]);
    tool(repo.path(), &["import", "-q", ".", "imported"]);
    let own = tool(repo.path(), &["ls", "imported/worktrees/linked/reftable"]);
    assert!(own.contains("ref: refs/heads/side HEAD\n"), "{own}");
    assert!(own.contains(&format!("{id} refs/worktree/mine\n")), "{own}");
    assert!(!own.contains("refs/heads/main "), "{own}");
    let shared = tool(repo.path(), &["ls", "imported"]);
    assert!(!shared.contains("refs/worktree/"), "{shared}");
    let log = tool(
        repo.path(),
        &["log", "HEAD", "imported/worktrees/linked/reftable"],
    );
    assert!(!log.is_empty());
}

#[test]
fn what_cannot_be_taken_over_is_told() {
    let Some(git) = Git::find("problems") else {
        return;
    };
    let repo = files_repository(&git, "sha1");
    let git_dir = repo.path().join(".git");
    fs::write(git_dir.join("refs/heads/torn"), "12").unwrap();
    let packed = fs::read_to_string(git_dir.join("packed-refs")).unwrap();
    fs::write(git_dir.join("packed-refs"), packed + "rubbish\n").unwrap();
    let log = fs::read_to_string(git_dir.join("logs/HEAD")).unwrap();
    fs::write(git_dir.join("logs/HEAD"), log + "rubbish\n").unwrap();
    let (code, text, _) = status(repo.path(), &["import", "-q", ".", "imported"]);
    assert_eq!(code, 1, "{text}");
    for problem in [
        "refs/heads/torn: no ref",
        "packed-refs: line ",
        "logs/HEAD: line 3",
    ] {
        assert!(text.contains(problem), "{problem}: {text}");
    }
    let (code, _, errors) = status(repo.path(), &["import", ".", "imported"]);
    assert_eq!(code, 5);
    assert!(errors.contains("imported is not empty"));
}

#[test]
fn text_goes_out_and_in_again() {
    let stack = data("stacks/git2.47.3-basic-many-tables/reftable");
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "export".as_ref(),
        "--format=text".as_ref(),
        "-o".as_ref(),
        "refs.txt".as_ref(),
    ];
    tool(dir.path(), &[&args[..], &[stack.as_os_str()]].concat());
    tool(dir.path(), &["import", "refs.txt", "again"]);
    let hash = tool(dir.path(), &["hash", "again"]);
    assert_eq!(
        hash,
        tool(dir.path(), &["hash".as_ref(), stack.as_os_str()])
    );
    let peeled = tool(dir.path(), &["ls", "--peel", "again"]);
    assert_eq!(
        peeled,
        tool(
            dir.path(),
            &["ls".as_ref(), "--peel".as_ref(), stack.as_os_str()]
        )
    );
}

#[test]
fn git_reads_exported_packed_refs_and_folders() {
    let Some(git) = Git::find("export") else {
        return;
    };
    let repo = files_repository(&git, "sha1");
    let (before, logs) = (repo.run(&LISTING), reflogs(&repo));
    let git_dir = repo.path().join(".git");
    tool(repo.path(), &["import", "-q", ".", "imported"]);
    let (code, packed, errors) = status(repo.path(), &["export", "imported"]);
    assert_eq!(code, 0, "HEAD has no place there, as always");
    assert!(errors.contains("left out: HEAD"), "{errors}");
    let packed_by_git = {
        repo.run(&["pack-refs", "--all"]);
        fs::read_to_string(git_dir.join("packed-refs")).unwrap()
    };
    let lines = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&packed), lines(&packed_by_git));
    tool(
        repo.path(),
        &["export", "--format", "files", "-o", "files", "imported"],
    );
    for name in ["packed-refs", "refs", "logs", "HEAD", "ORIG_HEAD"] {
        let (path, new) = (git_dir.join(name), repo.path().join("files").join(name));
        match path.is_dir() {
            true => fs::remove_dir_all(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        fs::rename(new, path).unwrap();
    }
    assert_eq!(repo.run(&LISTING), before);
    assert_eq!(reflogs(&repo), logs);
}
