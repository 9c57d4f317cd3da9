//! Several processes and threads on one folder, some of them killed.
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

mod helpers;
#[path = "../stack/stack_support.rs"]
#[allow(dead_code, reason = "the tests of stacks use more of it")]
mod stack_support;
mod stress;
mod threads;
mod transactions;
