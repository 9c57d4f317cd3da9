//! The tool, run as a program.
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

mod busy;
mod commands;
mod convert;
mod corpus;
mod found;
mod gone;
mod import;
mod losses;
mod names;
mod places;
mod process;
mod reflogs;
mod repair;
mod settings;
mod tool;
mod worktrees;
