//! The library as C programs have it: the programs in `c-tests`, the symbols, the unwinder.
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

mod archive;
mod programs;
mod symbols;
mod unwinding;
