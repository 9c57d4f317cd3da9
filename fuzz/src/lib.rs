//! What the fuzz targets check. Each is a function of bytes, so that an input can be tried without
//! the fuzzer.

pub mod block;
pub mod folder;
pub mod list;
pub mod operations;
pub mod read;
pub mod roundtrip;
pub mod table;
