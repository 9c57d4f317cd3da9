//! Tests that cannot run here.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::OpenOptions;
use std::io::Write;

/// Says that the running test cannot do its work here, and why; the test then returns.
///
/// The test program counts it as passed. So a line with the test and the reason is added to the file
/// that `REFTABLE_SKIPPED` names, and `scripts/test` takes those tests from the number of passed ones.
pub fn skip(reason: &str) {
    let program = std::env::current_exe().unwrap();
    let program = program.file_stem().unwrap_or_default().to_string_lossy();
    // Without the hash that cargo adds.
    let program = program.rsplit_once('-').map_or(&*program, |(name, _)| name);
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed");
    eprintln!("{program} {test}: skipped: {reason}");
    if let Some(list) = std::env::var_os("REFTABLE_SKIPPED") {
        let mut list = OpenOptions::new()
            .create(true)
            .append(true)
            .open(list)
            .unwrap();
        // One write, for other tests write to the same file.
        let line = format!("{program} {test}\t{reason}\n");
        list.write_all(line.as_bytes()).unwrap();
    }
}
