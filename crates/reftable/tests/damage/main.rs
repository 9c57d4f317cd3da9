//! Damaged tables and stacks: each is refused or read, within bounds, and the deep check says what is wrong.
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

mod bounds;
mod changes;
mod corrupt;
mod detection;
mod edges;
mod made;
mod sections;
mod verify;

#[global_allocator]
static ALLOCATOR: test_support::alloc::CountingAllocator = test_support::alloc::CountingAllocator;
