//! Power cuts, kills and errors at every operation, and random operations against a model.
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

mod crash_support;
mod found;
mod histories;
mod model;
mod repair;
