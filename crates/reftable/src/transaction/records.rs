//! The records that a transaction writes to one stack.

use super::edit::Committer;
use crate::error::Result;
use crate::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use crate::stack::Addition;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Records in the order in which a table has them. Update indexes are given when they are written.
#[derive(Debug, Default)]
pub(super) struct Records {
    refs: BTreeMap<Vec<u8>, RefValueBuf>,
    /// New entries.
    entries: BTreeMap<Vec<u8>, LogUpdateBuf>,
    /// Old entries that go.
    deleted: Vec<(Vec<u8>, u64)>,
}

impl Records {
    pub(super) fn set(&mut self, name: &[u8], value: RefValueBuf) {
        self.refs.insert(name.to_vec(), value);
    }

    /// Deletes a ref and the entries of its reflog.
    pub(super) fn delete(&mut self, name: &[u8], log_indexes: Vec<u64>) {
        self.refs.insert(name.to_vec(), RefValueBuf::Deletion);
        let entries = log_indexes.into_iter().map(|index| (name.to_vec(), index));
        self.deleted.extend(entries);
    }

    /// An entry of the reflog. If the ref has one in this transaction already, the old id stays.
    pub(super) fn log(
        &mut self,
        name: &[u8],
        (old_id, new_id): (Vec<u8>, Vec<u8>),
        committer: &Committer,
        message: &[u8],
    ) {
        let entry = LogUpdateBuf {
            old_id,
            new_id,
            name: committer.name.clone(),
            email: committer.email.clone(),
            time: committer.time,
            tz_offset: committer.tz_offset,
            message: message.to_vec(),
        };
        self.entries.entry(name.to_vec()).or_insert(entry);
    }

    /// Writes one table, or none if there are no records.
    pub(super) fn write(&mut self, addition: &mut Addition) -> Result<()> {
        let update_index = addition.next_update_index()?;
        let refs = std::mem::take(&mut self.refs);
        let entries = std::mem::take(&mut self.entries).into_iter();
        let deleted = std::mem::take(&mut self.deleted).into_iter();
        let mut logs: Vec<LogRecordBuf> = entries
            .map(|(name, entry)| LogRecordBuf {
                name,
                update_index,
                value: LogValueBuf::Update(entry),
            })
            .chain(deleted.map(|(name, update_index)| LogRecordBuf {
                name,
                update_index,
                value: LogValueBuf::Deletion,
            }))
            .collect();
        let key = |log: &LogRecordBuf| (log.name.clone(), Reverse(log.update_index));
        logs.sort_by_cached_key(key);
        addition.add(|writer| {
            writer.set_limits(update_index, update_index);
            for (name, value) in refs {
                let record = RefRecordBuf {
                    name,
                    update_index,
                    value,
                };
                writer.add_ref(&record.as_record())?;
            }
            for log in &logs {
                writer.add_log(&log.as_record())?;
            }
            Ok(())
        })
    }
}
