//! Writing tables: the boundaries where writers have gone wrong.

use reftable::record::RefRecordBuf;
use reftable::table::TableSink;
use reftable::{Error, HashId, Result, TableWriter, WriteOptions};
use test_support::damaged::defects;
use test_support::rng::Rng;
use test_support::{layout, read, records};

const SHA1: HashId = HashId::Sha1;

/// Written, read by all means, deep-checked; the bytes.
fn round_trip(
    options: WriteOptions,
    refs: &[RefRecordBuf],
    logs: &[reftable::record::LogRecordBuf],
) -> Vec<u8> {
    let what = format!("{options:?}");
    let padded = options.padded;
    let bytes =
        records::table(options, (1, 1 << 40), refs, logs).unwrap_or_else(|e| panic!("{what}: {e}"));
    read::assert_holds(&what, &read::open(&bytes).unwrap(), refs, logs);
    layout::assert_readable_by_all(&what, &bytes, padded);
    assert_eq!(defects(&what, &bytes), [], "{what}");
    bytes
}

fn writer(sink: &mut Vec<u8>, options: WriteOptions) -> TableWriter<'_> {
    let mut writer = TableWriter::new(sink, options).unwrap();
    writer.set_limits(1, 10);
    writer
}

fn branch(name: &str) -> RefRecordBuf {
    records::object_ref(name, 1, records::id(SHA1, 1))
}

/// The last index block of the refs once leaked into the index of the logs.
#[test]
fn second_indexed_section_starts_with_an_index_of_its_own() {
    let refs = records::branches(SHA1, 400);
    let logs: Vec<_> = refs
        .iter()
        .map(|r| records::log(&r.name, 1, SHA1, "m\n"))
        .collect();
    let bytes = round_trip(records::options(256), &refs, &logs);
    let footer = layout::footer(&bytes);
    assert!(
        footer.ref_index > 0 && footer.object_index > 0 && footer.log_index > 0,
        "{footer:?}"
    );
}

/// A block of the index held one record, so each level was as large as the one below, without end.
#[test]
fn index_of_one_record_blocks_ends() {
    let long = |n: usize, len: usize| branch(&format!("refs/heads/{}{n:04}", "x".repeat(len - 15)));
    for padded in [true, false] {
        let mut options = records::options(128);
        options.padded = padded;
        let refs: Vec<_> = (0..20).map(|n| long(n, 70)).collect();
        round_trip(options, &refs, &[]);
        let mut options = records::options(4096);
        options.padded = padded;
        let refs: Vec<_> = (0..12).map(|n| long(n, 3000)).collect();
        let bytes = round_trip(options, &refs, &[]);
        assert!(
            bytes.len() < 200_000,
            "{} bytes for 12 names of 3000",
            bytes.len()
        );
    }
}

/// Of names that fill a block and a short one at the end, each level of an index takes one block less
/// than the level below: a thousand such refs got half a million index blocks.
#[test]
fn index_that_hardly_shrinks_is_left_out() {
    let long = |n: usize| branch(&format!("refs/{n:04}{}", "x".repeat(130)));
    for count in [20, 100] {
        let mut refs: Vec<_> = (0..count).map(long).collect();
        refs.push(branch("refs/z"));
        let bytes = round_trip(records::options(256), &refs, &[]);
        let blocks = layout::blocks(&bytes);
        let index = blocks.iter().filter(|block| block.kind == b'i').count();
        match count {
            20 => assert!(index > 100, "{index} of few levels"),
            _ => assert_eq!((index, layout::footer(&bytes).ref_index), (0, 0)),
        }
    }
}

/// Header and footer said different things, and the table could not be opened.
#[test]
fn limits_set_after_the_first_record_are_misuse() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, records::options(256));
    for record in records::branches(SHA1, 30) {
        writer.add_ref(&record.as_record()).unwrap();
    }
    writer.set_limits(1, 20);
    let next = writer.add_ref(&branch("refs/heads/c").as_record());
    let failed = next.and_then(|()| writer.finish());
    assert!(matches!(failed, Err(Error::Misuse(_))), "{failed:?}");
}

#[test]
fn limits_in_the_wrong_order_are_misuse() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, WriteOptions::default());
    writer.set_limits(5, 4);
    let failed = writer.add_ref(&records::object_ref("HEAD", 5, records::id(SHA1, 1)).as_record());
    assert!(matches!(failed, Err(Error::Misuse(_))), "{failed:?}");
    // Before the first record they can be put right.
    writer.set_limits(4, 5);
    let added = writer.add_ref(&records::object_ref("HEAD", 5, records::id(SHA1, 1)).as_record());
    assert!(added.is_ok(), "{added:?}");
}

#[test]
fn ref_outside_the_limits_is_misuse_and_log_outside_is_not() {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
    writer.set_limits(3, 5);
    for index in [0, 2, 6, u64::MAX] {
        let refused =
            writer.add_ref(&records::object_ref("HEAD", index, records::id(SHA1, 1)).as_record());
        assert!(
            matches!(refused, Err(Error::Misuse(_))),
            "{index}: {refused:?}"
        );
    }
    writer
        .add_ref(&records::object_ref("HEAD", 3, records::id(SHA1, 1)).as_record())
        .unwrap();
    let logs: Vec<_> = [u64::MAX, 42, 4, 1, 0]
        .map(|index| records::log("HEAD", index, SHA1, "m\n"))
        .into();
    records::add_all(&mut writer, &[], &logs).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let table = read::open(&bytes).unwrap();
    assert_eq!(read::logs(&table).unwrap(), logs);
    assert_eq!((table.min_update_index(), table.max_update_index()), (3, 5));
}

#[test]
fn update_index_zero_is_an_index_like_any_other() {
    let refs = [records::object_ref("HEAD", 0, records::id(SHA1, 1))];
    let logs = [records::log("HEAD", 0, SHA1, "m\n")];
    let bytes = records::table(WriteOptions::default(), (0, 0), &refs, &logs).unwrap();
    read::assert_holds("index 0", &read::open(&bytes).unwrap(), &refs, &logs);
}

/// Ids that do not differ need an abbreviation all the same.
#[test]
fn one_id_for_all_refs_is_abbreviated_to_two_bytes() {
    let refs: Vec<_> = (0..100)
        .map(|n| branch(&format!("refs/heads/{n:03}")))
        .collect();
    let bytes = round_trip(records::options(256), &refs, &[]);
    assert_eq!(layout::footer(&bytes).object_id_len, 2);
}

/// Ids of 32 bytes that differ in the last one alone do not fit the footer's five bits.
/// The number of blocks stands in three bits, or in the value if it is more than seven.
#[test]
fn id_in_any_number_of_blocks_is_found() {
    let mut seen = std::collections::BTreeSet::new();
    for count in 1..80 {
        let refs: Vec<_> = (0..count)
            .map(|n| branch(&format!("refs/{n:04}")))
            .collect();
        let bytes = round_trip(records::options(256), &refs, &[]);
        let blocks = layout::blocks(&bytes);
        seen.insert(blocks.iter().filter(|block| block.kind == b'r').count());
    }
    assert!((1..=9).all(|blocks| seen.contains(&blocks)), "{seen:?}");
}

#[test]
fn ids_that_differ_in_the_last_byte_alone_are_found() {
    for hash in [SHA1, HashId::Sha256] {
        let refs: Vec<_> = (0..60_u8)
            .map(|n| {
                let mut id = vec![7; hash.len()];
                id[hash.len() - 1] = n;
                records::object_ref(format!("refs/heads/{n:03}"), 1, id)
            })
            .collect();
        let mut options = records::options(256);
        options.hash = hash;
        round_trip(options, &refs, &[]);
    }
}

/// The list of blocks of one id outgrew an object block.
#[test]
fn id_in_more_blocks_than_a_list_holds_is_found() {
    let refs: Vec<_> = (0..600)
        .map(|n| match n % 3 {
            0 => records::object_ref(format!("refs/heads/{n:05}"), 1, records::id(SHA1, n)),
            _ => branch(&format!("refs/heads/{n:05}")),
        })
        .collect();
    round_trip(records::options(128), &refs, &[]);
}

/// Deflated, such a message is longer than the block says it is.
#[test]
fn incompressible_log_block_is_written_and_read_back() {
    let mut rng = Rng::new(6);
    for block_size in [256, 1024, 4096] {
        for room in 0..40 {
            let message = rng.bytes(block_size as usize - 80 - room);
            let logs = [
                records::log("refs/heads/a", 2, SHA1, &message),
                records::log("refs/heads/a", 1, SHA1, rng.bytes(100)),
            ];
            round_trip(records::options(block_size), &[], &logs);
        }
    }
}

/// Pushes with long messages were refused.
#[test]
fn log_entry_larger_than_a_block_gets_a_block_of_its_own() {
    let mut rng = Rng::new(7);
    for message in [vec![b'm'; 10_000], rng.bytes(10_000), vec![b'm'; 1 << 20]] {
        let refs = [branch("refs/heads/b")];
        let logs = [
            records::log("refs/heads/a", 1, SHA1, "before\n"),
            records::log("refs/heads/b", 1, SHA1, &message),
            records::log("refs/heads/c", 1, SHA1, "after\n"),
        ];
        let mut options = records::options(256);
        round_trip(options.clone(), &refs, &logs);
        options.padded = false;
        round_trip(options, &[], &logs);
    }
}

#[test]
fn log_entry_beyond_any_block_is_refused_and_leaves_the_writer_usable() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, records::options(256));
    writer
        .add_log(&records::log("refs/heads/a", 1, SHA1, "m\n").as_record())
        .unwrap();
    let huge = records::log("refs/heads/b", 1, SHA1, vec![b'm'; 1 << 24]);
    let refused = writer.add_log(&huge.as_record());
    assert!(
        matches!(&refused, Err(Error::TooLarge { key, .. }) if key.starts_with(b"refs/heads/b")),
        "{refused:?}"
    );
    let logs = [
        records::log("refs/heads/a", 1, SHA1, "m\n"),
        records::log("refs/heads/c", 1, SHA1, "m\n"),
    ];
    writer.add_log(&logs[1].as_record()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    read::assert_holds(
        "after a refused log",
        &read::open(&bytes).unwrap(),
        &[],
        &logs,
    );
}

#[test]
fn ref_larger_than_a_block_is_refused_and_leaves_the_writer_usable() {
    for block_size in [64, 128, 256] {
        let mut bytes = Vec::new();
        let mut writer = writer(&mut bytes, records::options(block_size));
        let first = records::tombstone("refs/a", 1);
        writer.add_ref(&first.as_record()).unwrap();
        let long = branch(&format!("refs/heads/{}", "x".repeat(300)));
        let refused = writer.add_ref(&long.as_record());
        assert!(
            matches!(refused, Err(Error::TooLarge { .. })),
            "{refused:?}"
        );
        let last = records::tombstone("refs/z", 1);
        writer.add_ref(&last.as_record()).unwrap();
        writer.finish().unwrap();
        drop(writer);
        read::assert_holds(
            "after a refused ref",
            &read::open(&bytes).unwrap(),
            &[first, last],
            &[],
        );
    }
}

#[test]
fn options_that_no_table_can_have_are_misuse() {
    let refused = |options: WriteOptions| {
        let result = TableWriter::new(Vec::new(), options.clone());
        assert!(
            matches!(result.map(|_| ()), Err(Error::Misuse(_))),
            "{options:?}"
        );
    };
    for block_size in [0, 1, 20, 29, 1 << 24, u32::MAX] {
        refused(records::options(block_size));
    }
    let mut options = WriteOptions::default();
    options.restart_interval = 0;
    refused(options);
}

/// The second record of a block was not compared with the first.
#[test]
fn record_out_of_order_right_after_a_block_boundary_is_refused() {
    for block_size in [128, 256, 512] {
        let mut bytes = Vec::new();
        let mut writer = writer(&mut bytes, records::options(block_size));
        let refs = records::branches(SHA1, 60);
        for record in &refs {
            writer.add_ref(&record.as_record()).unwrap();
            for before in [&record.name[..], b"refs/heads/a", b"HEAD", b""] {
                let repeated = records::object_ref(before, 1, records::id(SHA1, 1));
                let refused = writer.add_ref(&repeated.as_record());
                let key_named = matches!(&refused, Err(Error::OutOfOrder { key }) if key == before);
                assert!(key_named, "{refused:?}");
            }
        }
        let logs: Vec<_> = refs
            .iter()
            .map(|r| records::log(&r.name, 5, SHA1, "m\n"))
            .collect();
        for log in &logs {
            writer.add_log(&log.as_record()).unwrap();
            for (name, index) in [(&log.name[..], 5), (&log.name, 6), (b"HEAD", 1)] {
                let refused = writer.add_log(&records::log(name, index, SHA1, "m\n").as_record());
                assert!(
                    matches!(refused, Err(Error::OutOfOrder { .. })),
                    "{refused:?}"
                );
            }
        }
        writer.finish().unwrap();
        drop(writer);
        read::assert_holds(
            "refused ones left out",
            &read::open(&bytes).unwrap(),
            &refs,
            &logs,
        );
    }
}

#[test]
fn empty_names_are_refused_as_the_first_record_too() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, WriteOptions::default());
    let refused = writer.add_ref(&branch("").as_record());
    assert!(refused.is_err());
    writer.add_ref(&branch("HEAD").as_record()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    read::assert_holds(
        "one ref",
        &read::open(&bytes).unwrap(),
        &[branch("HEAD")],
        &[],
    );
}

#[test]
fn records_that_could_not_be_read_again_are_refused() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, WriteOptions::default());
    let bad = [
        records::object_ref("refs/a\0b", 1, records::id(SHA1, 1)),
        records::object_ref("refs/b", 1, vec![1; 19]),
        records::object_ref("refs/b", 1, vec![1; 32]),
        records::peeled("refs/b", 1, vec![1; 20], vec![1; 21]),
        records::symref("refs/b", 1, ""),
        records::symref("refs/b", 1, "refs/\0"),
    ];
    for record in &bad {
        let refused = writer.add_ref(&record.as_record());
        assert!(refused.is_err(), "{record:?}");
    }
    let good = branch("refs/c");
    writer.add_ref(&good.as_record()).unwrap();
    let refused = writer.add_log(&records::log("refs/a\0b", 1, SHA1, "m\n").as_record());
    assert!(refused.is_err());
    let refused = writer.add_log(&records::log("refs/a", 1, HashId::Sha256, "m\n").as_record());
    assert!(refused.is_err());
    writer.finish().unwrap();
    drop(writer);
    read::assert_holds("good ones", &read::open(&bytes).unwrap(), &[good], &[]);
}

#[test]
fn ref_after_a_log_is_misuse() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, WriteOptions::default());
    writer
        .add_log(&records::log("refs/heads/a", 1, SHA1, "m\n").as_record())
        .unwrap();
    let refused = writer.add_ref(&branch("refs/heads/b").as_record());
    assert!(matches!(refused, Err(Error::Misuse(_))), "{refused:?}");
}

#[test]
fn writer_is_of_no_use_after_finish() {
    let mut bytes = Vec::new();
    let mut writer = writer(&mut bytes, WriteOptions::default());
    writer.add_ref(&branch("HEAD").as_record()).unwrap();
    writer.finish().unwrap();
    assert!(matches!(writer.finish(), Err(Error::Misuse(_))));
    assert!(matches!(
        writer.add_ref(&branch("refs/a").as_record()),
        Err(Error::Misuse(_))
    ));
    let log = records::log("refs/a", 1, SHA1, "m\n");
    assert!(matches!(
        writer.add_log(&log.as_record()),
        Err(Error::Misuse(_))
    ));
    drop(writer);
    read::assert_holds(
        "one ref",
        &read::open(&bytes).unwrap(),
        &[branch("HEAD")],
        &[],
    );
}

#[test]
fn table_without_records_is_complete_and_said_to_be_empty() {
    for (hash, len) in [(SHA1, 92), (HashId::Sha256, 100)] {
        let mut options = WriteOptions::default();
        options.hash = hash;
        let mut bytes = Vec::new();
        let mut writer = TableWriter::new(&mut bytes, options).unwrap();
        writer.set_limits(1, 1);
        assert!(matches!(writer.finish(), Err(Error::EmptyTable)));
        drop(writer);
        assert_eq!(bytes.len(), len);
        read::assert_holds("empty", &read::open(&bytes).unwrap(), &[], &[]);
    }
}

/// JGit does not see the logs of a log-only table whose block is said to be at position 0.
#[test]
fn log_only_table_names_the_position_of_its_first_block() {
    for (hash, header) in [(SHA1, 24), (HashId::Sha256, 28)] {
        let mut options = WriteOptions::default();
        options.hash = hash;
        let logs = [records::log("HEAD", 1, hash, "m\n")];
        let bytes = round_trip(options, &[], &logs);
        assert_eq!(layout::footer(&bytes).log, header);
    }
}

/// A sink that takes some pieces and then fails for good.
struct Failing<'a> {
    left: usize,
    failures: &'a mut usize,
}

impl TableSink for Failing<'_> {
    fn write(&mut self, _: &[u8]) -> Result<()> {
        if self.left == 0 {
            *self.failures += 1;
            return Err(Error::Callback(-77));
        }
        self.left -= 1;
        Ok(())
    }
}

/// A failure of the sink was taken for a full block, and the record written a second time.
#[test]
fn failure_of_the_sink_is_reported_at_each_piece() {
    let refs = records::branches(SHA1, 60);
    let logs: Vec<_> = refs
        .iter()
        .map(|r| records::log(&r.name, 1, SHA1, "m\n"))
        .collect();
    let mut failed = 0;
    for pieces in 0.. {
        let mut failures = 0;
        let sink = Failing {
            left: pieces,
            failures: &mut failures,
        };
        let mut writer = TableWriter::new(sink, records::options(256)).unwrap();
        writer.set_limits(1, 1);
        let result = records::add_all(&mut writer, &refs, &logs).and_then(|()| writer.finish());
        match result {
            Ok(()) => break,
            Err(Error::Callback(-77)) => failed += 1,
            Err(error) => panic!("after {pieces} pieces: {error}"),
        }
        assert!(writer.finish().is_err(), "a failed writer finishes");
        drop(writer);
        assert_eq!(
            failures, 1,
            "the sink was used again after it failed, at piece {pieces}"
        );
    }
    assert!(failed > 20, "{failed} pieces");
}

#[test]
fn statistics_count_what_is_in_the_file() {
    let refs = records::branches(SHA1, 300);
    let logs: Vec<_> = refs
        .iter()
        .map(|r| records::log(&r.name, 1, SHA1, "m\n"))
        .collect();
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, records::options(256)).unwrap();
    writer.set_limits(1, 1);
    records::add_all(&mut writer, &refs, &logs).unwrap();
    writer.finish().unwrap();
    let stats = *writer.stats();
    let written = writer.bytes_written();
    drop(writer);
    let (blocks, footer) = (layout::blocks(&bytes), layout::footer(&bytes));
    let count = |kind: u8| blocks.iter().filter(|b| b.kind == kind).count() as u64;
    assert_eq!(written, bytes.len() as u64);
    assert_eq!(stats.blocks, blocks.len() as u64);
    assert_eq!((stats.refs.entries, stats.logs.entries), (300, 300));
    assert_eq!(stats.objects.entries, 300);
    assert_eq!(
        (stats.refs.blocks, stats.objects.blocks, stats.logs.blocks),
        (count(b'r'), count(b'o'), count(b'g'))
    );
    let index = stats.refs.index_blocks + stats.objects.index_blocks + stats.logs.index_blocks;
    assert_eq!((index, stats.index.blocks), (count(b'i'), count(b'i')));
    // An index has an entry for each block but its root.
    let below = stats.blocks - 3;
    assert_eq!(stats.index.entries, below);
    let restarts = |kind: u8| -> u64 {
        let ends = blocks.iter().filter(|block| block.kind == kind);
        let ends = ends.map(|block| block.position + block.len);
        ends.map(|end| u64::from(u16::from_be_bytes([bytes[end - 2], bytes[end - 1]])))
            .sum()
    };
    assert_eq!(stats.refs.restarts, restarts(b'r'));
    assert_eq!(stats.objects.restarts, restarts(b'o'));
    assert_eq!(stats.index.restarts, restarts(b'i'));
    assert_eq!(stats.refs.index_offset, footer.ref_index as u64);
    assert_eq!(stats.objects.offset, footer.objects as u64);
    assert_eq!(stats.objects.index_offset, footer.object_index as u64);
    assert_eq!(
        (stats.logs.offset, stats.logs.index_offset),
        (footer.log as u64, footer.log_index as u64)
    );
    assert_eq!(usize::from(stats.object_id_len), footer.object_id_len);
}
