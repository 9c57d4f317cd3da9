//! Reading tables and views: the cases where readers have gone wrong.

use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf};
use reftable::{Error, HashId, MergedTable, Table, WriteOptions};
use std::sync::Arc;
use test_support::encode::{self, RawBlock, RawTable, object};
use test_support::source::CountingSource;
use test_support::{corpus, read, records, tsv};

const SHA1: HashId = HashId::Sha1;

fn table(
    options: WriteOptions,
    refs: &[reftable::record::RefRecordBuf],
    logs: &[LogRecordBuf],
) -> Arc<Table> {
    let bytes = records::table(options, (0, u64::MAX), refs, logs).unwrap();
    read::open(&bytes).unwrap()
}

/// A seek beyond the last key of an indexed table crashed at the next call.
#[test]
fn seek_beyond_the_last_key_ends_at_once() {
    let refs = records::branches(SHA1, 200);
    let logs: Vec<_> = refs
        .iter()
        .map(|r| records::log(&r.name, 1, SHA1, "m\n"))
        .collect();
    for padded in [true, false] {
        for block_size in [256, 4096, 65_535] {
            let mut options = records::options(block_size);
            options.padded = padded;
            let table = table(options, &refs, &logs);
            assert_eq!(read::refs_from(&table, b"refs/zzz").unwrap(), []);
            assert_eq!(read::refs_from(&table, b"\xff\xff\xff").unwrap(), []);
            assert_eq!(read::read_ref(&table, b"refs/zzz").unwrap(), None);
            assert_eq!(read::read_log(&table, b"refs/zzz", 1).unwrap(), None);
            assert_eq!(read::refs_for(&table, &[0xff; 20]).unwrap(), []);
            assert_eq!(read::refs_for(&table, &[0; 20]).unwrap(), []);
        }
    }
}

/// What a table remembers of earlier lookups changes no answer, whatever is damaged.
#[test]
fn names_after_damage_change_no_answer() {
    let refs = records::branches(SHA1, 60);
    let names: Vec<&[u8]> = refs.iter().step_by(7).map(|r| r.name.as_slice()).collect();
    let names = [names.as_slice(), &[b"refs/heads/zz", b"refs/zzz"]].concat();
    let mut failed = 0;
    for (block_size, restart_interval) in [(128, 3), (256, 16), (1024, 4), (1 << 14, 16)] {
        let mut options = records::options(block_size);
        options.restart_interval = restart_interval;
        let sound = records::table(options, (0, u64::MAX), &refs, &[]).unwrap();
        for (at, flip) in (24..sound.len()).zip([0x01, 0x04, 0x80].into_iter().cycle()) {
            let mut bytes = sound.clone();
            bytes[at] ^= flip;
            let Ok(asked) = read::open(&bytes) else {
                continue;
            };
            failed += usize::from(read::read_ref(&asked, b"refs/zz").is_err());
            failed += usize::from(read::refs_from(&asked, b"refs/zz").is_err());
            for name in &names {
                let answers = |table: &Arc<Table>| {
                    let next = table
                        .refs_from(name)
                        .map(|mut refs| format!("{:?}", refs.next()));
                    format!("{:?} {next:?}", read::read_ref(table, name))
                };
                let fresh = read::open(&bytes).unwrap();
                assert_eq!(
                    answers(&asked),
                    answers(&fresh),
                    "{block_size}: {at} {flip:x}"
                );
            }
        }
    }
    assert!(failed > 100, "{failed}");
}

#[test]
fn seek_between_keys_gives_the_next_one() {
    let refs: Vec<_> = (0..300)
        .map(|n| records::object_ref(format!("refs/heads/{:04}", n * 2), 1, records::id(SHA1, n)))
        .collect();
    let table = table(records::options(256), &refs, &[]);
    for n in 0..299 {
        let between = format!("refs/heads/{:04}", n * 2 + 1);
        let mut iter = table.refs_from(between.as_bytes()).unwrap();
        assert_eq!(iter.next().unwrap().unwrap().to_buf(), refs[n + 1]);
    }
}

/// Section positions and types are bytes of a block like any other: names and ids may contain them.
#[test]
fn restart_tables_and_magic_bytes_inside_names_are_no_structure() {
    let odd: [&[u8]; 6] = [
        b"REFT",
        b"refs/\x01\x1c",
        b"r\x01\x01\x47",
        b"g\x01\x01",
        b"refs/i",
        b"refs/\xff\x01\x1c\x01",
    ];
    let mut refs: Vec<_> = odd
        .iter()
        .map(|name| {
            let id = [
                &[0, 0, 0x1c, 0, 1][..],
                b"REFT\x01",
                &[b'r', 0, 0, 0x1c],
                &[0; 6],
            ]
            .concat();
            records::object_ref(name, 1, id)
        })
        .collect();
    refs.sort_by(|a, b| a.name.cmp(&b.name));
    read::assert_holds(
        "odd bytes",
        &table(records::options(128), &refs, &[]),
        &refs,
        &[],
    );
}

#[test]
fn names_are_ordered_by_unsigned_bytes() {
    let names: [&[u8]; 14] = [
        b"refs/a",
        b"refs/a!",
        b"refs/a-b",
        b"refs/a.b",
        b"refs/a/b",
        b"refs/a0",
        b"refs/aa",
        b"refs/a\x7f",
        b"refs/a\x80",
        b"refs/a\xc3\xa9",
        "refs/\u{e000}".as_bytes(),
        "refs/\u{ffff}".as_bytes(),
        "refs/\u{10000}".as_bytes(),
        b"refs/\xff",
    ];
    let mut refs: Vec<_> = names
        .iter()
        .map(|n| records::object_ref(n, 1, records::id(SHA1, 1)))
        .collect();
    refs.sort_by(|a, b| a.name.cmp(&b.name));
    let table = table(WriteOptions::default(), &refs, &[]);
    read::assert_holds("byte order", &table, &refs, &[]);
    let view = MergedTable::new(vec![table.clone(), table], SHA1).unwrap();
    assert_eq!(read::merged_refs(&view).unwrap(), refs);
}

#[test]
fn log_entries_of_a_ref_come_newest_first_for_any_update_index() {
    let indexes = [
        u64::MAX,
        u64::MAX - 1,
        1 << 63,
        (1 << 63) - 1,
        1 << 32,
        (1 << 31) + 2,
        2,
        1,
        0,
    ];
    let logs: Vec<_> = indexes
        .iter()
        .map(|i| records::log("HEAD", *i, SHA1, "m\n"))
        .collect();
    let table = table(WriteOptions::default(), &[], &logs);
    read::assert_holds("order", &table, &[], &logs);
    for (n, index) in indexes.iter().enumerate() {
        let mut iter = table.logs_from(b"HEAD", *index).unwrap();
        assert_eq!(iter.next().unwrap().unwrap().to_buf(), logs[n]);
    }
    let mut iter = table.logs_from(b"HEAD", (1 << 40) + 5).unwrap();
    assert_eq!(iter.next().unwrap().unwrap().update_index, 1 << 32);
}

/// The difference of two update indexes was cut to 32 bits when tables were merged.
#[test]
fn merged_log_entries_far_apart_keep_their_order() {
    let one = |index| {
        table(
            WriteOptions::default(),
            &[],
            &[records::log("HEAD", index, SHA1, "m\n")],
        )
    };
    let indexes = [1, (1 << 31) + 2, 1 << 33, u64::MAX];
    for old in indexes {
        for new in indexes.into_iter().filter(|new| *new != old) {
            let view = MergedTable::new(vec![one(old), one(new)], SHA1).unwrap();
            let order: Vec<_> = read::merged_logs(&view)
                .unwrap()
                .iter()
                .map(|l| l.update_index)
                .collect();
            assert_eq!(order, [old.max(new), old.min(new)]);
        }
    }
}

#[test]
fn zones_and_messages_pass_through_unchanged() {
    let mut logs = Vec::new();
    let messages: [&[u8]; 8] = [
        b"m",
        b"m\n",
        b"",
        b"\n",
        b"m\n\n",
        b"a\nb",
        b"a\nb\n",
        b"\xff\0\xfe",
    ];
    for (n, tz_offset) in [
        -1439,
        -800,
        -30,
        0,
        150,
        230,
        1400,
        1439,
        i16::MIN,
        i16::MAX,
    ]
    .into_iter()
    .enumerate()
    {
        for (m, message) in messages.iter().enumerate() {
            logs.push(LogRecordBuf {
                name: b"HEAD".to_vec(),
                update_index: (n * messages.len() + m) as u64,
                value: LogValueBuf::Update(LogUpdateBuf {
                    old_id: vec![0; 20],
                    new_id: vec![0; 20],
                    time: [0, 1 << 33, u64::MAX][m % 3],
                    tz_offset,
                    message: message.to_vec(),
                    ..LogUpdateBuf::default()
                }),
            });
        }
    }
    records::sort_logs(&mut logs);
    read::assert_holds(
        "entries",
        &table(WriteOptions::default(), &[], &logs),
        &[],
        &logs,
    );
}

/// A record of another type right behind the start of the block makes a scan fail. Who looks up the
/// last of thousands of refs has no reason to decode it.
#[test]
fn lookup_decodes_one_restart_interval() {
    let refs = records::branches(SHA1, 1500);
    let bytes = records::table(records::options(65_535), (1, 1), &refs, &[]).unwrap();
    // The second record shares all but the last digit; its lengths stand behind the first record.
    let second = 28 + 3 + refs[0].name.len() + 1 + 20;
    let mut damaged = bytes.clone();
    assert_eq!(damaged[second..second + 2], [16, 1 << 3 | 1]);
    damaged[second + 1] |= 7;
    let table = read::open(&damaged).unwrap();
    assert!(read::refs(&table).is_err());
    for record in refs[16..].iter().step_by(50) {
        assert_eq!(
            read::read_ref(&table, &record.name).unwrap().as_ref(),
            Some(record)
        );
    }
}

/// Readers that searched for restarts by type stumbled over tables with few of them.
#[test]
fn record_with_a_prefix_of_zero_need_not_be_a_restart() {
    let mut block = RawBlock::first(b'r').full(b"HEAD", 1, &encode::object(1));
    for name in [&b"MERGE"[..], b"ORIG", b"refs/a"] {
        block = block.shared(0, name, 1, &encode::object(2));
    }
    let mut raw = RawTable::new();
    raw.push(&block.plain());
    let table = read::open(&raw.bytes()).unwrap();
    let names: Vec<_> = read::refs(&table)
        .unwrap()
        .into_iter()
        .map(|r| r.name)
        .collect();
    assert_eq!(names, [&b"HEAD"[..], b"MERGE", b"ORIG", b"refs/a"]);
    for name in names {
        assert!(read::read_ref(&table, &name).unwrap().is_some());
    }
}

/// Readers that stopped at the longest common prefix did not find such records.
#[test]
fn prefix_need_not_be_the_longest() {
    let block = RawBlock::first(b'r')
        .full(b"refs/heads/a1", 1, &encode::object(1))
        .shared(3, b"s/heads/a2", 1, &encode::object(2))
        .shared(12, b"3", 1, &encode::object(3));
    let mut raw = RawTable::new();
    raw.push(&block.plain());
    let table = read::open(&raw.bytes()).unwrap();
    for name in [b"refs/heads/a1", b"refs/heads/a2", b"refs/heads/a3"] {
        assert!(read::read_ref(&table, name).unwrap().is_some());
    }
    assert_eq!(read::refs(&table).unwrap().len(), 3);
}

/// A failing read was taken for the end of a block, and the result was short.
#[test]
fn failing_read_is_an_error_at_whatever_point() {
    let golden = corpus::tables();
    for name in [
        "multilevel-c.ref",
        "two-log-blocks-no-index-c.ref",
        "unpadded-jgit.ref",
    ] {
        let entry = golden.iter().find(|t| t.name == name).unwrap();
        let (bytes, expected) = (entry.bytes(), entry.expected());
        let all = |source: Arc<CountingSource>| -> reftable::Result<_> {
            let table = Arc::new(Table::open(source, "table.ref")?);
            let refs = read::refs(&table)?;
            let logs = read::logs(&table)?;
            let found = read::read_ref(&table, &refs[refs.len() / 2].name)?;
            let by_id = read::refs_for(&table, read::ids(&refs[refs.len() / 2])[0])?;
            Ok((refs, logs, found, by_id.len()))
        };
        let counting = CountingSource::new(bytes.clone());
        let (_, _, _, by_id) = all(counting.clone()).unwrap();
        for fail_at in 1..=counting.reads() {
            match all(CountingSource::failing(bytes.clone(), fail_at)) {
                Err(Error::Io { .. }) => {}
                Err(error) => panic!("{name}: read {fail_at}: {error}"),
                Ok((refs, logs, found, ids)) => {
                    read::assert_same(name, &refs, &expected.refs);
                    read::assert_same(name, &logs, &expected.logs);
                    assert!(found.is_some() && ids == by_id, "{name}: read {fail_at}");
                }
            }
        }
    }
}

#[test]
fn newest_table_wins_and_tombstones_hide() {
    let old = [
        branch("refs/a", 1),
        branch("refs/b", 1),
        branch("refs/c", 1),
    ];
    let new = [
        records::tombstone("refs/a", 2),
        branch("refs/b", 2),
        records::tombstone("refs/d", 2),
    ];
    let old_logs = [
        records::log("refs/a", 1, SHA1, "one\n"),
        records::log("refs/b", 1, SHA1, "one\n"),
    ];
    let new_logs = [
        records::log_tombstone("refs/a", 1),
        records::log("refs/b", 2, SHA1, "two\n"),
        records::log("refs/b", 1, SHA1, "edited\n"),
    ];
    let tables = vec![
        table(WriteOptions::default(), &old, &old_logs),
        table(WriteOptions::default(), &new, &new_logs),
    ];
    let view = MergedTable::new(tables, SHA1).unwrap();

    let shown = [
        new[0].clone(),
        new[1].clone(),
        old[2].clone(),
        new[2].clone(),
    ];
    assert_eq!(read::merged_refs(&view).unwrap(), shown);
    assert_eq!(read::merged_logs(&view).unwrap(), new_logs);
    assert_eq!(view.read_ref(b"refs/a", |_| ()).unwrap(), None);
    assert_eq!(
        view.read_ref(b"refs/b", |r| r.to_buf()).unwrap().as_ref(),
        Some(&new[1])
    );
    assert_eq!(view.read_log(b"refs/a", |_| ()).unwrap(), None);

    let view = view.hiding_deletions();
    assert_eq!(
        read::merged_refs(&view).unwrap(),
        [new[1].clone(), old[2].clone()]
    );
    assert_eq!(read::merged_logs(&view).unwrap(), new_logs[1..]);
    assert_eq!(
        view.read_log(b"refs/b", |r| r.to_buf()).unwrap().as_ref(),
        Some(&new_logs[1])
    );
    assert_eq!(view.read_log(b"refs/c", |_| ()).unwrap(), None);
}

fn branch(name: &str, update_index: u64) -> reftable::record::RefRecordBuf {
    records::object_ref(name, update_index, records::id(SHA1, update_index))
}

#[test]
fn merged_iterator_can_be_sought_again_and_again() {
    let even: Vec<_> = (0..200)
        .step_by(2)
        .map(|n| branch(&format!("refs/{n:03}"), 1))
        .collect();
    let third: Vec<_> = (0..200)
        .step_by(3)
        .map(|n| branch(&format!("refs/{n:03}"), 2))
        .collect();
    let view = MergedTable::new(
        vec![
            table(records::options(256), &even, &[]),
            table(records::options(256), &third, &[]),
        ],
        SHA1,
    )
    .unwrap();
    let mut iter = view.refs_from(b"").unwrap();
    for n in [150, 3, 199, 0, 7, 7, 100] {
        iter.seek(format!("refs/{n:03}").as_bytes()).unwrap();
        let wanted: Vec<u32> = (n..200)
            .filter(|m| m % 2 == 0 || m % 3 == 0)
            .take(3)
            .collect();
        for m in wanted {
            let record = iter.next().unwrap().unwrap();
            assert_eq!(record.name, format!("refs/{m:03}").as_bytes());
            assert_eq!(record.update_index, if m % 3 == 0 { 2 } else { 1 });
        }
    }
}

#[test]
fn iterator_outlives_everything_it_came_from() {
    let refs = records::branches(SHA1, 100);
    let iter = {
        let view = MergedTable::new(vec![table(records::options(256), &refs, &[])], SHA1).unwrap();
        view.refs_from(b"").unwrap()
    };
    let mut iter = iter;
    let mut count = 0;
    while iter.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 100);
}

#[test]
fn tables_of_different_hashes_do_not_merge() {
    let sha1 = table(WriteOptions::default(), &[branch("HEAD", 1)], &[]);
    let refused = MergedTable::new(vec![sha1], HashId::Sha256);
    assert!(
        matches!(refused, Err(Error::HashMismatch { .. })),
        "{refused:?}"
    );
}

#[test]
fn range_of_a_view_is_that_of_all_its_tables() {
    let with = |min, max| {
        let refs = [records::object_ref("HEAD", min, records::id(SHA1, 1))];
        read::open(&records::table(WriteOptions::default(), (min, max), &refs, &[]).unwrap())
            .unwrap()
    };
    let view = MergedTable::new(vec![with(5, 9), with(2, 3)], SHA1).unwrap();
    assert_eq!((view.min_update_index(), view.max_update_index()), (2, 9));
    assert!(matches!(
        view.check_ranges(),
        Err(Error::RangeOverlap { .. })
    ));
    let view = MergedTable::new(vec![with(1, 3), with(3, 4)], SHA1).unwrap();
    assert!(matches!(
        view.check_ranges(),
        Err(Error::RangeOverlap { .. })
    ));
    let view = MergedTable::new(vec![with(1, 3), with(4, 4), with(9, 12)], SHA1).unwrap();
    view.check_ranges().unwrap();
    let view = MergedTable::new(Vec::new(), SHA1).unwrap();
    assert_eq!((view.min_update_index(), view.max_update_index()), (0, 0));
    assert_eq!(read::merged_refs(&view).unwrap(), []);
}

#[test]
fn sections_missing_from_a_table_are_empty() {
    let refs_only = table(WriteOptions::default(), &[branch("HEAD", 1)], &[]);
    assert_eq!(read::logs(&refs_only).unwrap(), []);
    assert_eq!(read::read_log(&refs_only, b"HEAD", 1).unwrap(), None);
    for name in ["ex2-log-only-c.ref", "ex2b-log-only-jgit.ref"] {
        let path = corpus::dir().join("tables").join(name);
        let logs_only = Arc::new(Table::open_file(&path).unwrap());
        assert_eq!(read::refs(&logs_only).unwrap(), []);
        assert_eq!(read::read_ref(&logs_only, b"HEAD").unwrap(), None);
        assert_eq!(read::refs_for(&logs_only, &[0; 20]).unwrap(), []);
        let expected = tsv::read(&path.with_extension("tsv"));
        assert_eq!(read::logs(&logs_only).unwrap(), expected.logs);
    }
}

#[test]
fn table_file_that_does_not_exist_is_said_to_be_missing() {
    let error = Table::open_file("/nonexistent/table.ref")
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound { .. } | Error::Io { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("/nonexistent/table.ref"),
        "{error}"
    );
}

/// Padding is read in pieces; a block of which the last piece has only the first bytes is there all
/// the same.
#[test]
fn block_that_begins_at_the_end_of_a_piece_is_read() {
    const PIECE: usize = 1 << 16;
    for behind in 0..8 {
        let block = |len: usize| {
            let name = [b"refs/", &*vec![b'a'; len]].concat();
            RawBlock::first(b'r').full(&name, 1, &object(0x11))
        };
        let first = block(2 * PIECE - block(PIECE).plain().len() - 24 + behind);
        let mut table = RawTable::new();
        table.block_size = 4 * PIECE as u32;
        table.push(&first.plain());
        assert_eq!(table.end() as usize, PIECE + behind);
        table.pad();
        let second = RawBlock::new(b'r').full(b"refs/b", 1, &object(0x22));
        table.push(&second.plain());
        let table = read::open(&table.bytes()).unwrap();
        assert_eq!(read::refs(&table).unwrap().len(), 2, "{behind}");
        assert!(read::read_ref(&table, b"refs/b").unwrap().is_some());
    }
}

#[test]
fn tombstones_say_that_they_are() {
    let entry = records::log("refs/a", 1, HashId::Sha1, "m\n");
    assert!(!entry.as_record().is_deletion());
    let tombstone = LogRecordBuf {
        value: LogValueBuf::Deletion,
        ..entry
    };
    assert!(tombstone.as_record().is_deletion());
    let object = records::branches(HashId::Sha1, 1).remove(0);
    assert!(!object.as_record().is_deletion());
}
