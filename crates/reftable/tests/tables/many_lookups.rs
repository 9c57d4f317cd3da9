//! A table that is asked often decodes its indexes. Lookups then read less, and answer what they did
//! before, also where the index is damaged.

use reftable::{Defect, HashId, Table};
use std::sync::Arc;
use test_support::encode::{RawBlock, RawTable, log_entry, log_key, object, varint};
use test_support::source::CountingSource;
use test_support::{made, read, records};

/// After so many lookups the index is decoded for sure.
const MANY: usize = 400;

fn open(bytes: Vec<u8>) -> (Arc<CountingSource>, Arc<Table>) {
    let source = CountingSource::new(bytes);
    let table = Table::open(source.clone(), "table.ref").unwrap();
    (source, Arc::new(table))
}

/// One read per lookup, of the block where the ref is, whatever the number of levels; and every ref
/// is found, by name and by id, and every log entry.
#[test]
fn lookups_read_one_block_each_after_a_while() {
    let refs = records::branches(HashId::Sha1, 900);
    let logs: Vec<_> = refs
        .iter()
        .map(|record| records::log(&record.name, 1, HashId::Sha1, "m\n"))
        .collect();
    let bytes = records::table(records::options(256), (1, 1), &refs, &logs).unwrap();
    let (source, table) = open(bytes);
    let lookup = |name: &[u8]| table.read_ref(name, |record| record.name.to_vec()).unwrap();
    let (first, _, _) = source.count(|| lookup(&refs[500].name));
    assert!(first > 2, "{first}: one level");
    for record in &refs[..MANY] {
        lookup(&record.name);
    }
    for record in &refs {
        let (reads, _, found) = source.count(|| lookup(&record.name));
        assert_eq!(found.as_ref(), Some(&record.name));
        assert_eq!(reads, 1, "{}", String::from_utf8_lossy(&record.name));
        assert_eq!(lookup(&[&*record.name, b"-"].concat()), None);
        for id in read::ids(record) {
            let found = read::refs_for(&table, id).unwrap();
            assert!(found.contains(record));
        }
    }
    for record in &logs {
        let found = read::read_log(&table, &record.name, 1).unwrap();
        assert_eq!(found.as_ref(), Some(record));
    }
    assert_eq!(lookup(b"refs/heads/~"), None);
    assert_eq!(lookup(b"A"), None);
}

type Answers = Vec<Result<bool, Option<Defect>>>;

fn answers(table: &Arc<Table>, names: &[&[u8]]) -> Answers {
    let refs = names.iter().map(|name| {
        let found = table.read_ref(name, |_| ());
        found.map(|found| found.is_some()).map_err(|e| e.defect())
    });
    let logs = names.iter().map(|name| {
        let found = read::read_log(table, name, 1);
        found.map(|found| found.is_some()).map_err(|e| e.defect())
    });
    refs.chain(logs).collect()
}

/// The decoded index is searched by halves, which a damaged one would lead astray: a ref that a
/// single lookup found was missing later.
#[test]
fn damaged_index_answers_the_same_before_and_after_many_lookups() {
    let names: [&[u8]; 8] = [b"0", b"a", b"b", b"c", b"d", b"e", b"bb", b"z"];
    let keys: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];
    // Which block each entry of the index names, and with the key of which.
    let orders: [&[(usize, usize)]; 8] = [
        &[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)],
        &[(4, 4), (3, 3), (2, 2), (1, 1), (0, 0)],
        &[(1, 1), (0, 0), (2, 2), (3, 3), (4, 4)],
        &[(0, 0), (2, 1), (1, 2), (3, 3), (4, 4)],
        &[(0, 0), (1, 1), (2, 1), (3, 3), (4, 4)],
        &[(4, 0), (0, 1), (1, 2), (2, 3), (3, 4)],
        &[(0, 0), (1, 1), (2, 2), (3, 3), (3, 4)],
        // Ascends in each block of the lower level, but not over both.
        &[(2, 2), (3, 3), (0, 0), (1, 1), (4, 4)],
    ];
    for levels in [1, 2] {
        for (number, order) in orders.iter().enumerate() {
            for logs in [false, true] {
                let bytes = with_index(&keys, order, levels, logs);
                let (_, fresh) = open(bytes.clone());
                let expected = answers(&fresh, &names);
                let (_, table) = open(bytes);
                for _ in 0..MANY {
                    let _ = table.read_ref(b"c", |_| ());
                    let _ = read::read_log(&table, b"c", 1);
                }
                let found = answers(&table, &names);
                assert_eq!(found, expected, "{number}, {levels} levels, logs: {logs}");
            }
        }
    }
}

/// Answers do not depend on what was asked before, however often.
fn assert_always_the_same(bytes: &[u8], names: &[&[u8]]) {
    for first in names {
        for often in [1, MANY] {
            let (_, table) = open(bytes.to_vec());
            for _ in 0..often {
                let _ = table.read_ref(first, |_| ());
            }
            for name in names {
                let (_, fresh) = open(bytes.to_vec());
                let (expected, found) = (answers(&fresh, &[*name]), answers(&table, &[*name]));
                let show = |name: &[u8]| name.escape_ascii().to_string();
                assert_eq!(found, expected, "{} after {}", show(name), show(first));
            }
        }
    }
}

/// The levels of an index were told from its first entry: what lay deeper was damaged later.
#[test]
fn index_whose_levels_differ_in_depth_leads_to_the_same_refs() {
    let mut table = RawTable::new();
    table.push(&RawBlock::first(b'r').full(b"a", 1, &object(0x11)).plain());
    let last = table.push(&RawBlock::new(b'r').full(b"c", 1, &object(0x22)).plain());
    let lower = table.push(&index(&[(b"c", last)]).plain());
    table.ref_index = table.push(&index(&[(b"a", 0), (b"c", lower)]).plain());
    let bytes = table.bytes();
    let (_, fresh) = open(bytes.clone());
    assert_eq!(answers(&fresh, &[b"a", b"c"])[..2], [Ok(true), Ok(true)]);
    assert_always_the_same(&bytes, &[b"a", b"b", b"c", b"d"]);
}

/// A lookup enters a block at a restart. One that points into a record makes other entries of the
/// bytes than a walk from the start does.
#[test]
fn index_with_a_restart_inside_a_record_leads_to_the_same_refs() {
    let mut table = RawTable::new();
    let names: [&[u8]; 4] = [b"refs/a1", b"refs/b", b"refs/c", b"refs/heads/z"];
    let first = RawBlock::first(b'r').full(names[2], 1, &object(0x11));
    table.push(&first.plain());
    let last = table.push(&RawBlock::new(b'r').full(names[0], 1, &object(0x22)).plain());
    let key = [b"refs/heads/".as_slice(), &[b'm'; 21]].concat();
    let block = RawBlock::new(b'i').full(&key, 0, &varint(0));
    // The position of the first entry, read as the length of a prefix.
    let inside = block.offset() - 1;
    let block = block.shared(32, b"zzz", 0, &varint(last)).restart(inside);
    table.ref_index = table.push(&block.plain());
    assert_always_the_same(&table.bytes(), &names);
}

/// An index block with a single restart: a lookup in it goes from entry to entry.
fn index(entries: &[(&[u8], u64)]) -> RawBlock {
    let block = made::index(&entries[..1]);
    entries[1..].iter().fold(block, |block, (key, position)| {
        block.shared(0, key, 0, &varint(*position))
    })
}

/// One record in each block, and an index that says `order`; behind a ref block if it is one of logs,
/// whose index then begins with an entry of the refs.
fn with_index(keys: &[&[u8]], order: &[(usize, usize)], levels: u32, logs: bool) -> Vec<u8> {
    let mut table = match logs {
        true => made::one_ref(),
        false => RawTable::new(),
    };
    let mut entries = Vec::new();
    for key in keys {
        let first = table.body.is_empty();
        let block = match (logs, first) {
            (true, _) => RawBlock::new(b'g').full(&log_key(key, 1), 1, &log_entry(b"m\n")),
            (false, true) => RawBlock::first(b'r').full(key, 1, &object(0x11)),
            (false, false) => RawBlock::new(b'r').full(key, 1, &object(0x11)),
        };
        let bytes = if logs {
            block.deflated()
        } else {
            block.plain()
        };
        let position = table.push(&bytes);
        let key = if logs { log_key(key, 1) } else { key.to_vec() };
        entries.push((key, if first { 0 } else { position }));
    }
    if logs {
        table.log = entries[0].1;
    }
    let mut listed: Vec<(&[u8], u64)> = order
        .iter()
        .map(|(at, key)| (&*entries[*key].0, entries[*at].1))
        .collect();
    if logs {
        listed.insert(0, (b"A", 0));
    }
    let root = if levels == 1 {
        table.push(&index(&listed).plain())
    } else {
        let lower = listed.split_at(2 + usize::from(logs));
        let lower = [lower.0, lower.1].map(|part| {
            let position = table.push(&index(part).plain());
            (part[part.len() - 1].0, position)
        });
        table.push(&index(&lower).plain())
    };
    match logs {
        true => table.log_index = root,
        false => table.ref_index = root,
    }
    table.bytes()
}
