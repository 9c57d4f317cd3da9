//! Runs the tool.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The tool, which reads nothing from the environment.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reftable"));
    command.env("REFTABLE_FSYNC", "0");
    command
}

fn run<S: AsRef<OsStr>>(dir: &Path, args: &[S]) -> Output {
    command().current_dir(dir).args(args).output().unwrap()
}

/// Runs the tool in a folder; its exit status and what it printed.
pub(crate) fn status<S: AsRef<OsStr>>(dir: &Path, args: &[S]) -> (i32, String, String) {
    let output = run(dir, args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Runs the tool, which must succeed; what it printed.
pub(crate) fn tool<S: AsRef<OsStr>>(dir: &Path, args: &[S]) -> String {
    let output = run(dir, args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A folder of the test data.
pub(crate) fn data(name: &str) -> PathBuf {
    test_support::corpus::dir().join(name)
}

/// A copy of a folder's files in a scratch folder, under the name `reftable`.
pub(crate) fn copy_of(source: &Path) -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("reftable");
    std::fs::create_dir(&dir).unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
    }
    (scratch, dir)
}
