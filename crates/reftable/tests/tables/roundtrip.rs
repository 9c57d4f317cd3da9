//! Random records through every layout: written, read back by scans and by lookups, deep-checked.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::{Error, HashId, WriteOptions};
use std::collections::BTreeMap;
use test_support::damaged::defects;
use test_support::{layout, read, records};

/// `CASES` in the environment asks for more of them.
fn config(default: u32) -> ProptestConfig {
    let cases = std::env::var("CASES").ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(default),
        rng_seed: RngSeed::Fixed(0x7265_6674_6162_6c65),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A table in the making: what the strategies draw, before the hash is known.
#[derive(Clone, Debug)]
struct Draft {
    options: WriteOptions,
    min: u64,
    span: u64,
    refs: BTreeMap<Vec<u8>, DraftRef>,
    logs: BTreeMap<(Vec<u8>, u64), Option<DraftEntry>>,
}

/// Value type, update index, number of the id, target.
type DraftRef = (u8, u64, u16, Vec<u8>);
/// Number of the id, who, message, time, zone.
type DraftEntry = (u16, Vec<u8>, Vec<u8>, u64, i16);

fn layouts() -> impl Strategy<Value = WriteOptions> {
    let sizes = prop_oneof![
        3 => 64_u32..600,
        2 => 600_u32..5000,
        1 => Just(4096_u32),
        1 => 30_000_u32..=65_535,
    ];
    let intervals = prop_oneof![Just(1_u32), 2_u32..20, Just(16_u32), Just(1000_u32)];
    (
        sizes,
        any::<bool>(),
        intervals,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(size, padded, interval, objects, sha256)| {
            let mut options = WriteOptions::default();
            options.block_size = size;
            options.padded = padded;
            options.restart_interval = interval;
            options.object_index = objects;
            options.hash = if sha256 { HashId::Sha256 } else { HashId::Sha1 };
            options
        })
}

/// Names as repositories have them, long ones, and any bytes but NUL.
fn names() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "refs/(heads|tags|remotes/origin)/[a-c]{1,3}(/[a-z0-9.-]{1,12})?".prop_map(String::into_bytes),
        1 => "refs/heads/[a-z]{40,300}".prop_map(String::into_bytes),
        2 => prop::collection::vec(1_u8..=255, 1..40),
        1 => Just(b"HEAD".to_vec()),
    ]
}

fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..5, any::<u32>().prop_map(u64::from), any::<u64>()]
}

fn drafts() -> impl Strategy<Value = Draft> {
    let value = (0_u8..4, numbers(), 0_u16..50, names());
    let refs = prop::collection::btree_map(names(), value, 0..120);
    let text = || prop::collection::vec(any::<u8>(), 0..60);
    let entry = (0_u16..50, text(), text(), numbers(), any::<i16>());
    let logs = prop::collection::btree_map(
        (names(), numbers()),
        prop::option::weighted(0.8, entry),
        0..80,
    );
    (layouts(), numbers(), numbers(), refs, logs).prop_map(|(options, min, span, refs, logs)| {
        Draft {
            options,
            min,
            span,
            refs,
            logs,
        }
    })
}

impl Draft {
    fn limits(&self) -> (u64, u64) {
        (self.min, self.min.saturating_add(self.span))
    }

    fn refs(&self) -> Vec<RefRecordBuf> {
        let hash = self.options.hash;
        let (min, max) = self.limits();
        let id = |n: u16| records::id(hash, u64::from(n));
        let record = |(name, (kind, index, n, target)): (&Vec<u8>, &DraftRef)| {
            let value = match kind {
                0 => RefValueBuf::Deletion,
                1 => RefValueBuf::Object(id(*n)),
                2 => RefValueBuf::Peeled {
                    id: id(*n),
                    peeled: id(n + 1),
                },
                _ => RefValueBuf::Symref(target.clone()),
            };
            let index = match (max - min).checked_add(1) {
                Some(count) => min + index % count,
                None => *index,
            };
            records::ref_record(name, index, value)
        };
        self.refs.iter().map(record).collect()
    }

    fn logs(&self) -> Vec<LogRecordBuf> {
        let hash = self.options.hash;
        let record = |((name, index), entry): (&(Vec<u8>, u64), &Option<DraftEntry>)| {
            let value = match entry {
                None => LogValueBuf::Deletion,
                Some((n, who, message, time, tz_offset)) => LogValueBuf::Update(LogUpdateBuf {
                    old_id: records::id(hash, u64::from(*n)),
                    new_id: records::id(hash, u64::from(n + 1)),
                    name: Vec::clone(who),
                    email: Vec::clone(who),
                    time: *time,
                    tz_offset: *tz_offset,
                    message: Vec::clone(message),
                }),
            };
            LogRecordBuf {
                name: name.clone(),
                update_index: *index,
                value,
            }
        };
        let mut logs: Vec<_> = self.logs.iter().map(record).collect();
        records::sort_logs(&mut logs);
        logs
    }
}

/// Room that a ref needs in the first block, at most: a larger one may be refused.
fn fits(record: &RefRecordBuf, options: &WriteOptions) -> bool {
    let value = match &record.value {
        RefValueBuf::Deletion => 0,
        RefValueBuf::Object(id) => id.len(),
        RefValueBuf::Peeled { id, peeled } => id.len() + peeled.len(),
        RefValueBuf::Symref(target) => target.len() + 3,
    };
    let framing = 28 + 4 + 1 + 3 + 10 + 3 + 2;
    record.name.len() + value + framing <= options.block_size as usize
}

proptest! {
    #![proptest_config(config(160))]

    #[test]
    fn what_is_written_is_read_back(draft in drafts()) {
        let mut refs = draft.refs();
        refs.retain(|r| fits(r, &draft.options));
        let logs = draft.logs();
        prop_assume!(!refs.is_empty() || !logs.is_empty());
        let what = format!("{:?}", draft.options);
        let bytes = records::table(draft.options.clone(), draft.limits(), &refs, &logs);
        let bytes = bytes.unwrap_or_else(|e| panic!("{what}: {e}"));
        let table = read::open(&bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
        prop_assert_eq!((table.min_update_index(), table.max_update_index()), draft.limits());
        prop_assert_eq!(table.hash(), draft.options.hash);
        read::assert_holds(&what, &table, &refs, &logs);
        layout::assert_readable_by_all(&what, &bytes, draft.options.padded);
        prop_assert_eq!(defects(&what, &bytes), vec![]);
    }

    /// A ref that fits no block is refused, and the table is sound without it.
    #[test]
    fn refused_records_leave_the_table_as_if_they_had_never_been(draft in drafts()) {
        let (refs, logs) = (draft.refs(), draft.logs());
        let mut bytes = Vec::new();
        let mut writer = reftable::TableWriter::new(&mut bytes, draft.options.clone()).unwrap();
        let (min, max) = draft.limits();
        writer.set_limits(min, max);
        let mut written = Vec::new();
        for record in &refs {
            match writer.add_ref(&record.as_record()) {
                Ok(()) => written.push(record.clone()),
                Err(Error::TooLarge { key, .. }) => {
                    prop_assert_eq!(&key, &record.name);
                    prop_assert!(!fits(record, &draft.options), "{} bytes refused", key.len());
                }
                Err(error) => panic!("{error}"),
            }
        }
        for record in &logs {
            writer.add_log(&record.as_record()).unwrap();
        }
        match writer.finish() {
            Ok(()) => prop_assert!(!written.is_empty() || !logs.is_empty()),
            Err(Error::EmptyTable) => prop_assert!(written.is_empty() && logs.is_empty()),
            Err(error) => panic!("{error}"),
        }
        drop(writer);
        let what = format!("{:?}", draft.options);
        read::assert_holds(&what, &read::open(&bytes).unwrap(), &written, &logs);
    }
}

/// Every number of refs from one to many, where blocks and index levels begin and end.
#[test]
fn every_number_of_refs_is_found_in_every_layout() {
    for hash in [HashId::Sha1, HashId::Sha256] {
        for block_size in [64, 128, 256, 4096] {
            for padded in [true, false] {
                let counts = (1..40).chain([97, 250, 700]);
                for count in counts {
                    let mut options = records::options(block_size);
                    (options.hash, options.padded) = (hash, padded);
                    // Names short enough for a block of 64 bytes with an id of 32.
                    let refs: Vec<_> = (0..count)
                        .map(|n| {
                            let id = records::id(hash, n / 2);
                            match block_size {
                                64 => records::tombstone(format!("r/{n:04}"), 1),
                                _ => records::object_ref(format!("r/{n:04}"), 1, id),
                            }
                        })
                        .collect();
                    let what = format!("{count} refs, block {block_size}, padded {padded}, {hash}");
                    let bytes = records::table(options, (1, 1), &refs, &[]).unwrap();
                    let table = read::open(&bytes).unwrap();
                    let scanned = read::refs(&table).unwrap();
                    read::assert_same(&what, &scanned, &refs);
                    read::assert_found(&what, &table, &refs, &[]);
                    layout::assert_readable_by_all(&what, &bytes, padded);
                    assert_eq!(defects(&what, &bytes), [], "{what}");
                }
            }
        }
    }
}

/// Two thousand refs in small blocks need an index of several levels, whose last blocks an old writer
/// forgot.
#[test]
fn two_thousand_refs_in_small_blocks_are_all_found() {
    for block_size in [128, 256] {
        let refs = records::branches(HashId::Sha1, 2000);
        let bytes = records::table(records::options(block_size), (1, 1), &refs, &[]).unwrap();
        let table = read::open(&bytes).unwrap();
        read::assert_holds("2000 refs", &table, &refs, &[]);
        layout::assert_readable_by_all("2000 refs", &bytes, true);
        assert_eq!(defects("2000 refs", &bytes), []);
    }
}
