//! Functions that C supplies, as the traits of the core.
//!
//! How the functions look, and the unsafe calls of them, are the interface's; what holds for all of
//! them is here: a sink that fails gives its own value back, and a block source is never
//! called again once it is closed, even by an iterator that outlives its table.

use bytes::Bytes;
use reftable::error::{Error, Result};
use reftable::table::{BlockSource, TableSink};
use std::ffi::c_int;
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A C function that takes the bytes of a table; fails with a negative value.
pub struct ForeignSink<F>(pub F);

impl<F: FnMut(&[u8]) -> c_int> TableSink for ForeignSink<F> {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        // Some sinks return 0 when all went well, so a short count is no failure.
        check((self.0)(data))
    }
}

/// A negative result of a C function is its error, everything else success.
pub fn check(result: c_int) -> Result<()> {
    if result < 0 {
        Err(Error::Callback(result))
    } else {
        Ok(())
    }
}

/// The calls of a C block source.
pub trait BlockCalls {
    /// Length of the table in bytes.
    fn size(&self) -> u64;
    /// A copy of exactly `len` bytes from `offset`. The block that C lends is given back before
    /// this returns, so none is out when the source is closed.
    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, ReadFailure>;
    /// Closes the source.
    fn close(&self);
}

/// Why a C block source gave no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// The source's own value, negative.
    Refused(c_int),
    /// Fewer or more bytes than asked for, or no block.
    WrongLength,
}

/// A C block source as the core sees it.
pub struct ForeignSource<C: BlockCalls> {
    calls: C,
    name: String,
    size: u64,
    /// Never held while a function of C runs.
    usage: Mutex<Usage>,
}

/// What a C block source is used for.
#[derive(Debug, Default)]
struct Usage {
    /// Reads under way. C can come back to the library from within one, and close the source.
    reads: u32,
    /// No read begins any more. The source itself is closed when the last one under way has ended.
    closed: bool,
}

/// A read under way; the last one to end closes the source if that is due.
struct Reading<'s, C: BlockCalls>(&'s ForeignSource<C>);

impl<C: BlockCalls> Drop for Reading<'_, C> {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.reads -= 1;
        let due = usage.closed && usage.reads == 0;
        drop(usage);
        if due {
            self.0.calls.close();
        }
    }
}

impl<C: BlockCalls> ForeignSource<C> {
    /// Takes over the source of the table `name`; asks for its size, once.
    pub fn new(calls: C, name: &str) -> Self {
        let size = calls.size();
        ForeignSource {
            calls,
            name: name.to_owned(),
            size,
            usage: Mutex::default(),
        }
    }

    /// Closes the source, the first time. Reads fail from now on, but those under way end before.
    pub fn close(&self) {
        let mut usage = self.usage();
        let due = !usage.closed && usage.reads == 0;
        usage.closed = true;
        drop(usage);
        if due {
            self.calls.close();
        }
    }

    /// `None` if the source is closed.
    fn begin_read(&self) -> Option<Reading<'_, C>> {
        let mut usage = self.usage();
        if usage.closed {
            return None;
        }
        usage.reads += 1;
        Some(Reading(self))
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, reason: &'static str) -> Error {
        Error::io("read", &self.name)(io::Error::other(reason))
    }
}

impl<C: BlockCalls> Drop for ForeignSource<C> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<C: BlockCalls> fmt::Debug for ForeignSource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignSource")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

impl<C: BlockCalls + Send + Sync> BlockSource for ForeignSource<C> {
    fn len(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let _reading = self
            .begin_read()
            .ok_or_else(|| self.failure("the table was closed"))?;
        if len == 0 {
            return Ok(Bytes::from(Vec::new()));
        }
        let len = u32::try_from(len).map_err(|_| self.failure("block of more than 4 GB"))?;
        match self.calls.read(offset, len) {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(ReadFailure::Refused(value)) => Err(Error::Callback(value)),
            Err(ReadFailure::WrongLength) => {
                Err(self.failure("block of another length than asked for"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, OnceLock, Weak};

    /// Counts what is called; fails reads at offset 7 with -7 and at offset 8 with a short count.
    struct Calls {
        reads: Arc<AtomicU32>,
        closes: Arc<AtomicU32>,
    }

    impl BlockCalls for Calls {
        fn size(&self) -> u64 {
            100
        }
        fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, ReadFailure> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            match offset {
                7 => Err(ReadFailure::Refused(-7)),
                8 => Err(ReadFailure::WrongLength),
                _ => Ok(vec![9; len as usize]),
            }
        }
        fn close(&self) {
            self.closes.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn source() -> (Arc<AtomicU32>, Arc<AtomicU32>, ForeignSource<Calls>) {
        let (reads, closes) = (Arc::default(), Arc::default());
        let calls = Calls {
            reads: Arc::clone(&reads),
            closes: Arc::clone(&closes),
        };
        (reads, closes, ForeignSource::new(calls, "t.ref"))
    }

    #[test]
    fn a_failing_read_keeps_the_value_of_the_source() {
        let (_, _, source) = source();
        assert!(matches!(source.read(7, 1), Err(Error::Callback(-7))));
        assert!(matches!(source.read(8, 1), Err(Error::Io { .. })));
        assert_eq!(*source.read(0, 3).expect("bytes"), [9, 9, 9]);
    }

    /// An iterator can outlive the reader whose source C closes and frees.
    #[test]
    fn a_closed_source_is_never_called_again() {
        let (reads, closes, source) = source();
        source.close();
        assert!(matches!(source.read(0, 1), Err(Error::Io { .. })));
        source.close();
        drop(source);
        assert_eq!(reads.load(Ordering::Relaxed), 0);
        assert_eq!(closes.load(Ordering::Relaxed), 1);
    }

    /// Closes its own source, twice, while it is read; reads nested `depth` deep.
    #[derive(Default)]
    struct SelfClosing {
        source: OnceLock<Weak<ForeignSource<SelfClosing>>>,
        depth: AtomicU32,
        closes: Arc<AtomicU32>,
    }

    impl BlockCalls for SelfClosing {
        fn size(&self) -> u64 {
            100
        }
        fn read(&self, _offset: u64, len: u32) -> Result<Vec<u8>, ReadFailure> {
            let source = self.source.get().and_then(Weak::upgrade).expect("alive");
            if self.depth.fetch_sub(1, Ordering::Relaxed) > 1 {
                assert!(source.read(0, 1).is_ok(), "nested");
            } else {
                source.close();
                source.close();
                assert!(source.read(0, 1).is_err(), "closed");
            }
            assert_eq!(self.closes.load(Ordering::Relaxed), 0, "not while it lends");
            Ok(vec![9; len as usize])
        }
        fn close(&self) {
            self.closes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A block source may free the reader that asks it for a block: the block came back to a
    /// source that was closed.
    #[test]
    fn a_source_that_closes_itself_is_closed_when_its_last_read_ends() {
        for depth in 1..4 {
            let calls = SelfClosing {
                depth: AtomicU32::new(depth),
                ..SelfClosing::default()
            };
            let closes = Arc::clone(&calls.closes);
            let source = Arc::new(ForeignSource::new(calls, "t.ref"));
            let weak = Arc::downgrade(&source);
            source.calls.source.set(weak).expect("set once");
            assert!(source.read(0, 1).is_ok());
            assert_eq!(closes.load(Ordering::Relaxed), 1);
            assert!(matches!(source.read(0, 1), Err(Error::Io { .. })));
            drop(source);
            assert_eq!(closes.load(Ordering::Relaxed), 1);
        }
    }

    #[test]
    fn a_source_that_nobody_closed_is_closed_when_dropped() {
        let (_, closes, source) = source();
        drop(source);
        assert_eq!(closes.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_sink_may_return_any_number_that_is_not_negative() {
        let mut results = vec![-5, 0, 3].into_iter();
        let mut sink = ForeignSink(|_: &[u8]| results.next_back().unwrap_or(0));
        assert!(sink.write(b"abc").is_ok());
        assert!(sink.write(b"abc").is_ok());
        assert!(matches!(sink.write(b"abc"), Err(Error::Callback(-5))));
    }
}
