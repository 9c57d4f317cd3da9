//! Damaged tables made here, byte by byte: each breaks one rule of the format.

use reftable::{Defect, Error};
use test_support::damaged::{class, defects, read_by_all_means};
use test_support::encode::{self, RawBlock, RawTable, log_entry, log_key, object, record, varint};
use test_support::made::{
    found, indexed, one_block, one_log_block, one_ref, refused, two_ref_blocks, unreadable,
};
use test_support::read;

#[test]
fn tables_made_here_are_sound_before_they_are_damaged() {
    for (what, table) in [
        ("one ref", one_ref()),
        ("two blocks", two_ref_blocks().0),
        ("index", indexed().0),
    ] {
        assert_eq!(defects(what, &table.bytes()), [], "{what}");
        let outcome = read_by_all_means(what, &table.bytes()).unwrap();
        assert!(
            outcome.errors().is_empty() && outcome.missed.is_empty(),
            "{what}: {outcome:?}"
        );
    }
}

#[test]
fn file_without_room_for_header_and_footer_is_too_short() {
    let whole = one_ref().bytes();
    for len in [0, 1, 23, 24, 40, 67, 68, 91] {
        refused(&format!("{len} bytes"), "TooShort", &whole[..len]);
    }
    let mut second_version = one_ref();
    second_version.version = 2;
    let whole = second_version.bytes();
    for len in 92..100 {
        refused(
            &format!("version 2, {len} bytes"),
            "TooShort|BadMagic",
            &whole[..len],
        );
    }
}

#[test]
fn header_without_blocks_is_a_valid_table() {
    let bytes = RawTable::new().bytes();
    assert_eq!(bytes.len(), 92);
    assert_eq!(defects("empty", &bytes), []);
    let outcome = read_by_all_means("empty", &bytes).unwrap();
    assert!(outcome.errors().is_empty());
    assert!(outcome.refs.unwrap().is_empty() && outcome.logs.unwrap().is_empty());
}

#[test]
fn footer_must_be_where_the_file_ends() {
    let mut bytes = one_ref().bytes();
    bytes.extend_from_slice(b"trash");
    refused("garbage after footer", "BadMagic", &bytes);
    let mut bytes = one_ref().bytes();
    let footer = bytes.len() - 68;
    bytes[footer] = b'X';
    encode::seal(&mut bytes);
    refused("footer magic", "BadMagic", &bytes);
}

#[test]
fn footer_must_repeat_the_header() {
    let mut bytes = one_ref().bytes();
    bytes[23] = 9;
    refused("header and footer differ", "HeaderFooterMismatch", &bytes);
}

#[test]
fn hash_of_a_version_2_table_must_be_known() {
    let mut table = RawTable::new();
    table.version = 2;
    table.hash_id = *b"md5 ";
    refused("hash id", "BadHashId", &table.bytes());
}

type Field = fn(&mut RawTable) -> &mut u64;

const FIELDS: [(&str, Field); 5] = [
    ("ref index", |t| &mut t.ref_index),
    ("objects", |t| &mut t.objects),
    ("object index", |t| &mut t.object_index),
    ("log", |t| &mut t.log),
    ("log index", |t| &mut t.log_index),
];

/// A position beyond the blocks made the section look empty: all refs gone, and no error.
#[test]
fn section_position_outside_the_blocks_is_refused() {
    for (what, field) in FIELDS {
        let (mut table, _) = two_ref_blocks();
        table.object_id_len = if what.starts_with("object") { 2 } else { 0 };
        let end = table.end();
        let positions = [
            1,
            10,
            23,
            end,
            end + 1,
            end + 40,
            end + 4096,
            1 << 40,
            (1 << 59) - 1,
        ];
        for position in positions {
            let mut table = table.clone();
            *field(&mut table) = position;
            refused(
                &format!("{what} at {position}"),
                "BadPosition",
                &table.bytes(),
            );
        }
    }
}

#[test]
fn section_positions_must_ascend() {
    let (mut table, _) = indexed();
    table.objects = table.ref_index - 1;
    table.object_id_len = 2;
    refused("objects before ref index", "BadPosition", &table.bytes());
    let (mut table, second) = indexed();
    table.log = second;
    refused(
        "log before ref index",
        "BadPosition|BadBlockType",
        &table.bytes(),
    );
}

#[test]
fn index_without_its_section_is_refused() {
    let (mut table, _) = indexed();
    table.object_index = table.ref_index;
    table.ref_index = 0;
    refused("object index", "BadPosition", &table.bytes());
    let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"));
    let mut table = one_log_block(&log);
    table.ref_index = table.log;
    table.log = 0;
    refused("ref index", "BadPosition|BadBlockType", &table.bytes());
}

#[test]
fn section_position_must_name_a_block_of_its_type() {
    for position in [30, 40] {
        let mut table = one_ref();
        table.log = position;
        unreadable(
            "log in mid-block",
            "BadBlockType|BadPosition",
            &table.bytes(),
        );
    }
    let (mut table, second) = two_ref_blocks();
    table.objects = second;
    table.object_id_len = 2;
    unreadable(
        "objects at a ref block",
        "BadBlockType|BadPosition",
        &table.bytes(),
    );
}

#[test]
fn block_too_short_for_a_record_is_refused() {
    for len in [0, 4, 5, 6, 27, 28, 29, 33] {
        let block = RawBlock::first(b'r')
            .full(b"refs/heads/a", 1, &object(0x11))
            .len(len);
        unreadable(
            &format!("block_len {len}"),
            "BadBlockLen",
            &one_block(&block).bytes(),
        );
    }
    for len in [0, 3, 4, 5, 9] {
        let block = RawBlock::new(b'g')
            .full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"))
            .len(len);
        unreadable(
            &format!("log block_len {len}"),
            "BadBlockLen",
            &one_log_block(&block).bytes(),
        );
    }
    let first = RawBlock::first(b'g')
        .full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"))
        .len(27);
    let mut table = RawTable::new();
    table.push(&first.deflated());
    unreadable("first log block_len 27", "BadBlockLen", &table.bytes());
}

#[test]
fn log_block_must_be_one_whole_zlib_stream() {
    let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"));
    let whole = log.deflated();
    let mut table = RawTable::new();
    let raw_deflate = [&whole[..4], &whole[6..whole.len() - 4]].concat();
    table.log = table.push(&raw_deflate);
    unreadable("raw deflate", "Zlib", &table.bytes());
    for cut in 5..whole.len() {
        let mut table = RawTable::new();
        table.log = table.push(&whole[..cut]);
        unreadable(&format!("stream of {cut} bytes"), "Zlib", &table.bytes());
    }
}

/// A few KiB that inflate to 24 MiB, announced as a short block.
#[test]
fn inflating_stops_at_the_announced_length() {
    let bomb = encode::zlib(&vec![0; 24 << 20]);
    for announced in [200, 100_000] {
        let mut table = RawTable::new();
        let head = [&[b'g'][..], &u32::to_be_bytes(announced)[1..]].concat();
        table.push(&head);
        table.log = 24;
        table.push(&bomb);
        unreadable("bomb", "InflatedSize", &table.bytes());
    }
}

#[test]
fn short_stream_that_announces_sixteen_mebibytes_takes_no_such_memory() {
    let log = RawBlock::new(b'g')
        .full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"))
        .len(0xff_ffff);
    unreadable(
        "16 MiB announced",
        "InflatedSize",
        &one_log_block(&log).bytes(),
    );
}

/// More bytes follow, but none of them inflate to anything.
#[test]
fn long_garbage_that_announces_sixteen_mebibytes_takes_no_such_memory() {
    let mut table = RawTable::new();
    table.log = table.push(&[b'g', 0xff, 0xff, 0xff]);
    table.push(&[0xa5; 20_000]);
    unreadable("garbage", "Zlib", &table.bytes());
    let mut table = RawTable::new();
    table.log = table.push(&[b'g', 0xff, 0xff, 0xff]);
    table.push(&encode::zlib(b"little"));
    table.push(&[0xa5; 20_000]);
    unreadable("a little, then garbage", "InflatedSize", &table.bytes());
}

/// A block stands for itself: a first key that claims to share bytes with the last one of the block
/// before would make a name that nobody wrote.
#[test]
fn first_key_of_a_block_shares_nothing() {
    for (prefix, suffix) in [(11, &b"b"[..]), (1, b"zz"), (12, b"")] {
        let mut table = one_ref();
        let block = RawBlock::new(b'r');
        let start = block.offset();
        let block = block.restart(start);
        table.push(
            &block
                .bytes(&record(prefix, suffix, 1, &object(0x22)))
                .plain(),
        );
        let what = format!("{prefix} bytes");
        let outcome = read_by_all_means(&what, &table.bytes()).unwrap();
        assert_eq!(
            outcome.refs.unwrap_err().defect(),
            Some(Defect::BadPrefix),
            "{what}"
        );
        found(&what, "BadPrefix|KeyOrder", &table.bytes());
    }
}

/// Bytes inside of an inflated block have no place in the file: the error names the block's, and how
/// far into it the damage is.
#[test]
fn error_in_a_log_block_names_the_block() {
    let mut table = RawTable::new();
    let entry = |index| (log_key(b"HEAD", index), log_entry(b"m\n"));
    let ((first, value), (second, _)) = (entry(2), entry(1));
    let sound = RawBlock::new(b'g').full(&first, 1, &value);
    table.log = table.push(&sound.deflated());
    let block = RawBlock::new(b'g').full(&second, 1, &value);
    let damage = block.offset();
    let block = block.full(b"refs/no-index", 1, &value);
    let position = table.push(&block.deflated());
    (table.min, table.max) = (1, 2);
    let outcome = read_by_all_means("log", &table.bytes()).unwrap();
    let Err(Error::Corrupt(corruption)) = outcome.logs else {
        panic!("{:?}", outcome.logs);
    };
    assert_eq!(corruption.offset, position);
    let detail = corruption.detail.unwrap();
    let bytes: u32 = detail.split(' ').next().unwrap().parse().unwrap();
    assert!(bytes >= damage && detail.contains("inflated"), "{detail}");
}

#[test]
fn restart_table_must_lie_behind_a_record() {
    for count in [0, 200, u16::MAX] {
        let block = RawBlock::first(b'r')
            .full(b"refs/heads/a", 1, &object(0x11))
            .restart_count(count);
        unreadable(
            &format!("{count} restarts"),
            "BadRestart",
            &one_block(&block).bytes(),
        );
        let log = RawBlock::new(b'g')
            .full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"))
            .restart_count(count);
        unreadable(
            &format!("{count} log restarts"),
            "BadRestart",
            &one_log_block(&log).bytes(),
        );
    }
}

#[test]
fn restarts_must_be_offsets_of_records_in_order() {
    let block = RawBlock::first(b'r').full(b"refs/heads/a", 1, &object(0x11));
    let second = block.offset();
    let block = block.full(b"refs/heads/b", 1, &object(0x22));
    let end = block.offset();
    let tables: [(&str, &[u32]); 8] = [
        ("in the file's header", &[5]),
        ("in the block's header", &[26]),
        ("first is not the first record", &[second]),
        ("repeated", &[28, 28]),
        ("descending", &[28, second, 28]),
        ("at the restart table", &[28, end]),
        ("beyond the block", &[28, 0xff_ffff]),
        ("zero", &[0, second]),
    ];
    for (what, restarts) in tables {
        let block = block.clone().restarts(restarts);
        unreadable(what, "BadRestart", &one_block(&block).bytes());
    }
}

/// A lookup starts to decode at a restart, so one in the middle of a record reads anything.
#[test]
fn restart_must_meet_the_start_of_a_record() {
    let block = RawBlock::first(b'r')
        .full(b"refs/heads/a", 1, &object(0x11))
        .full(b"refs/heads/b", 1, &object(0x22))
        .restarts(&[28, 33]);
    found(
        "restart in mid-record",
        "BadRestart",
        &one_block(&block).bytes(),
    );
}

#[test]
fn number_beyond_64_bits_is_refused() {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&[0xff; 11]);
    bytes.extend_from_slice(b"refs/heads/main");
    let block = RawBlock::first(b'r').restart(28).bytes(&bytes);
    unreadable("eleven bytes", "VarintOverflow", &one_block(&block).bytes());
    let two_to_the_64 = [0x80, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xff, 0x00];
    let bytes = [&[0][..], &two_to_the_64, b"refs/heads/main"].concat();
    let block = RawBlock::first(b'r').restart(28).bytes(&bytes);
    unreadable("2^64", "VarintOverflow", &one_block(&block).bytes());
}

#[test]
fn lengths_beyond_the_block_are_refused_as_64_bit_numbers() {
    for len in [1 << 20, 1 << 31, 1 << 32, (1 << 32) + 12, 1 << 60] {
        let lengths = [varint(0), varint(len << 3 | 1)].concat();
        let bytes = [&lengths[..], b"refs/heads/a", &object(0x11)].concat();
        let block = RawBlock::first(b'r').restart(28).bytes(&bytes);
        unreadable(
            &format!("suffix of {len}"),
            "RecordTruncated",
            &one_block(&block).bytes(),
        );
        let target = [varint(0), varint(len), b"refs/heads/b".to_vec()].concat();
        let block = RawBlock::first(b'r').full(b"HEAD", 3, &target);
        unreadable(
            &format!("target of {len}"),
            "RecordTruncated",
            &one_block(&block).bytes(),
        );
    }
    for prefix in [13, 1 << 32, 1 << 63, u64::MAX] {
        let block = RawBlock::first(b'r').full(b"refs/heads/a", 1, &object(0x11));
        let block = block.bytes(&record(prefix, b"b", 1, &object(0x22)));
        unreadable(
            &format!("prefix of {prefix}"),
            "BadPrefix",
            &one_block(&block).bytes(),
        );
    }
}

#[test]
fn value_cut_short_is_refused() {
    let ids = vec![0x11; 39];
    let block = RawBlock::first(b'r').full(b"refs/tags/v1", 2, &[varint(0), ids].concat());
    unreadable("peeled id", "RecordTruncated", &one_block(&block).bytes());
    let entry = log_entry(b"message\n");
    for cut in [0, 1, 39, 40, 41, 50, entry.len() - 1] {
        let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), 1, &entry[..cut]);
        unreadable(
            &format!("log entry of {cut}"),
            "RecordTruncated",
            &one_log_block(&log).bytes(),
        );
    }
}

/// A lookup decodes the records in front of the wanted one, and must not pass over what is wrong.
#[test]
fn lookup_meets_the_defect_that_a_scan_meets() {
    let overlong = [&[0xff; 11][..], b"\x01"].concat();
    let records: [(&str, Vec<u8>); 8] = [
        ("BadPrefix", record(13, b"b", 1, &object(0x22))),
        ("BadPrefix", record(u64::MAX, b"b", 1, &object(0x22))),
        ("VarintOverflow", overlong),
        (
            "RecordTruncated",
            [varint(11), varint(900 << 3), b"b".to_vec()].concat(),
        ),
        ("RecordTruncated", record(11, b"b", 1, &object(0x22)[..20])),
        ("BadValueType", record(11, b"b", 5, &object(0x22))),
        ("EmptySymref", record(11, b"b", 3, &[0, 0])),
        ("UpdateIndexRange", record(11, b"b", 0, &varint(7))),
    ];
    for (wanted, bytes) in records {
        let block = RawBlock::first(b'r').full(b"refs/heads/a", 1, &object(0x11));
        let table = read::open(&one_block(&block.bytes(&bytes)).bytes()).unwrap();
        for name in [&b"refs/heads/c"[..], b"refs/heads/z", b"zzz"] {
            let error = read::read_ref(&table, name).expect_err(wanted);
            assert_eq!(class(&error), wanted, "{error}");
            let error = read::refs_from(&table, name).expect_err(wanted);
            assert_eq!(class(&error), wanted, "{error}");
        }
        // What stands before the defect is found all the same.
        assert!(read::read_ref(&table, b"refs/heads/a").unwrap().is_some());
    }
}

#[test]
fn symbolic_ref_needs_a_target_without_nul() {
    let empty = RawBlock::first(b'r').full(b"HEAD", 3, &[varint(0), varint(0)].concat());
    unreadable("no target", "EmptySymref", &one_block(&empty).bytes());
    let value = [varint(0), encode::string(b"refs/heads/\0a")].concat();
    let nul = RawBlock::first(b'r').full(b"HEAD", 3, &value);
    unreadable("NUL in target", "NameNul", &one_block(&nul).bytes());
}

#[test]
fn update_index_must_lie_within_the_range_of_the_table() {
    for (delta, class) in [
        (1, "UpdateIndexRange"),
        (u64::MAX - 1, "UpdateIndexRange"),
        (u64::MAX, "UpdateIndexOverflow"),
    ] {
        let value = [varint(delta), vec![0x11; 20]].concat();
        let block = RawBlock::first(b'r').full(b"refs/heads/a", 1, &value);
        unreadable(&format!("delta {delta}"), class, &one_block(&block).bytes());
    }
}

#[test]
fn keys_must_ascend_across_blocks_too() {
    let mut table = one_block(&RawBlock::first(b'r').full(b"refs/heads/b", 1, &object(0x11)));
    table.push(
        &RawBlock::new(b'r')
            .full(b"refs/heads/a", 1, &object(0x22))
            .plain(),
    );
    unreadable("descending", "KeyOrder", &table.bytes());
    let mut table = one_ref();
    table.push(
        &RawBlock::new(b'r')
            .full(b"refs/heads/a", 1, &object(0x22))
            .plain(),
    );
    unreadable("repeated", "KeyOrder", &table.bytes());
    let mut table = RawTable::new();
    table.log = table.push(
        &RawBlock::new(b'g')
            .full(&log_key(b"HEAD", 1), 0, b"")
            .deflated(),
    );
    table.push(
        &RawBlock::new(b'g')
            .full(&log_key(b"HEAD", 2), 0, b"")
            .deflated(),
    );
    unreadable("newer entry after older", "KeyOrder", &table.bytes());
}

#[test]
fn log_key_must_have_a_name_and_an_update_index() {
    let keys: [(&str, &[u8]); 4] = [
        ("8 bytes", b"\xff\xff\xff\xff\xff\xff\xff\xfe"),
        ("9 bytes", b"\0\xff\xff\xff\xff\xff\xff\xff\xfe"),
        ("3 bytes", b"abc"),
        ("no NUL", b"HEAD_\xff\xff\xff\xff\xff\xff\xff\xfe"),
    ];
    for (what, key) in keys {
        let log = RawBlock::new(b'g').full(key, 1, &log_entry(b"m\n"));
        unreadable(what, "BadLogKey", &one_log_block(&log).bytes());
    }
}

#[test]
fn reserved_value_types_are_refused() {
    for kind in 4..8 {
        let block = RawBlock::first(b'r').full(b"refs/heads/a", kind, &object(0x11));
        unreadable(
            &format!("ref type {kind}"),
            "BadValueType",
            &one_block(&block).bytes(),
        );
    }
    for kind in 2..8 {
        let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), kind, &log_entry(b"m\n"));
        unreadable(
            &format!("log type {kind}"),
            "BadValueType",
            &one_log_block(&log).bytes(),
        );
    }
}
