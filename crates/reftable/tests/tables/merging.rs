//! Several tables as one: what is shown, for every beginning of a name.

use bytes::Bytes;
use reftable::merged::MergedRefIter;
use reftable::table::{BlockSource, MemorySource};
use reftable::{HashId, MergedTable, RefRecord, RefValue, Table, TableWriter, WriteOptions};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

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

fn bytes_of(number: u64, refs: &Refs, block_size: u32) -> Vec<u8> {
    let mut options = WriteOptions::default();
    options.block_size = block_size;
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
    bytes
}

fn table(number: u64, refs: &Refs) -> Arc<Table> {
    let source = Arc::new(MemorySource::new(bytes_of(number, refs, 256)));
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
        found.push((record.name.to_vec(), value_of(&record)));
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

fn value_of(record: &RefRecord<'_>) -> Option<u64> {
    match record.value {
        RefValue::Object(id) => Some(u64::from_be_bytes(*id.first_chunk().unwrap())),
        _ => None,
    }
}

/// Where a table has the wanted name, the others are sought only when the next ref is asked for, and
/// after many seeks in vain some are not asked at all. None of that may show: not where the name is
/// a tombstone, the beginning of others or nowhere, and not in what follows.
#[test]
fn from_every_name_on_an_iterator_shows_the_same_however_often_it_is_sought() {
    let mut shown = [0; 2];
    for seed in 0..12 {
        let (tables, seen) = tables(seed, &[150, 60, 1, 40, 10, 3]);
        let all = MergedTable::new(tables, HashId::Sha1).unwrap();
        for (hiding, view) in [all.clone(), all.hiding_deletions()].iter().enumerate() {
            let mut refs = view.refs_from(b"").unwrap();
            for n in 0..3000 {
                let draw = mix(seed, n);
                let mut wanted = name(draw >> 8).into_bytes();
                if draw % 5 == 0 {
                    wanted.push(b'!');
                }
                refs.seek(&wanted).unwrap();
                let from = seen.range(wanted.clone()..);
                let mut expected = from.filter(|(_, value)| hiding == 0 || value.is_some());
                // Mostly one, as who looks for a name does, sometimes all.
                let steps = [1, 1, 0, 2, 3, usize::MAX][(draw >> 4) as usize % 6];
                for _ in 0..steps {
                    let found = refs.next().unwrap();
                    let found = found.map(|record| (record.name.to_vec(), value_of(&record)));
                    let expected = expected.next().map(|(name, value)| (name.clone(), *value));
                    assert_eq!(found, expected, "{seed} {n}");
                    if found.is_none() {
                        break;
                    }
                    shown[hiding] += 1;
                }
            }
        }
    }
    assert!(shown.iter().all(|shown| *shown > 100_000), "{shown:?}");
}

/// A source that counts what is read, and can be made to fail.
#[derive(Debug)]
struct WatchedSource {
    bytes: MemorySource,
    reads: AtomicUsize,
    broken: AtomicBool,
}

impl BlockSource for WatchedSource {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read(&self, offset: u64, len: usize) -> reftable::Result<Bytes> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        match self.broken.load(Ordering::SeqCst) {
            true => Err(reftable::Error::Misuse("broken")),
            false => self.bytes.read(offset, len),
        }
    }
}

/// Tables of these names, the oldest first, and what they are read from.
fn watched(tables: &[&[&str]]) -> (Vec<Arc<WatchedSource>>, MergedTable) {
    let open = |(number, names): (u64, &&[&str])| {
        let refs = names
            .iter()
            .map(|name| (name.as_bytes().to_vec(), Some(number)));
        let source = Arc::new(WatchedSource {
            bytes: MemorySource::new(bytes_of(number, &refs.collect(), 256)),
            reads: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        });
        let table = Table::open(source.clone(), &number.to_string()).unwrap();
        (source, Arc::new(table))
    };
    let (sources, tables): (Vec<_>, _) = (1..).zip(tables).map(open).unzip();
    (sources, MergedTable::new(tables, HashId::Sha1).unwrap())
}

fn next(refs: &mut MergedRefIter) -> reftable::Result<Option<(String, Option<u64>)>> {
    let record = refs.next()?;
    Ok(record.map(|record| {
        let name = String::from_utf8_lossy(record.name).into_owned();
        (name, value_of(&record))
    }))
}

fn found(name: &str, value: u64) -> Option<(String, Option<u64>)> {
    Some((name.to_owned(), Some(value)))
}

/// Who looks up names with an iterator waited for a search in each table, although the first that
/// has the name has the answer.
#[test]
fn older_tables_are_read_when_the_ref_after_the_wanted_one_is() {
    let (sources, view) = watched(&[&["a", "b", "d"], &["b", "c"]]);
    let reads = |n: usize| sources[n].reads.swap(0, Ordering::SeqCst);
    let mut refs = view.refs_from(b"").unwrap();
    let _ = (reads(0), reads(1));
    for _ in 0..3 {
        refs.seek(b"b").unwrap();
        assert_eq!(next(&mut refs).unwrap(), found("b", 2));
        assert_eq!(reads(0), 0);
        assert!(reads(1) > 0);
    }
    assert_eq!(next(&mut refs).unwrap(), found("c", 2));
    assert!(reads(0) > 0);
    assert_eq!(next(&mut refs).unwrap(), found("d", 1));
    assert_eq!(next(&mut refs).unwrap(), None);
}

/// After names that it was asked for in vain, the newer of two tables is not read for one that it
/// has not. The refs behind that one are still those of both.
#[test]
fn newer_tables_are_not_read_for_names_that_they_never_had() {
    let (sources, view) = watched(&[&["a", "b", "d"], &["c", "e"], &["b~"]]);
    let mut refs = view.refs_from(b"").unwrap();
    for _ in 0..300 {
        refs.seek(b"b").unwrap();
        assert_eq!(next(&mut refs).unwrap(), found("b", 1));
    }
    let reads = |n: usize| sources[n].reads.swap(0, Ordering::SeqCst);
    let _ = (reads(0), reads(1), reads(2));
    refs.seek(b"b").unwrap();
    assert_eq!(next(&mut refs).unwrap(), found("b", 1));
    assert_eq!((reads(1), reads(2)), (0, 0));
    assert!(reads(0) > 0);
    for expected in [found("b~", 3), found("c", 2), found("d", 1), found("e", 2)] {
        assert_eq!(next(&mut refs).unwrap(), expected);
    }
    assert_eq!(next(&mut refs).unwrap(), None);
    // And where no table has the name, all are asked.
    refs.seek(b"b!").unwrap();
    assert_eq!(next(&mut refs).unwrap(), found("b~", 3));
}

/// An error of an older table comes when that is read, and stays: the refs of the other tables alone
/// would be wrong.
#[test]
fn an_older_table_that_fails_ends_the_refs_behind_the_wanted_one() {
    let (sources, view) = watched(&[&["a", "b", "d"], &["b", "c"]]);
    let mut refs = view.refs_from(b"").unwrap();
    sources[0].broken.store(true, Ordering::SeqCst);
    refs.seek(b"b").unwrap();
    assert_eq!(next(&mut refs).unwrap(), found("b", 2));
    assert!(next(&mut refs).is_err());
    assert!(next(&mut refs).is_err());
    assert!(refs.seek(b"bb").is_err());
    assert!(next(&mut refs).is_err());
    refs.seek(b"b").unwrap();
    assert_eq!(next(&mut refs).unwrap(), found("b", 2));
    sources[0].broken.store(false, Ordering::SeqCst);
    assert_eq!(next(&mut refs).unwrap(), found("c", 2));
    assert_eq!(next(&mut refs).unwrap(), found("d", 1));
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

/// Damage may hide the beginning of a record from those who walk, not from those who jump: what
/// lookups found before they were many, they find after.
#[test]
fn names_that_only_a_lookup_sees_stay_found() {
    let mut refs: Refs = (0..40u64)
        .map(|n| (format!("refs/heads/b{n:04}").into_bytes(), Some(n)))
        .collect();
    // The last record in front of a restart.
    refs.insert(b"refs/heads/b0015".to_vec(), None);
    let mut bytes = bytes_of(1, &refs, 4096);
    let head = bytes.windows(4).position(|bytes| bytes == [15, 8, b'5', 0]);
    // The tombstone becomes a peeled tag, whose ids are the bytes of the record behind it.
    *bytes.get_mut(head.unwrap() + 1).unwrap() ^= 2;
    let table = Table::open(Arc::new(MemorySource::new(bytes)), "table").unwrap();
    let found = || {
        table
            .read_ref(b"refs/heads/b0016", |_| ())
            .unwrap()
            .is_some()
    };
    assert!(found());
    for _ in 0..600 {
        assert!(table.read_ref(b"refs/heads/zz", |_| ()).unwrap().is_none());
    }
    assert!(found());
}

/// The bytes of a table, from a source that looks up a ref while it reads.
#[derive(Debug)]
struct AskingSource {
    bytes: MemorySource,
    table: OnceLock<Weak<Table>>,
    asking: AtomicBool,
    asked: AtomicUsize,
}

impl BlockSource for AskingSource {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read(&self, offset: u64, len: usize) -> reftable::Result<Bytes> {
        if let Some(table) = self.table.get().and_then(Weak::upgrade) {
            if !self.asking.swap(true, Ordering::SeqCst) {
                assert!(table.read_ref(b"refs/none", |_| ())?.is_none());
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.asking.store(false, Ordering::SeqCst);
            }
        }
        self.bytes.read(offset, len)
    }
}

/// A program that fills a cache may do that. The lookup that made the filter waited for itself.
#[test]
fn a_source_may_look_up_refs_of_its_own_table() {
    let refs: Refs = (0..2000u64)
        .map(|n| (format!("refs/heads/b{n:04}").into_bytes(), Some(n)))
        .collect();
    let source = Arc::new(AskingSource {
        bytes: MemorySource::new(bytes_of(1, &refs, 256)),
        table: OnceLock::new(),
        asking: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
    });
    let table = Arc::new(Table::open(source.clone(), "table").unwrap());
    source.table.set(Arc::downgrade(&table)).unwrap();
    for n in 0..1500 {
        let name = format!("refs/heads/a{n}");
        assert!(table.read_ref(name.as_bytes(), |_| ()).unwrap().is_none());
    }
    for name in refs.keys() {
        assert!(table.read_ref(name, |_| ()).unwrap().is_some());
    }
    assert!(source.asked.load(Ordering::SeqCst) > 0);
}
