//! Sources that give another number of bytes than they were asked for.

use bytes::Bytes;
use reftable::record::{LogRecordBuf, RefRecordBuf};
use reftable::table::BlockSource;
use reftable::{Error, HashId, Result, Table};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use test_support::{read, records};

const SHA1: HashId = HashId::Sha1;

/// More reads than these make no progress.
const MANY: usize = 2000;

/// From the read of a number on, or at that read alone, gives so many bytes too few or too many.
#[derive(Debug)]
struct Inexact {
    bytes: Vec<u8>,
    reads: AtomicUsize,
    from: usize,
    once: bool,
    fewer: usize,
    more: usize,
}

impl BlockSource for Inexact {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(number < MANY, "no end");
        let start = offset as usize;
        let mut found = self.bytes[start..start + len].to_vec();
        let is_wrong = match self.once {
            true => number == self.from,
            false => number >= self.from,
        };
        if is_wrong {
            found.truncate(len.saturating_sub(self.fewer));
            found.extend(vec![0x5a; self.more]);
        }
        Ok(Bytes::from(found))
    }
}

type Everything = (Vec<RefRecordBuf>, Vec<LogRecordBuf>, Vec<RefRecordBuf>);

fn read_all(source: Arc<Inexact>, id: &[u8]) -> Result<Everything> {
    let table = Arc::new(Table::open(source, "table.ref")?);
    let found = read::refs_for(&table, id)?;
    Ok((read::refs(&table)?, read::logs(&table)?, found))
}

/// A block that was too short was read by its last bytes, which are no restarts; a log block was
/// read again and again.
#[test]
fn source_that_gives_too_little_or_too_much_is_an_error() {
    let refs = records::branches(SHA1, 60);
    let log = |r: &RefRecordBuf| records::log(&r.name, 1, SHA1, "message\n");
    let logs: Vec<_> = refs.iter().map(log).collect();
    let bytes = records::table(records::options(256), (1, 1), &refs, &logs).unwrap();
    let id = read::ids(&refs[40])[0];
    for (fewer, more) in [(1, 0), (2, 0), (100, 0), (usize::MAX, 0), (0, 1), (0, 300)] {
        for once in [true, false] {
            for from in 1.. {
                let source = Arc::new(Inexact {
                    bytes: bytes.clone(),
                    reads: AtomicUsize::new(0),
                    from,
                    once,
                    fewer,
                    more,
                });
                let result = read_all(Arc::clone(&source), id);
                if source.reads.load(Ordering::Relaxed) < from {
                    let (found, ..) = result.unwrap();
                    assert_eq!(found, refs);
                    assert!(from > 20, "{from} reads");
                    break;
                }
                let what = format!("{fewer} fewer, {more} more at {from}, once: {once}");
                let Err(Error::Io { op, path, .. }) = result else {
                    panic!("{what}: {:?}", result.map(|_| ()));
                };
                assert_eq!((op, path.to_str()), ("read", Some("table.ref")), "{what}");
            }
        }
    }
}
