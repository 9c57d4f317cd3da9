//! Writing a table: blocks of records, then what follows from them.

mod index;
mod objects;
mod options;
mod output;
mod split;
mod stats;
mod writer;

pub use options::{BLOCK_SIZE_LIMIT, DEFAULT_BLOCK_SIZE, DEFAULT_RESTART_INTERVAL, WriteOptions};
pub use stats::{BlockStats, Stats};
pub use writer::{TableSink, TableWriter};
