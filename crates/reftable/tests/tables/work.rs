//! How much reading a lookup or a scan costs, counted in reads and bytes rather than in time.

use reftable::record::{LogRecordBuf, RefRecordBuf};
use reftable::{HashId, MergedTable, Table, TableWriter, WriteOptions};
use std::sync::Arc;
use test_support::source::CountingSource;
use test_support::{alloc, read, records};

fn counted(bytes: Vec<u8>) -> (Arc<CountingSource>, Arc<Table>) {
    let source = CountingSource::new(bytes);
    let table = Table::open(source.clone(), "table.ref").unwrap();
    (source, Arc::new(table))
}

fn written(refs: &[RefRecordBuf], logs: &[LogRecordBuf], options: WriteOptions) -> Vec<u8> {
    records::table(options, (1, u64::MAX), refs, logs).unwrap()
}

/// 8000 refs, all deleted by a newer table: each lookup of a deleted ref walked over all tombstones
/// behind it, and 8000 lookups took 15 seconds.
#[test]
fn lookups_among_tombstones_do_not_walk_over_them() {
    let work = |count: usize| {
        let refs = records::branches(HashId::Sha1, count);
        let deleted: Vec<_> = refs
            .iter()
            .map(|r| records::tombstone(&r.name, 2))
            .collect();
        let (below, older) = counted(written(&refs, &[], WriteOptions::default()));
        let (above, newer) = counted(written(&deleted, &[], WriteOptions::default()));
        let view = MergedTable::new(vec![older, newer], HashId::Sha1)
            .unwrap()
            .hiding_deletions();
        let before = below.bytes_read() + above.bytes_read();
        for record in &refs {
            assert_eq!(view.read_ref(&record.name, |_| ()).unwrap(), None);
        }
        below.bytes_read() + above.bytes_read() - before
    };
    let (few, many) = (work(1000), work(8000));
    assert!(
        many < few * 12,
        "1000 lookups read {few} bytes, 8000 read {many}"
    );
}

/// The same refs re-created in a third table, seen through an iterator sought once per name.
#[test]
fn seeking_among_tombstones_reads_a_bounded_number_of_bytes() {
    let refs = records::branches(HashId::Sha1, 4000);
    let deleted: Vec<_> = refs
        .iter()
        .map(|r| records::tombstone(&r.name, 2))
        .collect();
    let (below, older) = counted(written(&refs, &[], WriteOptions::default()));
    let (above, newer) = counted(written(&deleted, &[], WriteOptions::default()));
    let view = MergedTable::new(vec![older, newer], HashId::Sha1).unwrap();
    let mut iter = view.refs_from(b"").unwrap();
    let before = below.reads() + above.reads();
    for record in refs.iter().step_by(40) {
        iter.seek(&record.name).unwrap();
        assert!(iter.next().unwrap().unwrap().is_deletion());
    }
    let reads = below.reads() + above.reads() - before;
    assert!(reads < 100 * 8, "{reads} reads for 100 seeks in two tables");
}

/// Root, one block of the level below, the block with the ref.
#[test]
fn lookup_in_an_indexed_table_reads_one_block_per_level() {
    let refs = records::branches(HashId::Sha1, 5000);
    let bytes = written(&refs, &[], records::options(512));
    let len = bytes.len() as u64;
    let (source, table) = counted(bytes);
    read::read_ref(&table, b"refs/heads/b00000")
        .unwrap()
        .unwrap();
    for record in refs.iter().step_by(97) {
        let (reads, bytes, found) = source.count(|| read::read_ref(&table, &record.name).unwrap());
        assert_eq!(found.as_ref(), Some(record));
        assert!(reads <= 12, "{reads} reads");
        assert!(bytes < len / 10, "{bytes} of {len} bytes");
    }
}

#[test]
fn lookup_of_a_log_reads_no_other_log_blocks() {
    let logs: Vec<_> = (0..2000)
        .map(|n| {
            records::log(
                format!("refs/heads/b{n:05}"),
                1,
                HashId::Sha1,
                format!("message {n}\n"),
            )
        })
        .collect();
    let bytes = written(&[], &logs, records::options(1024));
    let (source, table) = counted(bytes);
    read::read_log(&table, b"refs/heads/b00000", 1)
        .unwrap()
        .unwrap();
    for log in logs.iter().step_by(97) {
        let (_, bytes, found) = source.count(|| read::read_log(&table, &log.name, 1).unwrap());
        assert_eq!(found.as_ref(), Some(log));
        assert!(bytes <= 3 * 4096, "{bytes} bytes");
    }
}

/// Each block is read once, whatever the number of records in it.
#[test]
fn scan_reads_every_byte_about_once() {
    let refs = records::branches(HashId::Sha1, 5000);
    let bytes = written(&refs, &[], WriteOptions::default());
    let len = bytes.len() as u64;
    let (source, table) = counted(bytes);
    let (_, bytes, scanned) = source.count(|| read::refs(&table).unwrap());
    assert_eq!(scanned.len(), refs.len());
    assert!(bytes < 3 * len, "{bytes} bytes read of {len}");
}

/// A lookup by object id reads the object section and the blocks it names, not all refs.
#[test]
fn refs_for_reads_only_the_blocks_that_the_object_section_names() {
    let refs = records::branches(HashId::Sha1, 5000);
    let bytes = written(&refs, &[], records::options(512));
    let len = bytes.len() as u64;
    let (source, table) = counted(bytes);
    for record in refs.iter().step_by(487) {
        let id = read::ids(record)[0].to_vec();
        let (_, bytes, found) = source.count(|| read::refs_for(&table, &id).unwrap());
        assert_eq!(found, std::slice::from_ref(record));
        assert!(bytes < len / 10, "{bytes} of {len} bytes");
    }
}

/// The first block is all that a lookup of HEAD needs beyond header and footer.
#[test]
fn opening_a_large_table_reads_a_small_part_of_it() {
    let bytes = written(
        &records::branches(HashId::Sha1, 20_000),
        &[],
        WriteOptions::default(),
    );
    let (source, table) = counted(bytes);
    assert!(
        source.bytes_read() < 3 * 4096,
        "{} bytes read by open",
        source.bytes_read()
    );
    assert_eq!(read::read_ref(&table, b"HEAD").unwrap(), None);
    assert!(
        source.bytes_read() < 64 << 10,
        "{} bytes read for one lookup",
        source.bytes_read()
    );
}

/// A state of the inflater per log block, of a hundred kilobytes and more, once dominated a scan.
#[test]
fn scanning_many_log_blocks_keeps_memory_small() {
    let logs: Vec<_> = (0..5000)
        .map(|n| {
            records::log(
                format!("refs/heads/b{n:05}"),
                1,
                HashId::Sha1,
                format!("message {n}\n"),
            )
        })
        .collect();
    let (_, table) = counted(written(&[], &logs, records::options(512)));
    let (peak, count) = alloc::peak(|| {
        let mut iter = table.logs_from(b"", u64::MAX).unwrap();
        let mut count = 0;
        while iter.next().unwrap().is_some() {
            count += 1;
        }
        count
    });
    assert_eq!(count, 5000);
    assert!(peak < 1 << 20, "{peak} bytes");
}

/// A writer holds a block, the index and the ids, not the table.
#[test]
fn writing_a_large_table_keeps_memory_small() {
    let mut options = WriteOptions::default();
    options.object_index = false;
    let mut size = 0_usize;
    let sink = Counter(&mut size);
    let (peak, ()) = alloc::peak(|| {
        let mut writer = TableWriter::new(sink, options).unwrap();
        writer.set_limits(1, 1);
        for n in 0..100_000_u64 {
            let record = records::object_ref(
                format!("refs/heads/b{n:06}"),
                1,
                records::id(HashId::Sha1, n),
            );
            writer.add_ref(&record.as_record()).unwrap();
        }
        writer.finish().unwrap();
    });
    assert!(size > 2 << 20, "{size} bytes written");
    assert!(peak < 1 << 20, "{peak} bytes held for {size} written");
}

struct Counter<'a>(&'a mut usize);

impl reftable::table::TableSink for Counter<'_> {
    fn write(&mut self, data: &[u8]) -> reftable::Result<()> {
        *self.0 += data.len();
        Ok(())
    }
}
