//! One block: a header, records in the order of their keys, and a table of restarts.
//!
//! ```text
//! type          1 byte     r, o, g or i
//! block_len     3 bytes    up to the end of the restart count; inflated for log blocks
//! records       each shares the first bytes of its key with the record before it
//! restarts      3 bytes    each: offset of a record whose key stands there in full
//! restart_count 2 bytes
//! ```
//!
//! Offsets count from the start of the block; in the first block of a table, from the start of
//! the file, whose header is then part of the block (format section 5).
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod deflate;
mod iter;
mod reader;
mod writer;

pub(crate) use deflate::{Deflater, Effort, Inflater};
pub(crate) use iter::{Records, RestartsMet};
pub(crate) use reader::{Block, BlockHead, Placement};
pub(crate) use writer::BlockWriter;
