//! Several tables as one: what is shown, for every beginning of a name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use reftable::table::MemorySource;
use reftable::{HashId, MergedTable, RefRecord, RefValue, Table, TableWriter, WriteOptions};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A number that follows from two others.
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

/// Names that share much, little, all but the end, or are the beginning of others.
fn name(n: u64) -> String {
    match n % 5 {
        0 => format!("refs/heads/{}", "a".repeat((n % 23) as usize + 1)),
        1 => format!("refs/heads/topic-{:03}", n % 97),
        2 => format!("refs/pull/{}/head", n % 53),
        3 => format!("refs/tags/v{}.{}", n % 7, n % 11),
        _ => format!("r{}", n % 19),
    }
}

type Refs = BTreeMap<Vec<u8>, Option<u64>>;

fn table(number: u64, refs: &Refs) -> Arc<Table> {
    let mut options = WriteOptions::default();
    options.block_size = 256;
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, options).unwrap();
    writer.set_limits(number, number);
    for (name, value) in refs {
        let id = value.map(|value| [value.to_be_bytes(); 3].concat());
        let value = match &id {
            None => RefValue::Deletion,
            Some(id) => RefValue::Object(id.get(..20).unwrap()),
        };
        let record = RefRecord {
            name,
            update_index: number,
            value,
        };
        writer.add_ref(&record).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    let source = Arc::new(MemorySource::new(bytes));
    Arc::new(Table::open(source, &number.to_string()).unwrap())
}

/// Tables with up to `size` refs each, and what is to be seen of all.
fn tables(seed: u64, sizes: &[u64]) -> (Vec<Arc<Table>>, Refs) {
    let mut seen = Refs::new();
    let mut tables = Vec::new();
    for (number, size) in (1..).zip(sizes) {
        let refs: Refs = (0..*size)
            .map(|n| {
                let draw = mix(seed.wrapping_add(number), n);
                let value = (draw % 4 != 0).then_some(draw);
                (name(draw >> 8).into_bytes(), value)
            })
            .collect();
        if !refs.is_empty() {
            tables.push(table(number, &refs));
        }
        seen.extend(refs);
    }
    (tables, seen)
}

/// Names and values from `prefix` on, as long as they begin with it.
fn listing(view: &MergedTable, prefix: &[u8]) -> Vec<(Vec<u8>, Option<u64>)> {
    let mut refs = view.refs_with_prefix(prefix).unwrap();
    let mut found = Vec::new();
    while let Some(record) = refs.next().unwrap() {
        let value = match record.value {
            RefValue::Object(id) => Some(u64::from_be_bytes(*id.first_chunk().unwrap())),
            _ => None,
        };
        found.push((record.name.to_vec(), value));
    }
    assert!(refs.next().unwrap().is_none(), "the end lasts");
    found
}

/// Which names share what decides in what order the tables are read, and when a prefix ends. One
/// wrong number shows a deleted ref, or loses one.
#[test]
fn every_prefix_shows_the_newest_of_each_name_in_order() {
    let mut shown = 0;
    for seed in 0..60 {
        let sizes: Vec<u64> = (0..mix(seed, 1) % 9)
            .map(|table| mix(seed, table + 2) % 120)
            .collect();
        let (tables, seen) = tables(seed, &sizes);
        let all = MergedTable::new(tables, HashId::Sha1).unwrap();
        let visible = all.clone().hiding_deletions();
        let mut prefixes: Vec<Vec<u8>> = vec![b"".to_vec(), b"refs/".to_vec(), b"zzz".to_vec()];
        for n in 0..40 {
            let name = name(mix(seed, n + 100)).into_bytes();
            let len = mix(seed, n + 200) as usize % (name.len() + 1);
            prefixes.push(name.get(..len).unwrap().to_vec());
        }
        for prefix in prefixes {
            let within = seen.iter().filter(|(name, _)| name.starts_with(&prefix));
            let within: Vec<_> = within.map(|(name, value)| (name.clone(), *value)).collect();
            assert_eq!(listing(&all, &prefix), within, "{seed}");
            let live: Vec<_> = within
                .into_iter()
                .filter(|(_, value)| value.is_some())
                .collect();
            assert_eq!(listing(&visible, &prefix), live, "{seed}");
            shown += live.len();
        }
    }
    assert!(shown > 10_000, "{shown}");
}

/// An iterator that was used for a prefix is as good as new for everything else.
#[test]
fn seeking_again_lifts_the_prefix() {
    let (tables, seen) = tables(7, &[50, 20, 5]);
    let view = MergedTable::new(tables, HashId::Sha1).unwrap();
    let mut refs = view.refs_with_prefix(b"refs/tags/").unwrap();
    while refs.next().unwrap().is_some() {}
    refs.seek(b"").unwrap();
    let mut count = 0;
    while refs.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, seen.len());
}

/// After many names that are not there, tables are asked another way.
#[test]
fn lookups_stay_right_however_many_were_in_vain() {
    let (tables, seen) = tables(3, &[100, 60, 30, 10, 1]);
    let view = MergedTable::new(tables, HashId::Sha1)
        .unwrap()
        .hiding_deletions();
    let find = |name: &[u8]| {
        let found = view.read_ref(name, |record| match record.value {
            RefValue::Object(id) => u64::from_be_bytes(*id.first_chunk().unwrap()),
            other => panic!("{other:?}"),
        });
        found.unwrap()
    };
    for round in 0..5 {
        for (name, value) in &seen {
            assert_eq!(find(name), *value, "{round}");
        }
        for n in 0..400 {
            let mut name = name(mix(5, n)).into_bytes();
            name.push(b'!');
            assert_eq!(find(&name), None, "{round}");
        }
    }
}
