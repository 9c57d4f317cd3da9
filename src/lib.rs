//! `reftable.h` of git's series v16 (June 2020): 61 functions, and two of our own.
//!
//! `build.rs` makes `include/reftable.h` from the `pub` items here, in this order of modules; their
//! docs are the header's and written for readers of C. The rules for pointers are the contract in
//! [`reftable_capi`]; who owns what is in `docs/c-abi.md`.
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
mod code;
mod error;
mod options;
mod outgoing;
mod print;
mod record;

// Reading one table.
mod iter;
mod reader;
mod source;

// Many tables as one.
mod generic;
mod merged;

// Writing one table.
mod writer;

// The folder.
mod stack;

use code::{Code, Interface, Status, status};
