//! Whole tables, written and read: what other programs wrote, boundaries, random records, work.
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

mod api;
mod golden;
mod index_lookups;
mod many_lookups;
mod merging;
mod reading;
mod reflog;
mod roundtrip;
mod work;
mod writing;
mod writing_refused;
mod writing_sections;
mod writing_stats;
mod wrong_lengths;

#[global_allocator]
static ALLOCATOR: test_support::alloc::CountingAllocator = test_support::alloc::CountingAllocator;
