//! Splitting a log block whose data does not shrink.

use super::TableWriter;
use crate::block::BlockWriter;
use crate::error::{Error, Result};
use crate::format::key::KeyHead;
use crate::format::{Cursor, Parse};
use crate::record::{Context, Kind, Logs};

/// A record as it stands in a block, with its whole key.
#[derive(Debug)]
pub(crate) struct RawRecord {
    pub(crate) key: Vec<u8>,
    pub(crate) extra: u8,
    pub(crate) value: Vec<u8>,
}

/// Writes the records of a full block as two blocks.
pub(crate) fn split_log_block(writer: &mut TableWriter<'_>, block: &BlockWriter) -> Result<()> {
    let context = Context {
        id_len: writer.options.hash.len(),
        min_update_index: 0,
        max_update_index: u64::MAX,
        obj_id_len: 0,
    };
    let records = decode(block.record_bytes(), &context)
        .map_err(|_| Error::Misuse("log block cannot be split"))?;
    let (first, second) = records.split_at(records.len() / 2);
    writer.write_log_records(first)?;
    writer.write_log_records(second)
}

fn decode(bytes: &[u8], context: &Context) -> Parse<Vec<RawRecord>> {
    let mut cursor = Cursor::at(bytes, 0);
    let mut records: Vec<RawRecord> = Vec::new();
    while cursor.left() > 0 {
        let head = KeyHead::read(&mut cursor)?;
        let last_key = records.last().map_or(&[][..], |last| &last.key);
        let mut key = last_key.get(..head.prefix).unwrap_or_default().to_vec();
        key.extend_from_slice(head.suffix);
        let start = cursor.offset();
        Logs::read_value(&mut cursor, head.extra, context)?;
        let value = bytes.get(start..cursor.offset()).unwrap_or_default();
        records.push(RawRecord {
            key,
            extra: head.extra,
            value: value.to_vec(),
        });
    }
    Ok(records)
}
