//! Mapping a file: the only unsafe code outside the C layer.
#![expect(
    unsafe_code,
    reason = "the system cannot promise that a file stays as it is"
)]

use memmap2::Mmap;
use std::fs::File;
use std::io;

/// Maps a whole table for reading.
pub(in crate::fs) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: a table is complete before it gets its name and is never written or cut after that,
    // only removed, which leaves the mapped pages as they are. A program that cuts a table in use
    // breaks the storage for every reader.
    unsafe { Mmap::map(file) }
}
