//! Settings of a repository that tell how its stacks are written, obeyed as by git.
use crate::tool::{status, tool};
use reftable::{Edit, Repository, Transaction};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use test_support::git::Git;

/// The modes of the files of a stack.
fn modes(dir: &Path) -> Vec<u32> {
    let entries = fs::read_dir(dir).unwrap();
    let mode = |entry: fs::DirEntry| entry.metadata().unwrap().permissions().mode() & 0o777;
    entries.map(|entry| mode(entry.unwrap())).collect()
}

/// Runs the tool under a umask.
fn tool_with_umask(dir: &Path, umask: &str, args: &str) {
    let line = format!(
        "umask {umask}; exec {} {args}",
        env!("CARGO_BIN_EXE_reftable")
    );
    let output = Command::new("sh")
        .current_dir(dir)
        .args(["-c", &line])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn files_of_a_shared_repository_have_the_modes_that_git_gives_them() {
    let Some(git) = Git::find("shared") else {
        return;
    };
    let umasks = ["077", "022", "002"];
    for value in [
        "group", "all", "0640", "0666", "1", "2", "true", "umask", "false", "0",
    ] {
        for umask in umasks {
            let repo = git.init("sha1");
            repo.commit("one");
            repo.run(&["config", "core.sharedRepository", value]);
            repo.run(&["branch", "b"]);
            tool_with_umask(repo.path(), umask, "compact --all");
            let line = format!("umask {umask}; exec git pack-refs");
            let theirs = git.init("sha1");
            theirs.commit("one");
            theirs.run(&["config", "core.sharedRepository", value]);
            theirs.run(&["branch", "b"]);
            theirs.run(&["branch", "c"]);
            let git_run = Command::new("sh")
                .current_dir(theirs.path())
                .args(["-c", &line])
                .output()
                .unwrap();
            assert!(git_run.status.success());
            assert_eq!(
                modes(&repo.stack()),
                modes(&theirs.stack()),
                "{value} {umask}"
            );
        }
    }
    let repo = git.init("sha1");
    repo.commit("one");
    repo.run(&["config", "core.sharedRepository", "0060"]);
    let (code, _, errors) = status(repo.path(), &["compact", "--all"]);
    assert_eq!(code, 5, "git refuses it too");
    assert!(errors.contains("core.sharedrepository"), "{errors}");
}

#[test]
fn transactions_obey_what_the_repository_says() {
    let Some(git) = Git::find("settings") else {
        return;
    };
    let repo = git.init("sha1");
    let id = repo.commit("one");
    let id: Vec<u8> = (0..20)
        .map(|i| u8::from_str_radix(&id[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    for (name, value) in [
        ("core.sharedRepository", "0664"),
        ("reftable.blockSize", "8k"),
        ("reftable.restartInterval", "3"),
        ("reftable.indexObjects", "false"),
        ("reftable.geometricFactor", "7"),
        ("reftable.lockTimeout", "-1"),
    ] {
        repo.run(&["config", name, value]);
    }
    let library = Repository::open(repo.path()).unwrap();
    let options = library.stack().options();
    assert_eq!(options.write.block_size, 8192);
    assert_eq!(options.write.restart_interval, 3);
    assert!(!options.write.object_index);
    assert_eq!(options.compaction_factor, 7);
    assert_eq!(options.lock_timeout, None);
    let mut transaction = Transaction::new();
    transaction.push(Edit::create("refs/heads/new", id));
    transaction
        .prepare(&library, None)
        .unwrap()
        .commit()
        .unwrap();
    let list = fs::read_to_string(repo.stack().join("tables.list")).unwrap();
    let newest = repo.stack().join(list.lines().last().unwrap());
    assert_eq!(
        fs::metadata(&newest).unwrap().permissions().mode() & 0o777,
        0o664
    );
    let stat = tool(repo.path(), &["stat", newest.to_str().unwrap()]);
    assert!(stat.contains("block size 8192"), "{stat}");
    tool(repo.path(), &["compact", "--all"]);
    let stat = tool(repo.path(), &["stat", "--json"]);
    assert!(stat.contains("\"object_id_bytes\":null"), "{stat}");
    // git takes what was written.
    repo.run(&["rev-parse", "refs/heads/new"]);
}

#[test]
fn settings_that_git_refuses_are_refused_and_named() {
    let Some(git) = Git::find("bad settings") else {
        return;
    };
    for (name, value) in [
        ("reftable.blockSize", "x"),
        ("reftable.blockSize", "5000000000"),
        ("reftable.restartInterval", "70000"),
        ("reftable.geometricFactor", "256"),
        ("reftable.lockTimeout", "-2"),
        ("reftable.indexObjects", "maybe"),
    ] {
        let repo = git.init("sha1");
        repo.commit("one");
        repo.run(&["config", name, value]);
        let (code, _, errors) = status(repo.path(), &["compact", "--all"]);
        assert_eq!(code, 5, "{name}={value}");
        assert!(errors.contains(&name.to_ascii_lowercase()), "{errors}");
    }
}

#[test]
fn the_lock_time_out_of_the_repository_is_waited_for() {
    let Some(git) = Git::find("lock time-out") else {
        return;
    };
    let repo = git.init("sha1");
    repo.commit("one");
    repo.run(&["branch", "b"]);
    fs::write(repo.stack().join("tables.list.lock"), "").unwrap();
    let waited = |milliseconds: &str| {
        repo.run(&["config", "reftable.lockTimeout", milliseconds]);
        let start = Instant::now();
        assert_eq!(status(repo.path(), &["clean"]).0, 4);
        start.elapsed()
    };
    assert!(waited("1500") >= Duration::from_millis(1500));
    // Without the setting it would be a second.
    assert!(waited("0") < Duration::from_millis(1000));
}
