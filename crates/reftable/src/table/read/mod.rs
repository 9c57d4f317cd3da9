//! Reading a table: finding a block, walking from block to block, looking a record up.

mod descend;
mod iter;
mod load;
mod read_ahead;
mod refs_for;

pub(crate) use iter::SectionIter;
pub use iter::{LogIter, RefIter};
pub(crate) use load::{Section, read_exactly};
pub use refs_for::RefsFor;
