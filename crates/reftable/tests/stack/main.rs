//! Stacks of tables in a folder: transactions, locks, reloading, compaction, cleaning, odd folders.
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

mod additions;
mod block_sizes;
mod calls;
mod clean;
mod compaction;
mod copy;
#[path = "../crash/crash_support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the power cuts use more of it")]
mod crash_support;
mod durability;
mod failed_commit;
mod hazards;
mod lock_waiting;
mod locked_tables;
mod locking;
mod name_check;
mod pending;
mod permissions;
mod reload;
mod small_files;
mod stack_support;
mod stale_locks;
mod stale_tables;
mod views;
