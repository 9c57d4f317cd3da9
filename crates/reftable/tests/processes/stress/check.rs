//! What a view must show, seen by a reader at work and by the checker after all have stopped.

use super::arena::{Arena, Written, counter, expiry_bound, message, slot, slot_after};
use reftable::record::{LogRecordBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::{MergedTable, Result};
use std::collections::{BTreeMap, BTreeSet};

/// All records of a view.
pub struct Shown {
    pub refs: BTreeMap<String, RefRecordBuf>,
    /// By name, newest first.
    pub logs: BTreeMap<String, Vec<LogRecordBuf>>,
}

impl Shown {
    pub fn read(view: &MergedTable) -> Result<Shown> {
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let mut shown = Shown {
            refs: BTreeMap::new(),
            logs: BTreeMap::new(),
        };
        let mut refs = view.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            shown.refs.insert(text(record.name), record.to_buf());
        }
        let mut logs = view.logs_from(b"", u64::MAX)?;
        while let Some(record) = logs.next()? {
            let entries = shown.logs.entry(text(record.name)).or_default();
            entries.push(record.to_buf());
        }
        Ok(shown)
    }

    /// The transaction of a writer that the view shows, by its newest log entry.
    pub fn transaction(&self, writer: &str) -> u64 {
        let logs = self.logs.get(&counter(writer));
        let newest = logs.and_then(|logs| logs.first());
        newest.map_or(0, |log| number(writer, log))
    }

    /// The view shows one transaction of the writer, whole; which one.
    pub fn check_writer(&self, arena: &Arena, writer: &str) -> u64 {
        let n = self.transaction(writer);
        let shown = self.refs.get(&counter(writer));
        if n == 0 {
            assert_eq!(shown, None, "{writer}: a counter without log");
            return 0;
        }
        let shown = shown.unwrap_or_else(|| panic!("{writer}: no counter at {n}"));
        let wanted = RefValueBuf::Object(arena.id(n).to_vec());
        assert_eq!(shown.value, wanted, "{writer}: counter at {n}");
        let logs = &self.logs[&counter(writer)];
        assert_eq!(shown.update_index, logs[0].update_index, "{writer} at {n}");
        for at in 0..super::arena::SLOTS {
            let shown = self.refs.get(&slot(writer, at)).map(|found| &found.value);
            let wanted = slot_after(at, n).map(|m| RefValueBuf::Object(arena.id(m).to_vec()));
            assert_eq!(shown, wanted.as_ref(), "{writer}: slot {at} at {n}");
        }
        for (older, log) in (0..).zip(logs) {
            assert_eq!(number(writer, log), n - older, "{writer}: a gap in the log");
        }
        let descends = |pair: &[LogRecordBuf]| pair[0].update_index > pair[1].update_index;
        assert!(logs.windows(2).all(descends), "{writer}: order of the log");
        n
    }

    /// Everything that was acknowledged is there, under the update index that was told, and no
    /// update index was given to two transactions.
    pub fn check_acknowledged(&self, arena: &Arena, writers: &[String]) -> u64 {
        let bound = expiry_bound(arena);
        let mut indexes = BTreeSet::new();
        let mut checked = 0;
        for writer in writers {
            let n = self.check_writer(arena, writer);
            let written = Written::read(arena, writer);
            assert!(n >= written.acknowledged, "{writer}: {n} of {written:?}");
            assert!(
                n <= written.begun,
                "{writer}: {n}, and only {} were begun",
                written.begun
            );
            let none = Vec::new();
            let logs = self.logs.get(&counter(writer)).unwrap_or(&none);
            let logs: BTreeMap<u64, u64> = logs
                .iter()
                .map(|log| (number(writer, log), log.update_index))
                .collect();
            for index in logs.values() {
                assert!(indexes.insert(*index), "{writer}: {index} was given twice");
            }
            for (n, index) in written.indexes {
                match logs.get(&n) {
                    Some(found) => assert!(index == 0 || index == *found, "{writer}: {n}"),
                    // Its entry can have been dropped, if it is older than the bound; git does
                    // not tell the index.
                    None => assert!(index < bound, "{writer}: entry {n} at {index} is gone"),
                }
                checked += 1;
            }
        }
        checked
    }
}

fn number(writer: &str, log: &LogRecordBuf) -> u64 {
    let LogValueBuf::Update(update) = &log.value else {
        panic!("{writer}: a deletion is shown");
    };
    let text = String::from_utf8(update.message.clone()).unwrap();
    let number = text.trim_end().rsplit(' ').next().unwrap();
    let number = number.parse().unwrap();
    assert_eq!(text.trim_end(), message(writer, number));
    number
}
