//! What the test files share. Each of them uses a part of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support fails by panicking, and each test file uses a part of it"
)]

pub(crate) mod alloc;
pub(crate) mod corpus;
pub(crate) mod damaged;
pub(crate) mod encode;
pub(crate) mod git;
pub(crate) mod layout;
pub(crate) mod made;
pub(crate) mod read;
pub(crate) mod records;
pub(crate) mod rng;
pub(crate) mod source;
pub(crate) mod tsv;
