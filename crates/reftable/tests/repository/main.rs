//! Repositories made by git, read and written in turn with git; the examples.
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

mod examples;
mod interop_git;
mod reading;
mod transaction;
mod transaction_edits;
