//! The library as git has it: C programs, a host with files of its own, headers of git.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "tests fail by panicking, and tell their counts"
)]

#[path = "../../../../tests/c_abi/archive.rs"]
mod archive;
mod headers;
mod host;
mod programs;
