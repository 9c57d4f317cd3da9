//! Time and memory are in proportion to what is in the file, whatever it says: the factors that
//! `docs/durability.md` states, counted in bytes and calls rather than in time.

use fault_fs::FaultFs;
use reftable::record::LogValue;
use reftable::verify::{Kind, verify_table};
use reftable::{Defect, Error, HashId, Result, Stack, StackOptions, Table};
use std::path::Path;
use std::sync::Arc;
use test_support::encode::{RawBlock, RawTable, log_entry, log_key, record, varint};
use test_support::source::CountingSource;
use test_support::{alloc, corpus, made, records};

/// Reads everything of a table once: how many records there were before the end or an error.
fn scan(table: &Arc<Table>) -> Result<(u64, u64)> {
    let (mut refs, mut logs) = (0, 0);
    let mut iter = table.refs_from(b"")?;
    while iter.next()?.is_some() {
        refs += 1;
    }
    let mut iter = table.logs_from(b"", u64::MAX)?;
    while iter.next()?.is_some() {
        logs += 1;
    }
    Ok((refs, logs))
}

fn open(source: &Arc<CountingSource>) -> Result<Arc<Table>> {
    Table::open(source.clone(), "table.ref").map(Arc::new)
}

/// Every table there is, sound or not.
fn all_tables() -> Vec<(String, Vec<u8>)> {
    let entries = corpus::tables().into_iter().chain(corpus::corrupt_tables());
    entries
        .map(|entry| (entry.name.clone(), entry.bytes()))
        .collect()
}

/// What a block takes to be read: its length is not known before, and a guess of this many bytes
/// is asked for. In a file that is mapped or in memory that costs nothing.
const GUESS: u64 = 4096;

/// Opening and scanning asks for each byte at most three times, besides the guesses, and there is
/// at most one call for 16 bytes.
#[test]
fn scan_reads_three_times_the_file_at_most() {
    let mut tables = 0;
    for (name, bytes) in all_tables() {
        let len = bytes.len() as u64;
        let source = CountingSource::new(bytes);
        let (reads, read, _) = source.count(|| open(&source).and_then(|table| scan(&table)));
        assert!(
            read <= 3 * len + GUESS * reads,
            "{name}: {read} of {len} bytes in {reads} reads"
        );
        assert!(
            reads <= len / 16 + 10,
            "{name}: {reads} reads for {len} bytes"
        );
        tables += 1;
    }
    assert!(tables > 90, "{tables}");
}

/// Opening, scanning and checking takes memory for a few blocks: not more than the file, and what
/// its log blocks inflate to one at a time.
#[test]
fn memory_is_in_proportion_to_the_file() {
    for (name, bytes) in all_tables() {
        let len = bytes.len();
        let source = CountingSource::new(bytes);
        let (peak, _) = alloc::peak(|| open(&source).and_then(|table| scan(&table)));
        assert!(
            peak <= 4 * len + (256 << 10),
            "{name}: {peak} bytes for {len}"
        );
        let (peak, _) = alloc::peak(|| verify_table(source.clone(), "table.ref"));
        assert!(
            peak <= 40 * len + (256 << 10),
            "{name}: {peak} bytes to check {len}"
        );
    }
}

/// Sixteen kilobytes that inflate to sixteen megabytes, as far as deflate goes and a length of 24
/// bits, several times over.
#[test]
fn log_blocks_that_inflate_a_thousandfold_are_held_one_at_a_time() {
    let message = vec![b'0'; (1 << 24) - 200];
    let mut table = RawTable::new();
    let names = [b"refs/a", b"refs/b", b"refs/c", b"refs/d"];
    for (number, name) in names.into_iter().enumerate() {
        let block = RawBlock::new(b'g').full(&log_key(name, 1), 1, &log_entry(&message));
        let position = table.push(&block.deflated());
        if number == 0 {
            table.log = position;
        }
    }
    let bytes = table.bytes();
    assert!(bytes.len() < 100 << 10, "{}", bytes.len());
    let source = CountingSource::new(bytes);
    let table = open(&source).unwrap();
    let (peak, total) = alloc::peak(|| {
        let mut iter = table.logs_from(b"", u64::MAX).unwrap();
        let mut total = 0;
        while let Some(record) = iter.next().unwrap() {
            if let LogValue::Update(update) = record.value {
                total += update.message.len();
            }
        }
        total
    });
    assert_eq!(total, 4 * message.len());
    assert!(peak < 3 << 24, "{peak} bytes: more than three blocks");
    let (peak, findings) = alloc::peak(|| verify_table(source, "table.ref"));
    assert_eq!(findings.len(), 0, "{findings:?}");
    assert!(peak < 5 << 24, "{peak} bytes to check");
}

/// A name of megabytes that a hundred thousand records share costs its length once, not once per
/// record.
#[test]
fn long_shared_prefix_is_not_copied_for_every_record() {
    const NAME: usize = 4 << 20;
    const COUNT: u32 = 100_000;
    let mut block = RawBlock::first(b'r').full(&vec![b'n'; NAME], 0, &varint(0));
    let mut rest = Vec::new();
    for number in 0..COUNT {
        let digits = format!("{number:06}");
        rest.extend(record(NAME as u64, digits.as_bytes(), 0, &varint(0)));
    }
    block = block.bytes(&rest);
    let bytes = made::one_block(&block).bytes();
    let len = bytes.len();
    let source = CountingSource::new(bytes);
    let table = open(&source).unwrap();
    let (peak, count) = alloc::peak(|| scan(&table).unwrap().0);
    assert_eq!(count, u64::from(COUNT) + 1);
    // The block, and the key.
    assert!(peak < 4 * len, "{peak} bytes for {len}");
}

/// A chain of index blocks as long as the file allows, on a small stack: whoever follows it by
/// calling himself runs out of stack. A lookup went through all of them, and the deep check found
/// nothing wrong.
#[test]
fn chain_of_index_blocks_is_followed_for_a_while_and_told() {
    let (mut table, second) = made::two_ref_blocks();
    let bottom = made::index(&[(b"refs/heads/a", 0), (b"refs/heads/b", second)]);
    let mut below = table.push(&bottom.plain());
    for _ in 0..50_000 {
        below = table.push(&made::index(&[(b"refs/heads/b", below)]).plain());
    }
    table.ref_index = below;
    let bytes = table.bytes();
    let len = bytes.len() as u64;
    let work = move || {
        let source = CountingSource::new(bytes);
        let table = open(&source).unwrap();
        let (reads, _, found) = source.count(|| table.read_ref(b"refs/heads/a", |_| ()));
        assert_eq!(found.unwrap_err().defect(), Some(Defect::BadIndex));
        // As deep as an index of that length can be whose levels shrink.
        let depth = 64 + (2 * len / 11).isqrt();
        assert!(reads <= 3 * depth, "{reads} reads for a lookup in {len}");
        for _ in 0..300 {
            assert!(table.read_ref(b"refs/heads/a", |_| ()).is_err());
        }
        let (reads, _, findings) = source.count(|| verify_table(source.clone(), "table.ref"));
        assert!(reads <= len / 8, "{reads} reads to check {len}");
        let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [Kind::Defect(Defect::BadIndex)], "{findings:?}");
    };
    let thread = std::thread::Builder::new().stack_size(128 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}

/// Names that fill an index block each, but for one: each level has one block less than the level
/// below. Other writers make such tables, and the limit of 64 levels made their refs unreadable.
#[test]
fn index_of_a_hundred_levels_leads_to_every_ref() {
    let names: Vec<_> = (100..200).map(|n| format!("refs/{n}")).collect();
    let mut table = RawTable::new();
    let mut level: Vec<(&[u8], u64)> = Vec::new();
    for name in &names {
        let block = match level.is_empty() {
            true => RawBlock::first(b'r'),
            false => RawBlock::new(b'r'),
        };
        let block = block.full(name.as_bytes(), 0, &varint(0));
        let position = table.push(&block.plain());
        level.push((name.as_bytes(), if level.is_empty() { 0 } else { position }));
    }
    let mut levels = 0;
    while level.len() > 1 {
        let (single, last) = level.split_at(level.len() - 2);
        let groups = single.chunks(1).chain([last]);
        level = groups
            .map(|group| {
                (
                    group.last().unwrap().0,
                    table.push(&made::index(group).plain()),
                )
            })
            .collect();
        levels += 1;
    }
    assert_eq!(levels, 99);
    table.ref_index = level[0].1;
    let source = CountingSource::new(table.bytes());
    assert_eq!(verify_table(source.clone(), "table.ref"), []);
    let table = open(&source).unwrap();
    // Soon the index is decoded as a whole, as lookups find out who come later.
    for _ in 0..4 {
        for name in &names {
            let found = table.read_ref(name.as_bytes(), |record| record.name.to_vec());
            assert_eq!(found.unwrap().as_deref(), Some(name.as_bytes()));
        }
    }
}

/// Twice the records, twice the work: of a scan, a check, and lookups of each.
#[test]
fn work_grows_with_the_records_and_not_faster() {
    let work = |count: usize| {
        let refs = records::branches(HashId::Sha1, count);
        let logs: Vec<_> = refs
            .iter()
            .map(|record| records::log(&record.name, 1, HashId::Sha1, "message\n"))
            .collect();
        let bytes = records::table(records::options(256), (1, 1), &refs, &logs).unwrap();
        let source = CountingSource::new(bytes);
        let table = open(&source).unwrap();
        let scanned = source.count(|| scan(&table).unwrap()).1;
        let checked = source.count(|| verify_table(source.clone(), "table.ref")).1;
        [scanned, checked]
    };
    let (few, many) = (work(2000), work(4000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(
            many < few * 5 / 2,
            "{few} bytes, and {many} for twice as many"
        );
    }
}

fn options(fs: &FaultFs) -> StackOptions {
    let mut options = StackOptions::default();
    options.fs = Arc::new(fs.clone());
    options
}

/// A list may name more tables than there are; the first that is missing ends it.
#[test]
fn long_list_of_missing_tables_ends_at_the_first() {
    let dir = Path::new("/stack");
    let fs = FaultFs::new(dir);
    let lines: String = (0..40_000)
        .map(|number| format!("0x{number:06x}.ref\n"))
        .collect();
    fs.put(&dir.join("tables.list"), lines.as_bytes()).unwrap();
    let (peak, result) = alloc::peak(|| Stack::open(dir, options(&fs)));
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
    assert!(fs.count() <= 4, "{:?}", fs.operations());
    assert!(peak < 40 * lines.len(), "{peak} bytes for {}", lines.len());
}

#[test]
fn list_without_bound_is_not_read() {
    let dir = Path::new("/stack");
    let fs = FaultFs::new(dir);
    fs.put(&dir.join("tables.list"), &vec![b'a'; 8 << 20])
        .unwrap();
    let (peak, result) = alloc::peak(|| Stack::open(dir, options(&fs)));
    assert_eq!(result.unwrap_err().defect(), Some(Defect::BadTablesList));
    assert!(peak < 1 << 20, "{peak} bytes");
}
