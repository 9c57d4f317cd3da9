//! What many lookups learn of a table, and indexes as other writers make them or as damage leaves
//! them.

use reftable::{Defect, Error, HashId, MergedTable, Table};
use std::sync::Arc;
use test_support::encode::{RawBlock, RawTable, object, record, varint};
use test_support::source::CountingSource;
use test_support::{made, read};

/// After so many lookups a table has learned what it can.
const MANY: usize = 400;

type Answer = Result<bool, Option<Defect>>;

fn answer(table: &Table, name: &[u8]) -> Answer {
    let found = table.read_ref(name, |_| ());
    found
        .map(|found| found.is_some())
        .map_err(|error| error.defect())
}

/// Answers do not depend on what was asked before, however often.
fn assert_always_the_same(bytes: &[u8], names: &[&[u8]]) -> Vec<Answer> {
    let fresh = |name: &&[u8]| answer(&read::open(bytes).unwrap(), name);
    let expected: Vec<Answer> = names.iter().map(fresh).collect();
    for first in names {
        let table = read::open(bytes).unwrap();
        for _ in 0..MANY {
            let _ = answer(&table, first);
        }
        for (name, expected) in names.iter().zip(&expected) {
            let show = |name: &[u8]| name.escape_ascii().to_string();
            let what = format!("{} after {}", show(name), show(first));
            assert_eq!(answer(&table, name), *expected, "{what}");
        }
    }
    expected
}

/// A table that is often asked in vain remembers its names. Where a restart points into a record, a
/// lookup finds what a walk does not pass; it was denied later.
#[test]
fn ref_that_only_a_restart_leads_to_is_found_after_many_misses() {
    let hidden = record(0, b"refs/z", 0, &varint(0));
    let mut id = hidden.clone();
    id.resize(20, 0x11);
    let block = RawBlock::first(b'r').full(b"refs/a", 1, &object(0x11));
    // Lengths, name and delta of the update index stand in front of the id.
    let inside = block.offset() + 1 + 1 + 6 + 1;
    let block = block.full(b"refs/b", 1, &[varint(0), id].concat());
    let bytes = made::one_block(&block.restart(inside)).bytes();
    let names: [&[u8]; 5] = [b"refs/a", b"refs/aa", b"refs/b", b"refs/c", b"refs/z"];
    let found = assert_always_the_same(&bytes, &names);
    assert_eq!(found[1], Ok(false));
    assert_eq!(found[4], Ok(true), "else this tests nothing");
}

/// A block after the index is none of its section. Its refs came to light after many lookups.
#[test]
fn index_that_leads_forward_is_damaged_before_and_after_many_lookups() {
    let mut table = made::one_ref();
    let index = |later: u64| made::index(&[(b"refs/heads/a", 0), (b"refs/heads/c", later)]);
    let at = table.bytes().len() as u64 - 68;
    let later = at + index(100).plain().len() as u64;
    table.ref_index = table.push(&index(later).plain());
    assert_eq!(table.ref_index, at);
    let last = RawBlock::new(b'r').full(b"refs/heads/c", 1, &object(0x22));
    assert_eq!(table.push(&last.plain()), later);
    let bytes = table.bytes();
    let found = assert_always_the_same(&bytes, &[b"refs/heads/a", b"refs/heads/c"]);
    assert_eq!(found, [Ok(true), Err(Some(Defect::BadIndex))]);
}

/// Ref blocks of one ref each, named by these letters, and where they are.
fn leaves(names: &[u8]) -> (RawTable, Vec<(Vec<u8>, u64)>) {
    let mut table = RawTable::new();
    let mut placed = Vec::new();
    for name in names {
        let block = match placed.is_empty() {
            true => RawBlock::first(b'r'),
            false => RawBlock::new(b'r'),
        };
        let position = table.push(&block.full(&[*name], 1, &object(*name)).plain());
        let position = if placed.is_empty() { 0 } else { position };
        placed.push((vec![*name], position));
    }
    (table, placed)
}

fn index_of(entries: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let entries: Vec<(&[u8], u64)> = entries.iter().map(|(key, at)| (&**key, *at)).collect();
    made::index(&entries).plain()
}

/// Two entries of an index change places. Searching it by halves would lead astray.
#[test]
fn index_out_of_order_answers_the_same_after_many_lookups() {
    let letters: Vec<u8> = (b'!'..=b'~').step_by(2).collect();
    for (place, distance) in (0..letters.len()).flat_map(|place| [(place, 1), (place, 9)]) {
        let (mut table, mut entries) = leaves(&letters);
        if place + distance >= entries.len() {
            continue;
        }
        entries.swap(place, place + distance);
        table.ref_index = table.push(&index_of(&entries));
        let bytes = table.bytes();
        let asked = read::open(&bytes).unwrap();
        for _ in 0..MANY {
            let _ = answer(&asked, b"!");
        }
        for name in b'!'..=b'~' {
            let fresh = answer(&read::open(&bytes).unwrap(), &[name]);
            let found = answer(&asked, &[name]);
            assert_eq!(found, fresh, "{} of {place}", char::from(name));
        }
    }
}

/// Some writers end an index with several blocks side by side. A ref that only the later ones know
/// was found all the same, but by a walk through half of the table.
#[test]
fn every_block_of_the_root_level_leads_to_its_refs_at_once() {
    let letters: Vec<u8> = (b'!'..=b'~').collect();
    let (mut table, entries) = leaves(&letters);
    let (first, second) = entries.split_at(entries.len() / 2);
    table.ref_index = table.push(&index_of(first));
    table.push(&index_of(second));
    let bytes = table.bytes();
    for letter in letters {
        let source = CountingSource::new(bytes.clone());
        let table = Table::open(source.clone(), "table.ref").unwrap();
        let (reads, _, found) = source.count(|| answer(&table, &[letter]));
        assert_eq!(found, Ok(true));
        assert!(reads <= 4, "{reads} reads for {}", char::from(letter));
    }
}

/// An iterator that met damage can be sought elsewhere, and is as good as a new one.
#[test]
fn iterator_is_of_use_again_once_it_is_sought_behind_damage() {
    let mut table = RawTable::new();
    let first = RawBlock::first(b'r').full(b"a", 1, &object(0x11));
    let damaged = RawBlock::new(b'r').full(b"b", 1, &[]);
    let last = RawBlock::new(b'r').full(b"c", 1, &object(0x33));
    table.push(&first.plain());
    let damaged = table.push(&damaged.plain());
    let last = table.push(&last.plain());
    table.ref_index = table.push(&made::index(&[(b"a", 0), (b"b", damaged), (b"c", last)]).plain());
    let table = read::open(&table.bytes()).unwrap();
    let view = MergedTable::new(vec![Arc::clone(&table)], HashId::Sha1).unwrap();
    let mut refs = view.refs_from(b"").unwrap();
    for _ in 0..3 {
        refs.seek(b"").unwrap();
        assert_eq!(refs.next().unwrap().unwrap().name, b"a");
        assert!(refs.next().is_err());
        assert!(refs.next().is_err(), "until it is sought");
        refs.seek(b"c").unwrap();
        assert_eq!(refs.next().unwrap().unwrap().name, b"c");
        assert!(refs.next().unwrap().is_none());
        assert!(refs.next().unwrap().is_none());
    }
}

/// An id of another hash is in no table, and an abbreviated one would be found or not by chance.
#[test]
fn id_of_another_length_than_the_hash_has_is_misuse() {
    let (table, _) = made::indexed();
    let table = read::open(&table.bytes()).unwrap();
    assert_eq!(read::refs_for(&table, &[0x22; 20]).unwrap().len(), 1);
    for len in [0, 2, 19, 21, 32] {
        let found = table.refs_for(&vec![0x22; len]);
        assert!(matches!(found, Err(Error::Misuse(_))), "{len}");
    }
}
