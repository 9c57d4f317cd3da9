//! The reftable API that git itself calls since 2.44: 71 functions, and five for memory.
//!
//! An archive with these functions takes the place of the objects of git's own `reftable/` folder.
//! `build.rs` makes `include/reftable-git.h` from the `pub` items here; their docs are the header's
//! and written for readers of C. The rules for pointers are the contract in [`reftable_capi`].
//!
//! The API of git changes from release to release. [`releases`] lists what the releases differ in, and
//! says how to add one; everything else is common to them. [`host`] reaches the system through functions that git
//! supplies, so that git's own clean-up, sync policy and lock time-outs hold.
#![expect(
    unsafe_code,
    reason = "the boundary to C; the contract is in reftable_capi"
)]
#![expect(non_camel_case_types, reason = "the names are those of the C header")]
#![expect(
    unreachable_pub,
    reason = "what is public here is so for C: the functions by their symbols, the types in the header"
)]

// What is needed everywhere.
mod error;
mod memory;
mod options;
mod outgoing;

// What the releases of git differ in.
mod releases;

// Reading.
mod record;

mod block;
mod iterator;
mod merged;
mod source;
mod table;

// Writing one table.
mod writer;

// The folder.
mod addition;
mod fsck;
/// cbindgen:ignore
#[cfg_attr(
    not(reftable_host_glue),
    expect(dead_code, reason = "for archives that are linked with git alone")
)]
mod host;
mod stack;

use error::{Code, Interface, Status, status};
