//! The records of a table or of what was saved of one, in memory.

use super::inventory::{File, Range, State};
use crate::error::Result;
use crate::record::{LogRecordBuf, LogValueBuf, RefRecordBuf};
use crate::table::Table;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records by their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub(super) range: Range,
    /// The block size of the table that they come from.
    pub(super) block_size: u32,
    pub(super) refs: BTreeMap<Vec<u8>, RefRecordBuf>,
    /// By name and update index.
    pub(super) logs: BTreeMap<(Vec<u8>, u64), LogRecordBuf>,
    /// Whether nothing is missing.
    pub(super) is_whole: bool,
}

impl Records {
    /// The records of a file; none if it is of no use.
    pub(super) fn of(file: &File) -> Result<Option<Records>> {
        match &file.state {
            State::Sound(table) => Records::of_table(table).map(Some),
            State::Damaged(salvaged) => {
                let refs = salvaged.refs.iter().cloned();
                let logs = salvaged.logs.iter().cloned();
                Ok(Some(Records {
                    range: salvaged.range,
                    block_size: salvaged.block_size,
                    refs: refs.map(|record| (record.name.clone(), record)).collect(),
                    logs: logs.map(|record| (log_key(&record), record)).collect(),
                    is_whole: false,
                }))
            }
            State::Unusable(_) => Ok(None),
        }
    }

    pub(super) fn of_table(table: &Arc<Table>) -> Result<Records> {
        let mut records = Records {
            range: (table.min_update_index(), table.max_update_index()),
            block_size: table.block_size(),
            is_whole: true,
            ..Records::default()
        };
        let mut refs = table.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            records.refs.insert(record.name.to_vec(), record.to_buf());
        }
        let mut logs = table.logs_from(b"", u64::MAX)?;
        while let Some(record) = logs.next()? {
            let record = record.to_buf();
            records.logs.insert(log_key(&record), record);
        }
        Ok(records)
    }

    /// The records with update indexes in a range.
    pub(super) fn within(&self, range: Range) -> Records {
        let is_in = |index: u64| range.0 <= index && index <= range.1;
        let mut within = self.clone();
        within.range = range;
        within.is_whole = false;
        within.refs.retain(|_, record| is_in(record.update_index));
        within.logs.retain(|_, record| is_in(record.update_index));
        within
    }

    /// The records that are in both.
    pub(super) fn common(&self, other: &Records) -> Records {
        let mut common = self.clone();
        common.is_whole = false;
        common
            .refs
            .retain(|name, record| other.refs.get(name) == Some(record));
        common.logs.retain(|key, record| {
            let other = other.logs.get(key);
            other.is_some_and(|other| is_same_entry(record, other))
        });
        common
    }

    pub(super) fn is_empty(&self) -> bool {
        self.refs.is_empty() && self.logs.is_empty()
    }
}

fn log_key(record: &LogRecordBuf) -> (Vec<u8>, u64) {
    (record.name.clone(), record.update_index)
}

/// Whether two entries are the same: some compactions end a message with a newline.
pub(super) fn is_same_entry(one: &LogRecordBuf, other: &LogRecordBuf) -> bool {
    let (LogValueBuf::Update(one), LogValueBuf::Update(other)) = (&one.value, &other.value) else {
        return one == other;
    };
    let trimmed = |message: &[u8]| message.strip_suffix(b"\n").unwrap_or(message).to_vec();
    let with = |entry: &crate::record::LogUpdateBuf| crate::record::LogUpdateBuf {
        message: trimmed(&entry.message),
        ..entry.clone()
    };
    with(one) == with(other)
}
