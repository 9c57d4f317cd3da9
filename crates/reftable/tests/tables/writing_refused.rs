//! What a writer refuses, and what is left of it in the table: nothing.

use reftable::record::{LogRecordBuf, LogValueBuf};
use reftable::table::TableSink;
use reftable::{Error, HashId, Result, TableWriter, WriteOptions};
use test_support::{layout, read, records};

const SHA1: HashId = HashId::Sha1;

/// Log entries may have any update index. A table whose range is upside down could not be opened
/// all the same.
#[test]
fn limits_upside_down_refuse_logs_and_the_end_too() {
    let log = records::log("refs/heads/a", 1, SHA1, "message\n");
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
    for _ in 0..2 {
        writer.set_limits(5, 4);
        let added = writer.add_log(&log.as_record());
        assert!(matches!(added, Err(Error::Misuse(_))), "{added:?}");
        let finished = writer.finish();
        assert!(matches!(finished, Err(Error::Misuse(_))), "{finished:?}");
    }
    writer.set_limits(4, 5);
    writer.add_log(&log.as_record()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let table = read::open(&bytes).unwrap();
    assert_eq!(read::logs(&table).unwrap(), [log]);
}

/// Either of the two ids.
#[test]
fn log_entry_with_one_id_of_another_hash_is_refused() {
    let sound = records::log("refs/heads/a", 1, SHA1, "message\n");
    let with = |old: usize, new: usize| -> LogRecordBuf {
        let mut log = sound.clone();
        let LogValueBuf::Update(update) = &mut log.value else {
            panic!("no entry");
        };
        update.old_id.resize(old, 1);
        update.new_id.resize(new, 2);
        log
    };
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
    for (old, new) in [(32, 20), (20, 32), (0, 20), (20, 0), (19, 20), (20, 21)] {
        let added = writer.add_log(&with(old, new).as_record());
        assert!(matches!(added, Err(Error::Misuse(_))), "{old}, {new}");
    }
    writer.add_log(&sound.as_record()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let table = read::open(&bytes).unwrap();
    assert_eq!(read::logs(&table).unwrap(), [sound]);
}

/// An entry larger than a block has a block of its own. Those after it would have gone there as
/// well, up to the largest block there is.
#[test]
fn entries_after_a_large_one_are_in_blocks_of_the_usual_size() {
    let name = |n: usize| format!("refs/heads/{n:04}");
    let mut logs: Vec<_> = (0..60)
        .map(|n| records::log(name(n), 1, SHA1, "message\n"))
        .collect();
    logs[30] = records::log(name(30), 1, SHA1, format!("{}\n", "x".repeat(5000)));
    let bytes = records::table(records::options(512), (1, 1), &[], &logs).unwrap();
    let blocks = layout::blocks(&bytes);
    let lens = blocks.iter().filter(|block| block.kind == b'g');
    let lens: Vec<usize> = lens.map(|block| block.len).collect();
    let large: Vec<&usize> = lens.iter().filter(|len| **len > 512).collect();
    assert_eq!(large.len(), 1, "{lens:?}");
    assert!(*large[0] < 5_300, "only the large one is in it: {lens:?}");
    let table = read::open(&bytes).unwrap();
    read::assert_holds("a large entry", &table, &[], &logs);
}

/// Fails the write of this number, and would take all others.
struct FailingOnce {
    writes: usize,
    fail_at: usize,
}

impl TableSink for FailingOnce {
    fn write(&mut self, _: &[u8]) -> Result<()> {
        self.writes += 1;
        assert!(self.writes <= self.fail_at, "written to after the error");
        match self.writes == self.fail_at {
            true => Err(Error::Callback(-77)),
            false => Ok(()),
        }
    }
}

/// A table lacks what could not be written, so nothing may be added any more, however small.
#[test]
fn error_of_the_sink_comes_again_with_every_later_call() {
    for fail_at in 1..6 {
        let mut sink = FailingOnce { writes: 0, fail_at };
        let mut writer = TableWriter::new(&mut sink, records::options(256)).unwrap();
        writer.set_limits(1, 1);
        let mut failed = false;
        for record in records::branches(SHA1, 60) {
            let added = writer.add_ref(&record.as_record());
            assert!(added.is_err() || !failed, "{fail_at}");
            failed |= added.is_err();
        }
        assert!(failed, "{fail_at}");
        let log = records::log("refs/heads/a", 1, SHA1, "message\n");
        for result in [writer.add_log(&log.as_record()), writer.finish()] {
            assert!(matches!(result, Err(Error::Callback(-77))), "{result:?}");
        }
    }
}

/// A block counts its restarts in 16 bits. With one more the count began at 0 again.
#[test]
fn block_has_no_more_restarts_than_can_be_counted() {
    let mut options = records::options((1 << 24) - 1);
    options.restart_interval = 1;
    options.object_index = false;
    let refs: Vec<_> = (0..70_000)
        .map(|n| records::tombstone(format!("refs/{n:06}"), 1))
        .collect();
    let bytes = records::table(options, (1, 1), &refs, &[]).unwrap();
    let table = read::open(&bytes).unwrap();
    read::assert_same("seventy thousand", &read::refs(&table).unwrap(), &refs);
    for at in [0, 65_534, 65_535, 65_536, 69_999] {
        let found = read::read_ref(&table, &refs[at].name).unwrap();
        assert_eq!(found.as_ref(), Some(&refs[at]), "{at}");
    }
}
