//! Sources of bytes that count, fail or run dry.

use bytes::Bytes;
use reftable::table::BlockSource;
use reftable::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes in memory; counts what is read, and fails from the read `fail_at` on (0: never).
#[derive(Debug)]
pub struct CountingSource {
    bytes: Vec<u8>,
    reads: AtomicU64,
    bytes_read: AtomicU64,
    fail_at: u64,
}

impl CountingSource {
    pub fn new(bytes: Vec<u8>) -> Arc<CountingSource> {
        CountingSource::failing(bytes, 0)
    }

    /// The read of this number and all later ones fail.
    pub fn failing(bytes: Vec<u8>, fail_at: u64) -> Arc<CountingSource> {
        Arc::new(CountingSource {
            bytes,
            reads: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            fail_at,
        })
    }

    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// (reads, bytes) done by `f`.
    pub fn count<R>(&self, f: impl FnOnce() -> R) -> (u64, u64, R) {
        let (reads, bytes) = (self.reads(), self.bytes_read());
        let result = f();
        (self.reads() - reads, self.bytes_read() - bytes, result)
    }
}

impl BlockSource for CountingSource {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        self.bytes_read.fetch_add(len as u64, Ordering::Relaxed);
        if self.fail_at != 0 && number >= self.fail_at {
            return Err(Error::Io {
                op: "read",
                path: "table.ref".into(),
                source: std::io::Error::other("made to fail"),
            });
        }
        let start = usize::try_from(offset).expect("offset");
        let wanted = start
            .checked_add(len)
            .and_then(|end| self.bytes.get(start..end));
        let wanted = wanted
            .unwrap_or_else(|| panic!("asked for {len} bytes at {offset} of {}", self.bytes.len()));
        Ok(Bytes::from(wanted.to_vec()))
    }
}
