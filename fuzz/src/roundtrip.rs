//! Records and options drawn from the input: what is written is read back.

use crate::read;
use arbitrary::{Result, Unstructured};
use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::table::MemorySource;
use reftable::verify::verify_table;
use reftable::{HashId, Table, TableWriter, WriteOptions};
use std::collections::BTreeMap;
use std::sync::Arc;

pub fn check(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

fn options(u: &mut Unstructured<'_>) -> Result<WriteOptions> {
    let mut options = WriteOptions::default();
    options.block_size = match u.int_in_range(0..=3)? {
        0 => u.int_in_range(64..=300)?,
        1 => u.int_in_range(300..=5000)?,
        2 => 4096,
        _ => u.int_in_range(0..=70_000)?,
    };
    options.padded = u.arbitrary()?;
    options.restart_interval = u.int_in_range(0..=40)?;
    options.object_index = u.arbitrary()?;
    options.hash = match u.arbitrary()? {
        true => HashId::Sha1,
        false => HashId::Sha256,
    };
    Ok(options)
}

fn name(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = match u.int_in_range(0..=9)? {
        0 => u.int_in_range(0..=300)?,
        1 => return Ok(vec![b'n'; u.int_in_range(0..=3000)?]),
        _ => u.int_in_range(1..=6)?,
    };
    let mut name = b"refs/heads/".to_vec();
    name.extend_from_slice(u.bytes(len)?);
    Ok(name)
}

fn id(u: &mut Unstructured<'_>, hash: HashId) -> Result<Vec<u8>> {
    let start: [u8; 3] = u.arbitrary()?;
    let mut id = vec![start[0] & 3; hash.len()];
    id[..2].copy_from_slice(&start[1..]);
    Ok(id)
}

fn value(u: &mut Unstructured<'_>, hash: HashId) -> Result<RefValueBuf> {
    Ok(match u.int_in_range(0..=3)? {
        0 => RefValueBuf::Deletion,
        1 => RefValueBuf::Object(id(u, hash)?),
        2 => RefValueBuf::Peeled {
            id: id(u, hash)?,
            peeled: id(u, hash)?,
        },
        _ => RefValueBuf::Symref(name(u)?),
    })
}

fn log_value(u: &mut Unstructured<'_>, hash: HashId) -> Result<LogValueBuf> {
    if u.ratio(1, 5)? {
        return Ok(LogValueBuf::Deletion);
    }
    let len = match u.ratio(1, 10)? {
        true => u.int_in_range(0..=6000)?,
        false => u.int_in_range(0..=40)?,
    };
    let message = match u.arbitrary()? {
        true => u.bytes(len.min(u.len()))?.to_vec(),
        false => vec![b'm'; len],
    };
    Ok(LogValueBuf::Update(LogUpdateBuf {
        old_id: id(u, hash)?,
        new_id: id(u, hash)?,
        name: name(u)?,
        email: name(u)?,
        time: u.arbitrary()?,
        tz_offset: u.arbitrary()?,
        message,
    }))
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let options = options(u)?;
    let (min, max) = match u.int_in_range(0..=2)? {
        0 => (1, 10),
        1 => (0, u64::MAX),
        _ => (u.arbitrary()?, u.arbitrary()?),
    };
    let mut refs = BTreeMap::new();
    let count = u.int_in_range(0..=200)?;
    for _ in 0..count {
        refs.insert(name(u)?, (u.int_in_range(0..=12)?, value(u, options.hash)?));
    }
    let mut logs = BTreeMap::new();
    let count = u.int_in_range(0..=60)?;
    for _ in 0..count {
        let index: u64 = u.int_in_range(0..=3)?;
        let index = if u.arbitrary()? { index } else { !index };
        logs.insert((name(u)?, !index), log_value(u, options.hash)?);
    }
    write_and_read(options, (min, max), refs, logs);
    Ok(())
}

fn write_and_read(
    options: WriteOptions,
    (min, max): (u64, u64),
    refs: BTreeMap<Vec<u8>, (u64, RefValueBuf)>,
    logs: BTreeMap<(Vec<u8>, u64), LogValueBuf>,
) {
    let mut bytes = Vec::new();
    let hash = options.hash;
    let Ok(mut writer) = TableWriter::new(&mut bytes, options) else {
        return;
    };
    writer.set_limits(min, max);
    let (mut taken_refs, mut taken_logs) = (Vec::new(), Vec::new());
    for (name, (delta, value)) in refs {
        let update_index = min.saturating_add(delta);
        let record = RefRecordBuf {
            name,
            update_index,
            value,
        };
        // A refused record leaves the writer usable.
        if writer.add_ref(&record.as_record()).is_ok() {
            taken_refs.push(record);
        }
    }
    for ((name, reversed), value) in logs {
        let record = LogRecordBuf {
            name,
            update_index: !reversed,
            value,
        };
        if writer.add_log(&record.as_record()).is_ok() {
            taken_logs.push(record);
        }
    }
    let finished = writer.finish();
    drop(writer);
    if finished.is_err() {
        let nothing = taken_refs.is_empty() && taken_logs.is_empty();
        assert!(nothing || min > max, "{finished:?}");
        return;
    }
    let source = Arc::new(MemorySource::new(bytes.clone()));
    let findings = verify_table(source.clone(), "t.ref");
    assert!(read::is_sound(&findings), "{}", findings[0]);
    let table = Arc::new(Table::open(source, "t.ref").unwrap());
    assert_eq!(table.hash(), hash);
    assert_eq!(read::refs(&table).unwrap(), taken_refs);
    assert_eq!(read::logs(&table).unwrap(), taken_logs);
    read::table(&bytes);
}
