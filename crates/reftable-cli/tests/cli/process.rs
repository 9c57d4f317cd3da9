//! The tool as a process: signals, pipes, terminals, exit status.

use crate::tool::{command, copy_of, data, status, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use test_support::skip::skip;

/// Every command, with arguments that make it print something about the stack in the current
/// folder; `STACK` stands for a copy of that stack.
const PRINTING: &[&[&str]] = &[
    &["ls", "."],
    &["ls", "--json", "."],
    &["show", "HEAD", "."],
    &["log", "HEAD", "."],
    &["log", "--raw", "HEAD", "."],
    &["stat", "."],
    &["stat", "--json", "."],
    &["dump", "."],
    &["dump", "--blocks", "."],
    &["verify", "."],
    &["hash", "."],
    &["diff", "--since", "0", "."],
    &["export", "."],
    &["export", "--format", "text", "."],
    &["unlock", "--dry-run", "."],
    &["repair", "--force", "--dry-run", "."],
    &["clean", "."],
    &["compact", "--all", "."],
    &["snapshot", "../copy", "."],
    &["--help"],
    &["ls", "--help"],
];

/// A stack that has something to say in every command.
fn stack() -> (tempfile::TempDir, std::path::PathBuf) {
    let (scratch, dir) = copy_of(&data("stacks/git2.47.3-basic-many-tables/reftable"));
    let orphan = "0x000000000001-0x000000000001-00000009.temp.AbCdEf";
    fs::write(dir.join(orphan), "").unwrap();
    (scratch, dir)
}

/// The writing end of a pipe that nobody reads any more.
fn closed_pipe() -> Stdio {
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    Stdio::from(pipe)
}

/// `reftable log | head -1` is how people use it.
#[test]
fn a_reader_that_goes_away_is_no_error_of_any_command() {
    for args in PRINTING {
        let (_scratch, dir) = stack();
        let output = command()
            .current_dir(&dir)
            .args(*args)
            .stdout(closed_pipe())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let left_out = errors.lines().all(|line| line.starts_with("left out: "));
        assert!(left_out, "{args:?}: {errors}");
        let code = output.status.code().unwrap();
        // Where the whole output waited in memory, the answer is known and kept.
        let answer = status(&stack().1, args).0;
        assert!(
            code == 0 || code == answer,
            "{args:?}: {code}, else {answer}"
        );
    }
}

/// A full disk is an error, though the command has done its work by the time it shows.
#[test]
fn output_that_cannot_be_written_is_an_error_of_every_command() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        skip("there is no /dev/full");
        return;
    };
    let mut tried = 0;
    for args in PRINTING.iter().filter(|args| !args.contains(&"--help")) {
        // What a command does not print cannot fail: `unlock` has nothing to say here.
        if status(&stack().1, args).1.is_empty() {
            continue;
        }
        tried += 1;
        let (_scratch, dir) = stack();
        let output = command()
            .current_dir(&dir)
            .args(*args)
            .stdout(full.try_clone().unwrap())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(5), "{args:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            errors.contains("reftable: cannot write"),
            "{args:?}: {errors}"
        );
    }
    assert!(tried >= 18, "only {tried} commands print");
}

#[test]
fn colours_are_for_terminals() {
    for args in PRINTING {
        let (_scratch, dir) = stack();
        let (_, text, errors) = status(&dir, args);
        assert!(!text.contains('\u{1b}'), "{args:?}: {text}");
        assert!(!errors.contains('\u{1b}'), "{args:?}: {errors}");
    }
    let (_scratch, dir) = stack();
    for command in ["verify", "stat", "log"] {
        let args: &[&str] = match command {
            "log" => &["log", "--color", "always", "HEAD", "."],
            _ => &[command, "--color", "always", "."],
        };
        let (_, text, _) = status(&dir, args);
        assert!(text.contains("\u{1b}["), "{command}: {text}");
    }
}

#[test]
fn the_exit_status_tells_how_bad_it_is() {
    let sound = data("stacks/git2.47.3-basic-many-tables/reftable");
    let lock = |dir: &Path| fs::write(dir.join("tables.list.lock"), "").unwrap();
    let note = |dir: &Path| fs::write(dir.join("notes.txt"), "").unwrap();
    let damage = |dir: &Path| {
        let list = fs::read_to_string(dir.join("tables.list")).unwrap();
        fs::remove_file(dir.join(list.lines().next().unwrap())).unwrap();
    };
    let nothing = |_: &Path| ();
    type Change<'a> = &'a dyn Fn(&Path);
    let cases: [(&[&str], Change<'_>, i32); 12] = [
        (&["verify", "."], &nothing, 0),
        (&["verify", "."], &note, 0),
        (&["verify", "."], &lock, 1),
        (&["verify", "."], &damage, 3),
        (&["show", "no-such-ref", "."], &nothing, 1),
        (&["diff", "--since", "0", "."], &nothing, 1),
        (&["ls", "."], &damage, 3),
        (&["repair", "--dry-run", "."], &damage, 3),
        (&["compact", "--all", "."], &lock, 4),
        (&["unlock", "."], &lock, 4),
        (&["ls", "--points-at", "xyz", "."], &nothing, 5),
        (&["ls", "--no-such-option"], &nothing, 2),
    ];
    for (args, change, expected) in cases {
        let (_scratch, dir) = copy_of(&sound);
        change(&dir);
        let (code, text, errors) = status(&dir, args);
        assert_eq!(code, expected, "{args:?}: {text}{errors}");
    }
}

/// The import holds the lock of the list and a temporary file as long as its input lasts. Killed by a
/// signal that can be caught, it has to leave neither: everybody else would wait for the lock. QUIT
/// and the less usual ones left both.
#[test]
fn a_signal_leaves_no_lock_and_no_temporary_file() {
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGALRM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGVTALRM,
        Signal::SIGPROF,
        Signal::SIGXCPU,
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let mut child = command()
            .current_dir(scratch.path())
            .args(["import", "-", "new"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        let mut input = BufWriter::new(pipe);
        let id = "11".repeat(20);
        // When all of it is written, all but what a pipe holds has been read.
        for number in 0..100_000 {
            writeln!(input, "{id} refs/heads/b{number:06}").unwrap();
        }
        input.flush().unwrap();
        let stack = scratch.path().join("new/reftable");
        let files = || -> Vec<String> {
            let entries = fs::read_dir(&stack).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect()
        };
        let before = files();
        assert!(
            before.iter().any(|name| name == "tables.list.lock"),
            "{before:?}"
        );
        assert!(
            before.iter().any(|name| name.contains(".temp.")),
            "{before:?}"
        );
        let pid = Pid::from_raw(child.id().try_into().unwrap());
        kill(pid, signal).unwrap();
        let code = child.wait().unwrap();
        assert_eq!(code.code(), Some(130), "{signal}");
        assert_eq!(files(), Vec::<String>::new(), "{signal}");
        let mut errors = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        assert_eq!(errors, "");
        drop(input);
    }
}

/// Without a signal the same input ends in a stack.
#[test]
fn lines_in_any_order_are_imported() {
    let scratch = tempfile::tempdir().unwrap();
    let (a, b) = ("aa".repeat(20), "bb".repeat(20));
    let text = format!(
        "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a} refs/tags/v1\n{b} refs/tags/v1^{{}}\n\
         {a} commit\trefs/heads/main\n{b} refs/heads/late\n{a} refs/heads/late\n\
         {a} refs/tags/v0\n{b} refs/tags/v0^{{}}\n{a} refs/tags/v2\n"
    );
    fs::write(scratch.path().join("lines"), text).unwrap();
    let printed = tool(scratch.path(), &["import", "lines", "new"]);
    assert!(printed.contains("6 refs"), "{printed}");
    assert_eq!(
        tool(scratch.path(), &["ls", "--peel", "new"]),
        format!(
            "ref: refs/heads/main HEAD\n{a} refs/heads/late\n{a} refs/heads/main\n\
             {a} refs/tags/v0\n{b} refs/tags/v0^{{}}\n{a} refs/tags/v1\n{b} refs/tags/v1^{{}}\n\
             {a} refs/tags/v2\n"
        )
    );
    assert_eq!(status(scratch.path(), &["verify", "new"]).0, 0);
    fs::write(
        scratch.path().join("lines"),
        format!("{b} refs/tags/v1^{{}}\nrubbish\n"),
    )
    .unwrap();
    let (code, printed, _) = status(scratch.path(), &["import", "lines", "problems"]);
    assert_eq!(code, 1);
    assert!(
        printed.contains("lines: line 1 peels a ref that is not the one before"),
        "{printed}"
    );
    assert!(printed.contains("lines: line 2 is no ref"), "{printed}");
}

/// `reftable import <(git ls-remote …) new`, as a shell hands it over.
#[test]
fn a_pipe_with_a_name_is_a_text() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = command()
        .current_dir(scratch.path())
        .args(["import", "--object-format", "sha256", "/dev/stdin", "new"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let line = format!("{} refs/heads/main\n", "cc".repeat(32));
    let mut input = child.stdin.take().unwrap();
    input.write_all(line.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(tool(scratch.path(), &["ls", "new"]), line);
    let (code, _, errors) = status(scratch.path(), &["import", "nowhere", "other"]);
    assert_eq!(code, 5);
    assert!(errors.contains("nowhere"), "{errors}");
}
