//! The tool on repositories made by git and on the stacks of the test data.

use crate::tool::{command, copy_of, data, status, tool};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;
use test_support::git::{Git, Repository};

const COMMANDS: [&str; 16] = [
    "ls", "show", "log", "stat", "dump", "verify", "compact", "clean", "hash", "diff", "snapshot",
    "watch", "unlock", "repair", "import", "export",
];

/// A repository with everything that refs can be.
fn sample(git: &Git, hash: &str) -> Repository {
    let repo = git.init(hash);
    let first = repo.commit("one");
    repo.run(&["tag", "-a", "-m", "annotated", "v1"]);
    repo.run(&["tag", "-a", "-m", "of a tag", "v2", "v1"]);
    repo.run(&[
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]);
    repo.run(&["update-ref", "refs/remotes/origin/main", &first]);
    repo.run(&["branch", "gone"]);
    repo.run(&["branch", "-D", "-q", "gone"]);
    for name in [
        "\u{e9}t\u{e9}",
        "a-b",
        "a.b",
        "a+b",
        "a/b",
        "x@y",
        "q'uote",
        "dol$lar",
    ] {
        repo.run(&["update-ref", &format!("refs/heads/{name}"), &first]);
    }
    repo.commit("two");
    repo.run(&["worktree", "add", "-q", "-b", "side", "linked"]);
    repo.run(&["-C", "linked", "update-ref", "refs/worktree/mine", &first]);
    repo
}

fn git_listing(repo: &Repository, dir: &str) -> String {
    let format =
        "--format=%(if)%(symref)%(then)ref: %(symref)%(else)%(objectname)%(end) %(refname)";
    repo.run(&["-C", dir, "for-each-ref", "--include-root-refs", format]) + "\n"
}

#[test]
fn every_command_has_help_with_examples() {
    let here = Path::new(".");
    let all = tool(here, &["--help"]);
    assert!(all.contains("Exit status:"));
    for name in COMMANDS {
        assert!(
            all.contains(&format!("\n  {name} ")),
            "{name} is not listed"
        );
        let help = tool(here, &[name, "--help"]);
        assert!(help.contains("Usage: reftable "), "{name}");
        assert!(help.contains("Examples:"), "{name}");
        assert!(
            !help.contains('\u{1b}'),
            "{name}: colours without a terminal"
        );
    }
    let (code, _, errors) = status(here, &["ls", "--no-such-option"]);
    assert_eq!(code, 2, "{errors}");
}

#[test]
fn ls_show_and_log_agree_with_git() {
    let Some(git) = Git::find("ls") else {
        return;
    };
    for hash in ["sha1", "sha256"] {
        let repo = sample(&git, hash);
        for dir in [".", "linked"] {
            let path = repo.path().join(dir);
            assert_eq!(
                tool(&path, &["ls"]),
                git_listing(&repo, dir),
                "{hash} {dir}"
            );
            let log = tool(&path, &["log", "--raw"]);
            let id = repo.run(&["-C", dir, "rev-parse", "HEAD"]);
            assert_eq!(
                log.lines().next().unwrap().split(' ').nth(1),
                Some(id.as_str())
            );
            assert_eq!(tool(&path, &["show", "--id", "HEAD"]), id + "\n");
        }
        let tags = tool(repo.path(), &["ls", "--prefix", "refs/tags/", "--peel"]);
        assert_eq!(tags, repo.run(&["show-ref", "--tags", "-d"]) + "\n");
        let log = tool(repo.path(), &["log", "main"]);
        let of_git = repo.run(&["-c", "core.abbrev=7", "reflog", "show", "main", "--"]);
        assert_eq!(log, of_git + "\n");
        let oldest = tool(repo.path(), &["log", "main", "--oldest-first", "-n", "1"]);
        assert!(
            oldest.contains("main@{1}: commit (initial): one"),
            "{oldest}"
        );
        let id = repo.run(&["rev-parse", "v1^{}"]);
        let points = tool(repo.path(), &["ls", "--points-at", &id]);
        let names: Vec<_> = points
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        // git also counts symbolic refs that lead there.
        let format = "--format=%(if)%(symref)%(then)%(else)%(refname)%(end)";
        let of_git = repo.run(&["for-each-ref", "--points-at", &id, format]);
        let of_git = of_git.lines().filter(|line| !line.is_empty());
        assert_eq!(names, of_git.collect::<Vec<_>>());
        assert_eq!(status(repo.path(), &["show", "nowhere"]).0, 1);
        assert_eq!(status(repo.path(), &["log", "nowhere"]).0, 1);
        assert_eq!(
            tool(repo.path(), &["show", "origin"]).lines().next(),
            Some("ref: refs/remotes/origin/main refs/remotes/origin/HEAD")
        );
    }
}

#[test]
fn every_kind_of_path_is_understood_and_json_is_json() {
    let Some(git) = Git::find("paths") else {
        return;
    };
    let repo = sample(&git, "sha1");
    repo.run(&["pack-refs"]);
    let stack = repo.stack();
    let table = fs::read_to_string(stack.join("tables.list")).unwrap();
    let table = stack.join(table.lines().next().unwrap());
    let all = tool(repo.path(), &["ls"]);
    let git_dir = repo.path().join(".git");
    for path in [repo.path(), &git_dir, &stack, &table] {
        assert_eq!(
            tool(Path::new("/"), &["ls".as_ref(), path.as_os_str()]),
            all
        );
        for command in ["ls", "stat", "dump", "verify"] {
            let args = [command.as_ref(), "--json".as_ref(), path.as_os_str()];
            for line in tool(Path::new("/"), &args).lines() {
                assert!(
                    serde_json::from_str::<serde_json::Value>(line).is_ok(),
                    "{line}"
                );
            }
        }
    }
    let nowhere = tempfile::tempdir().unwrap();
    let (code, _, errors) = status(nowhere.path(), &["ls"]);
    assert_eq!(code, 5);
    assert!(errors.contains("no git repository at or above"), "{errors}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let stack = data("stacks/git2.47.3-manyrefs-bs256/reftable");
    for args in [&["dump"][..], &["ls"], &["log", "HEAD"]] {
        let mut child = command()
            .args(args)
            .arg(&stack)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut errors = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        let status = child.wait().unwrap();
        // `log` may find nothing to print.
        assert!(errors.is_empty() || args[0] == "log", "{args:?}: {errors}");
        assert!(status.success() || args[0] == "log", "{args:?}");
    }
}

#[test]
fn dump_shows_every_record_and_stat_counts_them() {
    let table = data("tables/ex5-index-and-objects.ref");
    let dump = tool(Path::new("."), &["dump".as_ref(), table.as_os_str()]);
    let records = dump.lines().filter(|line| line.starts_with(' ')).count();
    let blocks = dump
        .lines()
        .filter(|line| line.starts_with("block "))
        .count();
    let args = ["dump".as_ref(), "--blocks".as_ref(), table.as_os_str()];
    assert_eq!(tool(Path::new("."), &args).lines().count(), blocks + 1);
    let stat = tool(
        Path::new("."),
        &["stat".as_ref(), "--json".as_ref(), table.as_os_str()],
    );
    let stat: serde_json::Value = serde_json::from_str(&stat).unwrap();
    let sections = stat["sections"].as_array().unwrap();
    let sum = |key: &str| -> u64 {
        sections
            .iter()
            .map(|section| section[key].as_u64().unwrap())
            .sum()
    };
    assert_eq!(sum("blocks") + sum("index_blocks"), blocks as u64);
    assert!(
        sum("records") < records as u64,
        "index entries are records too"
    );
    let len = fs::metadata(&table).unwrap().len();
    assert_eq!(
        sum("bytes") + 68,
        len,
        "blocks and footer are the whole file"
    );
    assert!(sections[0]["index_levels"].as_u64().unwrap() >= 1);
    let expected = fs::read_to_string(table.with_extension("tsv")).unwrap();
    let refs = expected
        .lines()
        .filter(|line| line.starts_with("ref\t"))
        .count();
    assert_eq!(sections[0]["records"], refs);
}

#[test]
fn stat_tells_exactly_what_a_compaction_saves() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let stat = || -> serde_json::Value {
        serde_json::from_str(&tool(&dir, &["stat", "--json", "."])).unwrap()
    };
    let before = stat();
    assert!(before["shadowed_records"].as_u64().unwrap() > 0);
    let refs = tool(&dir, &["hash", "--logs", "."]);
    tool(&dir, &["compact", "--all", "."]);
    let after = stat();
    assert_eq!(after["bytes"], before["compacted_bytes"]);
    assert_eq!(after["shadowed_records"], 0);
    assert_eq!(after["tables"].as_array().unwrap().len(), 1);
    assert_eq!(tool(&dir, &["hash", "--logs", "."]), refs);
    let chart = tool(&dir, &["stat", "."]);
    assert!(chart.contains(&"#".repeat(40)), "{chart}");
    let painted = tool(&dir, &["--color", "always", "stat", "."]);
    assert!(painted.contains("\u{1b}[36m"));
}

#[test]
fn compaction_drops_the_entries_it_is_told_to() {
    let (_scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let before = tool(&dir, &["log", "--json", "HEAD", "."]);
    let times: Vec<u64> = before
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["time"]
                .as_u64()
                .unwrap()
        })
        .collect();
    let middle = times[times.len() / 2].to_string();
    tool(&dir, &["compact", "--all", "--expire-before", &middle, "."]);
    let after = tool(&dir, &["log", "--json", "HEAD", "."]).lines().count();
    let kept = times
        .iter()
        .filter(|time| time.to_string() >= middle)
        .count();
    assert_eq!(after, kept);
    assert!(after < times.len());
    // Expiry without --all would be half a promise.
    assert_eq!(status(&dir, &["compact", "--expire-before", "1"]).0, 2);
}

#[test]
fn diff_compares_stores_and_points_in_time() {
    let many = data("stacks/git2.47.3-basic-many-tables/reftable");
    let one = data("stacks/git2.47.3-basic-compacted/reftable");
    let (many, one) = (many.to_str().unwrap(), one.to_str().unwrap());
    let here = Path::new(".");
    assert_eq!(
        status(here, &["diff", many, one]),
        (0, String::new(), String::new())
    );
    assert_eq!(tool(here, &["hash", many]), tool(here, &["hash", one]));
    let Some(git) = Git::find("diff") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    tool(repo.path(), &["snapshot", "before"]);
    let id = repo.commit("two");
    repo.run(&["branch", "new"]);
    let (code, lines, _) = status(repo.path(), &["diff", "before", "."]);
    assert_eq!(code, 1);
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("~ ") && lines[0].ends_with(&format!("{id} refs/heads/main")));
    assert_eq!(lines[1], format!("+ {id} refs/heads/new"));
    let newest = tool(repo.path(), &["show", "--json", "new"]);
    let newest: serde_json::Value = serde_json::from_str(&newest).unwrap();
    let since = newest["update_index"].as_u64().unwrap() - 1;
    let (code, lines, _) = status(repo.path(), &["diff", ".", "--since", &since.to_string()]);
    assert_eq!((code, lines), (1, format!("+ {id} refs/heads/new\n")));
}

#[test]
fn snapshots_have_every_stack_and_are_sound() {
    let Some(git) = Git::find("snapshot") else {
        return;
    };
    let repo = sample(&git, "sha256");
    tool(repo.path(), &["snapshot", "copy"]);
    let copy = repo.path().join("copy");
    assert_eq!(
        tool(&copy, &["hash"]),
        tool(repo.path(), &["hash", "--", "."])
    );
    assert_eq!(
        tool(&copy, &["hash", "reftable"]),
        tool(repo.path(), &["hash", "--stack", "main-worktree"])
    );
    assert_eq!(status(&copy, &["verify"]).0, 0);
    let own = tool(&copy, &["ls", "worktrees/linked/reftable"]);
    assert!(own.contains("refs/worktree/mine"));
    let (code, _, errors) = status(repo.path(), &["snapshot", "copy"]);
    assert_eq!(code, 5);
    assert!(errors.contains("is not empty"), "{errors}");
}

#[test]
fn watch_prints_what_changed_and_stops_when_told() {
    let Some(git) = Git::find("watch") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    let mut child = command()
        .args([
            "watch",
            "--interval",
            "5",
            "--count",
            "2",
            "--prefix",
            "refs/heads/",
        ])
        .current_dir(repo.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Until the first line comes, it is not known whether the watch has begun.
    let (found, first) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        found.send(lines.next().unwrap().unwrap()).unwrap();
        lines.map(|line| line.unwrap()).last().unwrap()
    });
    let mut number = 0;
    let line = loop {
        repo.run(&["branch", &format!("b{number}")]);
        match first.recv_timeout(std::time::Duration::from_millis(50)) {
            Ok(line) => break line,
            Err(_) => number += 1,
        }
    };
    assert!(line.starts_with(&format!("+ {id} refs/heads/b")), "{line}");
    // The second change that it sees is its last.
    repo.run(&["branch", "-m", "b0", "renamed"]);
    let status = child.wait().unwrap();
    assert!(status.success());
    assert!(reader.join().unwrap().contains("refs/heads/renamed"));
}

#[test]
fn locks_are_removed_by_proof_or_force_only() {
    let (_scratch, dir) = copy_of(&data("corrupt/stacks/orphan-temp-and-lock"));
    let lock = dir.join("tables.list.lock");
    assert!(lock.exists());
    let (code, text, _) = status(&dir, &["verify", "."]);
    assert_eq!(code, 1);
    assert!(
        text.contains("tables.list.lock: lock that is held or was left behind"),
        "{text}"
    );
    let (code, _, errors) = status(&dir, &["clean", "."]);
    assert_eq!(code, 4);
    assert!(
        errors.contains("tables.list.lock, made 0 s ago") || errors.contains("made"),
        "{errors}"
    );
    let (code, text, _) = status(&dir, &["unlock", "."]);
    assert_eq!(code, 4, "too young");
    assert!(text.contains("younger than 60 s"), "{text}");
    // A process that has a file of the folder open.
    let holder = fs::File::open(&lock).unwrap();
    let (code, text, _) = status(&dir, &["unlock", "--older-than", "0", "."]);
    assert_eq!(code, 4, "{text}");
    drop(holder);
    assert!(tool(&dir, &["unlock", "--force", "--dry-run", "."]).contains("would remove"));
    assert!(lock.exists());
    assert!(tool(&dir, &["unlock", "--force", "."]).contains("removed ./tables.list.lock"));
    fs::write(
        dir.join("0x000000000009-0x000000000009-00000009.temp.AbCdEf"),
        "",
    )
    .unwrap();
    let removed = tool(&dir, &["clean", "."]);
    assert_eq!(
        removed,
        "removed ./0x000000000009-0x000000000009-00000009.temp.AbCdEf\n"
    );
    assert_eq!(status(&dir, &["verify", "."]).0, 0);
}

#[test]
fn man_pages_and_completions_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    tool(dir.path(), &["generate", "man", "."]);
    tool(dir.path(), &["generate", "completions", "."]);
    let main = fs::read_to_string(dir.path().join("reftable.1")).unwrap();
    for name in COMMANDS {
        let page = fs::read_to_string(dir.path().join(format!("reftable-{name}.1")));
        assert!(page.unwrap().contains(".SH SYNOPSIS"), "{name}");
        assert!(main.contains(name), "{name}");
    }
    for file in ["reftable.bash", "_reftable", "reftable.fish"] {
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        assert!(text.contains("snapshot"), "{file}");
    }
}
