//! Builders of records and tables.

use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::{HashId, Result, TableWriter, WriteOptions};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// An id of 20 or 32 bytes made from a number, different for each.
pub fn id(hash: HashId, number: u64) -> Vec<u8> {
    match hash {
        HashId::Sha1 => Sha1::digest(number.to_be_bytes()).to_vec(),
        HashId::Sha256 => Sha256::digest(number.to_be_bytes()).to_vec(),
    }
}

pub fn object_ref(name: impl AsRef<[u8]>, update_index: u64, id: Vec<u8>) -> RefRecordBuf {
    ref_record(name, update_index, RefValueBuf::Object(id))
}

pub fn symref(name: impl AsRef<[u8]>, update_index: u64, target: impl AsRef<[u8]>) -> RefRecordBuf {
    ref_record(
        name,
        update_index,
        RefValueBuf::Symref(target.as_ref().to_vec()),
    )
}

pub fn tombstone(name: impl AsRef<[u8]>, update_index: u64) -> RefRecordBuf {
    ref_record(name, update_index, RefValueBuf::Deletion)
}

pub fn peeled(
    name: impl AsRef<[u8]>,
    update_index: u64,
    id: Vec<u8>,
    peeled: Vec<u8>,
) -> RefRecordBuf {
    ref_record(name, update_index, RefValueBuf::Peeled { id, peeled })
}

pub fn ref_record(name: impl AsRef<[u8]>, update_index: u64, value: RefValueBuf) -> RefRecordBuf {
    RefRecordBuf {
        name: name.as_ref().to_vec(),
        update_index,
        value,
    }
}

/// A log entry with ids made from the update index.
pub fn log(
    name: impl AsRef<[u8]>,
    update_index: u64,
    hash: HashId,
    message: impl AsRef<[u8]>,
) -> LogRecordBuf {
    LogRecordBuf {
        name: name.as_ref().to_vec(),
        update_index,
        value: LogValueBuf::Update(LogUpdateBuf {
            old_id: id(hash, update_index.wrapping_sub(1)),
            new_id: id(hash, update_index),
            name: b"A U Thor".to_vec(),
            email: b"author@example.com".to_vec(),
            time: 1_700_000_000 + update_index % 1000,
            tz_offset: -800,
            message: message.as_ref().to_vec(),
        }),
    }
}

pub fn log_tombstone(name: impl AsRef<[u8]>, update_index: u64) -> LogRecordBuf {
    LogRecordBuf {
        name: name.as_ref().to_vec(),
        update_index,
        value: LogValueBuf::Deletion,
    }
}

/// Options of a small block size, so that few records fill many blocks.
pub fn options(block_size: u32) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.block_size = block_size;
    options
}

/// The order of log records in a table: by name, newest first.
pub fn sort_logs(logs: &mut [LogRecordBuf]) {
    logs.sort_by(|a, b| (&a.name, !a.update_index).cmp(&(&b.name, !b.update_index)));
}

/// The bytes of a table with these records, which must be in order.
pub fn table(
    options: WriteOptions,
    limits: (u64, u64),
    refs: &[RefRecordBuf],
    logs: &[LogRecordBuf],
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, options)?;
    writer.set_limits(limits.0, limits.1);
    add_all(&mut writer, refs, logs)?;
    writer.finish()?;
    drop(writer);
    Ok(bytes)
}

pub fn add_all(
    writer: &mut TableWriter<'_>,
    refs: &[RefRecordBuf],
    logs: &[LogRecordBuf],
) -> Result<()> {
    for record in refs {
        writer.add_ref(&record.as_record())?;
    }
    for record in logs {
        writer.add_log(&record.as_record())?;
    }
    Ok(())
}

/// `count` refs `refs/heads/NNNN` with different ids, at update index 1.
pub fn branches(hash: HashId, count: usize) -> Vec<RefRecordBuf> {
    (0..count)
        .map(|n| object_ref(format!("refs/heads/b{n:05}"), 1, id(hash, n as u64)))
        .collect()
}
