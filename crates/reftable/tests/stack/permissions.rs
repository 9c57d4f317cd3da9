//! Permissions of new files.

use crate::stack_support::{add, assert_tidy, files, many_refs, quick, scratch};
use reftable::Stack;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use test_support::helper;

#[test]
#[ignore = "helper process"]
fn helper_fills_a_stack() {
    let Some(args) = helper::args(helper_fills_a_stack) else {
        return;
    };
    let mut options = quick();
    options.file_mode = args
        .get("mode")
        .map(|mode| u32::from_str_radix(mode, 8).unwrap());
    let stack = Stack::open(&args["dir"], options).unwrap();
    add(&stack, &["+a"]);
    let compacted = args.contains_key("compact");
    if compacted {
        let names: Vec<String> = (0..9).map(|number| format!("+b{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        add(&stack, &names);
        stack.compact_all(None).unwrap();
    }
    // What is there while a transaction is open.
    let mut addition = stack.begin().unwrap();
    addition.add(many_refs(&stack, "c")).unwrap();
    check_modes(args["dir"].as_ref(), &args["expected"], 4);
}

fn check_modes(dir: &Path, expected: &str, count: usize) {
    let files = files(dir);
    assert_eq!(files.len(), count, "{files:?}");
    for name in files {
        let mode = std::fs::metadata(dir.join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(format!("{:o}", mode & 0o7777), expected, "{name}");
    }
}

fn run(umask: &str, args: &[(&str, &str)], expected: &str) {
    let dir = scratch();
    let path = dir.path().to_str().unwrap();
    let args = [args, &[("dir", path), ("expected", expected)]].concat();
    let inner = helper::command(helper_fills_a_stack, &args);
    // The umask belongs to the process, so it is set by a shell.
    let mut command = Command::new("sh");
    command.args(["-c", "umask \"$0\"; exec \"$@\"", umask]);
    command.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        command.env(key, value.unwrap());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_tidy(dir.path());
    check_modes(dir.path(), expected, 2);
}

/// Tables were readable by their owner alone, whatever the umask said.
#[test]
fn new_files_follow_the_umask() {
    for (umask, expected) in [("022", "644"), ("002", "664"), ("077", "600")] {
        run(umask, &[], expected);
        run(umask, &[("compact", "")], expected);
    }
}

#[test]
fn given_mode_is_set_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        run(umask, &[("mode", "660")], "660");
        run(umask, &[("mode", "660"), ("compact", "")], "660");
    }
}
