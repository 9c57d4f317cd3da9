//! What the tests of several packages share.
#![allow(
    missing_docs,
    clippy::new_without_default,
    clippy::should_implement_trait,
    clippy::len_without_is_empty,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support fails by panicking, as tests do"
)]

pub mod alloc;
pub mod corpus;
pub mod damaged;
pub mod encode;
pub mod git;
pub mod helper;
pub mod layout;
pub mod made;
pub mod read;
pub mod records;
pub mod rng;
pub mod skip;
pub mod source;
pub mod tsv;
