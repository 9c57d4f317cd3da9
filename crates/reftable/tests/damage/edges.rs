//! Damaged tables made here that are beyond a rule by one.

use reftable::{Defect, Error};
use test_support::encode::{RawBlock, RawTable, log_entry, log_key, object, varint};
use test_support::made::{found, indexed, one_ref, refused, unreadable};
use test_support::read;

/// Two ref blocks with so many NUL bytes between them, in a table of blocks of 64 bytes.
fn with_zeros(zeros: usize) -> RawTable {
    let mut table = one_ref();
    table.block_size = 64;
    table.push(&vec![0; zeros]);
    let second = RawBlock::new(b'r').full(b"refs/heads/b", 1, &object(0x22));
    table.push(&second.plain());
    table
}

#[test]
fn padding_as_long_as_a_block_is_too_long() {
    for zeros in [0, 1, 62, 63] {
        let table = read::open(&with_zeros(zeros).bytes()).unwrap();
        assert_eq!(read::refs(&table).unwrap().len(), 2, "{zeros}");
    }
    for zeros in [64, 65, 66, 128] {
        let what = format!("{zeros} bytes");
        found(&what, "BadPadding", &with_zeros(zeros).bytes());
    }
}

#[test]
fn one_byte_of_padding_after_a_log_block_is_too_much() {
    let log = |name: &[u8]| RawBlock::new(b'g').full(&log_key(name, 1), 1, &log_entry(b"m\n"));
    for zeros in [0, 1, 2] {
        let mut table = RawTable::new();
        table.block_size = 256;
        table.log = table.push(&log(b"refs/heads/a").deflated());
        table.push(&vec![0; zeros]);
        table.push(&log(b"refs/heads/b").deflated());
        match zeros {
            0 => assert_eq!(
                read::logs(&read::open(&table.bytes()).unwrap())
                    .unwrap()
                    .len(),
                2
            ),
            _ => unreadable(&format!("{zeros} bytes"), "BadPadding", &table.bytes()),
        }
    }
}

/// Each section has a place of its own.
#[test]
fn two_sections_cannot_begin_at_one_place() {
    let objects = RawBlock::new(b'o').full(&[0x11; 2], 1, &varint(0));
    let (mut table, _) = indexed();
    table.object_id_len = 2;
    table.objects = table.push(&objects.plain());
    assert!(read::open(&table.bytes()).is_ok());
    for (what, shift) in [("same", 0), ("before", 1)] {
        let mut table = table.clone();
        table.objects = table.ref_index - shift;
        refused(what, "BadPosition", &table.bytes());
    }
    let mut table = table.clone();
    table.log = table.objects;
    refused("logs and objects", "BadPosition", &table.bytes());
}

/// An error says where the bytes are that it is about.
#[test]
fn range_upside_down_is_told_with_its_place_in_the_header() {
    let mut table = one_ref();
    (table.min, table.max) = (2, 1);
    match read::open(&table.bytes()) {
        Err(Error::Corrupt(corruption)) => {
            assert_eq!(corruption.defect, Defect::BadUpdateIndexRange);
            assert_eq!(corruption.offset, 8);
        }
        result => panic!("{result:?}"),
    }
}

/// The place of a bad restart is that of its own bytes, in the first block as in a later one.
#[test]
fn bad_restart_is_told_with_its_place_in_the_file() {
    for in_second in [false, true] {
        for bad in 0..4 {
            let (mut table, block) = match in_second {
                true => (one_ref(), RawBlock::new(b'r')),
                false => (RawTable::new(), RawBlock::first(b'r')),
            };
            let mut starts = Vec::new();
            let block = [b"refs/heads/b", b"refs/heads/c", b"refs/heads/d"]
                .into_iter()
                .fold(block, |block, name| {
                    starts.push(block.offset());
                    block.full(name, 1, &object(0x22))
                });
            // One too far for the first, the one before for all others.
            starts.push(starts[2] + 1);
            match bad {
                0 => starts[0] += 1,
                _ => starts[bad] = starts[bad - 1],
            }
            let bytes = block.restarts(&starts).plain();
            let position = table.push(&bytes) as usize;
            let table = read::open(&table.bytes()).unwrap();
            let Err(Error::Corrupt(corruption)) = read::refs(&table) else {
                panic!("restart {bad} is sound");
            };
            assert_eq!(corruption.defect, Defect::BadRestart, "restart {bad}");
            let place = position + bytes.len() - 2 - 3 * (starts.len() - bad);
            assert_eq!(corruption.offset as usize, place, "restart {bad}");
        }
    }
}
