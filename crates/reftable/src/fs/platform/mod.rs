//! What differs from system to system: nothing else in the core names one.
//!
//! `unix` and `other` have the same functions; one of them is compiled.

mod local;
mod mmap;
#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

pub(super) use local::is_local;
pub(super) use mmap::map;
#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

pub use system::Identity;
pub(crate) use system::file_name;
pub(super) use system::{
    Mark, READS_AT_OFFSET, add_mode, open_without_waiting, read_at, set_exact_mode, set_mode,
    sync_dir,
};
