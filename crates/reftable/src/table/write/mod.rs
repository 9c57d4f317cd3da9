//! Writing a table: blocks of records, then what follows from them.

mod index;
mod objects;
mod output;
mod split;
mod stats;
mod writer;

pub use stats::{BlockStats, Stats};
pub use writer::{TableSink, TableWriter};
