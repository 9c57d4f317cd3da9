//! Damaged tables made here, byte by byte: sections, indexes and object records that lie.

use reftable::Defect;
use test_support::damaged::{defects, read_by_all_means};
use test_support::encode::{RawBlock, RawTable, log_entry, log_key, object, varint};
use test_support::made::{found, index, indexed, one_ref, refused, two_ref_blocks, unreadable};

/// An object section behind two indexed ref blocks, of one block with these records.
fn with_objects(id_len: u64, block: &RawBlock) -> RawTable {
    let (mut table, _) = indexed();
    table.object_id_len = id_len;
    table.objects = table.push(&block.plain());
    table
}

#[test]
fn object_records_must_be_sound() {
    let second = two_ref_blocks().1;
    let list = |positions: &[u64]| {
        positions
            .iter()
            .flat_map(|p| varint(*p))
            .collect::<Vec<u8>>()
    };
    let sound =
        RawBlock::new(b'o')
            .full(&[0x11; 2], 1, &list(&[0]))
            .full(&[0x22; 2], 1, &list(&[second]));
    assert_eq!(defects("sound", &with_objects(2, &sound).bytes()), []);

    let huge = RawBlock::new(b'o')
        .full(&[0x11; 2], 0, &varint(1 << 40))
        .full(&[0x22; 2], 1, &list(&[second]));
    found("count", "RecordTruncated", &with_objects(2, &huge).bytes());
    let repeated = RawBlock::new(b'o')
        .full(&[0x11; 2], 2, &list(&[0, 0]))
        .full(&[0x22; 2], 1, &list(&[second]));
    found(
        "position repeated",
        "KeyOrder",
        &with_objects(2, &repeated).bytes(),
    );
    let overflow = RawBlock::new(b'o').full(&[0x11; 2], 2, &list(&[u64::MAX, 2]));
    found(
        "position overflows",
        "VarintOverflow|BadObjPositions",
        &with_objects(2, &overflow).bytes(),
    );
    let short =
        RawBlock::new(b'o')
            .full(&[0x11; 2], 1, &list(&[0]))
            .full(&[0x22; 3], 1, &list(&[second]));
    found(
        "key length",
        "BadObjIdLen",
        &with_objects(2, &short).bytes(),
    );
    for id_len in [0, 21, 31] {
        refused(
            &format!("id length {id_len}"),
            "BadObjIdLen",
            &with_objects(id_len, &sound).bytes(),
        );
    }
}

#[test]
fn object_section_must_list_exactly_the_ids_and_blocks() {
    let second = two_ref_blocks().1;
    let list = |positions: &[u64]| {
        positions
            .iter()
            .flat_map(|p| varint(*p))
            .collect::<Vec<u8>>()
    };
    let missing = RawBlock::new(b'o').full(&[0x11; 2], 1, &list(&[0]));
    found(
        "id missing",
        "BadObjPositions",
        &with_objects(2, &missing).bytes(),
    );
    let wrong = RawBlock::new(b'o')
        .full(&[0x11; 2], 1, &list(&[second]))
        .full(&[0x22; 2], 1, &list(&[second]));
    found(
        "other block",
        "BadObjPositions",
        &with_objects(2, &wrong).bytes(),
    );
    let more = RawBlock::new(b'o')
        .full(&[0x11; 2], 2, &list(&[0, second]))
        .full(&[0x22; 2], 1, &list(&[second]));
    found(
        "one block too many",
        "BadObjPositions",
        &with_objects(2, &more).bytes(),
    );
    let left_out =
        RawBlock::new(b'o')
            .full(&[0x11; 2], 0, &varint(0))
            .full(&[0x22; 2], 1, &list(&[second]));
    assert_eq!(
        defects("list left out", &with_objects(2, &left_out).bytes()),
        []
    );
}

/// Index blocks that lead to themselves or to each other: every lookup was an endless loop.
#[test]
fn index_that_leads_in_circles_ends() {
    let (mut table, _) = two_ref_blocks();
    table.ref_index = table.end();
    table.push(&index(&[(b"refs/heads/z", table.ref_index)]).plain());
    found("to itself", "BadIndex", &table.bytes());

    let (mut table, _) = two_ref_blocks();
    let first = table.end();
    let len = index(&[(b"refs/heads/z", first)]).plain().len() as u64;
    table.push(&index(&[(b"refs/heads/z", first + len)]).plain());
    table.ref_index = table.push(&index(&[(b"refs/heads/z", first)]).plain());
    found("to each other", "BadIndex", &table.bytes());

    let mut table = RawTable::new();
    let key = log_key(b"HEAD", 1);
    table.log = table.push(
        &RawBlock::new(b'g')
            .full(&key, 1, &log_entry(b"m\n"))
            .deflated(),
    );
    table.log_index = table.end();
    table.push(&index(&[(&key, table.log_index)]).plain());
    found("log index", "BadIndex", &table.bytes());

    let list = RawBlock::new(b'o').full(&[0x11; 2], 1, &varint(0)).full(
        &[0x22; 2],
        1,
        &varint(two_ref_blocks().1),
    );
    let mut table = with_objects(2, &list);
    table.object_index = table.end();
    table.push(&index(&[(&[0x22; 2], table.object_index)]).plain());
    found("object index", "BadIndex", &table.bytes());
}

/// As the lookup is told to go down, it goes down at most as many levels as there can be. No writer
/// puts a level of one block on top of another.
#[test]
fn deep_chain_of_index_blocks_ends() {
    let (mut table, second) = two_ref_blocks();
    let mut below = table.push(&index(&[(b"refs/heads/a", 0), (b"refs/heads/b", second)]).plain());
    for _ in 0..500 {
        below = table.push(&index(&[(b"refs/heads/b", below)]).plain());
    }
    table.ref_index = below;
    let outcome = read_by_all_means("chain", &table.bytes()).unwrap();
    assert_eq!(outcome.refs.unwrap().len(), 2);
    found("chain", "BadIndex", &table.bytes());
}

#[test]
fn index_must_have_the_last_key_of_every_block() {
    type Entries<'a> = &'a [(&'a [u8], u64)];
    let tables: [(&str, Entries<'_>); 4] = [
        (
            "key too small",
            &[(b"refs/heads/Z", 0), (b"refs/heads/b", 1)],
        ),
        (
            "key too large",
            &[(b"refs/heads/a", 0), (b"refs/heads/c", 1)],
        ),
        ("block missing", &[(b"refs/heads/b", 1)]),
        ("last block missing", &[(b"refs/heads/a", 0)]),
    ];
    for (what, records) in tables {
        let (mut table, second) = two_ref_blocks();
        let records: Vec<_> = records.iter().map(|(key, p)| (*key, p * second)).collect();
        table.ref_index = table.push(&index(&records).plain());
        found(what, "BadIndex", &table.bytes());
    }
}

#[test]
fn index_must_lead_to_blocks_of_its_section() {
    let (mut table, second) = two_ref_blocks();
    table.ref_index =
        table.push(&index(&[(b"refs/heads/a", 0), (b"refs/heads/b", second + 1)]).plain());
    found("mid-block", "BadIndex|BadBlockType", &table.bytes());
    let (mut table, _) = two_ref_blocks();
    table.ref_index =
        table.push(&index(&[(b"refs/heads/a", 0), (b"refs/heads/b", 1 << 40)]).plain());
    found("beyond the file", "BadIndex", &table.bytes());
    let typed = RawBlock::new(b'i')
        .full(b"refs/heads/a", 0, &varint(0))
        .full(b"refs/heads/b", 1, &varint(1));
    let (mut table, _) = two_ref_blocks();
    table.ref_index = table.push(&typed.plain());
    found("value type", "BadValueType", &table.bytes());
    let (mut table, second) = two_ref_blocks();
    let descending = index(&[(b"refs/heads/b", second), (b"refs/heads/a", 0)]);
    table.ref_index = table.push(&descending.plain());
    found("descending", "KeyOrder", &table.bytes());
}

#[test]
fn sections_must_come_in_one_run_each() {
    let mut table = one_ref();
    let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"));
    table.log = table.push(&log.deflated());
    table.push(
        &RawBlock::new(b'r')
            .full(b"refs/heads/b", 1, &object(0x22))
            .plain(),
    );
    found("refs after logs", "BadBlockType", &table.bytes());

    let mut table = one_ref();
    table.push(&log.deflated());
    found(
        "log section that the footer does not name",
        "BadPosition|BadBlockType",
        &table.bytes(),
    );
    let mut table = one_ref();
    table.push(&index(&[(b"refs/heads/a", 0)]).plain());
    found(
        "index that the footer does not name",
        "BadPosition|BadBlockType|BadIndex",
        &table.bytes(),
    );
}

/// A block of another type looked like the end of its section, and every record behind it was gone
/// without an error: one flipped bit makes `o` of the `g` of a log block.
#[test]
fn block_of_another_type_does_not_end_its_section() {
    let log = |index| RawBlock::new(b'g').full(&log_key(b"HEAD", index), 1, &log_entry(b"m\n"));
    let mut table = RawTable::new();
    let positions: Vec<_> = (1..4)
        .rev()
        .map(|index| table.push(&log(index).deflated()))
        .collect();
    table.log = positions[0];
    (table.min, table.max) = (1, 3);
    let sound = table.bytes();
    assert_eq!(defects("sound", &sound), []);
    for position in &positions[1..] {
        for kind in *b"roi" {
            let mut bytes = sound.clone();
            bytes[*position as usize] = kind;
            let outcome = read_by_all_means("log", &bytes).unwrap();
            let error = outcome.logs.unwrap_err();
            assert_eq!(error.defect(), Some(Defect::BadBlockType), "{error}");
            let place = format!("offset {position}");
            assert!(error.to_string().contains(&place), "{error}");
            assert!(!outcome.lookups.is_empty(), "of later entries");
        }
    }
}

/// The same for refs, before objects and logs and with an index, and for objects.
#[test]
fn every_section_ends_where_the_footer_says() {
    let second = two_ref_blocks().1;
    let objects =
        RawBlock::new(b'o')
            .full(&[0x11; 2], 1, &varint(0))
            .full(&[0x22; 2], 1, &varint(second));
    let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"));
    for with_index in [false, true] {
        let (mut table, second) = match with_index {
            true => indexed(),
            false => two_ref_blocks(),
        };
        table.object_id_len = 2;
        table.objects = table.push(&objects.plain());
        table.log = table.push(&log.deflated());
        assert_eq!(defects("sound", &table.bytes()), []);
        for kind in *b"og" {
            let mut bytes = table.bytes();
            bytes[second as usize] = kind;
            let outcome = read_by_all_means("ref", &bytes).unwrap();
            assert_eq!(
                outcome.refs.unwrap_err().defect(),
                Some(Defect::BadBlockType)
            );
            assert_eq!(outcome.logs.unwrap().len(), 1);
        }
        // A position in the middle of a block, or behind the last one.
        let cases = [
            ("objects", table.objects + 1, table.log),
            ("logs", table.objects, table.log + 1),
        ];
        for (what, objects, log) in cases {
            let mut table = table.clone();
            (table.objects, table.log) = (objects, log);
            let outcome = read_by_all_means(what, &table.bytes()).unwrap();
            assert!(!outcome.errors().is_empty(), "{what}: {outcome:?}");
        }
    }
    let (mut table, second) = two_ref_blocks();
    table.log = second + 3;
    let outcome = read_by_all_means("no such section", &table.bytes()).unwrap();
    assert_eq!(
        outcome.refs.unwrap_err().defect(),
        Some(Defect::BadPosition)
    );
}

/// The footer passes over the first of two log blocks, whose entries are gone.
#[test]
fn logs_alone_must_start_behind_the_header() {
    let log = |index| RawBlock::new(b'g').full(&log_key(b"HEAD", index), 1, &log_entry(b"m\n"));
    let mut table = RawTable::new();
    table.push(&log(2).deflated());
    table.log = table.push(&log(1).deflated());
    found("first block passed over", "BadPosition", &table.bytes());
}

#[test]
fn findings_about_one_table_are_limited() {
    let second = two_ref_blocks().1;
    let mut block = RawBlock::new(b'o');
    for n in 0..3000_u16 {
        block = block.full(&n.to_be_bytes(), 1, &varint(second));
    }
    let findings = defects("many", &with_objects(2, &block).bytes());
    assert_eq!(findings.len(), 500);
}

#[test]
fn padding_must_be_shorter_than_a_block() {
    let mut table = one_ref();
    table.block_size = 64;
    table.push(&[0; 70]);
    table.push(
        &RawBlock::new(b'r')
            .full(b"refs/heads/b", 1, &object(0x22))
            .plain(),
    );
    found("too much padding", "BadPadding", &table.bytes());
    let mut table = one_ref();
    table.block_size = 64;
    let log = RawBlock::new(b'g').full(&log_key(b"HEAD", 1), 1, &log_entry(b"m\n"));
    table.log = table.push(&log.deflated());
    table.push(&[0; 3]);
    unreadable("after a log block", "BadPadding", &table.bytes());
}
